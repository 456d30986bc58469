"""The lean transport against a server that says exactly what the test wants."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from hopx_tui.api.loopback import LoopbackTransport
from tests.api.conftest import until

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Script:
    """Answers each request with the next of `answers` (bytes, or a list of pieces; None hangs up)."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.received: list[bytes] = []
        self.connections = 0
        self.open = 0
        self._server: asyncio.Server | None = None

    async def __aenter__(self) -> Script:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/x?y=%20"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        await until(lambda: not self.open)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self.open += 1
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                body = b""
                for line in head.lower().split(b"\r\n"):
                    if line.startswith(b"content-length:"):
                        body = await reader.readexactly(int(line.split(b":")[1]))
                    if line == b"transfer-encoding: chunked":
                        body = await reader.readuntil(b"0\r\n\r\n")
                self.received.append(head + body)
                answer = self.answers.pop(0) if self.answers else OK
                if answer is None:
                    return
                for piece in answer if isinstance(answer, list) else [answer]:
                    writer.write(piece)
                    await writer.drain()
                    await asyncio.sleep(0)
                if b"hang" in answer:
                    await reader.read()
                if b"the end" in answer:
                    return
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
            self.open -= 1


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=LoopbackTransport(), timeout=5) as one:
        yield one


async def test_keep_alive(client: httpx.AsyncClient) -> None:
    async with Script() as server:
        for _ in range(3):
            assert (await client.get(server.url)).text == "ok"
        assert server.connections == 1
        assert server.received[0].startswith(b"GET /x?y=%20 HTTP/1.1\r\nHost: 127.0.0.1:")
        await client.aclose()


async def test_every_framing(client: httpx.AsyncClient) -> None:
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with Script(
        [chunked, b"3;x=1\r\nabc\r", b"\n0", b"5\r\ndefgh\r\n0\r\nTrailer: 1\r\n\r\n"],
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\nLink: x\r\n\r\n" + OK,
        b"HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\nuntil the end",
    ) as server:
        bodies = [(await client.get(server.url)).text for _ in range(6)]
        assert bodies == ["abcdefgh", "", "ok", "", "", "until the end"]
        assert server.connections == 1
        assert (await client.head(server.url)).status_code == 200  # its length is of a body that does not come
        assert server.connections == 2
        await client.aclose()


async def test_a_long_body_in_pieces(client: httpx.AsyncClient) -> None:
    body = bytes(range(256)) * 8192
    async with Script([b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body), body]) as server:
        assert (await client.get(server.url)).content == body
        assert (await client.get(server.url)).text == "ok"
        assert server.connections == 1
        await client.aclose()


async def test_request_bodies(client: httpx.AsyncClient) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for piece in (b"abc", b"", b"de"):
            yield piece

    async with Script() as server:
        await client.post(server.url, content=b"12345")
        await client.post(server.url, content=pieces())
        await client.post(server.url, content=pieces(), headers={"Content-Length": "5"})
        assert [one.split(b"\r\n\r\n", 1)[1] for one in server.received] == [
            b"12345",
            b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n",
            b"abcde",
        ]
        await client.aclose()


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok the end",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok the end",
    ],
)
async def test_connections_that_are_not_kept(client: httpx.AsyncClient, answer: bytes) -> None:
    async with Script(answer) as server:
        assert (await client.get(server.url)).text == "ok"
        assert (await client.get(server.url)).text == "ok"
        assert server.connections == 2
        await client.aclose()


async def test_a_dropped_idle_connection_is_not_used_again(client: httpx.AsyncClient) -> None:
    async with Script(OK[:-2] + b"ok" + b"the end") as server:  # more than promised, then the end
        assert (await client.get(server.url)).text == "ok"
        await until(lambda: not server.open)
        assert (await client.post(server.url)).text == "ok"
        assert server.connections == 2
        await client.aclose()


