"""Text picked from a terminal: where it begins and ends, and what it says."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from rich.cells import get_character_cell_size

from hopx_tui.widgets.terminal_view import Viewport

__all__ = ["Grain", "Point", "Selection", "columns_of", "link_at"]

# Where a URL ends is a guess: brackets and points at its end belong to the sentence around it.
_URL = re.compile(r"(?:https?|file)://[^\s<>\"'`]*[^\s<>\"'`.,;:!?)\]}]")
# What a double click takes: paths, URLs, options and identifiers stay whole.
_WORD = re.compile(r"[\w\-./~:@%+#?&=,]+")


class Grain(Enum):
    """What a selection grows by."""

    CELL = 1
    WORD = 2
    LINE = 3
    BLOCK = 4


@dataclass(frozen=True, order=True)
class Point:
    """A cell: a line number of the viewport and a column."""

    line: int
    column: int


def columns_of(text: str) -> list[int]:
    """The column at which each character of a line starts, and one more: the line's width."""
    columns = []
    at = 0
    for char in text:
        columns.append(at)
        at += get_character_cell_size(char)
    columns.append(at)
    return columns


def link_at(viewport: Viewport, at: Point) -> str | None:
    """The link under a cell: the program's own (OSC 8), else a URL that can be read there, over wrapped lines too."""
    if (link := viewport.link(at.line, at.column)) is not None:
        return link
    first = last = at.line
    while viewport.wrapped(first - 1):
        first -= 1
    while viewport.wrapped(last):
        last += 1
    text, place = "", -1
    for number in range(first, last + 1):
        line = viewport.text(number)
        if number == at.line:
            columns = columns_of(line)
            place = len(text) + next((index for index, column in enumerate(columns) if column >= at.column), len(line))
        text += line
    return next((match.group() for match in _URL.finditer(text) if match.start() <= place < match.end()), None)


class Selection:
    """A run of cells from an anchor to a head, both included, in reading order; or a block of columns."""

    def __init__(self, viewport: Viewport) -> None:
        self._viewport = viewport
        self._anchor: Point | None = None
        self._head: Point | None = None
        self._grain = Grain.CELL

    @property
    def active(self) -> bool:
        """Whether anything is picked."""
        return self._anchor is not None

    def start(self, at: Point, grain: Grain = Grain.CELL) -> None:
        """Begin at a cell (its word, its line)."""
        self._anchor = self._head = at
        self._grain = grain

    def extend(self, to: Point) -> None:
        """Move the loose end."""
        if self._anchor is not None:
            self._head = to

    def change(self, grain: Grain) -> None:
        """Go on picking in another way."""
        self._grain = grain

    @property
    def grain(self) -> Grain:
        """What it grows by."""
        return self._grain

    def clear(self) -> bool:
        """Pick nothing; True when something was."""
        was_active = self.active
        self._anchor = self._head = None
        return was_active

    def bounds(self) -> tuple[Point, Point] | None:
        """First and last cell, widened to whole words or lines."""
        if self._anchor is None or self._head is None:
            return None
        first, last = sorted((self._anchor, self._head))
        if self._grain is Grain.BLOCK:
            columns = sorted((self._anchor.column, self._head.column))
            return Point(first.line, columns[0]), Point(last.line, columns[1])
        if self._grain is Grain.LINE:
            return self._whole_lines(first, last)
        if self._grain is Grain.WORD:
            return Point(first.line, self._word(first)[0]), Point(last.line, self._word(last)[1])
        return first, last

    def span(self, number: int, width: int) -> tuple[int, int] | None:
        """The picked columns of one line (end excluded), None where none is."""
        bounds = self.bounds()
        if bounds is None:
            return None
        first, last = bounds
        if not first.line <= number <= last.line:
            return None
        block = self._grain is Grain.BLOCK
        start = first.column if block or number == first.line else 0
        end = last.column + 1 if block or number == last.line else width
        return (start, min(end, width)) if start < end else None

    def text(self) -> str:
        """What is picked: wrapped lines joined, trailing blanks left out."""
        bounds = self.bounds()
        if bounds is None:
            return ""
        first, last = bounds
        if self._grain is Grain.BLOCK:
            lines = (self._viewport.text(number) for number in range(first.line, last.line + 1))
            return "\n".join(_cut(line, first.column, last.column + 1).rstrip(" ") for line in lines)
        parts: list[str] = []
        for number in range(first.line, last.line + 1):
            line = self._viewport.text(number)
            if number in (first.line, last.line):
                start = first.column if number == first.line else 0
                end = last.column + 1 if number == last.line else None
                line = _cut(line, start, end)
            parts.append(line)
            if number != last.line and not self._viewport.wrapped(number):
                parts.append("\n")
        return "".join(parts)

    def _whole_lines(self, first: Point, last: Point) -> tuple[Point, Point]:
        top, bottom = first.line, last.line
        while self._viewport.wrapped(top - 1):
            top -= 1
        while self._viewport.wrapped(bottom):
            bottom += 1
        width = columns_of(self._viewport.text(bottom))[-1]
        return Point(top, 0), Point(bottom, max(0, width - 1))

    def _word(self, at: Point) -> tuple[int, int]:
        text = self._viewport.text(at.line)
        columns = columns_of(text)
        for word in _WORD.finditer(text):
            start, end = columns[word.start()], columns[word.end()]
            if start <= at.column < end:
                return start, end - 1
        return at.column, at.column


def _cut(text: str, start: int, end: int | None) -> str:
    """The characters that stand in the columns; a combining mark goes with its letter."""
    columns = columns_of(text)
    kept = []
    for index, char in enumerate(text):
        column, following = columns[index], columns[index + 1]
        if column == following:  # no width of its own: it stands on the cell before
            column -= 1
        if following > start and (end is None or column < end):
            kept.append(char)
    return "".join(kept)
