"""What the command line offers: the keys that work along the focus chain by name, the tabs, and a few words."""

from __future__ import annotations

from collections.abc import Sequence

from textual.dom import DOMNode

from hopx_tui.panes import Pane
from hopx_tui.screens.keytable import sections_of
from hopx_tui.screens.palette import Command

PLAY = "play"
_NOT_OFFERED = ("command", "tab(")
"""Actions that make no sense in the command line itself."""


class Commands:
    """A list of commands, and what each of them stands for."""

    def __init__(self, chain: Sequence[DOMNode], panes: Sequence[Pane]) -> None:
        self._actions: dict[str, tuple[str, DOMNode]] = {}
        self._panes = {pane.NAME.lower(): index for index, pane in enumerate(panes)}
        self.listed: list[Command] = []
        for section in sections_of(chain):
            for line in section.lines:
                if line.node is None or line.label in self._actions or line.action.startswith(_NOT_OFFERED):
                    continue
                self._actions[line.label] = (line.action, line.node)
                self.listed.append(Command(line.label, line.sentence, line.keys))
        self.listed += [Command(pane.NAME.lower(), pane.HELP, str(index + 1)) for index, pane in enumerate(panes)]
        self.listed.append(Command("rate", "How often to ask: rate 5s"))
        self.listed.append(Command(PLAY, "Play a recording of a terminal; or: play FILE"))

    def pane(self, command: Command | None) -> int | None:
        """The index of the tab that a command names."""
        return self._panes.get(command.name) if command is not None else None

    def action(self, command: Command | None) -> tuple[str, DOMNode] | None:
        """The action that a command runs, and where."""
        return self._actions.get(command.name) if command is not None else None


def begins_to_say(text: str, command: Command) -> bool:
    """What was typed is no more than the beginning of what the list says about the command."""
    return f"{command.name} ".startswith(text) or command.about.lower().startswith(text.lower())


def parse_rate(text: str) -> float | None:
    """Seconds of `5s` or `0.5`; None when that is no rate between half a second and an hour."""
    try:
        seconds = float(text.strip().removesuffix("s"))
    except ValueError:
        return None
    return seconds if 0.5 <= seconds <= 3600 else None
