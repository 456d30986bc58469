from __future__ import annotations

from hopx_tui.vt.row import MAX_MARKS
from tests.vt.term import Term


def test_text_wraps_at_the_edge_only_when_more_comes():
    term = Term(5, 3).feed("abcde")
    assert term.at == (5, 0)
    assert term.feed("f").rows == ["abcde", "f", ""]
    assert [row.wrapped for row in term.screen.rows] == [True, False, False]


def test_without_autowrap_the_last_column_is_overwritten():
    term = Term(5, 3).feed("\x1b[?7labcdefgh")
    assert term.rows == ["abcdh", "", ""]
    assert term.feed("i").rows == ["abcdi", "", ""]
    assert term.feed("日").rows == ["abcdi", "", ""]


def test_insert_mode_shifts():
    term = Term(6, 2).feed("abcd\r\x1b[4hXY", "\x1b[4l", "Z")
    assert term.rows[0] == "XYZbcd"
    assert Term(6, 2).feed("abcd\r\x1b[4h日").rows[0] == "日abcd"


def test_a_wide_character_does_not_fit_in_one_column():
    term = Term(5, 3).feed("abcd日")
    assert term.rows == ["abcd", "日", ""]
    assert Term(1, 2).feed("日本a").rows == ["a", ""]
    assert Term(4, 3).feed("日本語").rows == ["日本", "語", ""]


def test_zero_width_characters():
    term = Term(10, 2).feed("e\u0301a\u200dc\ufe0fd\u200be\u202ef")
    assert term.rows[0] == "e\u0301a\u200dc\ufe0fdef"
    assert term.feed("\r\u0301").rows[0] == "e\u0301a\u200dc\ufe0fdef"
    term = Term(10, 2).feed("x" + "\u0301" * 100 + "y")
    assert term.rows[0] == "x" + "\u0301" * MAX_MARKS + "y"


def test_a_mark_after_the_last_column_joins_it():
    assert Term(3, 2).feed("abc\u0301d").rows == ["abc\u0301", "d"]
    assert Term(4, 2).feed("ab日\u0301").rows[0] == "ab日\u0301"


def test_lone_surrogates_never_reach_the_screen():
    term = Term(5, 1)
    term.stream.feed_text("a\udc80b")
    assert term.rows == ["a\ufffdb"]


def test_graphics_characters():
    term = Term(12, 2).feed("\x1b(0lqqk\x1b(Blq", "\r\n", "\x1b)0\x0exx\x0fx", "\x1b(Aa#\x1b(B")
    assert term.rows == ["┌──┐lq", "││xa£"]
    assert Term(5, 1).feed("\x1b*0\x1bnq\x1boq").rows == ["─q"]


def test_repeat():
    assert Term(10, 2).feed("ab\x1b[3b").rows[0] == "abbbb"
    assert Term(10, 2).feed("ab\x1b[b\x1b[b").rows[0] == "abbb"
    assert Term(10, 2).feed("日\x1b[2b").rows[0] == "日日日"
    assert Term(10, 2).feed("a\r\n\x1b[3b").rows == ["a", ""]
    assert Term(10, 2).feed("\x1b(0q\x1b[2b").rows[0] == "───"
    assert Term(3, 2).feed("x\x1b[99999b").rows == ["xxx", "x"]


def test_draw_drops_controls():
    term = Term(10, 2)
    term.screen.draw("a\x1b[31m\x00\x85b")
    assert term.rows[0] == "a[31mb"


def test_blocks_of_lines_fill_rows_and_history_like_single_characters_do():
    text = "".join(f"line {index} {'long ' * (index % 5)}\r\n" for index in range(60)) + "end"
    styles = ("", "\x1b[31m", "\x1b[44m")
    regions = ("\x1b[2;3r\x1b[3;1H", "\x1b[3r\x1b[9;1H", "\x1b[1;3r", "\x1b[1;1Hzzz\x1b[4;3H")
    for start in (*styles, *regions, "\x1b[?1049h", "\x1b[4h", "\x1b[?7l"):
        whole = Term(12, 4, history_rows=50).feed(start, text)
        single = Term(12, 4, history_rows=50)
        for char in start + text:
            single.stream.feed(char.encode())
        assert whole.rows == single.rows, repr(start)
        assert whole.history == single.history, repr(start)
        assert whole.at == single.at
        assert [row.wrapped for row in whole.screen.rows] == [row.wrapped for row in single.screen.rows]
        assert [row.grid()[1] == [whole.style(0, y)] * 12 for y, row in enumerate(whole.screen.rows)]


def test_scrolling_moves_row_objects():
    term = Term(10, 4).feed("a\r\nb\r\nc\r\nd")
    rows = term.screen.rows[:]
    for row in rows:
        row.paint = "painted"
    term.feed("\r\n")
    assert all(old is new for old, new in zip(rows[1:], term.screen.rows, strict=False))
    assert term.screen.history[0] is rows[0]
    assert [row.paint for row in term.screen.rows] == ["painted"] * 3 + [None]
    assert term.screen.dirty == {3}
