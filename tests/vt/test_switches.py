from __future__ import annotations

import pytest

from tests.vt.term import Term


def test_1049_keeps_the_main_screen_and_its_cursor():
    term = Term(10, 3).feed("shell\x1b[31m\x1b[?1049h")
    assert term.rows == ["", "", ""]
    assert term.at == (5, 0)
    term.feed("\x1b[m\x1b[Hvim\r\n~\x1b[?1049l")
    assert term.rows == ["shell", "", ""]
    assert term.at == (5, 0)
    assert term.screen.cursor.style.fg == 1
    assert term.feed("\x1b[?1049h").rows == ["", "", ""]


def test_1049_keeps_a_pending_wrap_and_decsc_does_not():
    assert Term(3, 3).feed("abc\x1b[?1049h\x1b[?1049ld").rows == ["abc", "d", ""]
    assert Term(3, 3).feed("abc\x1b7\x1b[H\x1b8d").rows == ["abd", "", ""]


def test_47_keeps_both_screens_and_1047_clears_on_leaving():
    term = Term(10, 2).feed("main\x1b[?47halt\x1b[?47l")
    assert term.rows[0] == "main"
    assert term.feed("\x1b[?47h").rows[0] == "    alt"
    assert term.feed("\x1b[?1047l\x1b[?47h").rows[0] == ""
    assert term.feed("\x1b[?47h\x1b[?47l").rows[0] == "main"


def test_1048_saves_the_cursor():
    assert Term().feed("\x1b[2;3H\x1b[?1048h\x1b[H\x1b[?1048l").at == (2, 1)
    assert Term().feed("ab\x1b[?1049l").at == (0, 0)


def test_switching_marks_all_rows_for_painting():
    term = Term().feed("x")
    for row in term.screen.main_rows + term.screen.alt_rows:
        row.paint = "painted"
    assert term.feed("\x1b[?47h").screen.dirty == {0, 1, 2, 3}


@pytest.mark.parametrize(
    ("mode", "name"),
    [("?1", "app_cursor"), ("?66", "app_keypad"), ("?5", "reverse_screen"), ("?7", "autowrap"), ("?12", "cursor_blink"),
     ("?25", "cursor_visible"), ("?45", "reverse_wrap"), ("?1004", "focus_events"), ("?1006", "mouse_sgr"),
     ("?1007", "alt_scroll"), ("?2004", "bracketed_paste"), ("?2026", "sync"), ("4", "insert"), ("20", "newline"),
     ("?1049", "alt_screen"), ("?6", "origin")],
)  # fmt: skip
def test_modes(mode, name):
    term = Term().feed(f"\x1b[{mode}h")
    assert getattr(term.screen.modes, name) is True
    ask = f"\x1b[{mode}$p"
    assert term.feed(ask).replies() == f"\x1b[{mode};1$y"
    assert getattr(term.feed(f"\x1b[{mode}l").screen.modes, name) is False
    assert term.feed(ask).replies() == f"\x1b[{mode};2$y"


def test_unknown_modes_are_said_to_be_unknown():
    assert Term().feed("\x1b[?69h\x1b[69h\x1b[?69$p\x1b[69$p").replies() == "\x1b[?69;0$y\x1b[69;0$y"


def test_mouse_modes_replace_each_other():
    term = Term().feed("\x1b[?1000;1006h")
    assert (term.screen.modes.mouse, term.screen.modes.mouse_sgr) == (1000, True)
    term.feed("\x1b[?1003h\x1b[?1003$p\x1b[?1000$p")
    assert term.replies() == "\x1b[?1003;1$y\x1b[?1000;2$y"
    assert 1003 << 5 in term.screen.mode
    assert term.feed("\x1b[?1003l").screen.modes.mouse == 0


def test_keypad_and_cursor():
    term = Term().feed("\x1b=\x1b[?25l\x1b[4 q")
    assert term.screen.modes.app_keypad
    assert not term.screen.cursor_visible
    assert term.screen.cursor_shape == 4
    assert term.feed("\x1b>\x1b[9 q").screen.cursor_shape == 4
    assert not term.screen.modes.app_keypad


def test_modes_are_saved_and_restored():
    term = Term().feed("\x1b[?2004h\x1b[?2004;69s\x1b[?2004l\x1b[?2004;1r")
    assert term.screen.modes.bracketed_paste


def test_column_mode_clears_and_homes_but_keeps_the_size():
    term = Term().feed("abc\x1b[2;3r\x1b[3;3H\x1b[?3h")
    assert (term.rows, term.at, term.screen.columns) == (["", "", "", ""], (0, 0), 10)
    assert term.screen.margins is None


def test_keyboard_flags_are_a_stack_per_screen():
    term = Term().feed("\x1b[?u")
    assert term.replies() == "\x1b[?0u"
    assert term.feed("\x1b[>31u\x1b[?u").replies() == "\x1b[?1u"  # only what is supported is on
    assert term.feed("\x1b[?1049h\x1b[?u").replies() == "\x1b[?0u"
    assert term.feed("\x1b[?1049l\x1b[?u").replies() == "\x1b[?1u"
    assert term.feed("\x1b[>0u\x1b[?u\x1b[<u\x1b[?u\x1b[<9u\x1b[?u").replies() == "\x1b[?0u\x1b[?1u\x1b[?0u"
    assert term.feed("\x1b[=1;2u\x1b[?u\x1b[=1;3u\x1b[?u\x1b[=1u\x1b[?u").replies() == "\x1b[?1u\x1b[?0u\x1b[?1u"
    term.feed("\x1b[>1u" * 100)
    assert len(term.screen.kitty_main) <= 16


def test_soft_reset():
    term = Term().feed("ab\x1b[1;31m\x1b[2;3r\x1b[?6h\x1b[4h\x1b[?7l\x1b[?25l\x1b[?1h\x1b(0\x1b7\x1b[!p")
    modes = term.screen.modes
    assert (modes.autowrap, modes.cursor_visible) == (True, True)
    assert (modes.origin, modes.insert, modes.app_cursor) == (False, False, False)
    assert term.screen.margins is None
    assert term.screen.cursor.style is term.screen.styles.default
    assert term.feed("\x1b8q").rows[0] == "qb"
    assert Term().feed("\x1b[?1049h\x1b[3;3H\x1b7\x1b[!p\x1b8").at == (0, 0)


def test_full_reset_keeps_the_history_alone():
    term = Term(10, 2).feed("a\r\nb\r\nc\x1b[31m\x1b[?1049hx\x1b]2;t\x07\x1b[4h\x1b[>1u\x1bc")
    assert (term.rows, term.at, term.history) == (["", ""], (0, 0), ["a"])
    assert not term.screen.modes.alt_screen
    assert term.screen.title == ""
    assert term.feed("ok").style(0) is term.screen.styles.default
