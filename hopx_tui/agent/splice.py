"""Joins two connected sockets until both directions have ended: bounded buffers, back-pressure, half-close."""

from __future__ import annotations

import asyncio
import socket

BUFFER_BYTES = 256 << 10


async def splice(one: socket.socket, other: socket.socket) -> None:
    """Both non-blocking. Returns when both sides have closed their ends, or as soon as either breaks off; closing the
    sockets is the caller's."""
    tasks = [asyncio.create_task(_forward(one, other)), asyncio.create_task(_forward(other, one))]
    try:
        # A side that broke off can take nothing any more: the other direction ends as well.
        await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _forward(source: socket.socket, target: socket.socket) -> None:
    """Raises OSError."""
    loop = asyncio.get_running_loop()
    buffer = memoryview(bytearray(BUFFER_BYTES))
    while count := await loop.sock_recv_into(source, buffer):
        await loop.sock_sendall(target, buffer[:count])
        # A pair that is always ready would let nobody else have a turn.
        await asyncio.sleep(0)
    target.shutdown(socket.SHUT_WR)
