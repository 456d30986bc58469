"""The rows behind a table: an index list that is sorted and filtered, and never a widget."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Any, Generic, TypeVar

from hopx_tui.widgets.columns import Column
from hopx_tui.widgets.filtering import Query

R = TypeVar("R")

SLICE = 2_000
"""Rows a filter looks at between two looks at the clock."""


class TableModel(Generic[R]):
    """Rows in three layers: `rows` as given, `base` sorted, `order` filtered; the last two are indices.

    `order` is what is shown. A filter over many rows runs as a generator (`filter_steps`), so that a
    widget can stop between slices; `order` then grows while it runs.
    """

    def __init__(
        self,
        columns: Sequence[Column[R]],
        key: Callable[[R], Hashable],
        haystack: Callable[[R], str] | None = None,
    ) -> None:
        """`haystack` gives the text a filter searches; without it all cells are formatted for it."""
        self.columns = {column.key: column for column in columns}
        self.key = key
        self.rows: Sequence[R] = ()
        self.order: Sequence[int] = ()
        self.query = Query()
        self.sort_key: str | None = None
        self.reverse = False
        self._fields = {column.key.lower(): column for column in columns}
        self._base: Sequence[int] = ()
        self._values: list[Any] = []
        self._haystack = haystack
        self._hay: list[str | None] | None = None
        self._positions: dict[Hashable, int] | None = None

    # -- looking ------------------------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self.order)

    def row(self, position: int) -> R:
        """The row shown at `position`."""
        return self.rows[self.order[position]]

    def key_at(self, position: int) -> Hashable:
        """The key of the row shown at `position`."""
        return self.key(self.rows[self.order[position]])

    def find(self, key: Hashable, *, near: int = 0) -> int:
        """The position at which the row with `key` is shown, or -1. `near` is looked at first."""
        rows, order, key_of = self.rows, self.order, self.key
        if 0 <= near < len(order) and key_of(rows[order[near]]) == key:
            return near
        for position, index in enumerate(order):
            if key_of(rows[index]) == key:
                return position
        return -1

    def shown(self) -> Iterator[R]:
        """All rows that pass the filter, in order."""
        rows = self.rows
        return (rows[index] for index in self.order)

    # -- rows ---------------------------------------------------------------------------------------------

    def set_rows(self, rows: Sequence[R]) -> None:
        """Replace all rows and sort them; a filter must be run again (`filter_steps`)."""
        old, old_hay = self.rows, self._hay
        self.rows = list(rows)
        self._positions = None
        if self.query and old_hay is not None:
            # An unchanged row object keeps the text that was built for it.
            hay: list[str | None] = [None] * len(self.rows)
            for index in range(min(len(old), len(self.rows))):
                if old[index] is self.rows[index]:
                    hay[index] = old_hay[index]
            self._hay = hay
        else:
            self._hay = None
        self._sort()

    def update_rows(self, changed: Sequence[R]) -> bool:
        """Replace single rows by key, unknown ones are ignored. True when the order must be built again."""
        if self._positions is None:
            self._positions = {self.key(row): index for index, row in enumerate(self.rows)}
        rows = self.rows
        assert isinstance(rows, list)
        moved = False
        sort = self._sort_function()
        for row in changed:
            index = self._positions.get(self.key(row))
            if index is None:
                continue
            rows[index] = row
            if sort is not None and self._values[index] != (value := sort(row)):
                self._values[index] = value
                moved = True
            if self._hay is not None:
                self._hay[index] = None
            moved = moved or bool(self.query)
        if moved and sort is not None:
            self._arrange()
        return moved

    # -- sorting ------------------------------------------------------------------------------------------

    def sort_by(self, key: str | None, reverse: bool = False) -> None:
        """Sort by the column `key` (None: as given); a filter must be run again."""
        if key is not None and self.columns[key].sort is None:
            raise ValueError(f"column {key} cannot be sorted")
        self.sort_key, self.reverse = key, reverse
        self._sort()

    def _sort_function(self) -> Callable[[R], Any] | None:
        return None if self.sort_key is None else self.columns[self.sort_key].sort

    def _sort(self) -> None:
        sort = self._sort_function()
        if sort is None:
            self._values = []
            self._base = range(len(self.rows))
        else:
            self._values = [sort(row) for row in self.rows]
            self._arrange()
        if not self.query:
            self.order = self._base

    def _arrange(self) -> None:
        values = self._values
        known = [index for index, value in enumerate(values) if value is not None]
        known.sort(key=values.__getitem__, reverse=self.reverse)
        if len(known) < len(values):
            known.extend(index for index, value in enumerate(values) if value is None)
        self._base = known
        if not self.query:
            self.order = known

    # -- filtering ----------------------------------------------------------------------------------------

    def parse(self, text: str) -> Query:
        """The query for `text` over this table's columns."""
        return Query.parse(text, self._fields)

    def filter_steps(self, query: Query, *, refine: bool = True) -> Iterator[None]:
        """Run `query`, a slice per step; `order` holds what was found so far.

        With `refine`, only the present result is searched when the query can only narrow it.
        """
        narrowed = refine and bool(self.query) and query.refines(self.query)
        source = self.order if narrowed else self._base
        self.query = query
        if not query:
            self.order = self._base
            return
        if self._hay is None:
            self._hay = [None] * len(self.rows)
        found: list[int] = []
        self.order = found
        needle = query.substring
        for start in range(0, len(source), SLICE):
            part = source[start : start + SLICE]
            hay = self._texts(part)
            if needle is not None:
                found.extend([index for index, text in zip(part, hay, strict=True) if needle in text])
            else:
                found.extend([i for i, text in zip(part, hay, strict=True) if self._matches(query, i, text)])
            yield

    def _texts(self, part: Sequence[int]) -> list[str]:
        assert self._hay is not None
        hay, rows = self._hay, self.rows
        texts: list[str] = []
        for index in part:
            text = hay[index]
            if text is None:
                text = hay[index] = self._text(rows[index])
            texts.append(text)
        return texts

    def _text(self, row: R) -> str:
        if self._haystack is not None:
            return self._haystack(row).lower()
        return "\x1f".join([column.text(row) for column in self.columns.values()]).lower()

    def _matches(self, query: Query, index: int, text: str) -> bool:
        row = self.rows[index]

        def field(key: str) -> str:
            return self._fields[key].text(row)

        def value(key: str) -> Any:
            sort = self._fields[key].sort
            return None if sort is None else sort(row)

        return query.matches(text, field, value)
