"""A lean httpx transport for plain HTTP on this machine: asyncio streams, keep-alive, nothing else.

httpcore costs several times as much CPU per small request as the request itself, and the dashboard polls the
local engine all the time. No TLS, no proxies, no HTTP/2: everything else takes httpx's own transport.
"""

from __future__ import annotations

import asyncio
import select
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx

__all__ = ["LoopbackTransport"]

Address = tuple[str, int]
_PIECE = 256 * 1024


class LoopbackTransport(httpx.AsyncBaseTransport):
    """At most `connections` sockets; idle ones are reused for `keepalive` seconds."""

    def __init__(
        self, *, keepalive: float = 60.0, connections: int = 64, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._keepalive = keepalive
        self._clock = clock
        self._slots = asyncio.Semaphore(connections)
        self._idle: dict[Address, list[_Connection]] = {}
        self._busy: set[_Connection] = set()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        await self._slots.acquire()
        connection: _Connection | None = None
        try:
            connection = await self._connect(request)
            self._busy.add(connection)
            await connection.send(request)
            return await connection.receive(request, self._give_back)
        except BaseException:
            self._give_back(connection, reusable=False)
            raise

    async def _connect(self, request: httpx.Request) -> _Connection:
        address = (request.url.host, request.url.port or 80)
        idle = self._idle.get(address, [])
        while idle:
            connection = idle.pop()
            if connection.quiet and self._clock() - connection.idle_since < self._keepalive:
                return connection
            connection.close()
        with _mapped(httpx.ConnectTimeout, httpx.ConnectError):
            async with asyncio.timeout(_limit(request, "connect")):
                return _Connection(address, *await asyncio.open_connection(*address, limit=_PIECE))

    def _give_back(self, connection: _Connection | None, *, reusable: bool) -> None:
        """A request is over: keep its connection, or close it, and let the next request start."""
        self._slots.release()
        if connection is None:
            return
        self._busy.discard(connection)
        if reusable:
            connection.idle_since = self._clock()
            self._idle.setdefault(connection.address, []).append(connection)
        else:
            connection.close()

    async def aclose(self) -> None:
        for connection in [*self._busy, *(one for some in self._idle.values() for one in some)]:
            connection.close()
        self._idle.clear()
        await asyncio.sleep(0)  # the loop drops the sockets in its next turn


@dataclass(eq=False, slots=True)
class _Connection:
    """One socket and the HTTP/1.1 on it."""

    address: Address
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    idle_since: float = 0.0

    def close(self) -> None:
        self.writer.transport.abort()  # not close(): bytes that nobody takes must not keep the socket open

    @property
    def quiet(self) -> bool:
        """Open, and nothing has come since the last answer, not even an end that still waits in the kernel."""
        if self.reader.at_eof() or self.writer.transport.is_closing():
            return False
        poll = select.poll()
        poll.register(self.writer.get_extra_info("socket").fileno(), select.POLLIN)
        return not poll.poll(0)

    async def send(self, request: httpx.Request) -> None:
        lines = [b"%b %b HTTP/1.1" % (request.method.encode(), request.url.raw_path)]
        lines += [name + b": " + value for name, value in request.headers.raw]
        self.writer.write(b"\r\n".join(lines) + b"\r\n\r\n")
        chunked = "transfer-encoding" in request.headers
        assert isinstance(request.stream, httpx.AsyncByteStream)
        try:
            async for piece in request.stream:
                if piece:
                    self.writer.write(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
                    async with asyncio.timeout(_limit(request, "write")):
                        await self.writer.drain()
            if chunked:
                self.writer.write(b"0\r\n\r\n")
        except TimeoutError as error:
            raise httpx.WriteTimeout("the server does not take the data") from error
        except ConnectionError:
            pass  # it may have answered before it hung up (401, 413): read that first

    async def receive(self, request: httpx.Request, done: Callable[..., None]) -> httpx.Response:
        limit = _limit(request, "read")
        status = 100
        while 100 <= status < 200:
            version, status, headers = _parse(await _wait(self.reader.readuntil(b"\r\n\r\n"), limit))
        framing = 0 if request.method == "HEAD" or status in (204, 304) else _framing(headers)
        keep = version == b"HTTP/1.1" and headers.get("connection", "").lower() != "close" and framing != "end"
        return httpx.Response(status, headers=headers, stream=_Body(self, framing, keep, limit, done))


@dataclass(eq=False)
class _Body(httpx.AsyncByteStream):
    """The body of one answer; `framing` is its length, "chunked", or "end" for as long as the socket lives."""

    connection: _Connection
    framing: int | str
    keep: bool
    limit: float | None
    done: Callable[..., None] | None
    complete: bool = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        if self.framing == "chunked":
            while size := _size(await self._line()):
                async for piece in self._exactly(size):
                    yield piece
                await self._line()
            while await self._line():
                pass  # trailers
        elif self.framing == "end":
            while piece := await _wait(self.connection.reader.read(_PIECE), self.limit):
                yield piece
        else:
            async for piece in self._exactly(int(self.framing)):
                yield piece
        self.complete = True

    async def _exactly(self, size: int) -> AsyncIterator[bytes]:
        while size:
            piece = await _wait(self.connection.reader.read(min(size, _PIECE)), self.limit)
            if not piece:
                raise httpx.RemoteProtocolError("the connection was closed within the answer")
            size -= len(piece)
            yield piece

    async def _line(self) -> bytes:
        return (await _wait(self.connection.reader.readuntil(b"\r\n"), self.limit)).strip()

    async def aclose(self) -> None:
        done, self.done = self.done, None
        if done is not None:
            done(self.connection, reusable=self.keep and (self.complete or self.framing == 0))


def _parse(head: bytes) -> tuple[bytes, int, httpx.Headers]:
    first, *rest = head[:-4].split(b"\r\n")
    try:
        version, status = first.split(b" ", 2)[:2]
        if version not in (b"HTTP/1.1", b"HTTP/1.0"):
            raise ValueError(version)
        headers = [(name, value.strip()) for name, value in (line.split(b":", 1) for line in rest)]
        return version, int(status), httpx.Headers(headers)
    except ValueError as error:
        raise httpx.RemoteProtocolError("the answer is not HTTP") from error


def _framing(headers: httpx.Headers) -> int | str:
    if "chunked" in headers.get("transfer-encoding", "").lower():
        return "chunked"
    length = headers.get("content-length", "end")
    if length != "end" and not length.isdecimal():
        raise httpx.RemoteProtocolError("the length of the answer is no number")
    return length if length == "end" else int(length)


def _size(line: bytes) -> int:
    try:
        return int(line.partition(b";")[0], 16)
    except ValueError as error:
        raise httpx.RemoteProtocolError("the size of a chunk is no number") from error


def _limit(request: httpx.Request, kind: str) -> float | None:
    """The time-out httpx hands down for connecting, reading or writing; None is none."""
    limits: dict[str, float | None] = request.extensions.get("timeout", {})
    return limits.get(kind)


async def _wait(data: Awaitable[bytes], limit: float | None) -> bytes:
    with _mapped(httpx.ReadTimeout, httpx.ReadError):
        async with asyncio.timeout(limit):
            return await data


@contextmanager
def _mapped(late: type[httpx.HTTPError], broken: type[httpx.HTTPError]) -> Iterator[None]:
    """What asyncio raises, as httpx would."""
    try:
        yield
    except TimeoutError as error:
        raise late("timed out") from error
    except asyncio.IncompleteReadError as error:
        raise httpx.RemoteProtocolError("Server disconnected without sending a response.") from error
    except asyncio.LimitOverrunError as error:
        raise httpx.RemoteProtocolError("the head of the answer is too long") from error
    except OSError as error:
        raise broken(str(error)) from error
