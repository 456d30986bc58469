"""Search in a terminal's lines: a line that was wrapped is one line, a hit may lie over several rows."""

from __future__ import annotations

import itertools
from bisect import bisect_left
from collections.abc import Iterator

from hopx_tui.widgets.terminal_selection import columns_of
from hopx_tui.widgets.terminal_view import Match, Viewport

__all__ = ["Hit", "Search"]

LINES_AT_ONCE = 200_000
"""Rows looked through for one key press, at most."""

_FAR = 1 << 30

Hit = tuple[Match, ...]
"""One place: the columns it covers, row by row."""


class Search:
    """All places of one text; letter case counts only where the text has capitals."""

    def __init__(self, viewport: Viewport, needle: str) -> None:
        self._viewport = viewport
        self.needle = needle
        self._fold = needle == needle.lower()
        self._extent = (0, 0)
        self._places_known: list[tuple[int, int]] = []

    def hits(self, number: int) -> list[Hit]:
        """The places in the line that row `number` belongs to, in reading order."""
        first, last = self.bounds(number)
        if first == last:  # nearly always
            text = self._viewport.text(number)
            if not self._has(text):
                return []
            rows = [text]
        else:
            rows = [self._viewport.text(each) for each in range(first, last + 1)]
        return list(self._places(rows, first))

    def bounds(self, number: int) -> tuple[int, int]:
        """First and last row of the line that row `number` belongs to."""
        first = last = number
        while self._viewport.wrapped(first - 1):
            first -= 1
        while self._viewport.wrapped(last):
            last += 1
        return first, last

    def next(self, line: int, column: int, *, up: bool) -> Hit | None:
        """The nearest place that begins before (or after) a cell; None where there is none."""
        number = line
        for _ in range(LINES_AT_ONCE):
            if not self._viewport.first <= number < self._viewport.end:
                break
            hits = self.hits(number)
            for hit in reversed(hits) if up else hits:
                place = (hit[0].line, hit[0].start)
                if (place < (line, column)) if up else (place > (line, column)):
                    return hit
            first, last = self.bounds(number)
            number = first - 1 if up else last + 1
        return None

    def first(self, *, up: bool) -> Hit | None:
        """The last place of all when looking upwards, else the first."""
        return self.next(self._viewport.end - 1 if up else self._viewport.first, _FAR if up else -1, up=up)

    def count(self, hit: Hit) -> tuple[int, int]:
        """Which one of how many a place is, from the top, counting from 1."""
        place = (hit[0].line, hit[0].start)
        extent = (self._viewport.first, self._viewport.end)
        at = bisect_left(self._places_known, place)
        if extent != self._extent or self._places_known[at : at + 1] != [place]:
            # Looked for once: going through ten thousand rows for each key would be felt.
            self._extent, self._places_known = extent, list(self._all_places())
            at = bisect_left(self._places_known, place)
        return at + 1, len(self._places_known)

    def _all_places(self) -> Iterator[tuple[int, int]]:
        number = self._viewport.first
        while number < self._viewport.end:
            for each in self.hits(number):
                yield each[0].line, each[0].start
            number = self.bounds(number)[1] + 1

    def _has(self, text: str) -> bool:
        return bool(self.needle) and self.needle in (text.lower() if self._fold else text)

    def _places(self, rows: list[str], first: int) -> Iterator[Hit]:
        text = "".join(rows)
        hay = text.lower() if self._fold else text
        if len(hay) != len(text):  # lower() may change the length of a few scripts' letters
            hay = text
        if not self.needle:
            return
        starts = [0]
        for row in rows:
            starts.append(starts[-1] + len(row))
        columns = [columns_of(row) for row in rows] if self.needle in hay else []
        at = hay.find(self.needle)
        while at >= 0:
            end = at + len(self.needle)
            yield tuple(
                Match(first + index, columns[index][max(at, low) - low], columns[index][min(end, high) - low])
                for index, (low, high) in enumerate(itertools.pairwise(starts))
                if at < high and end > low
            )
            at = hay.find(self.needle, end)
