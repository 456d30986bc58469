"""Every key arrives as it was pressed, however the terminal's bytes are cut into pieces."""

from __future__ import annotations

import random

import pytest
from textual import events

from hopx_tui.tty.keyboard import ESCAPE_SECONDS, SEQUENCE_SECONDS, Answer, Keyboard
from hopx_tui.vt.keys import encode_key
from hopx_tui.vt.modes import Modes


def told(*pieces: bytes, console: bool = False) -> list[object]:
    """The events of these pieces and of nothing more coming: keys by name, others as they are."""
    keyboard = Keyboard(console=console)
    found: list[object] = []
    for piece in pieces:
        found += keyboard.feed(piece)
    if keyboard.patience is not None:
        found += keyboard.flush()
    return [event.key if isinstance(event, events.Key) else event for event in found]


@pytest.mark.parametrize(
    ("data", "keys"),
    [
        (b"a", ["a"]),
        (b"A ", ["A", "space"]),
        ("é世".encode(), ["é", "世"]),
        (b"\r\t\x7f", ["enter", "tab", "backspace"]),
        (b"\x01\x1f\x00", ["ctrl+a", "ctrl+underscore", "ctrl+@"]),
        (b"\x1b", ["escape"]),
        (b"\x1b\x1b", ["escape", "escape"]),
        (b"\x1b[A\x1bOA\x1b[1;5C\x1b[Z", ["up", "up", "ctrl+right", "shift+tab"]),
        (b"\x1bOP\x1b[15~\x1b[3;2~", ["f1", "f5", "shift+delete"]),
        (b"\x1b\x1b[A", ["alt+up"]),
        (b"\x1b\r\x1b\x7f\x1b\x01\x1b\x08", ["alt+enter", "alt+backspace", "alt+ctrl+a", "alt+ctrl+h"]),
        (b"\x1b:\x1b1\x1bA\x1b\xc3\xa9", ["alt+colon", "alt+1", "alt+shift+a", "alt+é"]),
        (b"\x1b[97;5u\x1b[13;3u\x1b[27u", ["ctrl+a", "alt+enter", "escape"]),
        (b"\x1b[", ["alt+left_square_bracket"]),
        (b"\x1bO", ["alt+shift+o"]),
        (b"\x1b[?62;22c\x1b]11;rgb:0/0/0\x07\x1bP1$r0m\x1b\\x", ["x"]),
        (b"\x1b[999;999Zy", ["y"]),
        (b"\xffz", ["replacement_character", "z"]),
        (b"\x1b[99999999ux", ["x"]),
        (b"\x1b[27;5;99999999~x", ["x"]),
        (b"\x1b[" + b"9" * 5000 + b"ux", ["x"]),
        (b"\x1b[97:65;2;65u\x1b[97;5:1u", ["A", "ctrl+a"]),
    ],
)
def test_keys_have_names(data: bytes, keys: list[str]) -> None:
    assert told(data) == keys


@pytest.mark.parametrize(
    "typed",
    [b"\x08", *(b"\x1b" + key for key in (b":", b"\r", b"\x01", b"\x7f", b"q", b"1", b"/", b"A", b"[", b"O", b"]"))],
)
def test_a_program_gets_what_was_typed(typed: bytes) -> None:
    """From the person's terminal through names to the program's bytes: nothing is merged or lost."""
    sent = b""
    keyboard = Keyboard()
    for event in [*keyboard.feed(typed), *keyboard.flush()]:
        assert isinstance(event, events.Key)
        sent += encode_key(event.key, event.character, Modes()) or b""
    assert sent == typed


def test_an_escape_waits_only_for_a_moment() -> None:
    keyboard = Keyboard()
    assert keyboard.feed(b"\x1b") == []
    assert keyboard.patience == ESCAPE_SECONDS
    (event,) = keyboard.flush()
    assert isinstance(event, events.Key)
    assert event.key == "escape"
    assert keyboard.patience is None
    keyboard.feed(b"\x1b[1;")
    assert keyboard.patience == SEQUENCE_SECONDS


def test_paste_keeps_what_is_in_it() -> None:
    text = "a\x1b[201\x1b[A\r\n\x00b"
    (paste,) = told(b"\x1b[200~" + text.encode() + b"\x1b[201~")
    assert isinstance(paste, events.Paste)
    assert paste.text == text.replace("\x00", "")


def test_a_paste_without_end_holds_no_memory() -> None:
    keyboard = Keyboard()
    keyboard.feed(b"\x1b[200~")
    pieces = [event for _ in range(40) for event in keyboard.feed(b"x" * 100_000)]
    assert sum(len(piece.text) for piece in pieces) >= 3_000_000  # type: ignore[union-attr]
    assert keyboard.patience is None


def test_a_string_without_end_is_dropped() -> None:
    keyboard = Keyboard()
    for _ in range(10):
        assert keyboard.feed(b"\x1b]11;" + b"x" * 60_000) == []


def test_mouse_focus_and_answers() -> None:
    down, focus, blur, answer, status = told(b"\x1b[<0;3;4M\x1b[I\x1b[O\x1b[?2026;2$y\x1b[0n")
    assert isinstance(down, events.MouseDown)
    assert (down.x, down.y) == (2, 3)
    assert isinstance(focus, events.AppFocus)
    assert isinstance(blur, events.AppBlur)
    assert answer == Answer(2026, 2)
    assert status == Answer(0, 0)


def test_a_console_spells_shift_tab_its_own_way() -> None:
    assert told(b"\x1b\t", console=True) == ["shift+tab"]
    assert told(b"\x1b\t") == ["alt+tab"]


def test_the_pieces_make_no_difference() -> None:
    data = b"a\x1b[A\x1b\r\x1b[200~p\x1b[Aq\x1b[201~\x1b[<0;3;4M\xc3\xa9\x1bOP\x1b[97;5u\x1b[?2026;1$yz"
    whole = [str(event) for event in told(data)]
    rng = random.Random(3)
    for _ in range(300):
        cuts = sorted(rng.sample(range(1, len(data)), rng.randint(1, 12)))
        pieces = [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True)]
        assert [str(event) for event in told(*pieces)] == whole
