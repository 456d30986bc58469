"""An app with one terminal pane on a local shell, to look at and to drive: python -m tests.demo_terminal.

Options: --split shows a second pane beside it, --drawn-cursor leaves the real cursor hidden.
"""

from __future__ import annotations

import sys

from textual.app import App, ComposeResult
from textual.containers import Horizontal
from textual.widgets import Static

from hopx_tui.tty.surface import DriverSurface
from hopx_tui.widgets.terminal import Terminal
from tests.widgets.local_pty import LocalPtyLink


class DemoApp(App[None], inherit_bindings=False):
    ENABLE_COMMAND_PALETTE = False
    ESCAPE_TO_MINIMIZE = False
    CSS = """
    #title { height: 1; background: $primary; }
    Terminal { border: round $primary; &:focus { border: round $accent; } }
    """

    def compose(self) -> ComposeResult:
        surface = None if "--drawn-cursor" in sys.argv else DriverSurface(lambda: self._driver)
        yield Static("terminal demo: ctrl+] esc leaves", id="title", markup=False)
        with Horizontal():
            for _ in range(2 if "--split" in sys.argv else 1):
                yield Terminal(self.connect, surface=surface)

    async def connect(self, cols: int, rows: int) -> LocalPtyLink:
        return await LocalPtyLink.open(cols, rows)

    def on_terminal_left(self) -> None:
        self.exit()

    def on_terminal_title_changed(self, event: Terminal.TitleChanged) -> None:
        self.query_one("#title", Static).update(event.title)

    def on_terminal_chord(self, event: Terminal.Chord) -> None:
        if event.key in "no":
            self.screen.focus_next(Terminal)

    def on_terminal_copy_requested(self, event: Terminal.CopyRequested) -> None:
        self.query_one("#title", Static).update(f"copied {event.text!r}")


if __name__ == "__main__":
    DemoApp().run()
