"""The picture of a recorded terminal in a window: clipped where it is larger, with a ground where it is smaller."""

from __future__ import annotations

from dataclasses import dataclass

from rich.style import Style as RichStyle
from textual.geometry import Region, Size
from textual.strip import Strip

from hopx_tui.vt.row import Row
from hopx_tui.vt.screen import VTScreen
from hopx_tui.widgets.terminal_render import StyleBook, overlay, printable, swapped
from hopx_tui.widgets.terminal_selection import columns_of

__all__ = ["Inks", "Picture"]


@dataclass(frozen=True)
class Inks:
    """The theme's styles: of the terminal, of what is around it, of what was searched for."""

    base: RichStyle
    outside: RichStyle
    match: RichStyle


class Picture:
    """Draws lines of one screen after the other, and knows which changed since they were drawn."""

    def __init__(self) -> None:
        self.needle = ""
        """What stands out; capitals count only if it has some."""
        self._book = StyleBook(RichStyle())
        self._painted: list[Row | None] = []
        self._screen: VTScreen | None = None
        self._columns = 0
        self._cursor: tuple[int, int] | None = None
        self._top = 0

    def forget(self) -> None:
        """Nothing of what was drawn holds any more."""
        self._screen = None

    def changes(self, screen: VTScreen, window: Size, base: RichStyle) -> list[Region] | None:
        """The parts of the window to be drawn anew; None: all of it, and its size may be another one."""
        top, cursor = self._clip(screen, window.height), _cursor_cell(screen)
        if (
            screen is not self._screen
            or (len(self._painted), self._columns) != (len(screen.rows), screen.columns)
            or top != self._top
            or self._book.base != _ground(screen, base)
        ):
            self._top, self._cursor, self._screen, self._columns = top, cursor, screen, screen.columns
            self._painted = [None] * len(screen.rows)
            return None
        dirty = {
            y
            for y, (row, old) in enumerate(zip(screen.rows, self._painted, strict=True))
            if row is not old or row.paint is None
        }
        if cursor != self._cursor:
            dirty |= {cell[1] for cell in (cursor, self._cursor) if cell is not None}
            self._cursor = cursor
        seen = sorted(y - top for y in dirty if 0 <= y - top < window.height)
        return [Region(0, y, window.width, 1) for y in seen]

    def line(self, y: int, screen: VTScreen | None, width: int, inks: Inks) -> Strip:
        """Line ``y`` of the window."""
        number = y + self._top
        if screen is None or number >= len(screen.rows):
            return Strip.blank(width, inks.outside)
        base = _ground(screen, inks.base)
        if base != self._book.base:
            self._book = StyleBook(base)
        row = screen.rows[number]
        strip = self._book.strip(row, screen.columns)
        if number < len(self._painted):
            self._painted[number] = row
        if self.needle:
            strip = self._marked(strip, row, inks.match)
        cursor = self._cursor
        if cursor is not None and cursor[1] == number:
            strip = overlay(strip, cursor[0], cursor[0] + 1, self._book.cursor(screen.cursor_shape))
        return strip.crop(0, width) if screen.columns >= width else strip.adjust_cell_length(width, inks.outside)

    def _clip(self, screen: VTScreen, height: int) -> int:
        """The first row in view: the cursor's row is, when not all are."""
        height = max(1, height)
        if screen.lines <= height:
            return 0
        top = min(self._top, screen.lines - height)
        y = min(screen.cursor.y, screen.lines - 1)
        return y if y < top else max(top, y - height + 1)

    def _marked(self, strip: Strip, row: Row, style: RichStyle) -> Strip:
        needle = self.needle
        text = printable(row.text())
        if needle == needle.lower():
            text = text.lower()
        start = text.find(needle)
        columns = columns_of(text) if start >= 0 else []
        while start >= 0:
            end = start + len(needle)
            strip = overlay(strip, columns[start], columns[end], style)
            start = text.find(needle, end)
        return strip


def _cursor_cell(screen: VTScreen) -> tuple[int, int] | None:
    return (min(screen.cursor.x, screen.columns - 1), screen.cursor.y) if screen.cursor_visible else None


def _ground(screen: VTScreen, base: RichStyle) -> RichStyle:
    return swapped(base) if screen.modes.reverse_screen else base
