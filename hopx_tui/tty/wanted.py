"""The screen that the person's terminal is to show: emulated from what Textual writes, and drawn on directly."""

from __future__ import annotations

from hopx_tui.vt.row import Row
from hopx_tui.vt.screen import VTScreen
from hopx_tui.vt.stream import VTStream
from hopx_tui.vt.style import BLINK, OVERLINE, REVERSE, STRIKE, Style, StyleTable

__all__ = ["Line", "Wanted", "is_plain"]

_SEEN_ON_BLANKS = BLINK | OVERLINE | REVERSE | STRIKE


class Line:
    """One line as it is seen: per column its cell ("" right of a wide one) and its style. Never changed."""

    __slots__ = ("_key", "cells", "styles")

    def __init__(self, cells: list[str], styles: list[Style]) -> None:
        self.cells = cells
        self.styles = styles
        self._key: object = ()

    @property
    def key(self) -> object:
        """Equal for lines that look the same; None for blank ones, which say nothing about motion."""
        if self._key == ():
            text = "".join(self.cells)
            self._key = None if text.isspace() else (text, tuple(map(id, self.styles)))
        return self._key

    def shows(self, other: Line) -> bool:
        """Whether the other one looks the same."""
        return self is other or (self.cells == other.cells and self.styles == other.styles)


def is_plain(style: Style) -> bool:
    """Whether nothing of the style but its background is seen on a blank."""
    look = style.look
    return not (look.underline or look.link or look.flags & _SEEN_ON_BLANKS)


class Wanted:
    """The wanted screen.

    Args:
        columns, lines: the terminal's size in cells.
        styles: the styles of all that is put on it.
    """

    def __init__(self, columns: int, lines: int, styles: StyleTable) -> None:
        self.screen = VTScreen(columns, lines, history_rows=0, styles=styles)
        self._stream = VTStream(self.screen)
        self._stream.feed_text("\x1b[?7l\x1b[?25l")
        self._sample = VTScreen(2, 1, history_rows=0, styles=styles)
        self._sampling = VTStream(self._sample)

    @property
    def size(self) -> tuple[int, int]:
        """Columns and lines."""
        return self.screen.columns, self.screen.lines

    def feed(self, text: str) -> None:
        """Take what an application writes to a terminal: motion, colours, text."""
        self._stream.feed_text(text)

    def draw(self, x: int, y: int, text: str) -> None:
        """Text with its attributes as escape sequences, none at its end, from a cell on."""
        self.feed(f"\x1b[{y + 1};{x + 1}H{text}")

    def point(self, x: int, y: int) -> None:
        """Leave the cursor at a cell."""
        cursor, screen = self.screen.cursor, self.screen
        cursor.x, cursor.y = min(x, screen.columns - 1), min(y, screen.lines - 1)

    def take_cursor(self, other: Wanted) -> None:
        """Show a cursor as the other screen does."""
        screen = other.screen
        self.feed(f"\x1b[?25{'h' if screen.cursor_visible else 'l'}\x1b[{screen.cursor_shape} q")
        self.point(other.screen.cursor.x, other.screen.cursor.y)

    def style(self, sample: str) -> Style:
        """The style that the first cell of this text gets, which is one character with its escape sequences."""
        self._sampling.feed_text(f"\x1bc{sample}")
        return self._sample.rows[0].grid()[1][0]

    def put(self, x: int, y: int, cells: list[str], styles: list[Style]) -> None:
        """Cells from a place on, within their line: wide ones followed by "", styles as `style` gives them."""
        if not 0 <= y < self.screen.lines:
            return
        row, end = self.screen.rows[y], x + len(cells)
        if end - x == self.screen.columns:
            row.cells, row.styles = cells[:], styles[:]
        elif end <= self.screen.columns:
            row.expand()
            row.erase(x, end, self.screen.styles.default)  # takes care of others' wide characters across our edges
            row.expand()[x:end] = cells
            row.styles[x:end] = styles
        row.wide = True  # it may be
        row.paint = None

    def scroll(self, x: int, width: int, top: int, bottom: int, count: int) -> bool:
        """Move the lines from `top` to `bottom` up (down, if negative), if what stands left and right of these columns
        is the same in all of them, a border say; whether it was. Those that come in are to be drawn anew.
        """
        rows, size = self.screen.rows, bottom - top + 1
        if not 0 <= top <= bottom < len(rows) or abs(count) >= size:
            return False
        block = rows[top : bottom + 1]
        if len({_beside(row, x, x + width) for row in block}) > 1:
            return False
        coming = block[:count] if count > 0 else block[count:]
        staying = block[count:] if count > 0 else block[:count]
        rows[top : bottom + 1] = [*staying, *coming] if count > 0 else [*coming, *staying]
        return True

    def line(self, y: int) -> Line:
        """How a line looks."""
        row = self.screen.rows[y]
        line: Line | None = row.paint
        if line is None:
            line = row.paint = _look(row)
        return line


def _beside(row: Row, start: int, end: int) -> tuple[object, ...]:
    """Equal for rows that look the same outside of some columns."""
    if start == 0 and end == row.columns:
        return ()
    cells = row.expand()
    styles = row.styles[:start] + row.styles[end:]
    return (*cells[:start], *cells[end:], *map(id, styles))


def _look(row: Row) -> Line:
    """The row as it is seen: a blank has a background, but no colour or weight of text."""
    cells, styles = row.grid()
    if " " in cells:
        styles = [
            style.erase if cell == " " and is_plain(style) else style
            for cell, style in zip(cells, styles, strict=True)
        ]
    return Line(cells, styles)
