"""The questions and answers of the dashboard: confirm, choose, read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import ClassVar, Literal, NamedTuple

from rich.text import Text
from textual import events, on
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.widget import Widget
from textual.widgets import Input, Static

from hopx_tui.format import printable
from hopx_tui.widgets.columns import Column
from hopx_tui.widgets.dialog import Dialog, Line
from hopx_tui.widgets.flat_button import FlatButton
from hopx_tui.widgets.input_dialog import InputDialog, local_paths
from hopx_tui.widgets.keys import Key
from hopx_tui.widgets.palette import ascii_only
from hopx_tui.widgets.scrollbar import draw_scrollbars_as_lines
from hopx_tui.widgets.virtual_table import VirtualTable

__all__ = ["ChoiceDialog", "ConfirmDialog", "InputDialog", "Line", "MessageDialog", "Option", "local_paths"]


class _Body(VerticalScroll, can_focus=False):
    """The scrolling part of a dialog; the dialog's keys scroll it."""

    DEFAULT_CSS = """
    _Body { height: auto; scrollbar-size-vertical: 1; }
    """

    def on_mount(self) -> None:
        draw_scrollbars_as_lines(self)


class ConfirmDialog(Dialog[bool]):
    """Asks before something happens: `True` when confirmed, else `False`. Cancel has the focus.

    `lines` are sentences and (label, value) facts: name, id, age and what is lost. With `type_to_confirm` the
    confirm button works only once exactly that was typed (the field has the focus then).
    """

    DEFAULT_CSS = """
    ConfirmDialog {
        & #typed {
            height: 1; border: none; padding: 0 1; margin: 1 0 0 0; background: $panel;
            &:focus { border: none; }
        }
        & #ask { height: 1; margin: 1 0 0 0; color: $text-muted; }
        & #dialog.-low #ask, & #dialog.-low #typed { margin: 0; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Key("up", "scroll(-1)", "Scroll up", show=False, id="confirm.up", tooltip="Scroll the text up."),
        Key("down", "scroll(1)", "Scroll down", show=False, id="confirm.down", tooltip="Scroll the text down."),
        Key("y", "confirm", "Yes", show=False, id="confirm.yes", tooltip="Yes, without going to the button."),
        Key("n", "cancel", "No", show=False, id="confirm.no", tooltip="No."),
    ]

    def __init__(
        self,
        title: str,
        lines: Sequence[Line] | str,
        confirm: str = "OK",
        *,
        danger: bool = False,
        type_to_confirm: str | None = None,
        cancel: str = "Cancel",
        focus_confirm: bool = False,
    ) -> None:
        """`focus_confirm` is for what destroys nothing: enter then goes on."""
        super().__init__(title)
        self._first = "#typed" if type_to_confirm is not None else "#confirm" if focus_confirm else "#cancel"
        self.danger = danger
        self._content: Sequence[Line] = (lines,) if isinstance(lines, str) else tuple(lines)
        self._confirm = confirm
        self._cancel = cancel
        self._wanted = type_to_confirm

    def compose_body(self) -> Iterable[Widget]:
        """Facts, and the field to type into."""
        with _Body(id="body"):
            yield Static(self.facts(self._content))
        if self._wanted is not None:
            yield Static(Text(f"Type {printable(self._wanted)} to go on:"), id="ask")
            yield Input(id="typed", placeholder=self._wanted)

    def compose_buttons(self) -> Iterable[FlatButton]:
        """Cancel first."""
        yield FlatButton(self._cancel, id="cancel")
        kind: Literal["danger", "primary"] = "danger" if self.danger else "primary"
        yield FlatButton(self._confirm, kind, id="confirm", disabled=self._wanted is not None)

    def on_mount(self) -> None:
        """Nothing is confirmed by a stray enter."""
        self.query_one(self._first).focus()

    def _fit(self) -> None:
        super()._fit()
        if self._wanted is not None:
            body = self.query_one("#body")
            low = self.size.height < self.LOW
            body.styles.max_height = max(1, self.size.height - self.CHROME - (-1 if low else 4))

    @property
    def _typed_right(self) -> bool:
        return self._wanted is None or self.query_one("#typed", Input).value.strip() == self._wanted

    @on(Input.Changed, "#typed")
    def _typed(self) -> None:
        self.query_one("#confirm", FlatButton).disabled = not self._typed_right

    @on(Input.Submitted, "#typed")
    def _submitted(self) -> None:
        if self._typed_right:
            self.answer(True)

    @on(FlatButton.Pressed)
    def _pressed(self, event: FlatButton.Pressed) -> None:
        self.answer(event.button.id == "confirm" and self._typed_right)

    def action_confirm(self) -> None:
        """Yes; where something is to be typed first, only then."""
        if self._typed_right:
            self.answer(True)

    def action_scroll(self, step: int) -> None:
        """Scroll facts that do not fit."""
        self.query_one("#body").scroll_relative(y=step, animate=False)

    def action_cancel(self) -> None:
        """No."""
        self.answer(False)


class Option(NamedTuple):
    """One thing to choose: what is returned, what is shown, one quiet line about it."""

    key: str
    label: str
    description: str = ""


class ChoiceDialog(Dialog[str | None]):
    """One of several: returns the key of the chosen option, or None. Enter, a click or a digit choose."""

    DEFAULT_CSS = """
    ChoiceDialog {
        & #body { height: auto; background: $surface; }
        & #about { height: auto; margin: 0 0 1 0; color: $text-muted; }
    }
    """

    def __init__(
        self,
        title: str,
        options: Sequence[Option | tuple[str, str] | tuple[str, str, str]],
        *,
        lines: Sequence[Line] | str = (),
        selected: str | None = None,
    ) -> None:
        """`lines` stand above the options; `selected` is the key the cursor starts on."""
        super().__init__(title)
        self._options = [Option(*option) for option in options]
        self._content: Sequence[Line] = (lines,) if isinstance(lines, str) else tuple(lines)
        self._selected = selected

    def compose_body(self) -> Iterable[Widget]:
        """A table of options."""
        if self._content:
            yield Static(self.facts(self._content), id="about")
        numbers = {option.key: str(index) for index, option in enumerate(self._options[:9], 1)}
        label_width = max([len(option.label) for option in self._options] + [4])
        columns: list[Column[Option]] = [
            Column("number", "", 1, cell=lambda option: (numbers.get(option.key, ""), "key")),
            Column("label", "", min(label_width, 28), cell=lambda option: option.label),
            Column("about", "", None, priority=1, cell=lambda option: (option.description, "muted")),
        ]
        yield VirtualTable(
            columns,
            lambda option: option.key,
            id="body",
            markable=False,
            show_header=False,
            open_on_click=True,
        )

    def compose_buttons(self) -> Iterable[FlatButton]:
        """Only the way out."""
        yield FlatButton("Cancel", id="cancel")

    def on_mount(self) -> None:
        """Fill the table."""
        table = self.query_one("#body", VirtualTable)
        table.set_rows(self._options)
        if self._selected is not None:
            table.select(self._selected)
        table.focus()

    def _fit(self) -> None:
        super()._fit()
        about = len(self._content) + 1 if self._content else 0
        body = self.query_one("#body")
        body.styles.max_height = max(
            2, self.size.height - self.CHROME - about + (3 if self.size.height < self.LOW else 0)
        )

    def on_key(self, event: events.Key) -> None:
        """A digit chooses."""
        if event.key.isdigit() and 1 <= int(event.key) <= min(9, len(self._options)):
            event.stop()
            self.answer(self._options[int(event.key) - 1].key)

    @on(VirtualTable.Opened)
    def _opened(self, event: VirtualTable.Opened) -> None:
        event.stop()
        self.answer(event.row.key)

    @on(FlatButton.Pressed)
    def _pressed(self) -> None:
        self.answer(None)


class MessageDialog(Dialog[None]):
    """Something to read, however long: scrolls, `c` copies all of it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Key("up,k", "scroll(-1)", "Scroll up", show=False, id="message.up", tooltip="Scroll up."),
        Key("down,j", "scroll(1)", "Scroll down", show=False, id="message.down", tooltip="Scroll down."),
        Key("pageup", "scroll(-10)", "Page up", show=False, id="message.pageup", tooltip="Scroll a page up."),
        Key(
            "pagedown",
            "scroll(10)",
            "Page down",
            show=False,
            id="message.pagedown",
            tooltip="Scroll a page down.",
        ),
        Key("c", "copy", "Copy", id="message.copy", tooltip="Copy the whole text to your clipboard."),
    ]

    def __init__(self, title: str, text: str, *, danger: bool = False) -> None:
        """`text` may have any number of lines; `danger` gives the frame the colour of errors."""
        super().__init__(title)
        self.danger = danger
        self._text = text

    def compose_body(self) -> Iterable[Widget]:
        """The text, wrapped."""
        lines = [printable(line, ascii_only=ascii_only(self.app)) for line in self._text.expandtabs(4).split("\n")]
        with _Body(id="body"):
            yield Static(Text("\n".join(lines)))

    def compose_buttons(self) -> Iterable[FlatButton]:
        """Copy and close."""
        yield FlatButton("Copy", id="copy")
        yield FlatButton("Close", "primary", id="close")

    def on_mount(self) -> None:
        """Enter closes."""
        self.query_one("#close").focus()

    @on(FlatButton.Pressed)
    def _pressed(self, event: FlatButton.Pressed) -> None:
        if event.button.id == "copy":
            self.action_copy()
        else:
            self.answer(None)

    def action_copy(self) -> None:
        """To the person's own clipboard, the way the app does it."""
        self.app.copy_to_clipboard(self._text)

    def action_scroll(self, step: int) -> None:
        """Scroll by lines."""
        self.query_one("#body").scroll_relative(y=step, animate=False)
