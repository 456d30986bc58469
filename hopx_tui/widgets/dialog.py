"""The frame all dialogs share: a box in the middle, a body that scrolls, a row of buttons, escape."""

from __future__ import annotations

from collections.abc import Iterable
from typing import ClassVar, TypeVar

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widget import Widget

from hopx_tui.format import printable
from hopx_tui.widgets.flat_button import FlatButton
from hopx_tui.widgets.keys import Key
from hopx_tui.widgets.palette import Palette, ascii_only

T = TypeVar("T")

Line = str | tuple[str, str]
"""A sentence, or a fact as (label, value)."""


class Asking(ModalScreen[T]):
    """A modal screen that answers once: keys that are still on their way when it closes change nothing."""

    answered: bool = False

    def answer(self, result: T | None) -> None:
        """Close with a result. The second answer, and one from below another dialog, are dropped."""
        if not self.answered and self.app.screen is self:
            self.answered = True
            self.dismiss(result)


class Dialog(Asking[T]):
    """A modal box. Subclasses give the body (`compose_body`) and the buttons (`compose_buttons`)."""

    DEFAULT_CSS = """
    Dialog {
        align: center middle;
        background: transparent;
        & > #dialog {
            width: 68; max-width: 100%; height: auto; max-height: 100%;
            background: $surface; color: $foreground;
            border: round $primary; border-title-color: $primary; border-title-style: bold;
            border-subtitle-color: $text-muted;
            padding: 1 2 0 2;
            &.-danger { border: round $error; border-title-color: $error; }
            &.-ascii { border: ascii $primary; &.-danger { border: ascii $error; } }
            &.-low { padding: 0 1; }
        }
        & #buttons { height: 1; align-horizontal: right; margin: 1 0; }
        & #dialog.-low #buttons { margin: 0; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Key("escape,q", "cancel", "Cancel", id="dialog.cancel", tooltip="Close the dialog and change nothing."),
        Key("left", "step(-1)", "Left", show=False, id="dialog.left", tooltip="Go to the button to the left."),
        Key(
            "right",
            "step(1)",
            "Right",
            show=False,
            id="dialog.right",
            tooltip="Go to the button to the right.",
        ),
    ]

    CHROME: ClassVar[int] = 6
    """Lines that are not body: frame, padding and buttons."""
    LOW: ClassVar[int] = 18
    """Screens with fewer lines get no padding."""
    danger: bool = False

    def __init__(self, title: str) -> None:
        super().__init__()
        self._title_text = printable(title)

    def compose(self) -> ComposeResult:
        """Frame, body, buttons."""
        with Vertical(id="dialog") as frame:
            frame.border_title = Text(printable(self._title_text, ascii_only=ascii_only(self.app)))
            yield from self.compose_body()
            with Horizontal(id="buttons"):
                yield from self.compose_buttons()

    def compose_body(self) -> Iterable[Widget]:
        """What stands above the buttons; the widget with the id `body` is made to fit the screen."""
        raise NotImplementedError

    def compose_buttons(self) -> Iterable[FlatButton]:
        """From left to right."""
        raise NotImplementedError

    def on_mount(self) -> None:
        """Looks that depend on the terminal and on the danger."""
        frame = self.query_one("#dialog")
        frame.set_class(self.danger, "-danger")
        frame.set_class(ascii_only(self.app), "-ascii")
        self._fit()

    def on_resize(self) -> None:
        """Keep the buttons on the screen, whatever its height."""
        if self.query("#body"):  # not while it closes: what was in it goes first
            self._fit()

    def _fit(self) -> None:
        low = self.size.height < self.LOW
        self.query_one("#dialog").set_class(low, "-low")
        chrome = self.CHROME - (3 if low else 0)
        self.query_one("#body").styles.max_height = max(1, self.size.height - chrome)

    def action_step(self, step: int) -> None:
        """Move the focus along the buttons."""
        buttons = [button for button in self.query(FlatButton) if not button.disabled]
        if buttons:
            at = buttons.index(self.focused) if self.focused in buttons else (-1 if step > 0 else 0)
            buttons[(at + step) % len(buttons)].focus()

    def action_cancel(self) -> None:
        """Close without an answer."""
        self.answer(None)

    def facts(self, lines: Iterable[Line]) -> Table:
        """Sentences and aligned facts as something `Static` shows; nothing in them is taken for markup."""
        palette = Palette.of(self.app)
        plain = ascii_only(self.app)
        grid = Table.grid(padding=(0, 2), expand=True)
        grid.add_column(no_wrap=True, style=palette.style("muted"))
        grid.add_column(ratio=1, overflow="fold")
        outer = Table.grid(expand=True)
        outer.add_column(overflow="fold")
        pending = False
        for line in lines:
            if isinstance(line, tuple):
                grid.add_row(printable(line[0], ascii_only=plain), Text(printable(line[1], ascii_only=plain)))
                pending = True
                continue
            if pending:
                outer.add_row(grid)
                grid = _fresh(grid)
                pending = False
            outer.add_row(Text(printable(line, ascii_only=plain)))
        if pending:
            outer.add_row(grid)
        return outer


def _fresh(grid: Table) -> Table:
    fresh = Table.grid(padding=(0, 2), expand=True)
    fresh.add_column(no_wrap=True, style=grid.columns[0].style)
    fresh.add_column(ratio=1, overflow="fold")
    return fresh
