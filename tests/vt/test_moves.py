from __future__ import annotations

import pytest

from tests.vt.term import Term


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("\x1b[3;4H", (3, 2)), ("\x1b[H", (0, 0)), ("\x1b[99;99H", (9, 3)), ("\x1b[0;0f", (0, 0)), ("\x1b[2H", (0, 1)),
        ("\x1b[3;4H\x1b[A", (3, 1)), ("\x1b[3;4H\x1b[9A", (3, 0)), ("\x1b[3;4H\x1b[0B", (3, 3)),
        ("\x1b[3;4H\x1b[9C", (9, 2)),
        ("\x1b[3;4H\x1b[2D", (1, 2)), ("\x1b[3;4H\x1b[E", (0, 3)), ("\x1b[3;4H\x1b[F", (0, 1)),
        ("\x1b[3;4H\x1b[7G", (6, 2)),
        ("\x1b[3;4H\x1b[2d", (3, 1)), ("\x1b[3;4H\x1b[e", (3, 3)), ("\x1b[3;4H\x1b[3`", (2, 2)),
        ("\x1b[3;4H\x1b[2a", (5, 2)),
        ("\x1b[1;2 C", (0, 0)), ("\x1b[1;2C", (1, 0)), ("ab\b\b\b", (0, 0)), ("ab\r", (0, 0)), ("ab\n", (2, 1)),
        ("ab\x0b\x0c", (2, 2)),
        ("ab\x1bE", (0, 1)), ("ab\x1bD", (2, 1)), ("ab\x85", (0, 1)), ("\x1b[3;4H\x1bM", (3, 1)),
        ("a\x1b[20h\n", (0, 1)),
    ],
)  # fmt: skip
def test_motion(text, at):
    assert Term().feed(text).at == at


@pytest.mark.parametrize(
    ("motion", "at"),
    [("\n", (4, 1)), ("\x1bD", (4, 1)), ("\x1bM", (4, 0)), ("\x1b[A", (4, 0)), ("\x1b[B", (4, 1)),
     ("\x1b[D", (3, 0)), ("\b", (3, 0)),
     ("\x1b[C", (4, 0)), ("\x1b[d", (4, 0)), ("\x1b[e", (4, 1)), ("\x1b[1;5H", (4, 0)), ("\x1b[X", (4, 0)),
     ("\x1b[P", (4, 0)),
     ("\x1b[@", (4, 0)), ("\x1b[Z", (0, 0)), ("\t", (5, 0)), ("\x1b[31m", (5, 0)), ("\x1b[K", (5, 0))],
)  # fmt: skip
def test_a_pending_wrap_ends_with_motion_but_not_with_tab_or_style(motion, at):
    assert Term(5, 3).feed("abcde", motion).at == at


def test_margins_limit_motion_and_scrolling():
    term = Term(5, 5).feed("1\r\n2\r\n3\r\n4\r\n5", "\x1b[2;4r")
    assert term.at == (0, 0)
    assert term.screen.margins == (1, 3)
    assert term.feed("\x1b[3;1H\x1b[9A").at == (0, 1)
    assert term.feed("\x1b[9B").at == (0, 3)
    assert term.feed("\n").rows == ["1", "3", "4", "", "5"]
    assert term.feed("\x1b[2;1H\x1bM").rows == ["1", "", "3", "4", "5"]
    assert term.feed("\x1b[5;1H\n\n").at == (0, 4)
    assert term.feed("\x1b[9A").at == (0, 1)
    assert term.history == []
    assert term.feed("\x1b[4;4r").screen.margins == (1, 3)
    assert term.feed("\x1b[r").screen.margins is None


def test_origin_mode_counts_from_the_margin():
    term = Term(8, 6).feed("\x1b[2;4r\x1b[?6h")
    assert term.at == (0, 1)
    assert term.feed("\x1b[2;3H").at == (2, 2)
    assert term.feed("\x1b[9;3H").at == (2, 3)
    assert term.feed("\x1b[2d\x1b[9e").at == (2, 3)
    assert term.feed("\x1b[6n").replies() == "\x1b[3;3R"
    assert term.feed("\x1b[?6l").at == (0, 0)
    assert term.feed("\x1b[2;3H").at == (2, 1)


def test_tabs():
    term = Term(30, 2)
    assert term.feed("\t").at == (8, 0)
    assert term.feed("\x1b[2I").at == (24, 0)
    assert term.feed("\t").at == (29, 0)
    assert term.feed("\x1b[2Z").at == (16, 0)
    assert term.feed("\x1b[5G\x1bH\r\t").at == (4, 0)
    assert term.feed("\x1b[g\r\t").at == (8, 0)
    assert term.screen.tabstops == {8, 16, 24}
    assert term.feed("\x1b[3g\r\t").at == (29, 0)
    assert term.feed("\x1b[99999Z").at == (0, 0)


def test_reverse_wrap_goes_back_over_a_wrapped_line_only():
    term = Term(5, 3).feed("\x1b[?45habcdefg\r\b")
    assert term.at == (4, 0)
    assert Term(5, 3).feed("\x1b[?45hab\r\n\b").at == (0, 1)


def test_save_and_restore():
    term = Term().feed("\x1b[2;3H\x1b[31m\x1b(0\x1b[?6h\x1b[2;3H\x1b7", "\x1b[m\x1b(B\x1b[?6l\x1b[4;4H", "\x1b8q")
    assert term.rows[1] == "  ─"
    assert term.style(2, 1).fg == 1
    assert term.screen.modes.origin
    assert Term().feed("\x1b[31mab\x1b8c").rows[0] == "cb"
    assert Term().feed("ab\x1b[s\r\n\x1b[uc").rows[0] == "abc"
    assert Term().feed("ab\x1b[1;5s\r\nc").rows == ["ab", "c", "", ""]


def test_the_slot_is_one_per_screen_and_not_a_stack():
    term = Term().feed("\x1b[2;2H\x1b7\x1b[3;3H\x1b7\x1b8\x1b[H\x1b8")
    assert term.at == (2, 2)
    assert term.feed("\x1b[?47h\x1b8").at == (0, 0)
    assert term.feed("\x1b[?47l\x1b8").at == (2, 2)


def test_absolute_positions_are_not_stale_after_resize_or_origin():
    term = Term(10, 4).feed("\x1b[4;9H").resize(5, 2).feed("\x1b[4;9H")
    assert term.at == (4, 1)
    term.feed("\x1b[2;3H\x1b7\x1b[?6h\x1b8\x1b[2;3H")
    assert term.at == (2, 1)
