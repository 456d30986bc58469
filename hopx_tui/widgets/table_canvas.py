"""The drawn side of a table: visible lines, header, messages, and repaints of nothing but what changed."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import ClassVar, Generic, TypeVar

from textual.geometry import Region
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from hopx_tui.format import printable
from hopx_tui.widgets.columns import Column, Runs, place, sort_letters
from hopx_tui.widgets.marks import Marks
from hopx_tui.widgets.palette import Palette, ascii_only
from hopx_tui.widgets.scrollbar import draw_scrollbars_as_lines
from hopx_tui.widgets.table_messages import ViewportChanged
from hopx_tui.widgets.table_model import TableModel
from hopx_tui.widgets.table_paint import RowFlags, TablePainter, TableStyles

R = TypeVar("R")

_Signature = tuple[tuple[Runs, ...], RowFlags]


class TableCanvas(ScrollView, Generic[R], inherit_bindings=False):
    """Draws the rows of a `TableModel` that are in view. What moves cursor and rows is in the subclasses."""

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "virtual-table--header",
        "virtual-table--sorted",
        "virtual-table--cursor",
        "virtual-table--bar",
        "virtual-table--marked",
    }
    DEFAULT_CSS = """
    TableCanvas {
        height: 1fr;
        overflow-x: hidden;
        overflow-y: auto;
        scrollbar-size-vertical: 1;
        & > .virtual-table--header { color: $text-muted; text-style: bold; }
        & > .virtual-table--sorted { color: $primary; text-style: bold; }
        & > .virtual-table--cursor {
            background: $block-cursor-blurred-background;
            color: $block-cursor-blurred-foreground;
        }
        & > .virtual-table--bar { color: $text-disabled; background: $block-cursor-blurred-background; }
        & > .virtual-table--marked { color: $accent; text-style: bold; }
        &:focus > .virtual-table--cursor {
            background: $block-cursor-background;
            color: $block-cursor-foreground;
        }
        &:focus > .virtual-table--bar { color: $primary; background: $block-cursor-background; }
        &:ansi > .virtual-table--cursor { text-style: underline; }
        &:ansi:focus > .virtual-table--cursor { text-style: reverse; }
        &:nocolor > .virtual-table--cursor { text-style: underline; }
        &:nocolor:focus > .virtual-table--cursor { text-style: reverse; }
    }
    """

    message: reactive[str | None] = reactive(None, init=False, repaint=False)
    """Text shown in the middle instead of rows; its first line is plain, the others quiet."""
    stale: reactive[bool] = reactive(False, init=False, repaint=False)
    """Greys all rows: they are old."""

    def __init__(
        self,
        columns: Sequence[Column[R]],
        key: Callable[[R], Hashable],
        *,
        empty: str,
        haystack: Callable[[R], str] | None,
        markable: bool,
        show_header: bool,
        widget_id: str | None,
        classes: str | None,
    ) -> None:
        super().__init__(id=widget_id, classes=classes)
        self.columns = tuple(columns)
        self.empty = empty
        self._markable = markable
        self._header = 1 if show_header else 0
        self._model: TableModel[R] = TableModel(self.columns, key, haystack)
        self._marks = Marks()
        self._letters = sort_letters(self.columns)
        self._choosing_sort = False
        self._cursor = -1
        self._painter: TablePainter | None = None
        self._painted: dict[int, _Signature | None] = {}
        self._painted_message: str | None = None
        self._viewport: tuple[Hashable, ...] = ()

    # -- what is in view ----------------------------------------------------------------------------------

    def visible_rows(self, *, margin: int = 0) -> list[R]:
        """The rows in view (and `margin` more on both sides)."""
        if self._message_text() is not None:
            return []
        top = self.scroll_offset.y
        first, last = max(0, top - margin), min(len(self._model), top + self._body_height + margin)
        return [self._model.row(position) for position in range(first, last)]

    @property
    def _body_height(self) -> int:
        return max(0, self.scrollable_size.height - self._header)

    def _in_view(self, position: int) -> bool:
        return 0 <= position - self.scroll_offset.y < max(1, self._body_height)

    def _scroll_to_cursor(self) -> None:
        height = self._body_height
        if self._cursor < 0 or height <= 0:
            return
        top = self.scroll_offset.y
        if self._cursor < top:
            self.scroll_to(y=self._cursor, animate=False, force=True)
        elif self._cursor >= top + height:
            self.scroll_to(y=self._cursor - height + 1, animate=False, force=True)

    def _viewport_moved(self) -> None:
        keys = tuple(self._model.key(row) for row in self.visible_rows())
        if keys != self._viewport:
            self._viewport = keys
            self.post_message(ViewportChanged(self))

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        """Other rows come into view."""
        super().watch_scroll_y(old_value, new_value)
        if round(old_value) != round(new_value):
            self._viewport_moved()

    def _message_text(self) -> str | None:
        if self.message is not None:
            return self.message
        if len(self._model) or self.filter_running:
            return None
        if self._model.rows:
            return f"No match for {printable(self.filter_words)!r}\nesc clears the filter"
        return self.empty

    @property
    def filter_words(self) -> str:
        """The filter as typed."""
        return ""

    @property
    def filter_running(self) -> bool:
        """Whether a filter over many rows is still running."""
        return False

    def watch_message(self) -> None:
        """Rows give way to a message, or come back."""
        self._repaint_changes()
        self._viewport_moved()

    def watch_stale(self) -> None:
        """All rows change colour."""
        self._repaint_changes()

    # -- painting -----------------------------------------------------------------------------------------

    def notify_style_update(self) -> None:
        """The theme, the focus or a class changed."""
        super().notify_style_update()
        self._painter = None

    def on_mount(self) -> None:
        """Give the scrollbar its look."""
        draw_scrollbars_as_lines(self)

    def on_resize(self) -> None:
        """Columns are placed anew; the cursor stays in view."""
        self._painter = None
        self._scroll_to_cursor()
        self.refresh()
        self._viewport_moved()

    def _paint(self) -> TablePainter:
        width = self.scrollable_size.width
        painter = self._painter
        if painter is None or painter.width != width:
            gutter = 2 if self._markable else 1
            styles = TableStyles(
                base=self.rich_style,
                header=self.get_component_rich_style("virtual-table--header"),
                sorted_header=self.get_component_rich_style("virtual-table--sorted"),
                cursor=self.get_component_rich_style("virtual-table--cursor"),
                cursor_bar=self.get_component_rich_style("virtual-table--bar"),
                marked=self.get_component_rich_style("virtual-table--marked"),
            )
            painter = self._painter = TablePainter(
                styles,
                Palette.of(self.app),
                place(self.columns, width - 1, left=gutter),
                width,
                gutter,
                ascii_only=ascii_only(self.app),
                cache_size=max(64, 4 * self.scrollable_size.height),
            )
            self._painted.clear()
        return painter

    def _signature(self, line: int) -> _Signature | None:
        position = line + self.scroll_offset.y
        model = self._model
        if position >= len(model):
            return None
        row = model.row(position)
        console = self.app.console
        cells = tuple([placed.column.runs(row, console) for placed in self._paint().placed])
        marked = bool(self._marks.keys) and model.key(row) in self._marks.keys
        return cells, RowFlags(position == self._cursor, marked, self.stale)

    def render_line(self, y: int) -> Strip:
        """One line of the screen."""
        painter = self._paint()
        if y < self._header:
            letters = None
            if self._choosing_sort:
                letters = {column.key: letter for letter, column in self._letters.items()}
            return painter.header(self._model.sort_key, self._model.reverse, letters)
        line = y - self._header
        text = self._painted_message = self._message_text()
        if text is not None:
            self._painted.clear()
            return painter.message(text, line, self._body_height)
        signature = self._painted[line] = self._signature(line)
        return painter.blank() if signature is None else painter.row(*signature)

    def _repaint_changes(self) -> None:
        """Ask for a repaint of what looks different from what was painted last, and of nothing else."""
        if not self.is_attached or not self.size:
            return
        text = self._message_text()
        if text is not None or self._painted_message is not None:
            if text != self._painted_message:
                self.refresh()
            return
        regions: list[Region] = []
        placed = self._paint().placed
        width = self.scrollable_size.width
        for line in range(self._body_height):
            new, old = self._signature(line), self._painted.get(line, ())
            if new == old:
                continue
            if not new or not old or new[1] != old[1]:
                regions.append(Region(0, line + self._header, width, 1))
                continue
            for (_, x, cells), new_cell, old_cell in zip(placed, new[0], old[0], strict=True):
                if new_cell != old_cell:
                    regions.append(Region(x, line + self._header, cells, 1))
        if regions:
            self.refresh(*regions)

    def _refresh_header(self) -> None:
        if self._header and self.size:
            self.refresh(Region(0, 0, self.scrollable_size.width, 1))
