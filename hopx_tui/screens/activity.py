"""What takes longer than a moment, told in one line: what it is, for how long, how far."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from textual.timer import Timer

from hopx_tui import format as fmt

__all__ = ["Activity", "Step"]

EVERY_SECONDS = 0.5
SHOWN_AFTER_SECONDS = 0.4
"""Shorter work would only make the line flicker."""


class Step:
    """One piece of work. `detail` says how far it is."""

    def __init__(self, label: str, began: float) -> None:
        self.label = label
        self.began = began
        self.detail = ""


class Activity:
    """Knows what is under way.

    Args:
        show: takes the line; "" when nothing goes on.
        set_interval: starts a repeating timer (a screen's own).
    """

    def __init__(
        self,
        show: Callable[[str], None],
        set_interval: Callable[[float, Callable[[], None]], Timer],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._show = show
        self._set_interval = set_interval
        self._clock = clock
        self._steps: list[Step] = []
        self._timer: Timer | None = None

    @contextmanager
    def during(self, label: str) -> Iterator[Step]:
        """`with activity.during("creating web") as step:` and now and then `step.detail = "installing numpy"`."""
        step = Step(label, self._clock())
        self._steps.append(step)
        if self._timer is None:
            self._timer = self._set_interval(EVERY_SECONDS, self._tell)
        try:
            yield step
        finally:
            self._steps.remove(step)
            if not self._steps and self._timer is not None:
                self._timer.stop()
                self._timer = None
            self._tell()

    def _tell(self) -> None:
        now = self._clock()
        long = [step for step in self._steps if now - step.began >= SHOWN_AFTER_SECONDS]
        if not long:
            self._show("")
            return
        step = long[-1]
        more = f" (and {len(long) - 1} more)" if len(long) > 1 else ""
        detail = f": {step.detail}" if step.detail else ""
        self._show(fmt.printable(f"{step.label} {fmt.duration(now - step.began)}{more}{detail}"))
