from __future__ import annotations

import pytest

from tests.vt.term import Term


def filled() -> Term:
    return Term(5, 4).feed("aaaaa\r\nbbbbb\r\nccccc\r\nddddd\x1b[2;3H")


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("\x1b[K", ["aaaaa", "bb", "ccccc", "ddddd"]), ("\x1b[1K", ["aaaaa", "   bb", "ccccc", "ddddd"]),
        ("\x1b[2K", ["aaaaa", "", "ccccc", "ddddd"]), ("\x1b[7K", ["aaaaa", "bbbbb", "ccccc", "ddddd"]),
        ("\x1b[J", ["aaaaa", "bb", "", ""]), ("\x1b[1J", ["", "   bb", "ccccc", "ddddd"]),
        ("\x1b[2J", ["", "", "", ""]),
        ("\x1b[4J", ["aaaaa", "bbbbb", "ccccc", "ddddd"]), ("\x1b[2X", ["aaaaa", "bb  b", "ccccc", "ddddd"]),
        ("\x1b[99X", ["aaaaa", "bb", "ccccc", "ddddd"]), ("\x1b[2@", ["aaaaa", "bb  b", "ccccc", "ddddd"]),
        ("\x1b[2P", ["aaaaa", "bbb", "ccccc", "ddddd"]), ("\x1b[L", ["aaaaa", "", "bbbbb", "ccccc"]),
        ("\x1b[9M", ["aaaaa", "", "", ""]), ("\x1b[M", ["aaaaa", "ccccc", "ddddd", ""]),
        ("\x1b[S", ["bbbbb", "ccccc", "ddddd", ""]),
        ("\x1b[2T", ["", "", "aaaaa", "bbbbb"]), ("\x1b[9S", ["", "", "", ""]), ("\x1b[9T", ["", "", "", ""]),
        ("\x1b[2 @", ["aaa", "bbb", "ccc", "ddd"]), ("\x1b[2 A", ["  aaa", "  bbb", "  ccc", "  ddd"]),
        ("\x1b['}", ["aa aa", "bb bb", "cc cc", "dd dd"]), ("\x1b[2'~", ["aaa", "bbb", "ccc", "ddd"]),
        ("\x1b#8", ["EEEEE"] * 4), ("\x1b[?2J\x1b[?K", ["aaaaa", "bbbbb", "ccccc", "ddddd"]),
    ],
)  # fmt: skip
def test_edit(text, rows):
    assert filled().feed(text).rows == rows


@pytest.mark.parametrize("text", ["\x1b[L", "\x1b[M", "\x1b[ @", "\x1b[ A", "\x1b['}", "\x1b['~"])
def test_outside_the_region_nothing_happens(text):
    term = filled().feed("\x1b[1;2r\x1b[4;1H")
    assert term.feed(text).rows == ["aaaaa", "bbbbb", "ccccc", "ddddd"]


def test_lines_move_within_the_region_only():
    assert filled().feed("\x1b[2;3r\x1b[2;2H\x1b[L").rows == ["aaaaa", "", "bbbbb", "ddddd"]
    assert filled().feed("\x1b[2;3r\x1b[2;2H\x1b[M").rows == ["aaaaa", "ccccc", "", "ddddd"]


@pytest.mark.parametrize("final", ["K", "J", "X", "@", "P", "L", "S", "T", "'}", "2J"])
def test_blanks_take_the_background_and_nothing_else(final):
    term = filled().feed(f"\x1b[1;4;7;31;44m\x1b[{final}")
    coloured = [style for row in term.screen.rows for style in row.grid()[1] if style is not term.screen.styles.default]
    assert coloured
    assert all(style.look._replace(bg=None) == term.screen.styles.default.look and style.bg == 4 for style in coloured)


def test_only_what_leaves_at_the_top_of_the_main_screen_is_history():
    term = filled().feed("\x1b[2S")
    assert term.history == ["aaaaa", "bbbbb"]
    assert filled().feed("\x1b[1;2r\x1b[S").history == ["aaaaa"]
    assert filled().feed("\x1b[2;3r\x1b[S").history == []
    assert filled().feed("\x1b[1;1H\x1b[M").history == []
    assert filled().feed("\x1b[?1049h\x1b[S\n\n\n\n\n").history == []


def test_erase_3_clears_the_history_alone():
    term = filled().feed("\x1b[2S\x1b[3J")
    assert term.history == []
    assert term.rows == ["ccccc", "ddddd", "", ""]
    assert term.screen.history.dropped == 2
