"""A program in a pseudo-terminal, with the time of every byte that it writes: for measuring, not for testing."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import termios
import time
from collections.abc import Mapping, Sequence

from hopx_tui.vt.screen import VTScreen
from hopx_tui.vt.stream import VTStream


class Run:
    """Started at once. Everything it writes is read here: `take` for a time, `find` until some bytes came.

    Args:
        rate: bytes per second that its terminal takes, at most; None: as many as it writes.
    """

    def __init__(
        self, argv: Sequence[str], env: Mapping[str, str], size: tuple[int, int], *, rate: float | None = None
    ) -> None:
        self.columns, self.lines = size
        self.rate = rate
        self.bytes = 0
        self._vt = VTScreen(*size, history_rows=0)
        self._stream = VTStream(self._vt)
        self._reaped = False
        self._credit = 0.0
        self._credited = time.perf_counter()
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
            os.execvpe(argv[0], list(argv), dict(env))
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))

    def read(self, seconds: float, *, show: bool = True) -> bytes:
        """What comes next, or nothing after `seconds`."""
        room = 1 << 16
        if self.rate is not None:
            now = time.perf_counter()
            self._credit = min(self._credit + (now - self._credited) * self.rate, self.rate / 20)
            self._credited = now
            if self._credit < 64:
                time.sleep(min(seconds, 64 / self.rate))
                return b""
            room = int(self._credit)
        if not select.select([self.fd], [], [], seconds)[0]:
            return b""
        try:
            data = os.read(self.fd, room)
        except OSError:
            return b""
        self._credit -= len(data)
        self.bytes += len(data)
        if show:
            self._stream.feed(data)
        return data

    def take(self, seconds: float, *, show: bool = False) -> int:
        """Read for a time; how many bytes came."""
        before, end = self.bytes, time.perf_counter() + seconds
        while (left := end - time.perf_counter()) > 0:
            self.read(left, show=show)
        return self.bytes - before

    def find(self, needle: bytes, seconds: float) -> float | None:
        """Seconds until these bytes came; None if they did not."""
        began = time.perf_counter()
        tail = b""
        while (left := began + seconds - time.perf_counter()) > 0:
            data = self.read(left, show=False)
            if needle in tail + data:
                return time.perf_counter() - began
            tail = data[-8:]
        return None

    def text(self) -> str:
        """The screen, as far as it was read with `show`."""
        return "\n".join(self._vt.display)

    def until(self, words: str, seconds: float = 20) -> None:
        """Read until the screen shows these words. Raises TimeoutError with the screen."""
        end = time.perf_counter() + seconds
        while words not in self.text():
            if time.perf_counter() > end:
                raise TimeoutError(f"{words!r} did not appear:\n{self.text()}")
            self.read(0.05)

    def type(self, text: str) -> None:
        """Send keys."""
        os.write(self.fd, text.encode())

    def looks(self) -> list[list[object]]:
        """What each cell looks like."""
        return [[style.look for style in row.grid()[1]] for row in self._vt.rows]

    def feed(self, data: bytes) -> None:
        """Put something on the screen that the program did not write."""
        self._stream.feed(data)

    def resize(self, columns: int, lines: int) -> None:
        """The window has another size."""
        self._vt.resize(lines, columns)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def ended(self) -> bool:
        """Whether the program is gone."""
        if not self._reaped:
            self._reaped = os.waitpid(self.pid, os.WNOHANG)[0] != 0
        return self._reaped

    def wait(self, seconds: float) -> bool:
        """Whether the program was gone within this time."""
        end = time.monotonic() + seconds
        while not self.ended() and time.monotonic() < end:
            time.sleep(0.02)
        if not self._reaped:
            self.close()
            return False
        return True

    def hang_up(self) -> None:
        """Close the window."""
        os.close(self.fd)
        self.fd = -1

    def close(self) -> None:
        """End it (only this process group)."""
        if self.ended():
            if self.fd >= 0:
                os.close(self.fd)
            return
        try:
            os.killpg(self.pid, signal.SIGHUP)
        except ProcessLookupError:
            pass
        end = time.monotonic() + 3
        while time.monotonic() < end:
            if self.ended():
                break
            self.read(0.02, show=False)
        else:
            os.killpg(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            self._reaped = True
        os.close(self.fd)
