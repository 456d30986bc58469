"""The living side of a table: rows come and go, the cursor stays, filter and sort follow."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from typing import Generic, TypeVar

from textual.geometry import Size
from textual.reactive import reactive

from hopx_tui.widgets.columns import Column
from hopx_tui.widgets.table_canvas import TableCanvas
from hopx_tui.widgets.table_messages import Highlighted, MarksChanged, SortChanged

R = TypeVar("R")

SLICED_ABOVE = 50_000
"""Rows above which a filter runs in slices between other events."""
SLICE_SECONDS = 0.005


class TableBody(TableCanvas[R], Generic[R], inherit_bindings=False):
    """Rows, cursor, filter, sort and marks as owners use them."""

    filter_text: reactive[str] = reactive("", init=False, repaint=False)
    """The live filter: words, `!` inverts, `~` fuzzy, `key:value`, `key:>number`."""

    def __init__(
        self,
        columns: Sequence[Column[R]],
        key: Callable[[R], Hashable],
        *,
        widget_id: str | None,
        classes: str | None,
        empty: str,
        haystack: Callable[[R], str] | None,
        markable: bool,
        show_header: bool,
        clock: Callable[[], float],
    ) -> None:
        super().__init__(
            columns,
            key,
            empty=empty,
            haystack=haystack,
            markable=markable,
            show_header=show_header,
            widget_id=widget_id,
            classes=classes,
        )
        self._clock = clock
        self._cursor_key: Hashable | None = None
        self._job: Iterator[None] | None = None

    # -- what owners read ---------------------------------------------------------------------------------

    @property
    def rows(self) -> Sequence[R]:
        """All rows as last set; not to be changed in place."""
        return self._model.rows

    @property
    def row_count(self) -> int:
        """How many rows pass the filter."""
        return len(self._model)

    def shown_rows(self) -> list[R]:
        """All rows that pass the filter, in the order shown."""
        return list(self._model.shown())

    @property
    def cursor_row(self) -> R | None:
        """The row under the cursor."""
        return self._model.row(self._cursor) if 0 <= self._cursor < len(self._model) else None

    @property
    def cursor_key(self) -> Hashable | None:
        """The key of the row under the cursor."""
        row = self.cursor_row
        return None if row is None else self._model.key(row)

    @property
    def sort_key(self) -> str | None:
        """The key of the column sorted by."""
        return self._model.sort_key

    @property
    def sort_reverse(self) -> bool:
        """Whether the highest value is on top."""
        return self._model.reverse

    @property
    def filter_words(self) -> str:
        """The filter as typed."""
        return self.filter_text

    @property
    def filter_running(self) -> bool:
        """Whether a filter over many rows is still running."""
        return self._job is not None

    @property
    def marked(self) -> list[R]:
        """All marked rows, also those which the filter hides, in the order given."""
        keys = self._marks.keys
        return [row for row in self._model.rows if self._model.key(row) in keys] if keys else []

    @property
    def marked_count(self) -> int:
        """How many rows are marked."""
        return len(self._marks.keys)

    @property
    def hidden_marked_count(self) -> int:
        """How many marked rows the filter hides."""
        keys = self._marks.keys
        return len(keys) - sum(self._model.key(row) in keys for row in self._model.shown()) if keys else 0

    # -- what owners do -----------------------------------------------------------------------------------

    def set_rows(self, rows: Sequence[R]) -> None:
        """Show `rows`: cursor, scroll offset and marks stay; only changed visible cells are painted."""
        before = self._snapshot()
        self._model.set_rows(rows)
        if self._marks.keys and self._marks.keep({self._model.key(row) for row in self._model.rows}):
            self.post_message(MarksChanged(self))
        if self.filter_text:
            self._start_filter(before, refine=False)
        else:
            self._order_changed(before)

    def update_rows(self, changed: Sequence[R]) -> None:
        """Replace single rows by key; rows with unknown keys are ignored."""
        before = self._snapshot()
        if not self._model.update_rows(changed):
            self._repaint_changes()
        elif self.filter_text:
            self._start_filter(before, refine=False)
        else:
            self._order_changed(before)

    def sort_by(self, column_key: str | None, reverse: bool = False) -> None:
        """Sort by a column (None: in the order given). ValueError when the column has no `sort`."""
        before = self._snapshot()
        self._model.sort_by(column_key, reverse)
        if self.filter_text:
            self._start_filter(before, refine=False)
        else:
            self._order_changed(before)
        self._refresh_header()
        self.post_message(SortChanged(self))

    def select(self, key: Hashable) -> bool:
        """Put the cursor on the row with `key`; False when it is not shown."""
        position = self._model.find(key, near=self._cursor)
        if position < 0:
            return False
        self._move_to(position)
        return True

    def set_marks(self, keys: Sequence[Hashable]) -> None:
        """Mark exactly the rows with `keys`."""
        self._marks.replace(keys)
        self._marks_changed()

    # -- order, cursor, viewport --------------------------------------------------------------------------

    def _snapshot(self) -> tuple[Sequence[R], Sequence[int]]:
        return self._model.rows, self._model.order

    def _order_changed(self, before: tuple[Sequence[R], Sequence[int]], *, narrowed: bool = False) -> None:
        in_view = self._cursor < 0 or self._in_view(self._cursor)
        self._reseat(before, narrowed=narrowed)
        self.virtual_size = Size(1, len(self._model) + self._header)
        self.scroll_y = self.validate_scroll_y(self.scroll_y)
        if in_view:
            self._scroll_to_cursor()
        self._repaint_changes()
        self._viewport_moved()

    def _reseat(self, before: tuple[Sequence[R], Sequence[int]], *, narrowed: bool) -> None:
        """Find the cursor's row again, or the nearest one that was beside it."""
        model, count = self._model, len(self._model)
        if self._cursor_key is None or not count:
            if self._job is None or count:
                self._set_cursor(0 if count else -1)
            else:
                self._cursor = -1
            return
        if self._job is not None:  # looking for it in every slice would cost more than the filter
            self._cursor = min(max(self._cursor, 0), count - 1)
            return
        position = model.find(self._cursor_key, near=self._cursor)
        if position < 0 and not narrowed:
            position = self._neighbour(before)
        self._set_cursor(max(position, 0) if narrowed or position >= 0 else min(self._cursor, count - 1))

    def _neighbour(self, before: tuple[Sequence[R], Sequence[int]]) -> int:
        rows, order = before
        key_of, model = self._model.key, self._model
        present = {model.key_at(position): position for position in range(len(model))}
        after = range(self._cursor + 1, len(order))
        for position in [*after, *range(min(self._cursor, len(order)) - 1, -1, -1)]:
            if (found := present.get(key_of(rows[order[position]]))) is not None:
                return found
        return -1

    def _set_cursor(self, position: int) -> None:
        self._cursor = position
        key = self._model.key_at(position) if position >= 0 else None
        if key != self._cursor_key:
            self._cursor_key = key
            self.post_message(Highlighted(self, self.cursor_row))

    def _move_to(self, position: int) -> None:
        if not len(self._model) or self._message_text() is not None:
            return
        self._set_cursor(max(0, min(position, len(self._model) - 1)))
        if self._marks.stretch([self._model.key_at(p) for p in self._range_positions()]):
            self.post_message(MarksChanged(self))
        self._scroll_to_cursor()
        self._repaint_changes()

    def _range_positions(self) -> range:
        if self._marks.anchor is None:
            return range(0)
        anchor = self._model.find(self._marks.anchor, near=self._cursor)
        if anchor < 0:
            return range(self._cursor, self._cursor + 1)
        return range(min(anchor, self._cursor), max(anchor, self._cursor) + 1)

    def _marks_changed(self) -> None:
        self._repaint_changes()
        self.post_message(MarksChanged(self))

    # -- filter -------------------------------------------------------------------------------------------

    def watch_filter_text(self) -> None:
        """Filter as it is typed."""
        self._start_filter(self._snapshot(), refine=self._job is None, narrowed=True)

    def _start_filter(self, before: tuple[Sequence[R], Sequence[int]], *, refine: bool, narrowed: bool = False) -> None:
        steps = self._model.filter_steps(self._model.parse(self.filter_text), refine=refine)
        if len(self._model.rows) <= SLICED_ABOVE:
            self._job = None
            for _ in steps:
                pass
            self._order_changed(before, narrowed=narrowed)
        else:
            self._job = steps
            self._filter_slice(steps, before, narrowed)

    def _filter_slice(self, steps: Iterator[None], before: tuple[Sequence[R], Sequence[int]], narrowed: bool) -> None:
        if steps is not self._job:
            return  # another query was typed meanwhile
        until = self._clock() + SLICE_SECONDS
        for _ in steps:
            if self._clock() >= until:
                self.set_timer(0.001, lambda: self._filter_slice(steps, before, narrowed))
                break
        else:
            self._job = None
        self._order_changed(before, narrowed=narrowed)
