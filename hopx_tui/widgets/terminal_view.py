"""Which lines of a terminal are in view: the live screen or a place in its history."""

from __future__ import annotations

from dataclasses import dataclass

from hopx_tui.vt.resize import MAX_SIZE
from hopx_tui.vt.row import Row
from hopx_tui.vt.screen import VTScreen

__all__ = ["Match", "Viewport"]


@dataclass(frozen=True)
class Match:
    """A hit of a search: a line number and the columns it covers (end excluded)."""

    line: int
    start: int
    end: int


class Viewport:
    """The window of the screen's height over history plus screen.

    Lines are numbered from the first line that ever scrolled off, so that a number means the same line
    while new output comes in and while the oldest lines are given up. In the alternate screen there is no
    history.
    """

    def __init__(self, screen: VTScreen) -> None:
        self._screen = screen
        self._top: int | None = None
        self.height: int | None = None
        """Lines that are in view, where these may be fewer than the screen has."""

    @property
    def first(self) -> int:
        """Number of the oldest line still kept."""
        return self.live_top if self._screen.modes.alt_screen else self._screen.history.dropped

    @property
    def live_top(self) -> int:
        """Number of the live screen's top line."""
        history = self._screen.history
        return history.dropped + len(history)

    @property
    def end(self) -> int:
        """One past the number of the last line."""
        return self.live_top + len(self._screen.rows)

    @property
    def cut(self) -> int:
        """Lines of the live screen that stand above the view, if it is lower than the screen: as few as leave the
        cursor in it.
        """
        lines = len(self._screen.rows)
        if self.height is None or self.height >= lines:
            return 0
        return max(0, min(self._screen.cursor.y - self.height + 1, lines - self.height))

    @property
    def rest(self) -> int:
        """Number of the line at the top of a view that follows."""
        return self.live_top + self.cut

    @property
    def top(self) -> int:
        """Number of the line shown at the top."""
        if self._top is None:
            return self.rest
        return min(max(self._top, self.first), self.rest)

    @property
    def behind(self) -> int:
        """How many lines the view stands above the live screen; 0 when it follows."""
        return self.rest - self.top

    def line(self, number: int) -> Row | str | None:
        """The line of that number, None where there is none (any more)."""
        live = number - self.live_top
        if live >= 0:
            rows = self._screen.rows
            return rows[live] if live < len(rows) else None
        if number < self.first:
            return None
        return self._screen.history[len(self._screen.history) + live]

    def text(self, number: int) -> str:
        """The text of a line without trailing blanks; empty where there is none."""
        line = self.line(number)
        if line is None:
            return ""
        return (line if isinstance(line, str) else line.text()).rstrip(" ")

    def wrapped(self, number: int) -> bool:
        """Whether the line goes on in the next one."""
        line = self.line(number)
        return isinstance(line, Row) and bool(line.wrapped)

    def prompt(self, number: int) -> bool:
        """Whether a prompt of the shell begins in this line."""
        line = self.line(number)
        return isinstance(line, Row) and line.prompt

    def link(self, number: int, column: int) -> str | None:
        """The link (OSC 8) that the program put on a cell."""
        line = self.line(number)
        if not isinstance(line, Row) or not 0 <= column < line.columns:
            return None
        return line.grid()[1][column].link

    def scroll(self, lines: int) -> bool:
        """Move up (negative) or down; True when the view moved. At the bottom it follows output again."""
        before = self.top
        self.show_at(before + lines)
        return self.top != before

    def show_at(self, top: int) -> None:
        """Put that line at the top."""
        self._top = None if top >= self.rest else max(top, self.first)

    @property
    def place(self) -> tuple[int, int]:
        """Where the view is, whatever the screen's width: how many lines of text begin between the one at its top and
        the cursor, and how many characters of that line stand above the view.
        """
        number = start = self.top
        while start > self.first and self.wrapped(start - 1):
            start -= 1
        cursor = self.live_top + self._screen.cursor.y
        return sum(not self.wrapped(each) for each in range(start, cursor)), (number - start) * self._screen.columns

    def go_to_place(self, place: tuple[int, int]) -> None:
        """Where the view was before the screen got another size."""
        lines, characters = place
        number = self.live_top + self._screen.cursor.y
        while number > self.first and (lines or self.wrapped(number - 1)):
            number -= 1
            lines -= not self.wrapped(number)
        self.show_at(number + characters // self._screen.columns)

    def reveal(self, number: int) -> None:
        """Scroll as little as needed to have the line in view."""
        height = min(self.height or MAX_SIZE, len(self._screen.rows))
        if number < self.top:
            self.show_at(number)
        elif number >= self.top + height:
            self.show_at(number - height + 1)

    def follow(self) -> bool:
        """Back to the live screen; True when the view was elsewhere."""
        was_behind = self.behind > 0
        self._top = None
        return was_behind
