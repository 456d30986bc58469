"""The line to the engine, without a program around it."""

from __future__ import annotations

import asyncio
import json
import socket

import pytest

from hopx_tui.agent.control import Control, read_config_line


def test_the_first_line_and_what_follows():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(b'{"a":')
        ours.sendall(b'1}\n{"op"')
        assert read_config_line(theirs) == (b'{"a":1}', b'{"op"')
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
