"""The read ends of a program's output."""

from __future__ import annotations

import asyncio
import os

import pytest

from hopx_tui.agent import pipes
from hopx_tui.agent.pipes import Capture, Flow


@pytest.fixture
async def flow():
    read, write = os.pipe()
    made = Flow(read)
    yield made, write
    made.close()
    os.close(write)


async def test_a_flow_waits_for_output_and_takes_all_of_it(flow):
    made, write = flow
    waiting = asyncio.create_task(made.read())
    await asyncio.sleep(0)
    assert not waiting.done()
    os.write(write, b"a" * 10)
    assert await asyncio.wait_for(waiting, 5) == b"a" * 10
    assert made.ready() == b""
    os.write(write, b"b")
    os.write(write, b"c")
    assert await made.read() == b"bc"


async def test_after_the_end_a_flow_yields_what_is_left_and_no_more(flow, monkeypatch):
    made, write = flow
    os.write(write, b"left")
    made.finish()
    assert await made.read() == b"left"
    assert await asyncio.wait_for(made.read(), 5) == b"", "although the pipe is open"
    monkeypatch.setattr(pipes, "REST_BYTES", 6)
    read, again = os.pipe()
    other = Flow(read)
    reading = asyncio.create_task(other.read())
    await asyncio.sleep(0)
    other.finish()
    assert await asyncio.wait_for(reading, 5) == b""
    os.write(again, b"0123456789")
    assert await other.read() == b"012345"
    assert await other.read() == b""
    other.discard()
    os.write(again, b"forgotten")
    os.close(again)
    async with asyncio.timeout(5):
        while other._open:
            await asyncio.sleep(0)
    other.discard()
    assert await other.read() == b""


async def test_a_flow_ends_with_its_pipe():
    read, write = os.pipe()
    made = Flow(read)
    os.write(write, b"x")
    os.close(write)
    assert await made.read() == b"x"
    assert await made.read() == b""
    made.close()


async def test_a_capture_keeps_the_beginning():
    read, write = os.pipe()
    capture = Capture(read, 4)
    os.write(write, b"abcdef")
    capture.drain()
    assert capture.raw() == b"abcd"
    assert capture.text() == "abcd\n[output truncated: 2 more bytes]\n"
    os.close(write)
    await asyncio.wait_for(capture.ended, 5)
    capture.drain()
    capture.close()
