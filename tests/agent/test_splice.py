"""Two sockets joined: bytes, half-close, back-pressure, breaks."""

from __future__ import annotations

import asyncio
import hashlib
import os
import socket

import pytest

from hopx_tui.agent.splice import splice


@pytest.fixture
async def joined():
    """Our ends of two connections that are spliced, and the task."""
    ours, one = socket.socketpair()
    theirs, other = socket.socketpair()
    for each in (ours, one, theirs, other):
        each.setblocking(False)
    task = asyncio.create_task(splice(one, other))
    yield ours, theirs, task
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    for each in (ours, one, theirs, other):
        each.close()


async def test_both_ways_and_half_close(joined):
    ours, theirs, task = joined
    loop = asyncio.get_running_loop()
    await loop.sock_sendall(ours, b"question")
    assert await loop.sock_recv(theirs, 100) == b"question"
    ours.shutdown(socket.SHUT_WR)
    assert await loop.sock_recv(theirs, 100) == b""
    await loop.sock_sendall(theirs, b"answer after the end")
    assert await loop.sock_recv(ours, 100) == b"answer after the end"
    assert not task.done()
    theirs.shutdown(socket.SHUT_WR)
    assert await loop.sock_recv(ours, 100) == b""
    async with asyncio.timeout(5):
        await task


async def test_much_of_it_in_both_directions(joined):
    ours, theirs, _ = joined
    loop = asyncio.get_running_loop()
    data = os.urandom(4 << 20)

    async def collect(end):
        digest, count = hashlib.sha256(), 0
        while count < len(data):
            piece = await loop.sock_recv(end, 1 << 16)
            digest.update(piece)
            count += len(piece)
        return digest.digest()

    async with asyncio.timeout(20):
        results = await asyncio.gather(
            collect(ours), collect(theirs), loop.sock_sendall(ours, data), loop.sock_sendall(theirs, data)
        )
    assert results[:2] == [hashlib.sha256(data).digest()] * 2


async def test_who_does_not_read_stops_who_writes(joined):
    ours, _, _ = joined
    loop = asyncio.get_running_loop()
    sending = asyncio.create_task(loop.sock_sendall(ours, bytes(32 << 20)))
    done, _ = await asyncio.wait((sending,), timeout=0.3)
    assert not done
    sending.cancel()


async def test_a_break_ends_both():
    ours, one = socket.socketpair()
    listener = socket.create_server(("127.0.0.1", 0))
    client = socket.create_connection(listener.getsockname())
    other, _ = listener.accept()
    one.setblocking(False)
    other.setblocking(False)
    with ours, one, listener, other:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        task = asyncio.create_task(splice(one, other))
        await asyncio.sleep(0)
        client.close()
        async with asyncio.timeout(5):
            await task
