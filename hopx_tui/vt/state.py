"""What a screen consists of: rows, cursor, margins, modes, saved cursors; shared by the parts of VTScreen."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import pyte.screens

from hopx_tui.vt.history import History
from hopx_tui.vt.modes import Modes
from hopx_tui.vt.row import Row
from hopx_tui.vt.style import Style, StyleTable

Action = tuple[Callable[..., None] | None, Any, Any]
"""(handler, its arguments, None), or (None, line, column) for an absolute cursor position."""

CHARSETS = 4


class Cursor(pyte.screens.Cursor):
    """Position (x = columns: a wrap is pending) and the style that comes next."""

    __slots__ = ("style",)

    def __init__(self, style: Style) -> None:
        super().__init__(0, 0)
        self.style = style


@dataclass(slots=True)
class Saved:
    """What DECSC keeps; one per buffer."""

    x: int
    y: int
    style: Style
    charsets: list[str]
    charset: int
    origin: bool


class ScreenState(pyte.Screen):
    """The fields all parts of the screen work on.

    pyte's own constructor is not run: none of its storage is used, only its protocol (method names).
    """

    columns: int
    lines: int
    rows: list[Row]
    main_rows: list[Row]
    alt_rows: list[Row]
    history: History
    cursor: Cursor
    modes: Modes
    styles: StyleTable
    top: int  # scroll margins, 0-based, inclusive
    bottom: int
    stops: bytearray  # 1 where a tab stop is
    saved_main: Saved | None
    saved_alt: Saved | None
    charsets: list[str]
    charset: int
    charmap: Mapping[int, str] | None
    plain: bool  # text may go to the row as it is: no insert mode, no charset translation
    cursor_shape: int
    title: str
    icon_name: str
    titles: list[str]
    kitty_main: list[int]
    kitty_alt: list[int]
    saved_modes: dict[int, bool]
    actions: dict[str, Action]
    replies: deque[bytes]

    @property
    def cursor_visible(self) -> bool:
        """Whether the cursor shows (DECTCEM)."""
        return self.modes.cursor_visible

    def blank_rows(self, count: int, fill: Style) -> list[Row]:
        columns = self.columns
        return [Row(columns, fill) for _ in range(count)]

    def scrolled_off(self, rows: list[Row]) -> None:
        """Keep rows that leave at the top of the screen, unless the alternate one shows."""
        if not self.modes.alt_screen:
            append = self.history.append
            for row in rows:
                append(row)

    def scroll_up(self, count: int = 1) -> None:
        """SU: move the rows between the margins up; those that leave the screen's top become history."""
        top, bottom, rows = self.top, self.bottom, self.rows
        fill = self.cursor.style.erase
        if count == 1:
            if top == 0 and not self.modes.alt_screen:
                self.history.append(rows[0])
            del rows[top]
            rows.insert(bottom, Row(self.columns, fill))
            return
        count = min(count, bottom - top + 1)
        if top == 0:
            self.scrolled_off(rows[:count])
        rows[top : bottom + 1] = rows[top + count : bottom + 1] + self.blank_rows(count, fill)

    def scroll_down(self, count: int = 1) -> None:
        """SD: move the rows between the margins down."""
        top, bottom, rows = self.top, self.bottom, self.rows
        count = min(count, bottom - top + 1)
        blank = self.blank_rows(count, self.cursor.style.erase)
        rows[top : bottom + 1] = blank + rows[top : bottom + 1 - count]

    def next_row(self) -> None:
        """One row down; at the bottom margin the region scrolls."""
        cursor = self.cursor
        if cursor.y == self.bottom:
            self.scroll_up()
        elif cursor.y < self.lines - 1:
            cursor.y += 1

    def settle(self) -> None:
        """Drop a pending wrap."""
        cursor = self.cursor
        if cursor.x >= self.columns:
            cursor.x = self.columns - 1
