"""The terminal core in the form that conformance harnesses ask for."""

from __future__ import annotations

from hopx_tui.vt.screen import VTScreen
from hopx_tui.vt.stream import VTStream
from hopx_tui.vt.style import Colour, Style


class Core:
    """A screen and its stream; rows come as text, cells as (character, fg, bg, flags)."""

    def __init__(self, columns: int, lines: int) -> None:
        self.screen = VTScreen(columns, lines)
        self.stream = VTStream(self.screen)

    def feed(self, data: bytes) -> None:
        self.stream.feed(data)

    def lines(self) -> list[str]:
        return [row.text() for row in self.screen.rows]

    def cells(self) -> list[list[tuple[str, object, object, frozenset[str]]]]:
        return [
            [(cell, *look(style)) for cell, style in zip(*row.grid(), strict=True)] for row in self.screen.rows
        ]

    def cursor(self) -> tuple[int, int]:
        """(row, column); a pending wrap shows on the last column."""
        return self.screen.cursor.y, min(self.screen.cursor.x, self.screen.columns - 1)

    def replies(self) -> bytes:
        return self.screen.take_replies()


def look(style: Style) -> tuple[object, object, frozenset[str]]:
    """A style as (fg, bg, flags) of the harness."""
    flags = {
        "bold": style.bold,
        "dim": style.dim,
        "italic": style.italic,
        "underline": style.underline > 0,
        "inverse": style.reverse,
        "strike": style.strike,
        "hidden": style.hidden,
    }
    return colour(style.fg), colour(style.bg), frozenset(name for name, on in flags.items() if on)


def colour(value: Colour) -> object:
    if value is None:
        return "default"
    return "{:02x}{:02x}{:02x}".format(*value) if isinstance(value, tuple) else value


def make(size: tuple[int, int]) -> Core:
    """A core of size (columns, lines)."""
    return Core(*size)
