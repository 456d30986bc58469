"""The agent of one sandbox: health, figures, processes, files, commands, terminals."""

from __future__ import annotations

import base64
import os
import re
import shlex
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote, urlencode

from hopx_tui.api.errors import ApiError, AuthError, Conflict, Forbidden, InvalidRequest, NotFound
from hopx_tui.api.models import (
    AgentInfo,
    CommandResult,
    Existence,
    FileInfo,
    FileList,
    FileText,
    Health,
    Metrics,
    Process,
    ProcessList,
    RemotePath,
    System,
    TerminalSession,
    TerminalSessions,
    Variables,
)
from hopx_tui.api.transfers import FileSource, Progress, multipart, save
from hopx_tui.api.wire import LARGEST_BODY, decode, plain

if TYPE_CHECKING:
    import httpx

    from hopx_tui.api.models import Token
    from hopx_tui.api.sockets import PtyLink
    from hopx_tui.api.tokens import TokenKeeper
    from hopx_tui.api.transport import Http

__all__ = ["Agent"]

T = TypeVar("T")

_LONG_BODY = 64 * 1024 * 1024
"""Bytes of JSON at most of what lists files, or holds their text or the output of commands."""
_PROBE_SECONDS = 10.0
_GRACE_SECONDS = 30.0
_SIGNAL = re.compile(r"[A-Z0-9][A-Z0-9+-]{0,15}\Z")


