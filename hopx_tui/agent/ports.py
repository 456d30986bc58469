"""`GET /ports`: the TCP ports on which the sandbox's programs listen; `POST` and `DELETE /ports/{port}/preview`.

An extension (`ports` in /info, where the system tells). {"ports":[{"port","address","pid","process","protocol",
"preview_url"}],"count","timestamp"}, one row for each listening socket. `preview_url` is null until the preview is
opened; where the sandbox shares the host's network the port itself is reachable, and the URL names it from the start.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from aiohttp.web_response import Response

from hopx_tui.agent.control import AskError
from hopx_tui.agent.errors import AgentError, invalid_request
from hopx_tui.agent.http import Call, Route, answer, path_parameter, timestamp
from hopx_tui.agent.previews import Previews
from hopx_tui.agent.proctable import ProcessStat
from hopx_tui.agent.sockets_table import Listener, listeners, owners

_ONLY_IPV6 = ("::1",)


class Ports:
    """`own_network`: the sandbox has a network namespace of its own, so that every listener there is its own and none
    can be reached without a preview. `processes` yields the sandbox's own ones."""

    def __init__(
        self,
        processes: Callable[[], Awaitable[Mapping[int, ProcessStat]]],
        previews: Previews,
        *,
        own_network: bool,
    ) -> None:
        self._processes = processes
        self._previews = previews
        self._own_network = own_network
        self._looking = asyncio.Lock()

    def routes(self) -> Iterable[Route]:
        """The list and the previews."""
        return (
            Route("GET", "/ports", self._list),
            Route("POST", "/ports/{port}/preview", self._open),
            Route("DELETE", "/ports/{port}/preview", self._close),
        )

    async def _list(self, _request: Call) -> Response:
        table = await self._processes()
        async with self._looking:
            found = await asyncio.get_running_loop().run_in_executor(None, self._find, list(table))
        rows = [self._row(each, table) for each in found]
        return answer({"ports": rows, "count": len(rows), "timestamp": timestamp()})

    def _find(self, pids: list[int]) -> list[Listener]:
        """For a thread. What no process of the sandbox holds is told only where it cannot be anybody else's."""
        found = listeners()
        holders = owners(pids, {each.inode for each in found})
        named = [each._replace(pid=holders.get(each.inode)) for each in found]
        return sorted(each for each in named if each.pid is not None or self._own_network)

    def _row(self, listener: Listener, table: Mapping[int, ProcessStat]) -> dict[str, Any]:
        process = None if listener.pid is None else table.get(listener.pid)
        return {
            "port": listener.port,
            "address": listener.address,
            "pid": listener.pid,
            "process": None if process is None else process.name,
            "protocol": "tcp",
            "preview_url": self._url(listener),
        }

    def _url(self, listener: Listener) -> str | None:
        if self._own_network:
            return self._previews.url(listener.port)
        host = "[::1]" if listener.address in _ONLY_IPV6 else "127.0.0.1"
        return f"http://{host}:{listener.port}"

    async def _open(self, request: Call) -> Response:
        port = _port(request)
        if not self._own_network:
            return answer(_preview(port, f"http://127.0.0.1:{port}"))
        try:
            return answer(_preview(port, await self._previews.open(port)))
        except AskError as error:
            raise AgentError(409, "CONFLICT", f"No preview of port {port}: {error}") from error

    async def _close(self, request: Call) -> Response:
        port = _port(request)
        try:
            closed = self._own_network and await self._previews.close(port)
        except AskError as error:
            raise AgentError(409, "CONFLICT", f"The preview of port {port} did not close: {error}") from error
        return answer({"success": True, "port": port, "closed": closed, "preview_url": None})


def _preview(port: int, url: str) -> dict[str, Any]:
    return {"success": True, "port": port, "preview_url": url}


def _port(request: Call) -> int:
    text = path_parameter(request, "port")
    if not text.isascii() or not text.isdecimal() or len(text) > 5 or not 0 < int(text) < 65536:
        raise invalid_request("The port must be a number from 1 to 65535")
    return int(text)
