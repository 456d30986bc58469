"""What the processes of a run print: read from a pipe all the time, kept within bounds.

A file would be the sandbox's to grow without end (through /proc/1/fd); of a pipe it holds only the writing end.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
from pathlib import Path

TAIL_BYTES = 4096
FILE_BYTES = 1 << 20
CHUNK = 1 << 16
REST_SECONDS = 0.02  # between two reads: a flood waits in its own pipe instead of taking the engine's time
_PATH = re.compile(r"(?<![\w./])/(?:[^\s:'\",]*/)*([^\s:'\",/]*)")


class Output:
    """The reading end. The last 4 KiB stay in memory, at most 1 MiB in the file."""

    def __init__(self, file: Path) -> None:
        self._path = file
        self._tail = b""
        self._file = -1
        self._size = 0
        self._rest: asyncio.TimerHandle | None = None
        self._reading = -1

    def open(self) -> int:
        """Begin to read; returns the end to write to, which is the caller's to close. Raises OSError."""
        with contextlib.suppress(OSError):  # a full disk: the memory will do
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            self._file = os.open(self._path, flags, 0o600)
            self._size = os.fstat(self._file).st_size
        self._reading, writing = os.pipe()
        os.set_blocking(self._reading, False)
        asyncio.get_running_loop().add_reader(self._reading, self._readable)
        return writing

    def close(self) -> None:
        """Take what is there and stop reading. Closing twice is fine."""
        if self._reading < 0:
            return
        self._take()
        self._stop()
        os.close(self._reading)
        self._reading = -1
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def last_line(self) -> str:
        """The last line said so far, at most 300 characters, without paths of the host; empty when there is none."""
        if self._reading >= 0:
            self._take()
        lines = self._tail.decode(errors="replace").strip().splitlines()
        return without_paths(lines[-1][:300]) if lines else ""

    def _readable(self) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._reading)
        if self._take():
            self._rest = loop.call_later(REST_SECONDS, loop.add_reader, self._reading, self._readable)

    def _stop(self) -> None:
        if self._rest is not None:
            self._rest.cancel()
            self._rest = None
        asyncio.get_running_loop().remove_reader(self._reading)

    def _take(self) -> bool:
        """Read once. False at the end of the output."""
        try:
            chunk = os.read(self._reading, CHUNK)
        except BlockingIOError:
            return True
        self._tail = (self._tail + chunk)[-TAIL_BYTES:]
        if self._file >= 0 and chunk:
            with contextlib.suppress(OSError):
                if self._size + len(chunk) > FILE_BYTES:
                    os.ftruncate(self._file, 0)
                    self._size = 0
                self._size += os.write(self._file, chunk)
        return bool(chunk)


def without_paths(text: str) -> str:
    """The text with every absolute path cut to its last part: what a client may read says nothing of the host."""
    return _PATH.sub(r"…/\1", text)
