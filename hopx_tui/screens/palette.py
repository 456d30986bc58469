"""The command line: every action that works now, found by typing, with its key beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.widgets import Input

from hopx_tui.widgets.columns import Column
from hopx_tui.widgets.dialog import Asking
from hopx_tui.widgets.keys import Key
from hopx_tui.widgets.palette import ascii_only
from hopx_tui.widgets.virtual_table import VirtualTable

_WORDS = ("q", "quit", "exit", "rate", "play")
"""What works without standing in the list."""


@dataclass(frozen=True)
class Command:
    """One thing that can be typed: what it is called, what it does, its key."""

    name: str
    about: str
    key: str = ""


class CommandLine(Asking[tuple[str, Command | None] | None]):
    """Returns what was typed and the command it found (None: only the text), or None when left."""

    TITLE = "Command line"
    DEFAULT_CSS = """
    CommandLine { align: center top; background: transparent; }
    CommandLine > Vertical {
        width: 112; max-width: 95%; height: auto; max-height: 80%; margin: 2 0 0 0;
        background: $surface; border: round $primary; padding: 0 1;
    }
    CommandLine > Vertical.-ascii { border: ascii $primary; }
    CommandLine Input { height: 1; border: none; padding: 0; background: $surface; }
    CommandLine Input:focus { border: none; }
    CommandLine VirtualTable { height: 14; margin: 1 0 0 0; background: $surface; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Key("escape", "leave", "close", id="command.close", tooltip="Close the command line."),
        Key("down", "move(1)", "next", show=False, id="command.next", tooltip="Go to the next command."),
        Key("up", "move(-1)", "previous", show=False, id="command.previous", tooltip="Go to the previous command."),
        Key("tab", "complete", "complete", show=False, priority=True, id="command.complete",
            tooltip="Write the selected command into the line."),
    ]  # fmt: skip

    def __init__(self, commands: Sequence[Command]) -> None:
        super().__init__()
        self._commands = commands
        self._table: VirtualTable[Command] = VirtualTable(
            (
                Column("name", "COMMAND", 13, cell=lambda c: (c.name, "bold")),
                Column("about", "", None, cell=lambda c: (c.about, "muted")),
                Column("key", "KEY", 12, align="right", cell=lambda c: (c.key, "key")),
            ),
            lambda c: c.name,
            show_header=False,
            markable=False,
            haystack=lambda c: f"{c.name} {c.about} {c.key}",
        )

    def compose(self) -> ComposeResult:
        with Vertical(classes="-ascii" if ascii_only(self.app) else ""):
            yield Input(placeholder="type a command")
            yield self._table

    def on_mount(self) -> None:
        self._table.set_rows(self._commands)
        self._table.can_focus = False
        self.query_one(Input).focus()

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        word = event.value.strip()
        names = [command.name for command in self._commands]
        first = word.partition(" ")[0]
        self._table.filter_text = first if word not in names and first in names else word
        self._table.message = None if self._table.row_count else "No command of that name.\n\nesc goes back"
        # The one that is meant is seldom the first in which the word occurs.
        best = next((name for name in (word, first) if name in names), None)
        best = best or next((name for name in names if word and name.startswith(word)), None)
        if best is not None:
            self._table.select(best)

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        self._finish(event.value.strip())

    def on_virtual_table_opened(self, message: VirtualTable.Opened) -> None:
        message.stop()
        self._finish(self.query_one(Input).value.strip())

    def _finish(self, text: str) -> None:
        if text and self._table.cursor_row is None and text.partition(" ")[0] not in _WORDS:
            self.app.bell()  # what is typed next must not go to the screen below
            return
        self.answer((text, self._table.cursor_row))

    def action_move(self, step: int) -> None:
        """Up and down in the list while the line keeps the keyboard."""
        (self._table.action_cursor_down if step > 0 else self._table.action_cursor_up)()

    def action_complete(self) -> None:
        """Take the name of the selected command."""
        if (command := self._table.cursor_row) is not None:
            line = self.query_one(Input)
            line.value = f"{command.name} "
            line.cursor_position = len(line.value)

    def action_leave(self) -> None:
        """Nothing is done."""
        self.answer(None)
