"""The socket to the engine."""

from __future__ import annotations

import asyncio
import os
import socket

from hopx_tui.agent.wire import Wire


async def test_bytes_both_ways_and_the_end():
    ours, theirs = socket.socketpair()
    wire = Wire(theirs)
    waiting = asyncio.ensure_future(wire.receive())
    await asyncio.sleep(0)
    ours.sendall(b"hello")
    assert await waiting == (b"hello", [])
    wire.send(b"answer")
    await wire.drain()
    assert ours.recv(100) == b"answer"
    ours.close()
    assert await wire.receive() == (b"", [])
    wire.send(b"lost")
    await wire.drain()
    wire.close()
    wire.close()
    wire.send(b"lost too")
    assert await wire.receive() == (b"", [])


async def test_what_does_not_fit_waits_and_keeps_its_order():
    ours, theirs = socket.socketpair()
    wire = Wire(theirs)
    sent = bytes(range(256)) * 8192
    for at in range(0, len(sent), 65536):
        wire.send(sent[at : at + 65536])
    ours.setblocking(False)
    got = b""
    async with asyncio.timeout(10):
        while len(got) < len(sent):
            got += await asyncio.get_running_loop().sock_recv(ours, 1 << 20)
        await wire.drain()
    assert got == sent
    wire.close()
    ours.close()


async def test_a_closed_wire_ends_whoever_waits():
    ours, theirs = socket.socketpair()
    wire = Wire(theirs)
    reading, writing = os.pipe()
    socket.send_fds(ours, [b"x"], [writing])
    data, descriptors = await wire.receive()
    assert data == b"x"
    assert len(descriptors) == 1
    for each in (reading, writing, *descriptors):
        os.close(each)
    ours.shutdown(socket.SHUT_RDWR)
    assert await wire.receive() == (b"", [])
    wire.close()
    ours.close()
