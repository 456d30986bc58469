from __future__ import annotations

import pytest

from hopx_tui.vt.keys import encode_focus, encode_key, encode_mouse, encode_paste, encode_wheel_as_arrows
from hopx_tui.vt.modes import Modes

PLAIN = Modes()
APP = Modes(app_cursor=True)
KITTY = Modes(kitty=1)


@pytest.mark.parametrize(
    ("key", "character", "sent"),
    [
        ("a", "a", b"a"), ("A", "A", b"A"), ("upper_a", "A", b"A"), ("é", "é", "é".encode()),
        ("full_stop", ".", b"."), ("slash", "/", b"/"),
        ("minus", None, b"-"), ("space", " ", b" "), ("alt+a", "a", b"\x1ba"), ("alt+a", None, b"\x1ba"),
        ("alt+A", "A", b"\x1bA"),
        ("alt+shift+a", None, b"\x1bA"), ("alt+full_stop", None, b"\x1b."), ("alt+é", "é", "\x1bé".encode()),
        ("ctrl+a", "\x01", b"\x01"), ("ctrl+z", None, b"\x1a"), ("ctrl+alt+a", None, b"\x1b\x01"),
        ("ctrl+@", "\x00", b"\x00"),
        ("ctrl+space", None, b"\x00"), ("ctrl+left_square_bracket", None, b"\x1b"), ("ctrl+backslash", "\x1c", b"\x1c"),
        ("ctrl+right_square_bracket", "\x1d", b"\x1d"), ("ctrl+circumflex_accent", "\x1e", b"\x1e"),
        ("ctrl+underscore", "\x1f", b"\x1f"),
        ("ctrl+slash", None, b"\x1f"), ("ctrl+1", None, b"1"), ("ctrl+é", None, "é".encode()),
        ("enter", "\r", b"\r"), ("alt+enter", None, b"\x1b\r"), ("tab", "\t", b"\t"), ("shift+tab", None, b"\x1b[Z"),
        ("backspace", "\x7f", b"\x7f"), ("backspace", "\x08", b"\x08"), ("ctrl+backspace", None, b"\x08"),
        ("alt+backspace", None, b"\x1b\x7f"),
        ("escape", "\x1b", b"\x1b"), ("up", None, b"\x1b[A"), ("down", None, b"\x1b[B"), ("right", None, b"\x1b[C"),
        ("left", None, b"\x1b[D"),
        ("home", None, b"\x1b[H"), ("end", None, b"\x1b[F"), ("shift+up", None, b"\x1b[1;2A"),
        ("alt+left", None, b"\x1b[1;3D"),
        ("ctrl+right", None, b"\x1b[1;5C"), ("ctrl+shift+end", None, b"\x1b[1;6F"), ("insert", None, b"\x1b[2~"),
        ("delete", None, b"\x1b[3~"), ("pageup", None, b"\x1b[5~"), ("pagedown", None, b"\x1b[6~"),
        ("ctrl+delete", None, b"\x1b[3;5~"),
        ("f1", None, b"\x1bOP"), ("f4", None, b"\x1bOS"), ("f5", None, b"\x1b[15~"), ("f12", None, b"\x1b[24~"),
        ("shift+f1", None, b"\x1b[1;2P"),
        ("ctrl+f5", None, b"\x1b[15;5~"), ("super+a", "a", None), ("left_shift", None, None),
        ("alt+unknown_key", None, None),
        ("<ignore>", None, None), ("no_break_space", "\u00a0", b"\xc2\xa0"),
        ("ideographic_space", "\u3000", b"\xe3\x80\x80"),
        ("zero_width_joiner", "\u200d", b"\xe2\x80\x8d"), ("x", "\u00ad", b"\xc2\xad"),
    ],
)  # fmt: skip
def test_keys(key, character, sent):
    assert encode_key(key, character, PLAIN) == sent


def test_every_control_letter():
    for number in range(1, 27):
        letter = chr(96 + number)
        assert encode_key(f"ctrl+{letter}", None, PLAIN) == bytes([number])
        assert encode_key(f"alt+ctrl+{letter}", None, PLAIN) == b"\x1b" + bytes([number])


@pytest.mark.parametrize(
    ("key", "sent"), [("up", b"\x1bOA"), ("home", b"\x1bOH"), ("end", b"\x1bOF"), ("ctrl+up", b"\x1b[1;5A")]
)
def test_application_cursor_keys(key, sent):
    assert encode_key(key, None, APP) == sent


