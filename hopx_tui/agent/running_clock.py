"""A clock that stands still while the sandbox is paused: for whatever is promised to live so long."""

from __future__ import annotations

import time
from collections.abc import Callable


class RunningClock:
    """Seconds since some moment, without the pauses. The door pauses it before the freeze and resumes it after the
    thaw, so that a timer which fires in between reads the old time."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._paused = 0.0
        self._paused_at: float | None = None

    def __call__(self) -> float:
        return (self._clock() if self._paused_at is None else self._paused_at) - self._paused

    def pause(self) -> None:
        """Stand still. Idempotent."""
        if self._paused_at is None:
            self._paused_at = self._clock()

    def resume(self) -> None:
        """Go on. Idempotent."""
        if self._paused_at is not None:
            self._paused += self._clock() - self._paused_at
            self._paused_at = None
