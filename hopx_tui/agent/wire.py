"""The socket to the engine: bytes both ways, and descriptors that the engine passes along (SCM_RIGHTS)."""

from __future__ import annotations

import asyncio
import os
import socket

READ_BYTES = 64 << 10
MOST_DESCRIPTORS = 8
"""Per read; the engine sends one a line."""
# Programs of the sandbox must never inherit what the engine passes.
_FLAGS = getattr(socket, "MSG_CMSG_CLOEXEC", 0)


def receive(connection: socket.socket) -> tuple[bytes, list[int]]:
    """What has come, b"" at the end. Blocks as the socket does. Raises OSError."""
    data, descriptors, _, _ = socket.recv_fds(connection, READ_BYTES, MOST_DESCRIPTORS, _FLAGS)
    for each in descriptors:
        os.set_inheritable(each, False)
    return data, list(descriptors)


class Wire:
    """The asynchronous side of `receive`, and a queue of what could not be sent at once."""

    def __init__(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        self._connection = connection
        self._loop = asyncio.get_running_loop()
        self._queue = bytearray()
        self._empty = asyncio.Event()
        self._empty.set()
        self.closed = False

    async def receive(self) -> tuple[bytes, list[int]]:
        """The next bytes with the descriptors that came with them; b"" once the engine is gone."""
        while not self.closed:
            try:
                return receive(self._connection)
            except BlockingIOError:
                await self._readable()
            except OSError:
                break
        return b"", []

    async def _readable(self) -> None:
        ready: asyncio.Future[None] = self._loop.create_future()

        def wake() -> None:
            if not ready.done():
                ready.set_result(None)

        self._loop.add_reader(self._connection, wake)
        try:
            await ready
        finally:
            if not self.closed:
                self._loop.remove_reader(self._connection)

    def send(self, data: bytes) -> None:
        """In order; what does not fit waits here. The engine reads always, or is gone."""
        if not self.closed:
            self._queue += data
            self._flush()

    def _flush(self) -> None:
        try:
            while self._queue:
                del self._queue[: self._connection.send(self._queue)]
        except BlockingIOError:
            self._empty.clear()
            self._loop.add_writer(self._connection, self._flush)
            return
        except OSError:
            self._queue.clear()
        self._loop.remove_writer(self._connection)
        self._empty.set()

    async def drain(self) -> None:
        """Return when everything is sent, or never will be."""
        await self._empty.wait()

    def close(self) -> None:
        """Hang up. Idempotent."""
        if not self.closed:
            self.closed = True
            self._loop.remove_reader(self._connection)
            self._loop.remove_writer(self._connection)
            self._connection.close()
            self._empty.set()
