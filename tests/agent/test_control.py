"""The line to the engine, without a program around it."""

from __future__ import annotations

import asyncio
import json
import os
import socket

import pytest

from hopx_tui.agent.control import AskError, Control, read_config_line


def test_the_first_line_and_what_follows():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(b'{"a":')
        ours.sendall(b'1}\n{"op"')
        assert read_config_line(theirs) == (b'{"a":1}', b'{"op"', [])
        ours.close()
        with pytest.raises(EOFError):
            read_config_line(theirs)


class Engine:
    """The other end."""

    def __init__(self, early=b"", **orders):
        self.ours, theirs = socket.socketpair()
        self.control = Control(theirs, early, orders, last="stop")

    async def __aenter__(self):
        self.running = asyncio.create_task(self.control.run({"op": "ready"}))
        self.reader, self.writer = await asyncio.open_connection(sock=self.ours)
        return self

    async def __aexit__(self, *_):
        self.writer.close()
        async with asyncio.timeout(5):
            self.finished = await self.running

    async def line(self):
        async with asyncio.timeout(5):
            return json.loads(await self.reader.readline())


async def test_orders_are_obeyed_one_after_another():
    done = []

    async def slow():
        await asyncio.sleep(0.01)
        done.append("slow")

    async def stop():
        done.append("stop")

    async with Engine(b'{"op":"slow"}\n', slow=slow, stop=stop) as engine:
        assert await engine.line() == {"op": "ready"}
        assert await engine.line() == {"op": "slow", "ok": True}
        engine.writer.write(b'{"op":"fly"}\n[]\n{"op":"st')
        assert (await engine.line())["error"] == "unknown"
        assert (await engine.line())["error"] == "not JSON"
        engine.writer.write(b'op"}\n')
        assert await engine.line() == {"op": "stop", "ok": True}
    assert done == ["slow", "stop"]
    assert engine.finished is True


async def test_events_wait_for_ready_and_end_with_the_engine():
    engine = Engine()
    engine.control.event("disk_full", used=1)
    async with engine:
        assert await engine.line() == {"op": "ready"}
        assert await engine.line() == {"op": "event", "event": "disk_full", "used": 1}
    assert engine.finished is False
    engine.control.event("late")


def test_descriptors_come_with_the_first_line():
    ours, theirs = socket.socketpair()
    reading, writing = os.pipe()
    with ours, theirs:
        socket.send_fds(ours, [b'{"a":1}\n'], [writing])
        os.close(writing)
        line, rest, (passed,) = read_config_line(theirs)
        assert (line, rest) == (b'{"a":1}', b"")
        assert not os.get_inheritable(passed)
        os.write(passed, b"through")
        os.close(passed)
    assert os.read(reading, 100) == b"through"
    os.close(reading)


async def test_what_is_asked_for_comes_while_an_order_is_obeyed():
    done = []

    async def slow():
        grant, descriptor = await engine.control.ask("preview", port=5)
        done.append((grant.port, os.read(descriptor, 10)))
        os.close(descriptor)

    async with Engine(slow=slow) as engine:
        assert await engine.line() == {"op": "ready"}
        engine.writer.write(b'{"op":"slow"}\n')
        asked = await engine.line()
        assert asked == {"op": "ask", "id": 1, "ask": "preview", "port": 5}
        reading, writing = os.pipe()
        os.write(writing, b"hello")
        peer = engine.writer.get_extra_info("socket").dup()
        socket.send_fds(peer, [b'{"op":"grant","id":1,"ok":true,"port":99}\n'], [reading])
        peer.close()
        for each in (reading, writing):
            os.close(each)
        assert await engine.line() == {"op": "slow", "ok": True}
    assert done == [(99, b"hello")]


async def test_an_ask_is_refused_unanswered_or_cut_off(monkeypatch):
    monkeypatch.setattr("hopx_tui.agent.control.ASK_SECONDS", 0.05)
    engine = Engine()
    with pytest.raises(AskError, match="does not listen"):
        await engine.control.ask("preview", port=1)
    async with engine:
        await engine.line()
        with pytest.raises(AskError, match="does not answer"):
            await engine.control.ask("preview", port=1)
        late = asyncio.ensure_future(engine.control.ask("preview", port=2))
        await engine.line()
        await engine.line()
        engine.writer.write(
            b'{"op":"grant","id":1,"ok":true}\n{"op":"grant","id":"x"}\n'
            b'{"op":"grant","id":2,"ok":false,"error":"no more"}\n'
        )
        with pytest.raises(AskError, match="no more"):
            await late
        monkeypatch.setattr("hopx_tui.agent.control.ASK_SECONDS", 30)
        cut = asyncio.ensure_future(engine.control.ask("preview", port=3))
        await asyncio.sleep(0)
    with pytest.raises(AskError, match="gone"):
        await cut


async def test_a_descriptor_nobody_waits_for_is_closed():
    async with Engine() as engine:
        await engine.line()
        reading, writing = os.pipe()
        peer = engine.writer.get_extra_info("socket").dup()
        socket.send_fds(peer, [b'{"op":"grant","id":7,"ok":true,"port":9}\n'], [writing])
        peer.close()
        os.close(writing)
        os.set_blocking(reading, False)
        async with asyncio.timeout(5):
            while True:
                try:
                    assert os.read(reading, 1) == b"", "the other end is closed"
                    break
                except BlockingIOError:
                    await asyncio.sleep(0.005)
        os.close(reading)
