"""The outer terminal's cursor and cells, written straight through the driver."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from textual.driver import Driver

from hopx_tui.tty.driver import DiffDriver
from hopx_tui.tty.wanted import Wanted

__all__ = ["DriverSurface"]

_SHAPES = range(7)


class DriverSurface:
    """Shows, moves and shapes the cursor with the fewest bytes, one for all who want it; and draws past Textual.

    Args:
        driver: the driver that writes to the person's terminal now, if any. Others than ours do not draw.

    Frames move the cursor about; Textual ends each one by putting it at ``App.cursor_position``, which the
    owner sets as well. So only changes between frames are written here.
    """

    def __init__(self, driver: Callable[[], Driver | None]) -> None:
        self._driver = driver
        self._owner: object | None = None
        self._place = (-1, -1)
        self._shape = 0
        self._in_frame = False

    # -- the cursor

    def show(self, owner: object, x: int, y: int, shape: int) -> None:
        """Show the cursor at a cell (from 0) with a DECSCUSR shape; unknown shapes count as 0."""
        shape = shape if shape in _SHAPES else 0
        data = ""
        if shape != self._shape:
            data += f"\x1b[{shape} q"
        if not self._in_frame and (self._owner is None or self._place != (x, y)):
            data += f"\x1b[{y + 1};{x + 1}H"
        if self._owner is None:
            data += "\x1b[?25h"
        self._owner, self._place, self._shape = owner, (x, y), shape
        self._write(data)

    def hide(self, owner: object) -> None:
        """Hide the cursor, unless another owner showed it since; its shape goes back to the person's own."""
        if self._owner is not owner:
            return
        data = "\x1b[?25l" + ("\x1b[0 q" if self._shape else "")
        self._owner, self._shape = None, 0
        self._write(data)

    def _write(self, data: str) -> None:
        driver = self._driver()
        if driver is not None and data:
            driver.write(data)

    # -- cells

    @contextmanager
    def frame(self) -> Iterator[Wanted | None]:
        """What is drawn inside is shown all at once; None where the driver is not ours, or has no terminal now."""
        driver = self._driver()
        if not isinstance(driver, DiffDriver):
            yield None
            return
        self._in_frame = True
        try:
            with driver.frame() as wanted:
                yield wanted
                if wanted is not None and self._owner is not None:
                    wanted.point(*self._place)  # where Textual's frames leave the cursor as well
        finally:
            self._in_frame = False
