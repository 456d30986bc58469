"""Sends lines over a non-blocking Unix socket, with descriptors attached to those that need them."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections import deque

BACKLOG_LIMIT = 16 << 20


class Sender:
    """Owns a socket of its own (a dup): asyncio's transports cannot send descriptors."""

    def __init__(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        self._socket = connection
        self._queue: deque[tuple[memoryview, int]] = deque()
        self._size = 0
        self._waiting = False
        self._open = True

    def send(self, line: bytes, descriptor: int = -1) -> None:
        """Queue a line; `descriptor` is duplicated and stays the caller's. Raises ConnectionError when the other
        end takes nothing any more."""
        if not self._open or self._size + len(line) > BACKLOG_LIMIT:
            raise ConnectionError("the agent does not read")
        self._queue.append((memoryview(line), os.dup(descriptor) if descriptor >= 0 else -1))
        self._size += len(line)
        if not self._waiting:
            self._flush()

    def _flush(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._queue:
                data, descriptor = self._queue[0]
                # the descriptor travels with the first byte that is taken
                attached = [descriptor] if descriptor >= 0 else []
                sent = socket.send_fds(self._socket, [data], attached) if attached else self._socket.send(data)
                if attached:
                    os.close(descriptor)
                self._size -= sent
                if sent < len(data):
                    self._queue[0] = (data[sent:], -1)
                else:
                    self._queue.popleft()
        except BlockingIOError:
            if not self._waiting:
                self._waiting = True
                loop.add_writer(self._socket, self._flush)
            return
        except OSError:
            self.close()  # the reading side notices the hang-up by itself
            return
        self._rest()

    def _rest(self) -> None:
        if self._waiting:
            self._waiting = False
            asyncio.get_running_loop().remove_writer(self._socket)

    def close(self) -> None:
        """Drop what is not sent. Idempotent."""
        if not self._open:
            return
        self._open = False
        with contextlib.suppress(RuntimeError):  # no loop any more: nothing is registered either
            self._rest()
        for _, descriptor in self._queue:
            if descriptor >= 0:
                os.close(descriptor)
        self._queue.clear()
        self._socket.close()
