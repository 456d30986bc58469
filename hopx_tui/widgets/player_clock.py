"""The time of a recording as it plays: runs, stands, jumps, at several speeds."""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["SPEEDS", "PlayClock"]

SPEEDS = (0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0)
_MICROSECONDS = 1_000_000


class PlayClock:
    """Stands at first. Times are microseconds since the recording's beginning; `end` is where it stops by itself."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._base = 0
        self._since = 0.0
        self.playing = False
        self.speed = 1.0
        self.end = 0

    @property
    def at(self) -> int:
        """The time now."""
        if not self.playing:
            return self._base
        return min(self.end, self._base + round((self._clock() - self._since) * self.speed * _MICROSECONDS))

    def jump(self, at: int) -> None:
        """Be at that time, and go on from there if it runs."""
        self._base = min(max(at, 0), self.end)
        self._since = self._clock()

    def play(self) -> None:
        """Run."""
        if not self.playing:
            self._since = self._clock()
            self.playing = True

    def pause(self) -> None:
        """Stand."""
        self._base = self.at
        self.playing = False

    def change_speed(self, step: int) -> None:
        """The next or the previous speed."""
        at = self.at
        number = SPEEDS.index(self.speed) + step
        self.speed = SPEEDS[min(max(number, 0), len(SPEEDS) - 1)]
        self.jump(at)

    def seconds_to(self, at: int) -> float:
        """Seconds of real time until then, at this speed."""
        return (at - self.at) / _MICROSECONDS / self.speed
