"""Scroll mode of a terminal: keys that move through history, search it and pick text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from types import MappingProxyType

from hopx_tui.widgets.terminal_search import Hit, Search
from hopx_tui.widgets.terminal_selection import Grain, Point, Selection, columns_of
from hopx_tui.widgets.terminal_view import Match, Viewport

__all__ = ["SCROLL_KEYS", "ScrollMode", "ScrollOutcome"]

SEARCHED_LINES_AT_ONCE = 200_000
SCROLL_KEYS: Mapping[str, str] = MappingProxyType(
    {
        "j k arrows": "move by a line, h l by a column",
        "PgUp PgDn": "by a page; ctrl+u ctrl+d by half of one",
        "g G": "to the beginning, to the end",
        "{ }": "to the prompt before, to the next one",
        "/ n N": "search, next match upwards, downwards",
        "v V ctrl+v": "pick text, lines, a block",
        "y enter": "copy what is picked and go back",
        "o": "open the link, or copy it",
        "q": "back to the program; esc unpicks first",
    }
)
"""The keys of scroll mode, for people."""


class ScrollOutcome(Enum):
    """What a key in scroll mode asks of the terminal."""

    STAY = 0
    LEAVE = 1
    COPY = 2
    FOLLOW = 3


class ScrollMode:
    """The state between entering and leaving: a cursor, a search, the line being typed.

    Args:
        at: where the cursor starts.
        height, width: cells of the pane, asked for at each key because it may be resized.
    """

    def __init__(
        self,
        viewport: Viewport,
        selection: Selection,
        at: Point,
        *,
        height: Callable[[], int],
        width: Callable[[], int],
    ) -> None:
        self._viewport = viewport
        self._selection = selection
        self._height = height
        self._width = width
        self.at = at
        self.typing: str | None = None
        self._looking: Search | None = None
        self._hit: Hit | None = None
        self._count = (0, 0)
        self.complaint: str | None = None

    def begin_search(self) -> None:
        """Start typing what to look for."""
        self.typing = ""

    def resized(self, moved: int) -> None:
        """The lines have other numbers: the cursor stays where it was in the view, which moved so far; what was found
        is looked for again.
        """
        line = min(max(self.at.line + moved, self._viewport.top), self._viewport.top + self._height() - 1)
        self.at = Point(min(line, self._viewport.end - 1), min(self.at.column, self._width() - 1))
        if self._looking is not None:
            self._looking, self._hit = Search(self._viewport, self._looking.needle), None

    @property
    def note(self) -> str:
        """One line for the pane's lower edge."""
        if self.typing is not None:
            return f" /{self.typing}▏ enter looks upwards · esc stops "
        if self.complaint is not None:
            return f" {self.complaint} "
        keys = "y copies" if self._selection.active else "v picks"
        if self._hit is not None and not self._selection.active:
            at, total = self._count
            return f" {self.needle}: {at:,} of {total:,} · n next · N back · v picks · q leaves "
        # A narrow pane cuts the end; arrows are what one tries anyway.
        return f" scroll: {keys} · q leaves · / n N search · j k PgUp PgDn g G move "

    @property
    def needle(self) -> str:
        """What is looked for; empty if nothing is."""
        return self._looking.needle if self._looking is not None else ""

    @property
    def found(self) -> Hit:
        """The place that was gone to last, row by row."""
        return self._hit or ()

    def matches(self, number: int) -> list[Match]:
        """The columns of one row that belong to places of the search, for highlighting."""
        if self._looking is None:
            return []
        return [match for hit in self._looking.hits(number) for match in hit if match.line == number]

    def key(self, key: str, character: str | None) -> ScrollOutcome:
        """Handle one key (Textual's name of it and its character)."""
        if self.typing is not None:
            self._type(key, character)
            return ScrollOutcome.STAY
        self.complaint = None
        if key in ("q", "escape", "ctrl+c"):
            if key == "escape" and self._selection.clear():
                return ScrollOutcome.STAY
            return ScrollOutcome.LEAVE
        if key in ("y", "enter"):
            return ScrollOutcome.COPY
        if key in ("v", "space"):
            if not self._selection.clear():
                self._selection.start(self.at)
        elif character == "V":
            self._selection.start(self.at, Grain.LINE)
        elif key == "ctrl+v":
            self._pick_block()
        elif character == "o":
            return ScrollOutcome.FOLLOW
        elif character in ("{", "}"):
            self._to_prompt(up=character == "{")
        elif character == "/":
            self.begin_search()
        elif character in ("n", "N"):
            self._search(up=character == "n")
        else:
            self._move(key, character)
        return ScrollOutcome.STAY

    def _move(self, key: str, character: str | None) -> None:
        page = max(1, self._height() - 1)
        vertical = {
            "up": -1, "k": -1, "down": 1, "j": 1, "pageup": -page, "ctrl+b": -page, "pagedown": page,
            "ctrl+f": page, "ctrl+u": -(page // 2 or 1), "ctrl+d": page // 2 or 1,
        }  # fmt: skip
        horizontal = {"left": -1, "h": -1, "right": 1, "l": 1}
        at = self.at
        if key in vertical:
            if vertical[key] in (-page, page) and page > 1:
                self._viewport.scroll(vertical[key])
            at = Point(at.line + vertical[key], at.column)
        elif key in horizontal:
            at = Point(at.line, at.column + horizontal[key])
        elif key == "home" or character == "0":
            at = Point(at.line, 0)
        elif key == "end" or character == "$":
            at = Point(at.line, columns_of(self._viewport.text(at.line))[-1] - 1)
        elif character == "g":
            at = Point(self._viewport.first, 0)
        elif character == "G":
            at = Point(self._viewport.end - 1, 0)
        else:
            return
        self._go(at)

    def _pick_block(self) -> None:
        """Columns instead of running text, and back."""
        if not self._selection.active:
            self._selection.start(self.at, Grain.BLOCK)
        else:
            block = self._selection.grain is Grain.BLOCK
            self._selection.change(Grain.CELL if block else Grain.BLOCK)

    def _to_prompt(self, *, up: bool) -> None:
        """The nearest line above or below where the shell asked for a command."""
        step = -1 if up else 1
        number = self.at.line + step
        for _ in range(SEARCHED_LINES_AT_ONCE):
            if not self._viewport.first <= number < self._viewport.end:
                break
            if self._viewport.prompt(number):
                self._go(Point(number, 0))
                return
            number += step
        self.complaint = "no prompt that way (the shell must mark them: OSC 133)"

    def _go(self, at: Point) -> None:
        line = min(max(at.line, self._viewport.first), self._viewport.end - 1)
        self.at = Point(line, min(max(at.column, 0), max(0, self._width() - 1)))
        self._viewport.reveal(line)
        self._selection.extend(self.at)

    def _type(self, key: str, character: str | None) -> None:
        typed = self.typing or ""
        if key == "escape":
            self.typing = None
        elif key == "enter":
            self.typing = None
            if typed:
                self._looking, self._hit = Search(self._viewport, typed), None
            self._search(up=True)
        elif key == "backspace":
            self.typing = typed[:-1] if typed else None
        elif character is not None and character.isprintable():
            self.typing = typed + character

    def _search(self, *, up: bool) -> None:
        if self._looking is None:
            return
        column = self.at.column if self._hit is not None else self._width()
        # Round and round: what is looked for may be on the other side.
        hit = self._looking.next(self.at.line, column, up=up) or self._looking.first(up=up)
        if hit is None:
            self.complaint = f"not found: {self.needle}"
            return
        self._hit = hit
        self._count = self._looking.count(hit)
        self._go(Point(hit[0].line, hit[0].start))
