"""The short notes a terminal pane lays over its text."""

from __future__ import annotations

from hopx_tui.widgets.terminal_chord import ChordKeys
from hopx_tui.widgets.terminal_scroll import ScrollMode
from hopx_tui.widgets.terminal_state import Exited, Lost, TerminalState, state_note

__all__ = ["Notes"]

_ASCII = {ord("↑"): "^", ord("·"): "-", ord("…"): "...", ord("▏"): "_"}


class Notes:
    """Decides which note shows.

    Args:
        ascii_only: spell them in ASCII.
    """

    def __init__(self, chord: ChordKeys, *, ascii_only: bool) -> None:
        self._chord = chord
        self._spelling = _ASCII if ascii_only else {}
        self.hint: str | None = None
        self.obstacle: str | None = None
        """Why no new link can be opened now; stands in for "enter reconnects"."""
        self.chord_pending = False

    def lower(self, scroll: ScrollMode | None, state: TerminalState) -> tuple[str, bool]:
        """The note at the lower edge ('' for none), and whether it tells of a problem."""
        if self.chord_pending:
            text, problem = self._chord.prompt, False
        elif self.hint is not None:
            text, problem = f" {self.hint} ", False
        elif scroll is not None:
            text, problem = scroll.note, False
        else:
            text, problem = state_note(state) or "", isinstance(state, Lost)
            if self.obstacle is not None and isinstance(state, Lost | Exited):
                text = f" {self.obstacle} "
        return text.translate(self._spelling), problem

    def upper(self, behind: int) -> str:
        """How far the view stands above the live screen; '' while it follows."""
        return f" ↑ {behind:,} lines ".translate(self._spelling) if behind else ""
