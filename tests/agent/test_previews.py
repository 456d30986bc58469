"""Previews with a stand-in for the engine: what is accepted outside arrives inside."""

from __future__ import annotations

import asyncio
import contextlib
import socket

import pytest

from hopx_tui.agent.control import AskError, Grant
from hopx_tui.agent.previews import Previews, connect, no_engine


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


def listen_at(port):
    """At a port that was named, which a socket keeps when it is silenced; one that the kernel chose it loses."""
    return socket.create_server(("127.0.0.1", port))


class Engine:
    """Allots sockets as the real one does."""

    def __init__(self):
        self.sockets = {}
        self.asked = []

    async def ask(self, name, *, port):
        self.asked.append((name, port))
        if name == "preview_close":
            self.sockets.pop(port).close()
            return Grant(1, ok=True), None
        listener = self.sockets[port] = listen_at(free_port())
        return Grant(1, ok=True, port=listener.getsockname()[1]), listener.dup().detach()

    def close(self):
        for each in self.sockets.values():
            each.close()


@pytest.fixture
async def engine():
    made = Engine()
    yield made
    made.close()


@pytest.fixture
async def previews(engine):
    made = Previews(engine.ask)
    yield made
    await made.close_all()


async def shout(reader, writer):
    """Answers in capitals, after the end of the question."""
    with contextlib.suppress(ConnectionError):
        question = await reader.read()
        writer.write(question.upper())
        await writer.drain()
        writer.close()


async def ask(url, text=b"hello"):
    host, _, port = url.removeprefix("http://").rpartition(":")
    async with asyncio.timeout(5):
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(text)
        if writer.can_write_eof():
            writer.write_eof()
        try:
            return await reader.read()
        finally:
            writer.close()


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
async def test_a_port_inside_is_reached(previews, engine, host):
    server = await asyncio.start_server(shout, host, 0)
    port = server.sockets[0].getsockname()[1]
    assert previews.url(port) is None
    url = await previews.open(port)
    assert await previews.open(port) == previews.url(port) == url
    assert engine.asked == [("preview", port)]
    answers = await asyncio.gather(*(ask(url, b"x" * 100_000) for _ in range(20)))
    assert answers == [b"X" * 100_000] * 20
    assert await previews.close(port) is True
    assert await previews.close(port) is False
    with pytest.raises(ConnectionRefusedError):
        await ask(url)
    assert previews.url(port) is None
    server.close()


async def test_nobody_listens_inside(previews):
    port = free_port()
    url = await previews.open(port)
    with contextlib.suppress(ConnectionResetError):
        assert await ask(url) == b""
    server = await asyncio.start_server(shout, "127.0.0.1", port)
    assert await ask(url) == b"HELLO"
    server.close()


async def test_a_pause_cuts_and_a_resume_goes_on(previews):
    server = await asyncio.start_server(shout, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    url = await previews.open(port)
    reader, writer = await asyncio.open_connection("127.0.0.1", int(url.rpartition(":")[2]))
    writer.write(b"begun")
    await writer.drain()
    await asyncio.sleep(0.05)
    previews.pause()
    async with asyncio.timeout(5):
        with contextlib.suppress(ConnectionResetError):
            assert await reader.read() == b""
    writer.close()
    previews.resume()
    previews.resume()
    assert await ask(url) == b"HELLO"
    server.close()


async def test_connections_are_bounded_but_not_lost(engine, monkeypatch):
    monkeypatch.setattr("hopx_tui.agent.previews.MOST_CONNECTIONS", 2)
    previews = Previews(engine.ask)
    server = await asyncio.start_server(shout, "127.0.0.1", 0)
    url = await previews.open(server.sockets[0].getsockname()[1])
    port = int(url.rpartition(":")[2])
    held = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
    waiting = asyncio.create_task(ask(url))
    done, _ = await asyncio.wait((waiting,), timeout=0.2)
    assert not done
    for _, writer in held:
        writer.close()
    assert await waiting == b"HELLO"
    await previews.close_all()
    server.close()


async def test_a_silenced_listener_ends_the_accepting(previews, engine):
    server = await asyncio.start_server(shout, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    url = await previews.open(port)
    assert await ask(url) == b"HELLO"
    engine.sockets[port].shutdown(socket.SHUT_RDWR)
    with pytest.raises(ConnectionRefusedError):
        await ask(url)
    accepting = previews._open[port]._accepting
    async with asyncio.timeout(5):
        await accepting
    engine.sockets[port].listen()
    previews.resume()
    assert await ask(url) == b"HELLO"
    server.close()


async def test_a_shortage_is_waited_out(previews, monkeypatch):
    monkeypatch.setattr("hopx_tui.agent.previews.SHORTAGE_SECONDS", 0.01)
    server = await asyncio.start_server(shout, "127.0.0.1", 0)
    loop = asyncio.get_running_loop()
    accept, failures = loop.sock_accept, [OSError(24, "too many"), ConnectionAbortedError()]

    async def failing(listener):
        if failures:
            raise failures.pop()
        return await accept(listener)

    monkeypatch.setattr(loop, "sock_accept", failing)
    assert await ask(await previews.open(server.sockets[0].getsockname()[1])) == b"HELLO"
    assert not failures
    server.close()


async def test_what_the_engine_refuses():
    with pytest.raises(AskError, match="no engine"):
        await Previews().open(5)
    with pytest.raises(AskError):
        await no_engine("preview")

    async def empty(_name, **_fields):
        return Grant(1, ok=True), None

    with pytest.raises(AskError, match="no socket"):
        await Previews(empty).open(5)


async def test_connecting_gives_up(monkeypatch):
    monkeypatch.setattr("hopx_tui.agent.previews.TARGETS", ((999, "x"), (socket.AF_INET, "127.0.0.1")))
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
        found = await connect(port)
        assert found is not None
        found.close()
    assert await connect(port) is None
