"""A small application for the driver's tests: `driver_app.py plain|diff`. Every key changes what it shows."""

import sys

from textual import events
from textual.app import App, ComposeResult
from textual.widgets import Static

from hopx_tui.tty.driver import DiffDriver


class Board(App[None]):
    """Shows the last keys, a moving list, wide and combining characters, and says on the title line what came."""

    ENABLE_COMMAND_PALETTE = False
    CSS = "#list { border: round green; height: 1fr; } #last { background: blue; }"

    def __init__(self, kind: str) -> None:
        super().__init__(driver_class=DiffDriver if kind == "diff" else None)
        self.seen: list[str] = []
        self.first = 0

    def compose(self) -> ComposeResult:
        yield Static("keys:", id="last", markup=False)
        yield Static("", id="list", markup=False)

    def on_mount(self) -> None:
        self.fill()
        if isinstance(self._driver, DiffDriver):
            self._driver.first = lambda key: key.key == "exclamation_mark"

    def on_key(self, event: events.Key) -> None:
        self.told(event.key)
        if event.key == "q":
            self.exit()
        elif event.key == "b":
            self.bell()
        elif event.key == "c":
            self.copy_to_clipboard("copied")
        elif event.key == "s":
            with self.suspend():
                print("\x1b[2Jsuspended", flush=True)
                sys.stdin.readline()
        elif event.key == "d":
            self.first += 1
        elif event.key == "r" and isinstance(self._driver, DiffDriver):
            self._driver.redraw()
        self.fill()

    def on_paste(self, event: events.Paste) -> None:
        self.told(f"paste {event.text}")

    def on_app_focus(self) -> None:
        self.told("focus")

    def on_mouse_down(self, event: events.MouseDown) -> None:
        self.told(f"mouse {event.screen_x},{event.screen_y}")

    def told(self, what: str) -> None:
        self.seen.append(what)
        self.query_one("#last", Static).update("keys: " + " ".join(self.seen[-6:]))

    def fill(self) -> None:
        words = ("log", "世界", "e\u0301te\u0301", "👍🏽 thumb", "─│┌", "plain text that is longer")
        rows = [f"{self.first + row:04d} {words[(self.first + row) % len(words)]}" for row in range(self.size.height)]
        self.query_one("#list", Static).update("\n".join(rows))


Board(sys.argv[1]).run()
