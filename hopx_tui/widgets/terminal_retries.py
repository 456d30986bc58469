"""When a lost link to a kept shell is tried again: soon, then ever later."""

from __future__ import annotations

from collections.abc import Callable

from textual.timer import Timer

__all__ = ["Retries"]

DELAYS = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
"""Seconds before each try; the last one holds for all that follow."""


class Retries:
    """Counts tries and waits between them.

    Args:
        set_timer: starts a timer (a widget's own, so that it ends with the widget).
        retry: called when the time has come.
    """

    def __init__(self, set_timer: Callable[[float, Callable[[], None]], Timer], retry: Callable[[], None]) -> None:
        self._set_timer = set_timer
        self._retry = retry
        self._tries = 0
        self._timer: Timer | None = None

    def schedule(self) -> float:
        """Try later; in how many seconds."""
        self.cancel()
        delay = DELAYS[min(self._tries, len(DELAYS) - 1)]
        self._tries += 1
        self._timer = self._set_timer(delay, self._retry)
        return delay

    def cancel(self) -> None:
        """Wait for nothing."""
        if self._timer is not None:
            self._timer.stop()
            self._timer = None

    def forget(self) -> None:
        """All is well: the next loss is the first one again."""
        self.cancel()
        self._tries = 0
