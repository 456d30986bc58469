"""Writes to the person's terminal without ever waiting for it."""

from __future__ import annotations

import asyncio
import os
import select
import time
from collections import deque
from collections.abc import Callable

__all__ = ["Outlet"]

_PIECE = 256
"""What a terminal that says it has room takes without making us wait."""


class Outlet:
    """A queue before a terminal.

    Args:
        descriptor: the terminal, as the process got it; stays open.
        loop: told when the terminal has room.
        on_idle: called each time the last of what waited has gone out.

    The terminal is opened a second time: making the given descriptor non-blocking would make it so for the shell that
    started us as well. Where that fails (after `su`, say), small pieces are written when the terminal has room.
    """

    def __init__(self, descriptor: int, loop: asyncio.AbstractEventLoop, *, on_idle: Callable[[], None]) -> None:
        self._loop = loop
        self._on_idle = on_idle
        self._waiting: deque[bytes] = deque()
        self._gone = False
        self._own: int | None = None
        try:
            self._own = os.open(os.ttyname(descriptor), os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError:
            pass
        self._descriptor = descriptor if self._own is None else self._own
        self._listening = False

    @property
    def busy(self) -> bool:
        """Whether something waits for the terminal."""
        return bool(self._waiting)

    def write(self, text: str) -> None:
        """Send, or queue behind what waits already. Once the terminal is gone, nothing happens."""
        if self._gone or not text:
            return
        waited = bool(self._waiting)
        self._waiting.append(text.encode("utf-8", "replace"))
        if not waited:
            self._send()
            if self._waiting:
                self._listen()

    def close(self, seconds: float) -> None:
        """Send what waits, for at most `seconds`, and let go of the terminal."""
        self._ignore()
        deadline = time.monotonic() + seconds
        while self._waiting and not self._gone and (left := deadline - time.monotonic()) > 0:
            select.select([], [self._descriptor], [], left)
            self._send()
        self._waiting.clear()
        self._gone = True
        if self._own is not None:
            os.close(self._own)
            self._own = None

    def _send(self) -> None:
        while self._waiting:
            data = self._waiting[0]
            if self._own is None:
                if not select.select([], [self._descriptor], [], 0)[1]:
                    return
                data, rest = data[:_PIECE], data[_PIECE:]
            else:
                rest = b""
            try:
                sent = os.write(self._descriptor, data)
            except BlockingIOError:
                return
            except OSError:  # the window was closed; input tells the app
                self._gone = True
                self._waiting.clear()
                return
            left = data[sent:] + rest
            if left:
                self._waiting[0] = left
                if self._own is not None:
                    return
            else:
                self._waiting.popleft()

    def _listen(self) -> None:
        if not self._listening:
            self._listening = True
            self._loop.add_writer(self._descriptor, self._writable)

    def _ignore(self) -> None:
        if self._listening:
            self._listening = False
            self._loop.remove_writer(self._descriptor)

    def _writable(self) -> None:
        self._send()
        if not self._waiting:
            self._ignore()
            if not self._gone:
                self._on_idle()
