"""When a terminal pane may paint: a frame cap, a boost after a key, a hold while the program asks for it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from textual.widget import Widget

__all__ = ["FramePacer", "paint_now"]

BOOST_SECONDS = 0.150
BOOSTED_FRAMES = 4
"""How many frames after a key come at once: the first output after it may be somebody else's."""
HOLD_SECONDS = 0.150


class FramePacer:
    """Turns many "something changed" into few frames.

    Args:
        paint: draws the frame, at once: this cap is the only one.
        held: True while the program is inside a synchronised update (mode 2026); held at most 150 ms.
        fps: frames per second at most.
    """

    def __init__(
        self,
        paint: Callable[[], None],
        held: Callable[[], bool],
        *,
        fps: int = 60,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._paint = paint
        self._held = held
        self.fps = fps
        self._clock = clock
        self._painted_at = float("-inf")
        self._boost_until = float("-inf")
        self._boosted = 0
        self._held_since: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._due_at = 0.0

    def key_pressed(self) -> None:
        """The first outputs within 150 ms after this are shown at once."""
        self._boost_until = self._clock() + BOOST_SECONDS
        self._boosted = BOOSTED_FRAMES

    def request(self) -> None:
        """Something on the screen changed: paint now or as soon as the cap lets."""
        now = self._clock()
        if self._held():
            if self._held_since is None:
                self._held_since = now
            if now - self._held_since < HOLD_SECONDS:
                self._schedule(self._held_since + HOLD_SECONDS)
                return
        self._held_since = None
        spacing = 1 / self.fps
        if self._boosted and now <= self._boost_until:
            spacing = 0.0
        due_at = self._painted_at + spacing
        if due_at <= now:
            self._show()
        else:
            self._schedule(due_at)

    def cancel(self) -> None:
        """Forget a scheduled frame (the pane is hidden or gone)."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _schedule(self, due_at: float) -> None:
        if self._timer is not None and self._due_at == due_at:
            return
        self.cancel()
        self._due_at = due_at
        self._timer = asyncio.get_running_loop().call_later(max(0.0, due_at - self._clock()), self._due)

    def _due(self) -> None:
        self._timer = None
        self._held_since = None
        self._show()

    def _show(self) -> None:
        self.cancel()
        self._boosted = max(0, self._boosted - 1)
        self._painted_at = self._clock()
        self._paint()


def paint_now(widget: Widget) -> None:
    """Have Textual write the widget's dirty regions in this turn instead of at its next 60 Hz tick.

    Waiting for that tick after our own cap doubled the time to echo under load (34 instead of 16 ms). Textual
    offers no public way; the two names used here are pinned by a test together with its version.
    """
    screen = widget.screen
    if screen.is_active:
        screen._dirty_widgets.add(widget)
        screen._on_timer_update()
