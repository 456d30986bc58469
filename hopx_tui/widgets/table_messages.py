"""What a table tells its owner."""

from __future__ import annotations

from typing import Any

from textual.message import Message
from textual.widget import Widget


class TableMessage(Message, namespace="virtual_table"):
    """Base: `table` sent it."""

    def __init__(self, table: Widget) -> None:
        super().__init__()
        self.table = table

    @property
    def control(self) -> Widget:
        """The table, for selectors of `on`."""
        return self.table


class RowMessage(TableMessage):
    """Base: about `row`."""

    def __init__(self, table: Widget, row: Any) -> None:
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