@pytest.mark.parametrize(
    ("key", "character", "sent"),
    [("escape", "\x1b", b"\x1b[27u"), ("enter", "\r", b"\r"), ("shift+enter", None, b"\x1b[13;2u"),
     ("ctrl+a", None, b"\x1b[97;5u"),
     ("alt+a", "a", b"\x1b[97;3u"), ("alt+A", "A", b"\x1b[97;4u"), ("shift+tab", None, b"\x1b[9;2u"),
     ("a", "a", b"a"), ("A", "A", b"A"),
     ("backspace", "\x7f", b"\x7f"), ("alt+backspace", None, b"\x1b[127;3u"), ("space", " ", b" "),
     ("ctrl+space", None, b"\x1b[32;5u"),
     ("up", None, b"\x1b[A"), ("alt+İ", None, b"\x1b[304;3u")],
)  # fmt: skip
def test_disambiguated_keys(key, character, sent):
    assert encode_key(key, character, KITTY) == sent


def test_paste():
    assert encode_paste("a\r\nb\nc", PLAIN) == b"a\rb\rc"
    bracketed = Modes(bracketed_paste=True)
    assert encode_paste("a\nb", bracketed) == b"\x1b[200~a\nb\x1b[201~"
    for hostile in ("x\x1b[201~rm -rf\n", "x\x1b[20\x1b[201~1~y", "\x9b201~y", "\x1b\x03\x04\x00"):
        sent = encode_paste(hostile, bracketed)
        assert sent.endswith(b"\x1b[201~")
        assert sent.count(b"\x1b") == 2
        assert "\x9b" not in sent.decode()
    assert b"\x1b" not in encode_paste("\x1b[A", PLAIN)


def mouse(kind="press", button=0, x=4, y=2, shift=False, alt=False, ctrl=False, **modes):
    return encode_mouse(kind, button, x, y, shift, alt, ctrl, Modes(**modes))


def test_mouse_is_reported_only_as_asked():
    assert mouse() is None
    assert mouse(mouse=1000, mouse_sgr=True) == b"\x1b[<0;5;3M"
    assert mouse("release", 2, mouse=1000, mouse_sgr=True) == b"\x1b[<2;5;3m"
    assert mouse("wheel_up", mouse=1000, mouse_sgr=True) == b"\x1b[<64;5;3M"
    assert mouse("wheel_down", ctrl=True, mouse=1000, mouse_sgr=True) == b"\x1b[<81;5;3M"
    assert mouse("press", 1, shift=True, alt=True, mouse=1000, mouse_sgr=True) == b"\x1b[<13;5;3M"
    assert mouse("move", 0, mouse=1000, mouse_sgr=True) is None
    assert mouse("move", 0, mouse=1002, mouse_sgr=True) == b"\x1b[<32;5;3M"
    assert mouse("move", -1, mouse=1002, mouse_sgr=True) is None
    assert mouse("move", -1, mouse=1003, mouse_sgr=True) == b"\x1b[<35;5;3M"
    assert mouse("press", -1, mouse=1003) is None
    assert mouse(x=-1, mouse=1003) is None


def test_mouse_in_the_old_form():
    assert mouse(mouse=1000) == b"\x1b[M %#"
    assert mouse("release", 2, mouse=1000) == b"\x1b[M#%#"
    assert mouse(x=500, y=500, mouse=1000) == b"\x1b[M \xff\xff"
    assert mouse(mouse=9, ctrl=True) == b"\x1b[M %#"
    assert mouse("release", mouse=9) is None


def test_wheel_without_mouse():
    assert encode_wheel_as_arrows(True, 3, PLAIN) is None
    assert encode_wheel_as_arrows(True, 3, Modes(alt_screen=True)) == b"\x1b[A" * 3
    assert encode_wheel_as_arrows(False, 1, Modes(alt_screen=True, app_cursor=True)) == b"\x1bOB"
    assert encode_wheel_as_arrows(True, 3, Modes(alt_screen=True, alt_scroll=False)) is None
    assert encode_wheel_as_arrows(True, 3, Modes(alt_screen=True, mouse=1000)) is None


def test_focus():
    assert encode_focus(True, PLAIN) is None
    assert encode_focus(True, Modes(focus_events=True)) == b"\x1b[I"
    assert encode_focus(False, Modes(focus_events=True)) == b"\x1b[O"
