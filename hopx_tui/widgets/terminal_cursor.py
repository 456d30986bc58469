"""The cursor of the person's own terminal, as terminal panes ask for it."""

from __future__ import annotations

from typing import Protocol

__all__ = ["RealCursor"]


class RealCursor(Protocol):
    """Shows the outer terminal's cursor, which Textual keeps hidden. `hopx_tui.tty.cursor` has one; an app
    needs one for all its panes.

    Without it a pane draws its cursor as a restyled cell, which repaints a line per move, cannot blink and is
    invisible to input methods and screen readers.
    """

    def show(self, owner: object, x: int, y: int, shape: int) -> None:
        """Show it at a cell of the whole screen, from 0; ``shape`` is DECSCUSR's number (0: the own)."""

    def hide(self, owner: object) -> None:
        """Hide it if this owner showed it last: the next owner may have shown it already."""
