"""What works right now, in sentences: made from the keys that the focused places declare."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical, VerticalScroll
from textual.widgets import Static

from hopx_tui.screens.keytable import Section
from hopx_tui.widgets.dialog import Asking
from hopx_tui.widgets.keys import Key
from hopx_tui.widgets.palette import Palette, ascii_only
from hopx_tui.widgets.scrollbar import draw_scrollbars_as_lines


class HelpScreen(Asking[None]):
    """Sections from the inside out; scrolls."""

    TITLE = "Help"
    DEFAULT_CSS = """
    HelpScreen { align: center middle; background: transparent; }
    HelpScreen > Vertical {
        width: 88; max-width: 100%; height: 90%; background: $surface; border: round $primary;
        border-title-color: $primary; border-title-style: bold; border-subtitle-color: $text-muted; padding: 1 2;
    }
    HelpScreen > Vertical.-ascii { border: ascii $primary; }
    HelpScreen VerticalScroll { scrollbar-size-vertical: 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Key("escape,q,question_mark,f1", "close", "close", id="help.close", tooltip="Close the help."),
        Key("j", "scroll(1)", "down", show=False, id="help.down", tooltip="Scroll down."),
        Key("k", "scroll(-1)", "up", show=False, id="help.up", tooltip="Scroll up."),
    ]

    def __init__(self, sections: Sequence[Section], introduction: str) -> None:
        super().__init__()
        self._sections = sections
        self._introduction = introduction

    def compose(self) -> ComposeResult:
        with Vertical(classes="-ascii" if ascii_only(self.app) else "") as frame:
            frame.border_title = "Keys that work here"
            frame.border_subtitle = "esc closes"
            with VerticalScroll():
                yield Static(id="help-text")

    def on_mount(self) -> None:
        palette = Palette.of(self.app)
        parts: list[RenderableType] = [Text(self._introduction, style=palette.style("muted"))]
        for section in self._sections:
            parts.append(Text(f"\n{section.title}", style=palette.style("title")))
            if section.about:
                parts.append(Text(section.about, style=palette.style("muted")))
            grid = Table.grid(padding=(0, 2, 0, 0))
            grid.add_column(width=20, style=palette.style("key"))
            grid.add_column(ratio=1, style=palette.style("text"))
            for line in section.lines:
                grid.add_row(Text(line.keys), Text(line.sentence))
            parts.append(Padding(grid, (0, 0, 0, 2)))
        self.query_one("#help-text", Static).update(Group(*parts))
        draw_scrollbars_as_lines(self.query_one(VerticalScroll))
        self.query_one(VerticalScroll).focus()

    def action_close(self) -> None:
        """Back to work."""
        self.answer(None)

    def action_scroll(self, step: int) -> None:
        """Line by line."""
        self.query_one(VerticalScroll).scroll_relative(y=step, animate=False)
