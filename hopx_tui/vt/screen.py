"""VTScreen: the whole emulated screen, put together from its parts."""

from __future__ import annotations

from collections import deque
from typing import Any

from pyte.screens import Char

from hopx_tui.vt.history import History
from hopx_tui.vt.reports import MAX_EVENTS, Colours
from hopx_tui.vt.resize import MAX_SIZE, Resizing
from hopx_tui.vt.sgr import apply_sgr
from hopx_tui.vt.state import Cursor
from hopx_tui.vt.strings import Strings
from hopx_tui.vt.style import Colour, Style, StyleTable
from hopx_tui.vt.writing import Writing

HISTORY_ROWS = 10_000
HISTORY_BYTES = 32 * 1024 * 1024

_COLOUR_NAMES = ("black", "red", "green", "brown", "blue", "magenta", "cyan", "white")


class VTScreen(Writing, Strings, Resizing):
    """An xterm-like screen under pyte's method names, without pyte's storage.

    `rows` are the visible rows of the current buffer, `history` the rows that left the main one. A Row object
    keeps its identity while it scrolls. `styles` may be shared between screens, so that their styles compare
    by identity; `colours` are the answers to colour queries.
    """

    def __init__(
        self,
        columns: int,
        lines: int,
        *,
        history_rows: int = HISTORY_ROWS,
        history_bytes: int = HISTORY_BYTES,
        styles: StyleTable | None = None,
        colours: Colours | None = None,
    ) -> None:
        self.columns = min(max(columns, 1), MAX_SIZE)
        self.lines = min(max(lines, 1), MAX_SIZE)
        self.styles = styles or StyleTable()
        self.colours = colours or Colours()
        self.history = History(history_rows, history_bytes, self.styles.default)
        self.cursor = Cursor(self.styles.default)
        self.actions = {}
        self.replies = deque()
        self.reply_bytes = 0
        self.events = deque(maxlen=MAX_EVENTS)
        self.reset()

    @property
    def display(self) -> list[str]:
        """The visible rows as text."""
        return [row.text() for row in self.rows]

    @property
    def dirty(self) -> set[int]:  # type: ignore[override]  # pyte has a plain attribute
        """Indices of visible rows that no painter has painted since they changed."""
        return {y for y, row in enumerate(self.rows) if row.paint is None}

    @property
    def buffer(self) -> dict[int, dict[int, Char]]:  # type: ignore[override]  # pyte has a plain attribute
        """The visible cells as pyte spells them: a copy to read."""
        out = {}
        for y, row in enumerate(self.rows):
            cells, styles = row.grid()
            out[y] = dict(enumerate(map(_char, cells, styles)))
        return out

    def select_graphic_rendition(self, *attributes: int, private: bool = False, **_: Any) -> None:
        """SGR by numbers."""
        if not private:
            self.change_style(";".join(map(str, attributes)))

    def change_style(self, parameters: str) -> Style:
        """SGR by its parameter text; returns the style now in force."""
        style = self.styles.intern(apply_sgr(self.cursor.style.look, parameters))
        self.cursor.style = style
        return style

    def set_cursor_shape(self, shape: int = 0) -> None:
        """DECSCUSR: 0 default, 1 and 2 block, 3 and 4 underline, 5 and 6 bar (odd ones blink)."""
        if shape <= 6:
            self.cursor_shape = shape

    def set_app_keypad(self) -> None:
        self.modes.app_keypad = True

    def set_numeric_keypad(self) -> None:
        self.modes.app_keypad = False


def _colour(colour: Colour) -> str:
    if colour is None:
        return "default"
    if isinstance(colour, tuple):
        return "{:02x}{:02x}{:02x}".format(*colour)
    if colour < 16:
        return ("bright" if colour >= 8 else "") + _COLOUR_NAMES[colour % 8]
    return str(colour)


def _char(cell: str, style: Style) -> Char:
    return Char(
        cell, _colour(style.fg), _colour(style.bg), style.bold, style.italic, style.underline > 0,
        style.strike, style.reverse, style.blink,
    )  # fmt: skip
