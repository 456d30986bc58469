from __future__ import annotations

import random

import pytest

from hopx_tui.vt.resize import MAX_SIZE
from tests.vt.invariants import check
from tests.vt.streams import stream
from tests.vt.term import Term


def test_wrapped_lines_flow_both_ways():
    term = Term(10, 4).feed("0123456789abcde\r\nshort\r\n$ ")
    term.resize(5, 6)
    assert term.rows == ["01234", "56789", "abcde", "short", "$", ""]
    assert term.at == (2, 4)
    term.resize(20, 4)
    assert term.rows == ["0123456789abcde", "short", "$", ""]
    assert term.at == (2, 2)
    assert term.feed("ls").rows[2] == "$ ls"


def test_narrowing_pushes_into_history_and_widening_brings_it_back():
    term = Term(10, 3).feed("0123456789abcde\r\n$ ").resize(5, 3)
    assert (term.history, term.rows, term.at) == (["01234"], ["56789", "abcde", "$"], (2, 2))
    term.resize(10, 3)
    assert (term.history, term.rows, term.at) == ([], ["0123456789", "abcde", "$"], (2, 2))


def test_lines_of_the_history_flow_too():
    term = Term(10, 2).feed("0123456789abcde\r\n" * 3 + "x\r\ny").resize(20, 2)
    assert term.history == ["0123456789abcde"] * 3
    assert term.rows == ["x", "y"]
    assert term.resize(4, 2).history == ["0123", "4567", "89ab", "cde"] * 3


def test_fewer_lines_drop_blank_ones_first_then_the_oldest():
    term = Term(10, 4).feed("a\r\nb").resize(10, 2)
    assert (term.history, term.rows, term.at) == ([], ["a", "b"], (1, 1))
    term = Term(10, 4).feed("a\r\nb\r\nc").resize(10, 2)
    assert (term.history, term.rows, term.at) == (["a"], ["b", "c"], (1, 1))
    term = Term(10, 4).feed("a\r\nb\r\nc\r\nd\x1b[2;1H").resize(10, 2)
    assert term.rows[term.at[1]] == "b"


def test_more_lines_bring_history_back():
    term = Term(10, 2).feed("a\r\nb\r\nc\r\nd").resize(10, 4)
    assert (term.history, term.rows, term.at) == ([], ["a", "b", "c", "d"], (1, 3))
    assert term.resize(10, 6).rows == ["a", "b", "c", "d", "", ""]


def test_the_cursor_follows_its_cell():
    term = Term(10, 4).feed("0123456789abcde\x1b[1;8H").resize(4, 6)
    assert term.at == (3, 1)
    assert term.resize(30, 6).at == (7, 0)
    pending = Term(5, 3).feed("abcde").resize(10, 3)
    assert pending.at == (5, 0)
    assert pending.feed("f").rows[0] == "abcdef"
    assert Term(5, 3).feed("abcde").resize(4, 3).feed("f").rows[:2] == ["abcd", "ef"]


def test_wide_characters_are_not_split():
    term = Term(10, 4).feed("日本語字ab").resize(5, 4)
    assert term.rows == ["日本", "語字a", "b", ""]
    assert term.resize(1, 4).resize(10, 4).screen.lines == 4


def test_styles_flow():
    term = Term(6, 3).feed("ab\x1b[31mcdefgh\x1b[m").resize(3, 4)
    assert term.rows == ["abc", "def", "gh", ""]
    assert [term.style(x, y).fg for y in range(3) for x in range(2)] == [None, None, 1, 1, 1, 1]


def test_the_alternate_screen_is_cut_and_padded_and_the_main_one_flows_under_it():
    term = Term(10, 3).feed("0123456789abc\x1b[?1049h\x1b[Hvim text\r\n~\r\n~end").resize(5, 2)
    assert term.rows == ["~", "~end"]
    assert term.at == (4, 1)
    term.feed("\x1b[?1049l")
    assert term.rows == ["56789", "abc"]
    assert term.at == (3, 1)
    assert Term(10, 3).feed("\x1b[?47h\x1b[3;1H").resize(10, 2).at == (0, 1)


@pytest.mark.parametrize(
    "program", ["", "\x1b[?1049h\x1b[2;9r\x1b[5;70H", "\x1b[?6h\x1b[3;6r\x1b[24;80H", "text " * 300]
)
def test_20x5_and_back(program):
    term = Term(80, 24).feed("line\r\n" * 50, program).resize(20, 5)
    assert term.screen.margins is None
    term.feed("\x1b[99;99Hx\x1b[99C\x1b[99BX\r\n").resize(80, 24)
    x, y = term.at
    assert 0 <= x < 80
    assert 0 <= y < 24
    term.feed("\x1b[24;80Hz")
    assert term.rows[23].endswith("z")


def test_margins_and_tabs_follow_the_size():
    term = Term(20, 5).feed("\x1b[2;3r").resize(40, 8)
    assert term.screen.margins is None
    assert term.screen.tabstops == {8, 16, 24, 32}
    assert term.resize(10, 8).screen.tabstops == {8}


def test_size_is_clamped_and_the_same_size_is_no_change():
    term = Term(10, 4)
    for row in term.screen.rows:
        row.paint = "painted"
    assert term.resize(10, 4).screen.dirty == set()
    term.screen.resize(-3, 5)
    check(term.screen)
    assert (term.screen.columns, term.screen.lines) == (5, 1)
    term.screen.resize(1, MAX_SIZE + 5)
    assert term.screen.columns == MAX_SIZE


def test_no_text_is_lost_or_doubled_by_any_sequence_of_sizes():
    rng = random.Random(5)
    for _ in range(60):
        lines = ["".join(rng.choice("abc def日") for _ in range(rng.randint(0, 40))).strip() for _ in range(12)]
        term = Term(12, 5).feed("\r\n".join(lines))
        for _ in range(4):
            term.resize(rng.randint(2, 30), rng.randint(1, 9))
        term.resize(80, 20)
        assert [line for line in term.history + term.rows if line] == [line for line in lines if line]


def test_random_streams_between_random_sizes():
    for seed in range(60):
        rng = random.Random(seed)
        term = Term(rng.randint(1, 30), rng.randint(1, 10), history_rows=20)
        for _ in range(4):
            term.feed(stream(rng)).resize(rng.randint(1, 30), rng.randint(1, 10))
