"""The person's own terminal, as terminal panes ask for it: its cursor, and a way to its cells past Textual."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Protocol

from hopx_tui.vt.style import Style

__all__ = ["Sheet", "Surface"]


class Sheet(Protocol):
    """The cells of the outer terminal, counted from 0."""

    def draw(self, x: int, y: int, text: str) -> None:
        """Text with its attributes as escape sequences, none at its end, from a cell on."""

    def style(self, sample: str) -> Style:
        """The style for `put` of the first cell of this text: one character with its escape sequences."""

    def put(self, x: int, y: int, cells: list[str], styles: list[Style]) -> None:
        """Cells from a place on, within their line, wide ones followed by "", with styles that `style` gave."""

    def scroll(self, x: int, width: int, top: int, bottom: int, count: int) -> bool:
        """Move lines up (down, if negative), if what stands beside these columns is the same in all of them; whether it
        was so. The lines that come in at the end are to be drawn anew.
        """


class Surface(Protocol):
    """The outer terminal. `hopx_tui.tty.surface` has one; an app needs one for all its panes.

    Without it a pane draws its cursor as a restyled cell, which repaints a line per move, cannot blink and is
    invisible to input methods and screen readers; and all it shows goes through Textual's compositor, which takes
    several times as long as the emulator.
    """

    def show(self, owner: object, x: int, y: int, shape: int) -> None:
        """Show the cursor, which Textual keeps hidden, at a cell of the whole screen, from 0; ``shape`` is DECSCUSR's
        number (0: the own)."""

    def hide(self, owner: object) -> None:
        """Hide it if this owner showed it last: the next owner may have shown it already."""

    def frame(self) -> AbstractContextManager[Sheet | None]:
        """What is drawn inside is shown all at once at its end; None: nothing can be drawn now."""
