"""An app around widgets under test, and what they show as text."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from textual.app import App, ComposeResult
from textual.geometry import Region
from textual.widget import Widget

from hopx_tui.theme import THEMES


class Host(App[object]):
    """Shows the given widgets below each other, and remembers what was copied and posted."""

    CSS = "Screen { overflow: hidden; }"

    def __init__(self, *widgets: Widget, theme: str = "hopx-night", ascii_only: bool = False) -> None:
        # Without colours Textual must be told from the start that a theme uses the terminal's own.
        super().__init__(ansi_color=True if theme == "hopx-ansi" else None)
        self._given = widgets
        self._theme_name = theme
        self.ascii_only = ascii_only
        self.copied: list[str] = []
        self.heard: list[object] = []

    def compose(self) -> ComposeResult:
        yield from self._given

    def on_mount(self) -> None:
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = self._theme_name

    def copy_to_clipboard(self, text: str) -> None:
        self.copied.append(text)


def screen_lines(app: App[object], widget: Widget | None = None) -> list[str]:
    """The text on the screen, of a widget's content area or of all of it."""
    rows = [strip.text for strip in app.screen._compositor.render_strips()]
    if widget is None:
        return rows
    area: Region = widget.content_region
    return ["".join(cells[area.x : area.right]) for cells in ([*_cells(row)] for row in rows[area.y : area.bottom])]


def _cells(row: str) -> list[str]:
    from rich.cells import cell_len

    cells: list[str] = []
    for character in row:
        width = cell_len(character)
        if width == 0 and cells:
            cells[-1] += character
        elif width:
            cells.extend([character] + [""] * (width - 1))
    return cells


async def until(holds: Callable[[], bool], seconds: float = 5.0) -> None:
    """Wait for a condition, never for a time."""
    end = asyncio.get_running_loop().time() + seconds
    while not holds():
        assert asyncio.get_running_loop().time() < end, "waited too long"
        await asyncio.sleep(0.005)
