"""An app that shows what hostile far sides send: `hostile_app.py IN OUT WAY`. IN: a list of streams and one of names in
JSON; WAY: `direct` past Textual, or `textual`.

Starts on the first key; on `q` it writes to OUT what it answered to the far side.
"""

import asyncio
import json
import sys
from pathlib import Path

from textual.app import App, ComposeResult
from textual.widgets import Static

from hopx_tui import format as fmt
from hopx_tui.tty.driver import DiffDriver
from hopx_tui.tty.surface import DriverSurface
from hopx_tui.widgets.terminal import Terminal
from hopx_tui.widgets.text_lines import TextLines
from hopx_tui.widgets.virtual_table import Column, VirtualTable

SURFACE = True if sys.argv[3] == "direct" else None
STREAMS, NAMES = json.loads(Path(sys.argv[1]).read_text())
# Whatever was left open is over, a new screen, and the word that the test waits for.
LAST = "\x18\x1b\\\x07\x1b[?1049l\x1bc\x1b[3JDONE"


class Far:
    """A link that says one stream after the other, each after the frame before it."""

    def __init__(self, go: asyncio.Event) -> None:
        self._streams = iter([*STREAMS, LAST])
        self._go = go
        self.heard: list[str] = []

    async def read(self) -> str:
        await self._go.wait()
        await asyncio.sleep(0.004)
        for stream in self._streams:
            return stream
        await asyncio.Event().wait()
        raise AssertionError

    async def write(self, data: str) -> None:
        if data == "q":
            Path(sys.argv[2]).write_text(json.dumps(self.heard))
        elif not self._go.is_set():
            self._go.set()
        else:
            self.heard.append(data)

    def write_now(self, data: str) -> bool:
        return False

    async def resize(self, cols: int, rows: int) -> None:
        pass

    async def close(self) -> None:
        pass


class Hostile(App[None]):
    """A title, a table of names, text of files and a terminal, as the product shows them."""

    ENABLE_COMMAND_PALETTE = False
    CSS = "VirtualTable { height: 5; } TextLines { height: 4; } Terminal { height: 1fr; }"

    def __init__(self) -> None:
        super().__init__(driver_class=DiffDriver)
        self.go = asyncio.Event()
        self.count = 0

    def compose(self) -> ComposeResult:
        yield Static("READY", id="title", markup=False)
        columns = [Column("name", "NAME", None, cell=fmt.printable), Column("raw", "RAW", 20, cell=str)]
        yield VirtualTable[str](columns, key=str, id="names")
        yield TextLines(id="lines")
        yield Terminal(self.connect, fps=1000, surface=SURFACE and DriverSurface(lambda: self._driver))

    async def connect(self, cols: int, rows: int) -> Far:
        return Far(self.go)

    def on_mount(self) -> None:
        self.query_one(Terminal).focus()

    def on_terminal_title_changed(self, message: Terminal.TitleChanged) -> None:
        self.count += 1
        self.query_one("#title", Static).update(message.title)
        first = self.count % max(1, len(NAMES) - 8)
        self.query_one(VirtualTable).set_rows(NAMES[first : first + 4])
        self.query_one(TextLines).set_lines(NAMES[first : first + 4])


Hostile().run()
