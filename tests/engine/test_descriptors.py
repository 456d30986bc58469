"""Lines and descriptors over a socket that may be full."""

import asyncio
import os
import socket

import pytest

from hopx_tui.engine import descriptors
from hopx_tui.engine.descriptors import Sender


async def receive(end, count):
    """So many bytes, with the descriptors that came along."""
    data, passed = b"", []
    async with asyncio.timeout(10):
        while len(data) < count:
            try:
                piece, found, _, _ = socket.recv_fds(end, 1 << 16, 4)
            except BlockingIOError:
                await asyncio.sleep(0.001)
                continue
            data += piece
            passed += found
    return data, passed


async def test_order_and_descriptors_when_the_socket_is_full():
    ours, theirs = socket.socketpair()
    theirs.setblocking(False)
    sender = Sender(ours)
    reading, writing = os.pipe()
    lines = [b"%d" % number * 50_000 + b"\n" for number in range(20)]
    for line in lines[:10]:
        sender.send(line)
    sender.send(lines[10], writing)
    for line in lines[11:]:
        sender.send(line)
    os.close(writing)
    data, passed = await receive(theirs, sum(map(len, lines)))
    assert data == b"".join(lines)
    (mine,) = passed
    os.write(mine, b"the same pipe")
    assert os.read(reading, 100) == b"the same pipe"
    os.close(mine)
    assert os.read(reading, 100) == b"", "the sender kept no copy"
    os.close(reading)
    sender.close()
    theirs.close()


async def test_nobody_reads(monkeypatch):
    monkeypatch.setattr(descriptors, "BACKLOG_LIMIT", 1 << 20)
    ours, theirs = socket.socketpair()
    sender = Sender(ours)
    reading, writing = os.pipe()
    for _ in range(9):
        sender.send(b"x" * 100_000, writing)
    with pytest.raises(ConnectionError):
        sender.send(b"x" * 600_000, writing)
    os.close(writing)
    sender.close()
    sender.close()
    theirs.close()
    assert os.read(reading, 1) == b"", "queued descriptors are closed"
    os.close(reading)
    with pytest.raises(ConnectionError):
        sender.send(b"x")


async def test_the_other_end_is_gone():
    ours, theirs = socket.socketpair()
    theirs.close()
    sender = Sender(ours)
    sender.send(b"lost\n")
    with pytest.raises(ConnectionError):
        sender.send(b"lost\n")