async def test_old_idle_connections_are_closed() -> None:
    now = 0.0
    async with (
        Script() as server,
        httpx.AsyncClient(transport=LoopbackTransport(keepalive=60, clock=lambda: now)) as client,
    ):
        await client.get(server.url)
        now = 59.0
        await client.get(server.url)
        assert server.connections == 1
        now = 120.0
        await client.get(server.url)
        assert server.connections == 2
        await until(lambda: server.open == 1)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (None, httpx.RemoteProtocolError),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nshort, the end", httpx.RemoteProtocolError),
        (b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\nthe end", httpx.RemoteProtocolError),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nthe end", httpx.RemoteProtocolError),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX: the end\r\n\r\n5\r\nab", httpx.RemoteProtocolError),
        (b"SSH-2.0 hello, the end\r\n\r\n", httpx.RemoteProtocolError),
        (b"HTTP/1.1 okay\r\nthe end\r\n\r\n", httpx.RemoteProtocolError),
        (b"HTTP/1.1 200 OK\r\nno colon, the end\r\n\r\n", httpx.RemoteProtocolError),
        (b"HTTP/1.1 200 OK\r\nX: " + b"x" * 600_000 + b"the end", httpx.RemoteProtocolError),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhang", httpx.ReadTimeout),
        (b"hang", httpx.ReadTimeout),
    ],
)
async def test_broken_answers(answer: bytes | None, kind: type[Exception]) -> None:
    async with Script(answer) as server, httpx.AsyncClient(transport=LoopbackTransport(), timeout=0.2) as client:
        with pytest.raises(kind):
            await client.get(server.url)
        await until(lambda: not server.open)
        assert (await client.get(server.url)).text == "ok"


async def test_refused(client: httpx.AsyncClient) -> None:
    async with Script() as server:
        pass
    with pytest.raises(httpx.ConnectError):
        await client.get(server.url)


async def test_cancelling_closes_the_connection_and_frees_its_slot() -> None:
    async with (
        Script(*[b"hang"] * 3) as server,
        httpx.AsyncClient(transport=LoopbackTransport(connections=1)) as client,
    ):
        for _ in range(3):
            task = asyncio.create_task(client.get(server.url))
            await until(lambda: server.open == 1 and server.received)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            await until(lambda: not server.open)
            server.received.clear()
        assert (await client.get(server.url)).text == "ok"


async def test_a_half_read_answer_is_not_kept(client: httpx.AsyncClient) -> None:
    async with Script() as server:
        async with client.stream("GET", server.url) as response:
            assert response.status_code == 200
        await until(lambda: not server.open)
        await client.aclose()


async def test_at_most_so_many_connections() -> None:
    async with Script() as server, httpx.AsyncClient(transport=LoopbackTransport(connections=3)) as client:
        answers = await asyncio.gather(*(client.get(server.url) for _ in range(50)))
        assert {answer.text for answer in answers} == {"ok"}
        assert server.connections <= 3


async def test_closing_drops_requests_under_way() -> None:
    async with Script(b"hang") as server:
        client = httpx.AsyncClient(transport=LoopbackTransport(), timeout=5)
        task = asyncio.create_task(client.get(server.url))
        await until(lambda: server.received)
        await client.aclose()
        with pytest.raises(httpx.TransportError):
            await task


async def test_an_early_answer_to_a_long_upload_is_read(client: httpx.AsyncClient) -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Too big\r\nContent-Length: 3\r\n\r\nbig")
        await writer.drain()
        writer.write_eof()
        await reader.read(1 << 20)
        writer.close()

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(200):
            yield bytes(1 << 16)

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        try:
            response = await client.post(f"http://127.0.0.1:{port}/", content=pieces())
            assert response.status_code == 413
        except httpx.ReadError:
            pass  # the kernel may throw the answer away when the connection is reset
        await client.aclose()


async def test_a_server_that_takes_nothing() -> None:
    stopped = asyncio.Event()

    async def ignore(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        await stopped.wait()
        writer.close()

    async def pieces() -> AsyncIterator[bytes]:
        while True:
            yield bytes(1 << 20)

    server = await asyncio.start_server(ignore, "127.0.0.1", 0)
    async with server, httpx.AsyncClient(transport=LoopbackTransport(), timeout=0.2) as client:
        with pytest.raises(httpx.WriteTimeout):
            await client.post(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/", content=pieces())
        stopped.set()