class Agent:
    """Speaks to one agent with its sandbox's token; a refused token is renewed once and the call repeated."""

    def __init__(self, origin: str, tokens: TokenKeeper, http: Http) -> None:
        self.origin = origin
        self._tokens = tokens
        self._http = http
        self._info: AgentInfo | None = None
        self._refusal: ApiError | None = None

    def refuse(self, reason: ApiError) -> None:
        """There is no address to speak to: every call raises `reason`, until `move`."""
        self._refusal = reason

    def move(self, origin: str) -> None:
        """Speak to another address from now on (after a stop and start it may be another agent)."""
        self._refusal = None
        if origin != self.origin:
            self.origin = origin
            self._info = None

    # -- figures ---------------------------------------------------------------------------------------------

    async def health(self) -> Health:
        body = await self._call("GET", "/health", "the agent's health", timeout=_PROBE_SECONDS)
        return decode(body, Health, what="the agent's health")

    async def info(self) -> AgentInfo:
        self._info = decode(await self._call("GET", "/info", "the agent's info"), AgentInfo, what="the agent's info")
        return self._info

    async def system(self) -> System:
        return decode(await self._call("GET", "/system", "the figures"), System, what="the figures")

    async def metrics(self) -> Metrics:
        return decode(await self._call("GET", "/metrics/snapshot", "the metrics"), Metrics, what="the metrics")

    async def processes(self) -> list[Process]:
        body = await self._call("GET", "/processes", "the processes")
        return decode(body, ProcessList, what="the processes").processes

    async def signal(self, process: Process, name: str) -> None:
        """Send the signal `name` ("TERM"); NotFound when the process has ended, or its pid is another's now."""
        signal = name.upper().removeprefix("SIG")
        if not _SIGNAL.match(signal):
            raise InvalidRequest(f"{plain(name, 20)!r} is not the name of a signal.")
        what = f"send {signal} to process {process.pid}"
        if await self._offers("process_signal"):
            request: dict[str, object] = {"signal": signal}
            if process.start_ticks is not None:
                request["start_ticks"] = process.start_ticks
            await self._call("POST", f"/processes/{process.pid}/signal", what, json=request)
            return
        result = await self.run(f"kill -s {shlex.quote(signal)} -- {process.pid}")
        if result.exit_code != 0:
            text = plain(result.stderr) or f"kill ended with {result.exit_code}"
            kind = Forbidden if "permitted" in text else NotFound if "No such process" in text else InvalidRequest
            raise kind(f"{what}: {text}")

    async def _offers(self, feature: str) -> bool:
        """Whether the agent announces an extension; asked once."""
        if self._info is None:
            try:
                await self.info()
            except NotFound:
                self._info = AgentInfo()
        return self._info is not None and self._info.has(feature)

    # -- files -----------------------------------------------------------------------------------------------

    async def list_files(self, path: RemotePath) -> list[FileInfo]:
        what = f"list {_shown(path)}"
        body = await self._call("GET", "/files/list", what, params=_where(path), largest=_LONG_BODY)
        return decode(body, FileList, what=what).files

    async def read_text(self, path: RemotePath, limit: int = 262_144) -> FileText:
        """The first `limit` bytes as text; `binary` when they are none (the content is then only a guess)."""
        if await self._offers("read_limit"):
            what, where = f"read {_shown(path)}", {**_where(path), "limit": str(limit)}
            body = await self._call("GET", "/files/read", what, params=where, largest=_LONG_BODY)
            return decode(body, FileText, what=what)
        data, size = await self.read_bytes(path, limit)
        text, binary = _as_text(data)
        return FileText(text, _shown(path), size, size > len(data), binary)

    async def read_bytes(self, path: RemotePath, limit: int = 262_144, *, offset: int = 0) -> tuple[bytes, int]:
        """`limit` bytes from `offset` on, and the size of the whole file (-1 unknown)."""
        what = f"read {_shown(path)}"

        async def attempt(headers: Mapping[str, str]) -> tuple[bytes, int]:
            wanted = {**headers, "Range": f"bytes={offset}-{offset + limit - 1}"}
            try:
                async with self._download(path, what, wanted) as response:
                    partial = response.status_code == 206
                    skip = 0 if partial else offset
                    data = bytearray()
                    async for piece in response.aiter_bytes():
                        data += piece
                        if len(data) >= skip + limit:
                            break
                    return bytes(data[skip : skip + limit]), _whole_size(response.headers, partial=partial)
            except InvalidRequest as error:
                if error.status == 416:  # at or behind the end of the file
                    return b"", offset
                raise

        return await self._authorised(attempt)

    async def download(
        self, path: RemotePath, to: Path, *, progress: Progress | None = None, overwrite: bool = False
    ) -> None:
        """Save a file here. `to` appears only when complete; an existing file is kept unless `overwrite`."""
        what = f"download {_shown(path)}"

        async def attempt(headers: Mapping[str, str]) -> None:
            async with self._download(path, what, headers) as response:
                total = _whole_size(response.headers, partial=False)
                await save(
                    response.aiter_bytes(),
                    to,
                    total=None if total < 0 else total,
                    progress=progress,
                    overwrite=overwrite,
                )

        await self._authorised(attempt)

    @asynccontextmanager
    async def _download(self, path: RemotePath, what: str, headers: Mapping[str, str]) -> AsyncIterator[httpx.Response]:
        plain_body = {**headers, "Accept": "*/*", "Accept-Encoding": "identity"}
        url = f"{self.origin}/files/download"
        async with self._http.stream("GET", url, what=what, headers=plain_body, params=_where(path)) as response:
            yield response

    async def upload(
        self, source: Path, path: RemotePath, *, progress: Progress | None = None, overwrite: bool = False
    ) -> None:
        """Send a local file; Conflict when `path` exists there and `overwrite` is off."""
        if not overwrite and await self.exists(path):
            raise _occupied(path)

        async def attempt(headers: Mapping[str, str]) -> None:
            file = FileSource(source)
            try:
                await self._send(path, file.size, file.pieces(progress), headers, overwrite=overwrite)
            finally:
                file.close()

        await self._authorised(attempt)

    async def _send(
        self,
        path: RemotePath,
        size: int,
        pieces: AsyncIterator[bytes],
        headers: Mapping[str, str],
        *,
        overwrite: bool,
    ) -> None:
        fields = {**_where(path), "overwrite": "true" if overwrite else "false"}
        name = _shown(path).rpartition("/")[2]
        form, body = multipart(fields, name, size, pieces)
        async with self._http.stream(
            "POST",
            f"{self.origin}/files/upload",
            what=f"upload to {_shown(path)}",
            headers={**headers, **form},
            content=body,
        ) as response:
            await response.aread()

    async def write(self, path: RemotePath, content: bytes, mode: str = "0644", *, overwrite: bool = True) -> None:
        """Write a whole small file. Bytes that are no UTF-8 go as an upload (base64 is known to be stored as is)."""
        try:
            text = content.decode()
        except UnicodeDecodeError:
            await self._write_binary(path, content, overwrite=overwrite)
            return
        request = {**_where(path), "content": text, "mode": mode, "overwrite": overwrite}
        await self._call("POST", "/files/write", f"write {_shown(path)}", json=request)

    async def _write_binary(self, path: RemotePath, content: bytes, *, overwrite: bool) -> None:
        if not overwrite and await self.exists(path):
            raise _occupied(path)

        async def pieces() -> AsyncIterator[bytes]:
            yield content

        await self._authorised(lambda headers: self._send(path, len(content), pieces(), headers, overwrite=overwrite))

    async def mkdir(self, path: RemotePath) -> None:
        """Make a directory and those above it; one that exists is fine."""
        await self._call("POST", "/files/mkdir", f"make directory {_shown(path)}", json=_where(path))

    async def remove(self, path: RemotePath) -> None:
        """Remove a file, or a directory with all that is in it."""
        await self._call("DELETE", "/files/remove", f"remove {_shown(path)}", params=_where(path))

    async def exists(self, path: RemotePath) -> bool:
        what = f"look for {_shown(path)}"
        return decode(await self._call("GET", "/files/exists", what, params=_where(path)), Existence, what=what).exists

    # -- commands and variables ------------------------------------------------------------------------------

    async def run(
        self,
        command: str,
        *,
        timeout: float = 30,
        workdir: str | None = None,
        env: Mapping[str, str] | None = None,
    ) -> CommandResult:
        """Run a line of bash to its end, at most `timeout` seconds."""
        request: dict[str, object] = {"command": "bash", "args": ["-c", command], "timeout": timeout}
        if workdir is not None:
            request["workdir"] = workdir
        if env:
            request["env"] = dict(env)
        what = "run the command"
        seconds = timeout + _GRACE_SECONDS
        body = await self._call("POST", "/commands/run", what, json=request, timeout=seconds, largest=_LONG_BODY)
        return decode(body, CommandResult, what=what)

    async def env(self) -> dict[str, str]:
        """The user's variables."""
        return decode(await self._call("GET", "/env", "the variables"), Variables, what="the variables").env_vars

    async def update_env(self, variables: Mapping[str, str]) -> None:
        """Set some variables and keep the others."""
        request = {"env_vars": dict(variables), "merge": True}
        await self._call("PATCH", "/env", "set the variables", json=request)

    async def keeps_terminals(self) -> bool:
        """Whether a terminal can be come back to after its connection was lost."""
        return await self._offers("terminal_sessions")

    async def terminal_sessions(self) -> list[TerminalSession]:
        """The kept terminals of the sandbox. Only for agents with `keeps_terminals`."""
        body = await self._call("GET", "/terminal/sessions", "the terminal sessions")
        return decode(body, TerminalSessions, what="the terminal sessions").sessions

    async def end_terminal_session(self, name: str) -> None:
        """End a kept terminal with the shell in it; one that is gone already is no error."""
        with suppress(NotFound):
            await self._call("DELETE", f"/terminal/sessions/{quote(name, safe='')}", "end the terminal session")

    def terminal(self, cols: int, rows: int, *, session: str | None = None, mode: str = "write") -> PtyLink:
        """A terminal of that size, not connected yet: `await link.connect()`.

        `session` names one that is kept for ten minutes after the connection was lost (`keeps_terminals`); `mode` is
        write, watch (type nothing) or take (type instead of whoever does).
        """
        self._check_address()
        # imported here: a dashboard without a terminal need not wait for the websocket library
        from hopx_tui.api.sockets import PtyLink

        scheme = "ws" if self.origin.startswith("http:") else "wss"
        where: dict[str, str | int] = {"cols": cols, "rows": rows}
        if session is not None:
            where |= {"session": session} | ({"mode": mode} if mode != "write" else {})
        address = f"{scheme}://{self.origin.partition('://')[2]}/terminal?{urlencode(where)}"
        return PtyLink(
            address,
            self._tokens,
            size=(cols, rows),
            ssl_context=lambda: self._http.ssl_context,
            kept=session is not None,
        )

    # -- calls -----------------------------------------------------------------------------------------------

    async def _call(
        self,
        method: str,
        path: str,
        what: str,
        *,
        params: Mapping[str, str] | None = None,
        json: object = None,
        timeout: float | None = None,
        largest: int = LARGEST_BODY,
    ) -> bytes:
        url = self.origin + path
        return await self._authorised(
            lambda headers: self._http.fetch(
                method, url, what=what, headers=headers, params=params, json=json, timeout=timeout, largest=largest
            )
        )

    async def _authorised(self, attempt: Callable[[Mapping[str, str]], Awaitable[T]]) -> T:
        """`attempt` with the token's headers; once more with a new token when the agent answers 401.

        A 401 comes before any work was done, so this repeats a POST safely.
        """
        self._check_address()
        token = await self._tokens.get()
        try:
            return await attempt(_headers(token))
        except AuthError:
            pass
        token = await self._tokens.replace(token)
        try:
            return await attempt(_headers(token))
        except AuthError as error:
            error.hint = "The sandbox refuses its token although it was renewed."
            raise

    def _check_address(self) -> None:
        if (reason := self._refusal) is not None:
            raise type(reason)(reason.message, hint=reason.hint)


