"""The chord, its keys, the notes."""

from __future__ import annotations

import pytest

from hopx_tui.widgets.terminal_chord import CHORDS, ChordAction, ChordKeys, key_name
from hopx_tui.widgets.terminal_notes import Notes
from hopx_tui.widgets.terminal_state import Connected, Connecting, Exited, Lost


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("ctrl+]", "ctrl+right_square_bracket"), ("ctrl+g", "ctrl+g"), ("f12", "f12"), ("ctrl++", "ctrl+plus"),
        ("+", "plus"), ("ctrl+right_square_bracket", "ctrl+right_square_bracket"),
    ],
)  # fmt: skip
def test_labels_become_names(label: str, name: str):
    assert key_name(label) == name


@pytest.mark.parametrize(
    ("key", "character", "action", "told"),
    [
        ("ctrl+right_square_bracket", "\x1d", ChordAction.SEND_CHORD, "ctrl+right_square_bracket"),
        ("escape", "\x1b", ChordAction.LEAVE, "escape"),
        ("d", "d", ChordAction.LEAVE, "d"),
        ("left_square_bracket", "[", ChordAction.SCROLL, "["),
        ("slash", "/", ChordAction.SEARCH, "/"),
        ("vertical_line", "|", ChordAction.OWNER, "|"),
        ("R", "R", ChordAction.OWNER, "R"),
        ("r", "r", ChordAction.UNKNOWN, "r"),
        ("f5", None, ChordAction.UNKNOWN, "f5"),
    ],
)
def test_meanings(key: str, character: str | None, action: ChordAction, told: str):
    meaning = ChordKeys("ctrl+]", CHORDS).meaning(key, character)
    assert (meaning.action, meaning.key) == (action, told)


def test_the_list_is_offered_only_where_there_is_one():
    assert "? lists" in ChordKeys("ctrl+]", CHORDS).prompt
    assert "? lists" not in ChordKeys("ctrl+]", {}).prompt
    assert ChordKeys("ctrl+]", {}).unknown("k") == "ctrl+] k does nothing"


def test_notes_have_an_order():
    notes = Notes(ChordKeys("ctrl+]", CHORDS), ascii_only=False)
    assert notes.lower(None, Connected()) == ("", False)
    assert notes.lower(None, Connecting()) == (" connecting… ", False)
    assert notes.lower(None, Exited(None)) == (" enter starts a new shell · the shell ended ", False)
    assert "code 137" in notes.lower(None, Exited(137))[0]
    assert notes.lower(None, Lost("no route")) == (" enter reconnects · no route ", True)
    notes.hint = "look"
    assert notes.lower(None, Lost("no route")) == (" look ", False)
    notes.chord_pending = True
    assert notes.lower(None, Connected())[0].startswith(" ctrl+] … esc leaves")
    assert notes.upper(0) == ""
    assert notes.upper(1234) == " ↑ 1,234 lines "
    assert Notes(ChordKeys("ctrl+]", CHORDS), ascii_only=True).upper(3) == " ^ 3 lines "
