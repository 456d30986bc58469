"""Moving the cursor: absolute and relative motion, margins, line ends, tabs, saving and restoring."""

from __future__ import annotations

from typing import Any

from pyte.screens import Margins

from hopx_tui.vt.charset import charset
from hopx_tui.vt.state import CHARSETS, Saved, ScreenState


def default_stops(columns: int) -> bytearray:
    """Tab stops every eight columns."""
    stops = bytearray(columns)
    stops[8::8] = b"\x01" * len(stops[8::8])
    return stops


class Moves(ScreenState):
    """The part of the screen that moves the cursor."""

    def cursor_up(self, count: int | None = None) -> None:
        cursor = self.cursor
        limit = self.top if cursor.y >= self.top else 0
        cursor.y = max(limit, cursor.y - (count or 1))
        self.settle()

    def cursor_down(self, count: int | None = None) -> None:
        cursor = self.cursor
        limit = self.bottom if cursor.y <= self.bottom else self.lines - 1
        cursor.y = min(limit, cursor.y + (count or 1))
        self.settle()

    def cursor_forward(self, count: int | None = None) -> None:
        self.cursor.x = min(self.columns - 1, self.cursor.x + (count or 1))

    def cursor_back(self, count: int | None = None) -> None:
        self.settle()
        self.cursor.x = max(0, self.cursor.x - (count or 1))

    def cursor_up1(self, count: int | None = None) -> None:
        self.cursor_up(count)
        self.cursor.x = 0

    def cursor_down1(self, count: int | None = None) -> None:
        self.cursor_down(count)
        self.cursor.x = 0

    def cursor_to_column(self, column: int | None = None) -> None:
        self.cursor.x = min(self.columns, max(1, column or 1)) - 1

    def cursor_to_line(self, line: int | None = None) -> None:
        self.cursor.y = self.line_at(line)
        self.settle()

    def cursor_line_down(self, count: int | None = None) -> None:
        """VPR: down without regard to the scroll region (but for origin mode)."""
        limit = self.bottom if self.modes.origin else self.lines - 1
        self.cursor.y = min(limit, self.cursor.y + (count or 1))
        self.settle()

    def cursor_position(self, line: int | None = None, column: int | None = None) -> None:
        self.cursor.y = self.line_at(line)
        self.cursor_to_column(column)

    def line_at(self, line: int | None) -> int:
        """The row index of a 1-based line number, which origin mode counts from the top margin."""
        line = max(1, line or 1) - 1
        if self.modes.origin:
            return min(self.bottom, self.top + line)
        return min(self.lines - 1, line)

    def carriage_return(self) -> None:
        self.cursor.x = 0

    def backspace(self) -> None:
        cursor = self.cursor
        if cursor.x == 0 and self.modes.reverse_wrap and self.modes.autowrap:
            if cursor.y > 0 and self.rows[cursor.y - 1].wrapped:
                cursor.y -= 1
                cursor.x = self.columns - 1
            return
        self.cursor_back()

    def index(self) -> None:
        self.settle()
        self.next_row()

    def linefeed(self) -> None:
        if self.modes.newline:
            self.cursor.x = 0
        self.index()

    def next_line(self) -> None:
        """NEL."""
        self.cursor.x = 0
        self.next_row()

    def reverse_index(self) -> None:
        self.settle()
        cursor = self.cursor
        if cursor.y == self.top:
            self.scroll_down()
        elif cursor.y > 0:
            cursor.y -= 1

    def tab(self) -> None:
        """To the next stop; a pending wrap stays pending."""
        cursor = self.cursor
        if cursor.x < self.columns:
            stop = self.stops.find(1, cursor.x + 1)
            cursor.x = stop if stop >= 0 else self.columns - 1

    def tab_forward(self, count: int = 1) -> None:
        for _ in range(min(count, self.columns)):
            self.tab()

    def tab_back(self, count: int = 1) -> None:
        self.settle()
        for _ in range(min(count, self.columns)):
            self.cursor.x = max(0, self.stops.rfind(1, 0, self.cursor.x))

    def set_tab_stop(self) -> None:
        self.stops[min(self.cursor.x, self.columns - 1)] = 1

    def clear_tab_stop(self, how: int = 0) -> None:
        if how == 0:
            self.stops[min(self.cursor.x, self.columns - 1)] = 0
        elif how == 3:
            self.stops = bytearray(self.columns)

    @property
    def tabstops(self) -> set[int]:  # type: ignore[override]  # pyte has a plain attribute
        """Columns of the tab stops."""
        return {x for x, stop in enumerate(self.stops) if stop}

    @property
    def margins(self) -> Margins | None:  # type: ignore[override]  # pyte has a plain attribute
        """The scroll region, or None if it is the whole screen."""
        if self.top == 0 and self.bottom == self.lines - 1:
            return None
        return Margins(self.top, self.bottom)

    def set_margins(self, top: int | None = None, bottom: int | None = None, **_: Any) -> None:
        """DECSTBM, 1-based; a region of fewer than two lines is ignored."""
        first = max(1, top or 1) - 1
        last = min(self.lines, bottom or self.lines) - 1
        if first < last:
            self.top, self.bottom = first, last
            self.cursor_position()

    # -- saving ------------------------------------------------------------------------------------------

    def save_cursor(self, keep_wrap: bool = False) -> None:
        """DECSC; 1049 also keeps a pending wrap."""
        cursor = self.cursor
        x = cursor.x if keep_wrap else min(cursor.x, self.columns - 1)
        saved = Saved(x, cursor.y, cursor.style, self.charsets[:], self.charset, self.modes.origin)
        if self.modes.alt_screen:
            self.saved_alt = saved
        else:
            self.saved_main = saved

    def restore_cursor(self) -> None:
        """DECRC; with nothing saved: home, default style, ASCII."""
        saved = self.saved_alt if self.modes.alt_screen else self.saved_main
        if saved is None:
            saved = Saved(0, 0, self.styles.default, ["B"] * CHARSETS, 0, False)
        cursor = self.cursor
        cursor.x = min(saved.x, self.columns)
        cursor.y = min(saved.y, self.lines - 1)
        cursor.style = saved.style
        self.charsets = saved.charsets[:]
        if self.modes.origin != saved.origin:
            self.modes.origin = saved.origin
            self.actions.clear()
        self.select_charset(saved.charset)

    # -- character sets ------------------------------------------------------------------------------------

    def define_charset(self, code: str, mode: str) -> None:
        """ESC ( ) * + : designate G0..G3."""
        index = "()*+".find(mode)
        if index >= 0:
            self.charsets[index] = code
            self.select_charset(self.charset)

    def select_charset(self, index: int) -> None:
        """Map G`index` to what is written next."""
        self.charset = index
        self.charmap = charset(self.charsets[index])
        self.plain = self.charmap is None and not self.modes.insert

    def shift_in(self) -> None:
        self.select_charset(0)

    def shift_out(self) -> None:
        self.select_charset(1)
