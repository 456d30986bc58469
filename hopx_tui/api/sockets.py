"""The websocket of one terminal: text in, text out, the shell's exit, and a reason in words when it drops."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

import msgspec
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, WebSocketException
from websockets.protocol import State
from websockets.proxy import get_proxy
from websockets.uri import parse_uri

from hopx_tui.api.answers import error_from_answer
from hopx_tui.api.errors import AuthError, Closed, TimedOut, Unreachable
from hopx_tui.api.tokens import TokenKeeper
from hopx_tui.api.transport import is_loopback, unreachable
from hopx_tui.api.wire import plain

__all__ = ["PtyExit", "PtyLink", "PtyRole"]

_RECEIVE_BUFFER = 64 * 1024
_LARGEST_FRAME = 16 * 1024 * 1024
_LARGEST_INPUT = 32 * 1024
_AT_ONCE = 1024  # characters
_LARGEST_SIZE = 2000  # what an agent lets a terminal have
_PING_SECONDS = 20.0
_CLOSE_SECONDS = 0.25  # the peer's goodbye lies behind output nobody reads any more: do not wait for it long
_SILENT = logging.Logger("websocket", logging.CRITICAL + 1)  # the library's debug log would hold the token

_REASONS = {
    1000: "the server closed the terminal",
    1001: "the sandbox is going away",
    1002: "the server spoke another protocol",
    1006: "the connection was lost",
    1008: "the server refused to go on",
    1009: "a message was too long",
    1011: "the server failed",
    1012: "the server restarts",
    1013: "the server is too busy",
}


@dataclass(frozen=True, slots=True)
class PtyExit:
    """The shell ended with this exit code (-1 when the server did not say)."""

    code: int


@dataclass(frozen=True, slots=True)
class PtyRole:
    """What this client may do in a kept session: all type, or only watch.

    The first one of a connection (`position` >= 0) tells of the replay that follows it: `characters` in all, the last
    `tail` of them exactly as the program wrote them, up to `position` characters since the session began.
    """

    writer: bool
    created: bool = False
    position: int = -1
    characters: int = 0
    tail: int = 0
    size: tuple[int, int] | None = None
    """Columns and lines of the terminal that is watched; None where the agent does not tell."""


class _Frame(msgspec.Struct):
    type: str = ""
    data: str | None = None
    code: int | str | None = None
    role: str = ""
    created: bool = False
    position: int = 0
    characters: int = 0
    tail: int = 0
    cols: int = 0
    rows: int = 0

    @property
    def size(self) -> tuple[int, int] | None:
        return (self.cols, self.rows) if 0 < self.cols <= _LARGEST_SIZE and 0 < self.rows <= _LARGEST_SIZE else None


class _Connect(connect):
    """Never follows a redirect: it would carry the token to wherever the server points."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


