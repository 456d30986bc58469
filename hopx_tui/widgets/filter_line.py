"""The line in which a table's filter is typed; hidden while there is none."""

from __future__ import annotations

from typing import Any, ClassVar

from textual.binding import BindingType
from textual.widgets import Input

from hopx_tui.widgets.keys import Key
from hopx_tui.widgets.virtual_table import VirtualTable


class FilterLine(Input):
    """Filters `table` while one types: enter keeps the filter and goes to the rows, esc ends it."""

    NAME: ClassVar[str] = "Filter line"
    DEFAULT_CSS = """
    FilterLine { display: none; height: 1; border: none; padding: 0 1; background: $panel; }
    FilterLine:focus { border: none; }
    FilterLine.-open { display: block; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Key("escape", "leave", "no filter", id="filter.end", tooltip="End the filter and show all rows."),
        Key("down", "to_list", "to list", id="filter.list", show=False, tooltip="Go into the list."),
    ]

    def __init__(self, table: VirtualTable[Any], *, placeholder: str, id: str | None = None) -> None:
        super().__init__(placeholder=placeholder, id=id)
        self._table = table

    def begin(self) -> None:
        """Show the line and give it the keyboard."""
        self.add_class("-open")
        self.focus()

    def end(self) -> bool:
        """Show all rows again; False when there was no filter."""
        was_open = self.has_class("-open")
        self.value = ""
        self.remove_class("-open")
        if was_open:
            self._table.focus()
        return was_open

    def on_input_changed(self, message: Input.Changed) -> None:
        """Each letter filters."""
        message.stop()
        self._table.filter_text = message.value

    def on_input_submitted(self, message: Input.Submitted) -> None:
        """Enter: to the rows; an empty filter is none."""
        message.stop()
        self.set_class(bool(self.value), "-open")
        self._table.focus()

    def action_leave(self) -> None:
        """Esc."""
        self.end()

    def action_to_list(self) -> None:
        """Down."""
        self._table.focus()
