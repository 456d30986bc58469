"""`GET /terminal?session=NAME`: terminals that one can leave and come back to, watch, and take over.

An extension (`terminal_sessions` in /info). `&mode=watch` only watches and never makes a session; `&mode=take` becomes
the writer. The first frame is {"type":"session","name","role":"writer"|"watcher","created":bool,"cols","rows",
"replayed":bytes,"position","characters","tail"}: the size of the terminal, which is its writer's; characters of output
since the session began, characters of replay that follow, and how many of those at the end are output as it was written
(what comes before brings modes back). Then output, the replay first; {"type":"role","role","cols","rows"} tells a later
change of roles, and a watcher a new size; `exit` as in a plain terminal. A client more than 1 MiB behind is closed with
1013 "too slow".
`GET /terminal/sessions` lists them, `DELETE /terminal/sessions/{name}` ends one.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from aiohttp.web_response import Response
from aiohttp.web_ws import WebSocketResponse

from hopx_tui.agent.counters import Counters
from hopx_tui.agent.errors import AgentError, invalid_request
from hopx_tui.agent.http import Call, Route, answer, path_parameter, query_int, timestamp
from hopx_tui.agent.pty import PtySession
from hopx_tui.agent.shared_terminal import Member, Mode, SharedTerminal
from hopx_tui.agent.terminal_frames import LARGEST_MESSAGE, LARGEST_SIZE, FrameReader, send_at_once, small_send_buffer

KEEP_SECONDS = 600.0
MOST_SESSIONS = 32
MOST_CLIENTS = 32
"""Of one session."""
CLOSE_SECONDS = 2.0
TRY_AGAIN_LATER = 1013
_MODES: dict[str, Mode] = {"write": "write", "watch": "watch", "take": "take"}
_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")


class Sessions:
    """The named terminals. `clock` stands still while the sandbox is paused; `leaders` gathers the shells' pids."""

    def __init__(
        self,
        open_shell: Callable[[int, int], PtySession],
        counters: Counters,
        leaders: set[int],
        *,
        clock: Callable[[], float],
    ) -> None:
        self._open_shell = open_shell
        self._counters = counters
        self._leaders = leaders
        self._clock = clock
        self._by_name: dict[str, SharedTerminal] = {}
        self._ending: set[asyncio.Task[None]] = set()

    def routes(self) -> Iterable[Route]:
        """The list and its end; the websocket is reached through `/terminal`."""
        return (
            Route("GET", "/terminal/sessions", self._list),
            Route("DELETE", "/terminal/sessions/{name}", self._delete),
        )

    async def serve(self, request: Call, name: str) -> WebSocketResponse:
        """One client of the session `name`. Raises AgentError."""
        if not _NAME.fullmatch(name):
            raise invalid_request("A session's name is 1 to 64 letters, digits, dots, underscores or hyphens")
        mode = _mode(request.query.get("mode") or "write")
        columns = query_int(request, "cols", low=1, high=LARGEST_SIZE)
        lines = query_int(request, "rows", low=1, high=LARGEST_SIZE)
        websocket = WebSocketResponse(compress=False, max_msg_size=LARGEST_MESSAGE)
        websocket.headers["X-Request-ID"] = request.call_id
        if not websocket.can_prepare(request):
            raise invalid_request("/terminal is a websocket")
        terminal = self._by_name.get(name)
        created = terminal is None
        if terminal is None:
            terminal = self._open(name, mode, columns or 80, lines or 24)
        elif len(terminal.members) >= MOST_CLIENTS:
            raise _conflict(f"Session {name} has {MOST_CLIENTS} clients already")
        size = (columns or terminal.size[0], lines or terminal.size[1]) if columns or lines else None
        member = terminal.attach(mode, size, created=created)
        self._counters.streams += 1
        try:
            await websocket.prepare(request)
            small_send_buffer(request)
            await _join(websocket, terminal, member, partial(send_at_once, websocket, request))
        except ConnectionError:
            # The client went away while we were sending.
            pass
        finally:
            self._counters.streams -= 1
            terminal.detach(member)
            self._expire_later(terminal)
        if member.too_slow.is_set() and request.transport is not None:
            request.transport.abort()
        return websocket

    def _open(self, name: str, mode: Mode, columns: int, lines: int) -> SharedTerminal:
        if mode == "watch":
            raise _not_found(name)
        if len(self._by_name) >= MOST_SESSIONS:
            raise _conflict(f"{MOST_SESSIONS} terminal sessions are open; end one first")
        pty = self._open_shell(columns, lines)
        self._leaders.add(pty.child.pid)
        terminal = SharedTerminal(name, pty, (columns, lines), clock=self._clock, on_end=self._ended)
        self._by_name[name] = terminal
        return terminal

    def _ended(self, terminal: SharedTerminal) -> None:
        """The name is free before anybody hears of the end."""
        if self._by_name.get(terminal.name) is terminal:
            del self._by_name[terminal.name]
        self._leaders.discard(terminal.pty.child.pid)

    def _expire_later(self, terminal: SharedTerminal) -> None:
        if terminal.detached_since is None or self._by_name.get(terminal.name) is not terminal:
            return
        left = terminal.detached_since + KEEP_SECONDS - self._clock()
        if left > 0:
            # The loop's clock does not stand still while the sandbox is paused, so this may come too early.
            asyncio.get_running_loop().call_later(max(left, 0.01), self._expire_later, terminal)
        else:
            task = asyncio.create_task(terminal.end())
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)

    async def _list(self, _request: Call) -> Response:
        rows = [_row(self._by_name[name]) for name in sorted(self._by_name)]
        return answer({"sessions": rows, "count": len(rows), "timestamp": timestamp()})

    async def _delete(self, request: Call) -> Response:
        name = path_parameter(request, "name")
        terminal = self._by_name.get(name)
        if terminal is None:
            raise _not_found(name)
        await terminal.end()
        return answer({"success": True, "name": name, "message": f"Session {name} ended"})

    async def close(self) -> None:
        """End every session."""
        await asyncio.gather(*(terminal.end() for terminal in list(self._by_name.values())), *self._ending)