class PtyLink:
    """One terminal. `read` is for one reader at a time; writing and resizing may happen meanwhile.

    Not reading stops the sender after some 200 KB in all (terminal.md section 6), and for as long as one likes.
    """

    def __init__(
        self,
        url: str,
        tokens: TokenKeeper,
        *,
        size: tuple[int, int],
        ssl_context: Callable[[], ssl.SSLContext],
        open_seconds: float = 30.0,
        ping_seconds: float = _PING_SECONDS,
        kept: bool = False,
    ) -> None:
        self._url = url
        self._tokens = tokens
        self._size = size
        self._ssl_context = ssl_context
        self._open_seconds = open_seconds
        self._ping_seconds = ping_seconds
        then = "is kept for ten minutes" if kept else "there has ended"
        self._way_on = f"Connect again; the shell {then}."
        self._socket: ClientConnection | None = None
        self._closed = False
        self._dead = False
        self._heard = 0
        self._reading = False
        self._pinging: asyncio.Task[None] | None = None
        self._decoder = msgspec.json.Decoder(_Frame)

    async def connect(self) -> None:
        """Open the terminal; the shell starts at once. A refused token is renewed once."""
        token = await self._tokens.get()
        try:
            link = await self._open(token.value)
        except AuthError:
            token = await self._tokens.replace(token)
            link = await self._open(token.value)
        self._socket = link
        self._closed = self._dead = False
        self._pinging = asyncio.create_task(self._keep_alive(link), name="terminal keep-alive")
        try:
            await self.resize(*self._size)  # for servers that do not read the size in the address
        except Closed:
            pass  # reading tells what came before, and why
        except BaseException:
            await self.close()
            raise

    async def read(self) -> str | PtyExit | PtyRole:
        """The next output, the shell's end, or a role in a kept session; Closed when the connection dropped before."""
        while True:
            link = self._link()
            self._reading = True
            try:
                message = await link.recv()
            except ConnectionClosed as error:
                raise self._dropped(error) from error
            finally:
                self._reading = False
            self._heard += 1
            answer = self._understood(message)
            if answer is not None:
                return answer

    async def write(self, data: str) -> None:
        """Send keystrokes, in order; waits while the server does not take them."""
        for start in range(0, len(data), _LARGEST_INPUT):
            await self._send({"type": "input", "data": data[start : start + _LARGEST_INPUT]})

    def write_now(self, data: str) -> bool:
        """Send keystrokes at once, if nothing sent before still waits; False, and nothing sent, where `write` must.

        The library's own way through a task and two context managers takes several times as long.
        """
        link = self._socket
        if link is None or link.state is not State.OPEN or len(data) > _AT_ONCE:
            return False
        transport = link.transport
        if transport.is_closing() or transport.get_write_buffer_size():
            return False
        link.protocol.send_text(json.dumps({"type": "input", "data": data}).encode())
        transport.write(b"".join(link.protocol.data_to_send()))
        return True

    async def resize(self, cols: int, rows: int) -> None:
        self._size = (cols, rows)
        await self._send({"type": "resize", "cols": cols, "rows": rows})

    async def close(self) -> None:
        """Hang up. Safe to call twice, while reading, and to cancel."""
        link, self._socket = self._socket, None
        self._closed = True
        if self._pinging is not None:
            self._pinging.cancel()
        if link is None:
            return
        try:
            # A server that takes nothing any more would let us wait for ever behind what was typed.
            async with asyncio.timeout(2 * _CLOSE_SECONDS):
                await link.close()
        except TimeoutError:
            pass
        finally:
            link.transport.abort()  # a server that floods does not see the goodbye

    async def _keep_alive(self, link: ClientConnection) -> None:
        """Drop a connection that is silent although somebody reads: who does not read hears no pong either."""
        with suppress(ConnectionClosed):
            while True:
                await asyncio.sleep(self._ping_seconds)
                heard = self._heard
                pong = await link.ping()
                try:
                    async with asyncio.timeout(self._ping_seconds):
                        await asyncio.shield(pong)
                except TimeoutError:
                    if self._reading and self._heard == heard:
                        self._dead = True
                        link.transport.abort()

    def _link(self) -> ClientConnection:
        if self._socket is None:
            reason = "it was closed here" if self._closed else "it was never opened"
            raise Closed(f"The terminal is not connected: {reason}.")
        return self._socket

    async def _send(self, message: dict[str, object]) -> None:
        link = self._link()
        try:
            await link.send(json.dumps(message))  # unlike msgspec, it can spell half a surrogate pair
        except ConnectionClosed as error:
            raise self._dropped(error) from error

    def _understood(self, message: str | bytes) -> str | PtyExit | PtyRole | None:
        """What one frame says; None for empty, foreign and broken ones."""
        try:
            frame = self._decoder.decode(message)
        except (msgspec.MsgspecError, UnicodeDecodeError):
            frame = _tolerant(message)
        if frame.type == "output":
            return frame.data or None
        if frame.type == "role":
            return PtyRole(frame.role == "writer", size=frame.size)
        if frame.type == "session":
            return PtyRole(
                frame.role == "writer", frame.created, frame.position, frame.characters, frame.tail, frame.size
            )
        if frame.type == "exit":
            try:
                return PtyExit(-1 if frame.code is None else int(frame.code))
            except ValueError:
                return PtyExit(-1)
        return None

    def _dropped(self, error: ConnectionClosed) -> Closed:
        if self._closed:
            return Closed("The terminal was closed here.")
        received, sent = error.rcvd, error.sent
        if self._dead:
            return Closed(
                f"The terminal's connection is dead: no sign of life for {self._ping_seconds:g} s.",
                hint=self._way_on,
            )
        code = received.code if received is not None else sent.code if sent is not None else 1006
        reason = _REASONS.get(code, f"closed with code {code}")
        words = plain(received.reason, 120) if received is not None else ""
        return Closed(
            f"The terminal dropped: {reason}{f' ({words})' if words else ''}.",
            hint=self._way_on,
            code=str(code),
        )

    async def _open(self, token: str) -> ClientConnection:
        what = "open a terminal"
        try:
            async with asyncio.timeout(self._open_seconds):
                return await self._handshake(token)
        except InvalidStatus as error:
            answer = error.response
            headers = {name.lower(): value for name, value in answer.headers.raw_items()}
            raise error_from_answer(answer.status_code, headers, bytes(answer.body or b""), what=what) from error
        except TimeoutError as error:
            raise TimedOut(f"{what}: no answer within {self._open_seconds:g} s.", hint="Try again.") from error
        except (OSError, ssl.SSLError) as error:
            raise unreachable(self._url, error) from error
        except (InvalidHandshake, WebSocketException, EOFError, ValueError) as error:
            raise Unreachable(
                f"{what}: the server does not speak websocket ({plain(str(error), 120)}).",
                hint="Is this the right server?",
            ) from error

    async def _handshake(self, token: str) -> ClientConnection:
        near = is_loopback(self._url)
        secure = self._url.startswith("wss:")
        proxied = not near and get_proxy(parse_uri(self._url)) is not None
        raw = None if proxied else await _open_socket(self._url)
        try:
            return await _Connect(
                self._url,
                sock=raw,
                proxy=True if proxied else None,
                ssl=self._ssl_context() if secure else None,
                additional_headers={"Authorization": f"Bearer {token}"},
                compression=None,
                max_queue=1,
                max_size=_LARGEST_FRAME,
                open_timeout=None,
                ping_interval=None,  # _keep_alive does it
                close_timeout=_CLOSE_SECONDS,
                logger=_SILENT,
            )
        except BaseException:
            if raw is not None:
                raw.close()
            raise


async def _open_socket(url: str) -> socket.socket:
    """A connected socket whose small receive buffer was set before connecting, as the window depends on it."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "wss" else 80)
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    failure: OSError | None = None
    for family, kind, protocol, _, address in found:
        raw = socket.socket(family, kind, protocol)
        try:
            raw.setblocking(False)
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await loop.sock_connect(raw, address)
            return raw
        except OSError as error:
            raw.close()
            failure = error
        except BaseException:
            raw.close()
            raise
    raise failure or OSError("no address")


def _tolerant(message: str | bytes) -> _Frame:
    """A frame with other types or half a surrogate pair in it; an empty one when it cannot be read."""
    with suppress(ValueError, RecursionError):
        value = json.loads(message)
        if isinstance(value, dict):
            data, code = value.get("data"), value.get("code")
            return _Frame(
                type=value["type"] if isinstance(value.get("type"), str) else "",
                data=data.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
                if isinstance(data, str)
                else None,
                code=int(code) if isinstance(code, (int, float)) else code if isinstance(code, str) else None,
            )
    return _Frame()
