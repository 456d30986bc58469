"""The table of every list: 100,000 rows cost what a screenful costs. Keys and mouse are here."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from time import perf_counter
from typing import ClassVar, Generic, TypeAlias, TypeVar

from textual import events
from textual.binding import BindingType

from hopx_tui.widgets import table_messages as messages
from hopx_tui.widgets.columns import Cell, Column, Run, Runs
from hopx_tui.widgets.keys import Key
from hopx_tui.widgets.table_body import TableBody

__all__ = ["Cell", "Column", "Run", "Runs", "VirtualTable"]

R = TypeVar("R")


class VirtualTable(TableBody[R], Generic[R], can_focus=True, inherit_bindings=False):
    """Sorted, filtered, marked rows under a sticky header.

    The cursor is a key: it stays on its row when rows re-sort or come and go; when its row vanishes, the
    neighbour gets it. Only visible rows are ever formatted, and only cells whose text changed are painted.
    """

    NAME: ClassVar[str] = "Lists"

    BINDINGS: ClassVar[list[BindingType]] = [
        Key("up,k", "cursor_up", "Up", show=False, id="table.up", tooltip="Go to the row above."),
        Key("down,j", "cursor_down", "Down", show=False, id="table.down", tooltip="Go to the row below."),
        Key("pageup", "page_up", "Page up", show=False, id="table.pageup", tooltip="Go one page up."),
        Key("pagedown", "page_down", "Page down", show=False, id="table.pagedown", tooltip="Go one page down."),
        Key("home", "first", "First", show=False, id="table.first", tooltip="Go to the first row."),
        Key("g", "prefix_g", "g g first", show=False, id="table.g", tooltip="Twice: go to the first row."),
        Key("end,G", "last", "Last", show=False, id="table.last", tooltip="Go to the last row."),
        Key("enter", "open", "Open", show=False, id="table.open", tooltip="Open the row under the cursor."),
        Key(
            "space",
            "mark",
            "Mark",
            show=False,
            id="table.mark",
            tooltip="Mark or unmark the row and go down.",
        ),
        Key("v", "mark_range", "Range", show=False, id="table.range", tooltip="Start or end marking a range."),
        Key(
            "*",
            "mark_invert",
            "Invert",
            show=False,
            id="table.invert",
            tooltip="Invert the marks of all shown rows.",
        ),
        Key("escape", "clear_marks", "Unmark", show=False, id="table.unmark", tooltip="Clear all marks."),
        Key(
            "comma",
            "sort_prefix",
            "Sort",
            show=False,
            id="table.sort",
            tooltip="Then a letter: sort by its column.",
        ),
        Key(
            "<",
            "sort_left",
            "Sort left",
            show=False,
            id="table.sort_left",
            tooltip="Sort by the column to the left.",
        ),
        Key(
            ">",
            "sort_right",
            "Sort right",
            show=False,
            id="table.sort_right",
            tooltip="Sort by the column to the right.",
        ),
    ]

    Highlighted: TypeAlias = messages.Highlighted
    Opened: TypeAlias = messages.Opened
    ViewportChanged: TypeAlias = messages.ViewportChanged
    MarksChanged: TypeAlias = messages.MarksChanged
    SortChanged: TypeAlias = messages.SortChanged

    def __init__(
        self,
        columns: Sequence[Column[R]],
        key: Callable[[R], Hashable],
        *,
        id: str | None = None,
        classes: str | None = None,
        empty: str = "Nothing here",
        haystack: Callable[[R], str] | None = None,
        markable: bool = True,
        show_header: bool = True,
        open_on_click: bool = False,
        clock: Callable[[], float] = perf_counter,
    ) -> None:
        """`key` identifies a row over time. `empty` is shown without rows.

        `haystack` gives the text the filter searches; without it a row's cells are formatted for it.
        With `open_on_click` one click opens. `clock` measures the filter's slices.
        """
        super().__init__(
            columns,
            key,
            widget_id=id,
            classes=classes,
            empty=empty,
            haystack=haystack,
            markable=markable,
            show_header=show_header,
            clock=clock,
        )
        self._open_on_click = open_on_click
        self._pending = ""

    # -- keys ---------------------------------------------------------------------------------------------

    def on_key(self, event: events.Key) -> None:
        """The second key after `g` or the comma."""
        pending, self._pending = self._pending, ""
        self._choosing_sort = False
        if pending == "g" and event.key == "g":
            event.stop()
            event.prevent_default()
            self._move_to(0)
        elif pending == ",":
            event.stop()
            event.prevent_default()
            self._refresh_header()
            column = self._letters.get((event.character or "").lower())
            if column is not None:
                self._toggle_sort(column)

    def action_prefix_g(self) -> None:
        """Wait for the second g."""
        self._pending = "g"

    def action_sort_prefix(self) -> None:
        """Show the sort letters and wait for one."""
        self._pending = ","
        self._choosing_sort = True
        self._refresh_header()

    def action_cursor_up(self) -> None:
        """One row up."""
        self._move_to(self._cursor - 1)

    def action_cursor_down(self) -> None:
        """One row down."""
        self._move_to(self._cursor + 1)

    def action_page_up(self) -> None:
        """One page up."""
        self._move_to(self._cursor - max(1, self._body_height - 1))

    def action_page_down(self) -> None:
        """One page down."""
        self._move_to(self._cursor + max(1, self._body_height - 1))

    def action_first(self) -> None:
        """To the first row."""
        self._move_to(0)

    def action_last(self) -> None:
        """To the last row."""
        self._move_to(len(self._model) - 1)

    def action_open(self) -> None:
        """Open the row under the cursor."""
        row = self.cursor_row
        if row is not None and self._message_text() is None:
            self.post_message(messages.Opened(self, row))

    # -- marks --------------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Escape goes on to the owner when there is nothing to unmark."""
        if action == "clear_marks":
            return bool(self._marks.keys or self._marks.anchor is not None)
        if action in {"mark", "mark_range", "mark_invert"}:
            return self._markable
        return True

    def action_mark(self) -> None:
        """Mark or unmark the row and go down."""
        if (key := self.cursor_key) is not None:
            self._marks.toggle(key)
            self._marks_changed()
            self._move_to(self._cursor + 1)

    def action_mark_range(self) -> None:
        """Start a range at the cursor, or end it."""
        if (key := self.cursor_key) is not None:
            self._marks.toggle_range(key)
            self._marks_changed()

    def action_mark_invert(self) -> None:
        """Invert the marks of all rows that pass the filter."""
        self._marks.invert(self._model.key(row) for row in self._model.shown())
        self._marks_changed()

    def action_clear_marks(self) -> None:
        """Unmark everything."""
        self._marks.replace(())
        self._marks_changed()

    # -- sorting ------------------------------------------------------------------------------------------

    def _toggle_sort(self, column: Column[R]) -> None:
        same = column.key == self._model.sort_key
        self.sort_by(column.key, not self._model.reverse if same else column.descending)

    def _step_sort(self, step: int) -> None:
        able = [placed.column for placed in self._paint().placed if placed.column.sort is not None]
        if not able:
            return
        keys = [column.key for column in able]
        at = keys.index(self.sort_key) if self.sort_key in keys else (-1 if step > 0 else 0)
        column = able[(at + step) % len(able)]
        self.sort_by(column.key, column.descending)

    def action_sort_left(self) -> None:
        """Sort by the next sortable column to the left."""
        self._step_sort(-1)

    def action_sort_right(self) -> None:
        """Sort by the next sortable column to the right."""
        self._step_sort(1)

    # -- mouse --------------------------------------------------------------------------------------------

    def on_click(self, event: events.Click) -> None:
        """Click: cursor, or sort on the header; with ctrl: mark; double click: open."""
        offset = event.get_content_offset(self)
        if offset is None:
            return
        event.stop()
        if offset.y < self._header:
            for column, x, width in self._paint().placed:
                if x <= offset.x < x + width + 1 and column.sort is not None:
                    self._toggle_sort(column)
            return
        position = offset.y - self._header + self.scroll_offset.y
        if position >= len(self._model) or self._message_text() is not None:
            return
        self._move_to(position)
        if event.ctrl and self._markable:
            self._marks.toggle(self._model.key_at(position))
            self._marks_changed()
        elif event.chain == 2 or self._open_on_click:
            self.action_open()
