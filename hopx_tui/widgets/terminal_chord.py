"""The one key kept from the program in a terminal, and what the key after it means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

from textual.keys import _character_to_key

__all__ = ["CHORDS", "ChordAction", "ChordKeys", "Meaning"]

CHORDS: Mapping[str, str] = MappingProxyType(
    {
        "c": "a new terminal",
        "n": "the next terminal",
        "p": "the one before",
        "1-9": "the terminal of that number",
        "R": "record into a file, or stop that",
        "a": "attach: the program alone on your terminal",
        "s": "join a shell that is open elsewhere",
        "w": "watch only, and type again",
        "t": "take over from whoever types",
        "|": "split: a new one to the right",
        "-": "split: a new one below",
        "o": "the other half of a split",
        ",": "give it a name",
        "z": "zoom the pane",
        "x": "close the terminal",
        "?": "list these keys",
    }
)
"""Keys after the chord that the owner answers (`Terminal.Chord`), with what they do."""


class ChordAction(Enum):
    """What is to happen after the chord and a key."""

    SEND_CHORD = 1
    LEAVE = 2
    SCROLL = 3
    SEARCH = 4
    OWNER = 5
    UNKNOWN = 6


@dataclass(frozen=True)
class Meaning:
    """An action and the key it came from, as a character where it has one."""

    action: ChordAction
    key: str


_OWN = {
    "escape": ChordAction.LEAVE,
    "d": ChordAction.LEAVE,
    "[": ChordAction.SCROLL,
    "/": ChordAction.SEARCH,
}


class ChordKeys:
    """Knows the chord and its keys.

    Args:
        label: the chord as people write it, like ``ctrl+]``.
        chords: keys that the owner answers, with their meaning.
    """

    def __init__(self, label: str, chords: Mapping[str, str]) -> None:
        self.label = label
        self._name = key_name(label)
        self._chords = chords

    def starts(self, key: str) -> bool:
        """Whether this key (Textual's name) is the chord."""
        return key == self._name

    def meaning(self, key: str, character: str | None) -> Meaning:
        """What this key means after the chord."""
        if key == self._name:
            return Meaning(ChordAction.SEND_CHORD, key)
        name = character if character is not None and character.isprintable() else key
        if name in _OWN:
            return Meaning(_OWN[name], name)
        return Meaning(ChordAction.OWNER if name in self._chords else ChordAction.UNKNOWN, name)

    @property
    def prompt(self) -> str:
        """What the pane says while it waits for the key."""
        # A narrow pane cuts the end: what leads to all else comes first.
        listing = "? lists · " if "?" in self._chords else ""
        return f" {self.label} … esc leaves · {listing}[ scrolls · / searches · {self.label} is sent "

    def unknown(self, key: str) -> str:
        """What the pane says after a key without a meaning."""
        listing = f" · {self.label} ? lists the keys" if "?" in self._chords else ""
        return f"{self.label} {key} does nothing{listing}"


def key_name(label: str) -> str:
    """Textual's name of a key written like ``ctrl+]``."""
    modifiers, plus, key = label.rpartition("+")
    if label.endswith("+"):
        modifiers, key = label[:-1].rstrip("+"), "+"
        plus = "+" if modifiers else ""
    return modifiers + plus + (_character_to_key(key) if len(key) == 1 else key)
