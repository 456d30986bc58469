"""A button of one line, drawn without borders so that it fits small screens and every terminal."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

from rich.cells import cell_len
from rich.segment import Segment
from textual.binding import BindingType
from textual.geometry import Size
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from hopx_tui.widgets.keys import Key

Kind = Literal["plain", "primary", "danger"]


class FlatButton(Widget, can_focus=True):
    """`[ Label ]`: brackets tell it is a button without colour, reverse or colour tells it has the focus."""

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    FlatButton {
        width: auto; height: 1; margin: 0 0 0 2;
        background: $panel; color: $foreground;
        &.-primary { color: $primary; }
        &.-danger { color: $error; }
        &:hover { text-style: underline; }
        &:focus { background: $primary; color: $background; text-style: bold; }
        &.-danger:focus { background: $error; }
        &:disabled { color: $text-disabled; }
        &:ansi:focus { background: ansi_default; color: ansi_default; text-style: bold reverse; }
        &:nocolor:focus { text-style: bold reverse; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Key(
            "enter,space",
            "press",
            "Press",
            show=False,
            id="button.press",
            tooltip="Press the focused button.",
        ),
    ]

    class Pressed(Message):
        """The button was clicked, or pressed by a key."""

        def __init__(self, button: FlatButton) -> None:
            super().__init__()
            self.button = button

        @property
        def control(self) -> FlatButton:
            """The button."""
            return self.button

    def __init__(
        self,
        label: str,
        kind: Kind = "plain",
        *,
        id: str | None = None,
        disabled: bool = False,
    ) -> None:
        super().__init__(id=id, classes=f"-{kind}", disabled=disabled)
        self.label = label

    @property
    def text(self) -> str:
        """What is drawn."""
        return f"[ {self.label} ]"

    def get_content_width(self, container: Size, viewport: Size) -> int:
        """As wide as its text."""
        return cell_len(self.text)

    def render_line(self, y: int) -> Strip:
        """The one line."""
        return Strip([Segment(self.text, self.rich_style)]).adjust_cell_length(self.size.width, self.rich_style)

    def action_press(self) -> None:
        """Tell the owner."""
        if not self.disabled:
            self.post_message(self.Pressed(self))

    def on_click(self, event: Any) -> None:
        """A click presses."""
        event.stop()
        self.action_press()
