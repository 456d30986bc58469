"""A dialog with one field: validation in place, and completion that never blocks the screen."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterable, Sequence
from typing import ClassVar

from rich.text import Text
from textual import on, work
from textual.binding import BindingType
from textual.widget import Widget
from textual.widgets import Input, Static

from hopx_tui.format import printable
from hopx_tui.widgets.columns import Column
from hopx_tui.widgets.dialog import Dialog, Line
from hopx_tui.widgets.flat_button import FlatButton
from hopx_tui.widgets.keys import Key
from hopx_tui.widgets.virtual_table import VirtualTable

COMPLETIONS = 200


class InputDialog(Dialog[str | None]):
    """Asks for one line: returns it, or None.

    `validate` answers what is wrong with a text, in words, or None when it is good. `completer` gives whole
    candidates for what was typed so far, from a thread; tab takes their common part, down enters the list.
    """

    DEFAULT_CSS = """
    InputDialog {
        & #about { height: auto; margin: 0 0 1 0; color: $text-muted; }
        & #field { height: 1; border: none; padding: 0 1; background: $panel; &:focus { border: none; } }
        & #problem { height: 1; color: $error; }
        & #body { height: auto; min-height: 1; background: $surface; }
        & #body.-off { display: none; }
        & #dialog.-ascii #field { text-style: underline; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Key(
            "tab",
            "complete",
            "Complete",
            show=False,
            priority=True,
            id="input.complete",
            tooltip="Complete what was typed, or go to the next part of the dialog.",
        ),
        Key(
            "down",
            "into_list",
            "List",
            show=False,
            id="input.list",
            tooltip="Go into the list of completions.",
        ),
    ]

    def __init__(
        self,
        title: str,
        *,
        value: str = "",
        placeholder: str = "",
        lines: Sequence[Line] | str = (),
        validate: Callable[[str], str | None] | None = None,
        completer: Callable[[str], Sequence[str]] | None = None,
        confirm: str = "OK",
        password: bool = False,
    ) -> None:
        super().__init__(title)
        self._value = value
        self._placeholder = placeholder
        self._content: Sequence[Line] = (lines,) if isinstance(lines, str) else tuple(lines)
        self._check = validate
        self._completer = completer
        self._confirm = confirm
        self._password = password
        self._tried = False
        self._candidates: list[str] = []

    # -- parts --------------------------------------------------------------------------------------------

    def compose_body(self) -> Iterable[Widget]:
        """Explanation, field, problem, candidates."""
        if self._content:
            yield Static(self.facts(self._content), id="about")
        yield Input(self._value, placeholder=self._placeholder, password=self._password, id="field")
        yield Static("", id="problem")
        columns: list[Column[str]] = [Column("text", "", None, cell=lambda text: text, cut="start")]
        yield VirtualTable(
            columns,
            lambda text: text,
            id="body",
            classes="-off",
            empty="",
            markable=False,
            show_header=False,
            open_on_click=True,
        )

    def compose_buttons(self) -> Iterable[FlatButton]:
        """Cancel and confirm; enter in the field confirms too."""
        yield FlatButton("Cancel", id="cancel")
        yield FlatButton(self._confirm, "primary", id="confirm")

    def on_mount(self) -> None:
        """Type at once."""
        self.field.focus()

    @property
    def field(self) -> Input:
        """The input."""
        return self.query_one("#field", Input)

    @property
    def candidates(self) -> list[str]:
        """The completions shown now."""
        return list(self._candidates)

    def _fit(self) -> None:
        super()._fit()
        low = self.size.height < self.LOW
        above = 2 + (len(self._content) + 1 if self._content else 0)
        body = self.query_one("#body")
        body.styles.max_height = min(10, max(1, self.size.height - self.CHROME - above + (3 if low else 0)))

    # -- answers ------------------------------------------------------------------------------------------

    @on(Input.Changed, "#field")
    def _changed(self, event: Input.Changed) -> None:
        if self._tried:
            self._show_problem(event.value)
        if self._completer is not None:
            self._complete(event.value)

    @on(Input.Submitted, "#field")
    def _submitted(self) -> None:
        self._answer()

    @on(FlatButton.Pressed)
    def _pressed(self, event: FlatButton.Pressed) -> None:
        if event.button.id == "confirm":
            self._answer()
        else:
            self.answer(None)

    def _answer(self) -> None:
        self._tried = True
        value = self.field.value
        if self._show_problem(value):
            self.field.focus()
        else:
            self.answer(value)

    def _show_problem(self, value: str) -> bool:
        problem = self._check(value) if self._check is not None else None
        self.query_one("#problem", Static).update(Text(printable(problem or ""), no_wrap=True, overflow="ellipsis"))
        return problem is not None

    # -- completion ---------------------------------------------------------------------------------------

    @work(group="completion", exclusive=True)
    async def _complete(self, typed: str) -> None:
        assert self._completer is not None
        found = await asyncio.to_thread(self._completer, typed)
        for table in self.query("#body").results(VirtualTable):  # none: it was answered meanwhile, and closes
            self._candidates = list(found[:COMPLETIONS])
            table.set_class(not self._candidates, "-off")
            table.set_rows(self._candidates)

    @on(VirtualTable.Opened)
    def _picked(self, event: VirtualTable.Opened) -> None:
        event.stop()
        self._take(event.row)

    def _take(self, text: str) -> None:
        self.field.value = text
        self.field.cursor_position = len(text)
        self.field.focus()

    def action_complete(self) -> None:
        """The part all candidates share; when nothing is to be added, the focus moves on."""
        if self.focused is self.field and self._candidates:
            shared = _shared_start(self._candidates)
            if len(shared) > len(self.field.value):
                self._take(shared)
                return
        self.focus_next()

    def action_into_list(self) -> None:
        """From the field into the candidates."""
        if self._candidates:
            self.query_one("#body").focus()


def local_paths(typed: str) -> list[str]:
    """Completions for a path on this machine: what starts like `typed`, folders with a trailing slash, first.

    `~` is kept as typed; hidden names only when asked for by a dot. An unreadable folder has no completions.
    """
    head, tail = os.path.split(typed)
    folder = os.path.expanduser(head) if head else "."
    found: list[tuple[bool, str]] = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if not entry.name.startswith(tail) or (entry.name.startswith(".") and not tail.startswith(".")):
                    continue
                is_folder = entry.is_dir()
                found.append((not is_folder, os.path.join(head, entry.name) + ("/" if is_folder else "")))
    except OSError:
        return []
    return [path for _, path in sorted(found)]


def _shared_start(texts: Sequence[str]) -> str:
    """The longest text all of `texts` begin with."""
    low, high = min(texts), max(texts)
    return next((low[:at] for at, letter in enumerate(low) if letter != high[at : at + 1]), low)
