"""Erasing, inserting and deleting: what happens to cells without text being written."""

from __future__ import annotations

from typing import Any

from hopx_tui.vt.state import ScreenState


class Edits(ScreenState):
    """The part of the screen that edits cells and rows."""

    def erase_in_line(self, how: int = 0, *_: Any, **__: Any) -> None:
        """EL. A pending wrap stays pending: to its right there is nothing to erase."""
        x, columns = self.cursor.x, self.columns
        start, end = {0: (x, columns), 1: (0, min(x + 1, columns)), 2: (0, columns)}.get(how, (0, 0))
        self.rows[self.cursor.y].erase(start, end, self.cursor.style.erase)

    def erase_in_display(self, how: int = 0, *_: Any, **__: Any) -> None:
        """ED; 3 clears the history."""
        y = self.cursor.y
        if how == 3:
            self.history.clear()
            return
        if how not in (0, 1, 2):
            return
        if how < 2:
            self.erase_in_line(how)
        rows = {0: self.rows[y + 1 :], 1: self.rows[:y], 2: self.rows}[how]
        fill = self.cursor.style.erase
        for row in rows:
            row.clear(fill)

    def erase_characters(self, count: int | None = None) -> None:
        self.settle()
        x = self.cursor.x
        self.rows[self.cursor.y].erase(x, min(self.columns, x + (count or 1)), self.cursor.style.erase)

    def insert_characters(self, count: int | None = None) -> None:
        self.settle()
        self.rows[self.cursor.y].insert(self.cursor.x, count or 1, self.cursor.style.erase)

    def delete_characters(self, count: int | None = None) -> None:
        self.settle()
        self.rows[self.cursor.y].delete(self.cursor.x, count or 1, self.cursor.style.erase)

    def insert_lines(self, count: int | None = None) -> None:
        y, rows = self.cursor.y, self.rows
        if not self.top <= y <= self.bottom:
            return
        count = min(count or 1, self.bottom - y + 1)
        blank = self.blank_rows(count, self.cursor.style.erase)
        rows[y : self.bottom + 1] = blank + rows[y : self.bottom + 1 - count]
        self.cursor.x = 0

    def delete_lines(self, count: int | None = None) -> None:
        y, rows = self.cursor.y, self.rows
        if not self.top <= y <= self.bottom:
            return
        count = min(count or 1, self.bottom - y + 1)
        blank = self.blank_rows(count, self.cursor.style.erase)
        rows[y : self.bottom + 1] = rows[y + count : self.bottom + 1] + blank
        self.cursor.x = 0

    def scroll_left(self, count: int = 1) -> None:
        """SL: the columns of the scroll region move left, if the cursor is in it."""
        if self.top <= self.cursor.y <= self.bottom:
            self._delete_columns(0, count)

    def scroll_right(self, count: int = 1) -> None:
        """SR."""
        if self.top <= self.cursor.y <= self.bottom:
            self._insert_columns(0, count)

    def insert_columns(self, count: int = 1) -> None:
        """DECIC: blank columns at the cursor, in the scroll region."""
        self.settle()
        if self.top <= self.cursor.y <= self.bottom:
            self._insert_columns(self.cursor.x, count)

    def delete_columns(self, count: int = 1) -> None:
        """DECDC."""
        self.settle()
        if self.top <= self.cursor.y <= self.bottom:
            self._delete_columns(self.cursor.x, count)

    def _insert_columns(self, x: int, count: int) -> None:
        for row in self.rows[self.top : self.bottom + 1]:
            row.insert(x, count, self.cursor.style.erase)

    def _delete_columns(self, x: int, count: int) -> None:
        for row in self.rows[self.top : self.bottom + 1]:
            row.delete(x, count, self.cursor.style.erase)

    def alignment_display(self) -> None:
        """DECALN: a screen full of E; the cursor stays (as in alacritty; xterm moves it home)."""
        default = self.styles.default
        for row in self.rows:
            row.clear(default)
            row.put(0, "E" * self.columns, default)