def _headers(token: Token) -> dict[str, str]:
    return {"Authorization": f"Bearer {token.value}", "Accept": "application/json"}


def _where(path: RemotePath) -> dict[str, str]:
    """The parameter that names a path: itself, or base64 of its bytes when they are no UTF-8."""
    raw = path if isinstance(path, bytes) else os.fsencode(path)
    try:
        return {"path": raw.decode()}
    except UnicodeDecodeError:
        return {"path_b64": base64.b64encode(raw).decode()}


def _shown(path: RemotePath) -> str:
    return plain(path.decode("utf-8", "replace") if isinstance(path, bytes) else path, 200)


def _occupied(path: RemotePath) -> ApiError:
    return Conflict(
        f"{_shown(path)} already exists.",
        hint="Choose another name, or allow overwriting.",
        code="FILE_ALREADY_EXISTS",
    )


def _as_text(data: bytes) -> tuple[str, bool]:
    """The bytes as text, and whether they are none; a character cut at the end does not count."""
    try:
        return data.decode(), b"\0" in data
    except UnicodeDecodeError as error:
        cut = error.start >= len(data) - 3 and error.reason == "unexpected end of data"
        if cut and b"\0" not in data:
            return data[: error.start].decode(), False
        return data.decode("utf-8", "replace"), True


def _whole_size(headers: httpx.Headers, *, partial: bool) -> int:
    if partial:
        told = headers.get("content-range", "").rpartition("/")[2]
    else:
        told = "" if "content-encoding" in headers else headers.get("content-length", "")
    return int(told) if told.isdecimal() else -1
