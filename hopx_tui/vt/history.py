"""Scrollback: the newest rows that left the screen, bounded by rows and by bytes."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence

from hopx_tui.vt.row import Row
from hopx_tui.vt.style import Style

Entry = Row | str
"""A row, or the text of an unwrapped one in the default style."""

_CHUNK_ROWS = 256
_ENTRY_COST = 64


class History:
    """Rows in order of age, the oldest first.

    Kept in chunks: a chunk is counted when it is complete and dropped as one, so up to a chunk more than the
    bounds say may be in memory (never visible). Rows are numbered from 0 on and keep their number while they
    are here: row `index` has the number `dropped + index`.
    """

    def __init__(self, max_rows: int, max_bytes: int, default: Style) -> None:
        self.max_rows = max(0, max_rows)
        self.max_bytes = max(0, max_bytes)
        self._default = default
        self._chunks: list[list[Entry]] = [[]]  # the last one is open
        self._starts: list[int] = [0]  # the number of each chunk's first row
        self._costs: list[int] = [0]
        self._tail = self._chunks[0]
        self._floor = 0  # rows below this number are gone in any case
        self._next = 0  # the number of the row that comes next

    @property
    def dropped(self) -> int:
        """How many rows were lost at the old end so far: the number of the oldest row."""
        return max(self._floor, self._next - self.max_rows)

    @property
    def bytes(self) -> int:
        """Memory in use by complete chunks, roughly."""
        return sum(self._costs)

    def __len__(self) -> int:
        return min(self._next - self._floor, self.max_rows)

    def __getitem__(self, index: int) -> Entry:
        size = len(self)
        if not -size <= index < size:
            raise IndexError(index)
        number = self.dropped + (index if index >= 0 else size + index)
        chunk = bisect_right(self._starts, number) - 1
        return self._chunks[chunk][number - self._starts[chunk]]

    def __iter__(self) -> Iterator[Entry]:
        first = self.dropped
        for start, chunk in zip(self._starts, self._chunks, strict=True):
            if start + len(chunk) > first:
                yield from chunk[first - start :] if first > start else chunk

    def row(self, index: int, columns: int) -> Row:
        """The entry as a Row; plain text becomes a new one of the given width (or of its own, if longer)."""
        entry = self[index]
        if isinstance(entry, str):
            return Row.of(entry, self._default, max(columns, len(entry)), self._default)
        return entry

    def append(self, row: Row) -> None:
        """Add the newest row; it becomes as small as it can."""
        if row.cells is not None:
            row.pack()
        tail = self._tail
        tail.append(row)
        self._next += 1
        if len(tail) >= _CHUNK_ROWS:
            self._close()

    def extend(self, entries: Sequence[Entry]) -> None:
        """Append many: text of lines, or packed rows."""
        if len(entries) >= _CHUNK_ROWS and self._tail:
            self._close()
        self._tail.extend(entries)
        self._next += len(entries)
        if len(self._tail) >= _CHUNK_ROWS:
            self._close()

    def pop(self) -> Entry | None:
        """Take the newest row back, or None."""
        self._floor = self.dropped
        if self._next == self._floor:
            return None
        if not self._tail:
            del self._chunks[-1], self._starts[-1], self._costs[-1]
            self._tail = self._chunks[-1]
        self._next -= 1
        return self._tail.pop()

    def replace(self, entries: Sequence[Entry]) -> None:
        """Hold these instead (they have been wrapped anew)."""
        self._next = self.dropped
        self.clear()
        for start in range(0, len(entries), _CHUNK_ROWS):
            self.extend(entries[start : start + _CHUNK_ROWS])

    def clear(self) -> None:
        self._floor = self._next
        self._tail = []
        self._chunks[:] = [self._tail]
        self._starts[:] = [self._next]
        self._costs[:] = [0]

    def _close(self) -> None:
        """Count the open chunk, begin another, drop the oldest that are over a bound."""
        self._costs[-1] = sum(map(len, self._tail)) + _ENTRY_COST * len(self._tail)
        self._tail = []
        self._chunks.append(self._tail)
        self._starts.append(self._next)
        self._costs.append(0)
        over = self.bytes - self.max_bytes
        first = self.dropped
        gone = 0
        while gone < len(self._chunks) - 1 and (over > 0 or self._starts[gone + 1] <= first):
            over -= self._costs[gone]
            gone += 1
        if gone:
            del self._chunks[:gone], self._starts[:gone], self._costs[:gone]
            self._floor = max(first, self._starts[0])
