"""What a table tells its owner."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from textual.message import Message

if TYPE_CHECKING:
    from hopx_tui.widgets.table_canvas import TableCanvas


class TableMessage(Message, namespace="virtual_table"):
    """Base: `table` sent it."""

    def __init__(self, table: TableCanvas[Any]) -> None:
        super().__init__()
        self.table = table

    @property
    def control(self) -> TableCanvas[Any]:
        """The table, for selectors of `on`."""
        return self.table


class RowMessage(TableMessage):
    """Base: about `row`."""

    def __init__(self, table: TableCanvas[Any], row: Any) -> None:
        super().__init__(table)
        self.row = row


class Highlighted(RowMessage, namespace="virtual_table"):
    """The cursor went to another row (`row` is None when there is none)."""


class Opened(RowMessage, namespace="virtual_table"):
    """Enter or a double click on a row."""


class ViewportChanged(TableMessage, namespace="virtual_table"):
    """Other rows are visible now: see `visible_rows`."""


class MarksChanged(TableMessage, namespace="virtual_table"):
    """Rows were marked or unmarked: see `marked`."""


class SortChanged(TableMessage, namespace="virtual_table"):
    """Another sort: see `sort_key` and `sort_reverse`."""
