"""Writes the README's key table from the classes that answer the keys: `python -m tests.readme_keys`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from textual.dom import DOMNode

from hopx_tui.panes import PANES
from hopx_tui.panes.terminal_chords import chord_table
from hopx_tui.screens.create import CreateDialog
from hopx_tui.screens.fleet import FleetScreen
from hopx_tui.screens.help import HelpScreen
from hopx_tui.screens.keytable import markdown
from hopx_tui.screens.palette import CommandLine
from hopx_tui.screens.player import PlayerScreen
from hopx_tui.screens.start import StartScreen
from hopx_tui.widgets.filter_line import FilterLine
from hopx_tui.widgets.keys import keys_of
from hopx_tui.widgets.terminal_scroll import SCROLL_KEYS
from hopx_tui.widgets.text_view import TextView
from hopx_tui.widgets.virtual_table import VirtualTable

README = Path(__file__).parent.parent / "README.md"
BEGIN, END = "<!-- keys -->", "<!-- /keys -->"

OWNERS: tuple[type[DOMNode], ...] = (
    FleetScreen,
    *(pane for pane in PANES if keys_of(pane)),
    VirtualTable,
    TextView,
    FilterLine,
    CommandLine,
    CreateDialog,
    PlayerScreen,
    HelpScreen,
    StartScreen,
)
"""Whose keys the README lists, in its order; what all dialogs share is inherited by the one listed."""


def table() -> str:
    """What belongs between the markers."""
    after = rows("In a terminal, after ctrl+]", chord_table("ctrl+]"))
    scrolling = rows("In a terminal, while scrolling", SCROLL_KEYS)
    return f"\n\n{markdown(OWNERS).strip()}\n\n{after}\n\n{scrolling}\n\n"


def rows(title: str, keys: Mapping[str, str]) -> str:
    """A table of keys that are no bindings."""
    lines = [f"| {' '.join(f'`{pipe(key)}`' for key in names.split())} | {what} |" for names, what in keys.items()]
    return "\n".join([f"### {title}", "", "| keys | what |", "|---|---|", *lines])


def pipe(key: str) -> str:
    """A bar would end the cell."""
    return key.replace("|", "\\|")


def with_table(text: str) -> str:
    """The README's text with the table as it is now; unchanged where the markers are absent."""
    head, begin, rest = text.partition(BEGIN)
    _, end, tail = rest.partition(END)
    return f"{head}{begin}{table()}{end}{tail}" if begin and end else text


def main() -> None:
    """Rewrite the README in place."""
    README.write_text(with_table(README.read_text()))


if __name__ == "__main__":
    main()