def _mode(text: str) -> Mode:
    mode = _MODES.get(text)
    if mode is not None:
        return mode
    raise invalid_request("mode must be watch, take or absent")


def _row(terminal: SharedTerminal) -> dict[str, Any]:
    detached_at = terminal.detached_at
    return {
        "name": terminal.name,
        "pid": terminal.pty.child.pid,
        "cols": terminal.size[0],
        "rows": terminal.size[1],
        "created_at": timestamp(terminal.created_at),
        "clients": len(terminal.members),
        "writer_attached": terminal.writer is not None,
        "detached_at": None if detached_at is None else timestamp(detached_at),
        "idle_seconds": round(terminal.idle_seconds, 3),
        "title": terminal.replay.title,
    }


async def _join(
    websocket: WebSocketResponse, terminal: SharedTerminal, member: Member, at_once: Callable[[str], bool]
) -> None:
    """Until the shell has ended and all is sent, the socket closes, or the client is too slow."""
    sending = asyncio.create_task(member.send_to(websocket, at_once))
    taking = asyncio.create_task(_take_input(websocket, terminal, member))
    slow = asyncio.create_task(member.too_slow.wait())
    tasks: tuple[asyncio.Task[Any], ...] = (sending, taking, slow)
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException) and not isinstance(result, asyncio.CancelledError):
            raise result
    if member.too_slow.is_set():
        # It does not read: the close frame may never leave either.
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await websocket.close(code=TRY_AGAIN_LATER, message=b"too slow")
        except TimeoutError:
            pass
    elif not websocket.closed:
        await websocket.close(code=1000)


async def _take_input(websocket: WebSocketResponse, terminal: SharedTerminal, member: Member) -> None:
    reader = FrameReader(websocket.receive)
    while (message := await reader.next()) is not None:
        if message.type == "input":
            await terminal.type(member, message.data)
        elif message.is_resize:
            terminal.resize(member, message.cols, message.rows)


def _not_found(name: str) -> AgentError:
    return AgentError(404, "NOT_FOUND", f"Terminal session not found: {name}", details={"session": name})


def _conflict(message: str) -> AgentError:
    return AgentError(409, "CONFLICT", message)
