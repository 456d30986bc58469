from __future__ import annotations

import pytest

from hopx_tui.vt.row import MAX_MARKS, Row
from hopx_tui.vt.style import Look, StyleTable
from tests.vt.invariants import check_row

TABLE = StyleTable()
PLAIN = TABLE.default
RED = TABLE.intern(Look(fg=1))
BLUE_BACK = TABLE.intern(Look(bg=4))


def row(text: str = "", columns: int = 8) -> Row:
    made = Row(columns, PLAIN)
    if text:
        made.put(0, text, PLAIN)
    made.paint = "painted"
    return made


def expanded(text: str, columns: int = 8) -> Row:
    made = row(text, columns)
    made.expand()
    return made


def test_appending_keeps_it_packed_and_joins_equal_styles():
    made = row()
    made.put(0, "ab", PLAIN)
    made.put(2, "c", PLAIN)
    made.put(5, "r", RED)
    assert made.cells is None
    assert made.segments() == [("abc", PLAIN), ("  ", PLAIN), ("r", RED), ("  ", PLAIN)]
    check_row(made, 8)


def test_writing_over_the_end_stays_packed_and_inside_expands():
    made = row("abcd")
    made.put(2, "xyz", RED)
    assert made.cells is None
    assert made.text() == "abxyz   "
    made.put(1, "-", PLAIN)
    assert made.cells is not None
    assert made.text() == "a-xyz   "
    assert made.segments() == [("a-", PLAIN), ("xyz", RED), ("   ", PLAIN)]


def test_a_full_row_has_no_padding():
    assert row("12345678").segments() == [("12345678", PLAIN)]


def test_wide_characters_take_two_cells():
    made = row()
    made.put_wide(1, "日本", PLAIN)
    assert made.text() == " 日本   "
    assert made.grid()[0] == [" ", "日", "", "本", "", " ", " ", " "]


@pytest.mark.parametrize(
    ("x", "text", "want"),
    [(1, "x", " x 本   "), (2, "x", "  x本   "), (4, "x", " 日 x   "), (2, "xy", "  xy    "), (0, "xy", "xy 本   ")],
)
def test_half_of_a_wide_character_becomes_a_blank(x, text, want):
    made = row()
    made.put_wide(1, "日本", PLAIN)
    made.put(x, text, PLAIN)
    check_row(made, 8)
    assert made.text() == want


def test_wide_over_wide_leaves_no_halves():
    made = row()
    made.put_wide(0, "日本語", PLAIN)
    made.put_wide(1, "字", RED)
    check_row(made, 8)
    assert made.text() == " 字 語  "


def test_marks_join_their_character_up_to_a_bound():
    made = row("e")
    made.mark(0, "\u0301")
    made.put_wide(2, "日", PLAIN)
    made.mark(3, "\u0301")
    assert made.grid()[0][:4] == ["e\u0301", " ", "日\u0301", ""]
    for _ in range(40):
        made.mark(0, "\u0300")
    assert len(made.grid()[0][0]) == 1 + MAX_MARKS
    check_row(made, 8)


@pytest.mark.parametrize("make", [row, expanded])
@pytest.mark.parametrize(
    ("start", "end", "fill", "want"),
    [(2, 8, PLAIN, "ab      "), (0, 8, PLAIN, " " * 8), (2, 4, PLAIN, "ab  e   "), (3, 6, PLAIN, "abc     "),
     (6, 8, PLAIN, "abcde   "), (6, 8, BLUE_BACK, "abcde   "), (2, 8, BLUE_BACK, "ab      "),
     (3, 7, BLUE_BACK, "abc     "), (5, 5, PLAIN, "abcde   ")],
)  # fmt: skip
def test_erase(make, start, end, fill, want):
    made = make("abcde")
    made.wrapped = True
    made.erase(start, end, fill)
    check_row(made, 8)
    assert made.text() == want
    styles = made.grid()[1]
    assert all(style is fill for style in styles[start:end])
    assert all(style is PLAIN for style in styles[:start] + styles[end:])
    assert made.wrapped == (end < 8 or start == end)
    assert (made.paint is None) == (start < end)


@pytest.mark.parametrize("make", [row, expanded])
def test_insert_and_delete(make):
    made = make("abcdefgh")
    made.insert(2, 3, BLUE_BACK)
    assert made.text() == "ab   cde"
    assert made.grid()[1][2:5] == [BLUE_BACK] * 3
    made.delete(1, 4, PLAIN)
    assert made.text() == "acde    "
    made.delete(2, 99, PLAIN)
    assert made.text() == "ac      "
    made.insert(0, 99, PLAIN)
    assert made.text() == " " * 8
    check_row(made, 8)


def test_delete_at_the_end_of_a_packed_row_keeps_it_packed():
    made = row("abcd")
    made.delete(2, 7, PLAIN)
    assert made.cells is None
    assert made.text() == "ab      "
    made.delete(5, 7, PLAIN)
    assert made.text() == "ab      "


def test_edits_split_wide_characters():
    for edit in (
        lambda made: made.insert(1, 1, PLAIN),
        lambda made: made.insert(0, 1, PLAIN),
        lambda made: made.delete(1, 2, PLAIN),
        lambda made: made.erase(1, 4, PLAIN),
        lambda made: made.set_columns(5, PLAIN),
    ):
        made = row()
        made.put_wide(0, "日本語字", PLAIN)
        edit(made)
        check_row(made, made.columns)


@pytest.mark.parametrize("make", [row, expanded])
def test_set_columns(make):
    made = make("abcdef")
    made.set_columns(4, PLAIN)
    assert made.text() == "abcd"
    made.set_columns(6, BLUE_BACK)
    assert made.text() == "abcd  "
    assert made.grid()[1][4:] == [BLUE_BACK] * 2
    made.paint = "painted"
    made.set_columns(6, PLAIN)
    assert made.paint == "painted"
    check_row(made, 6)


def test_pack_keeps_the_look():
    made = row()
    for x, (text, style) in enumerate([("a", PLAIN), ("b", RED), ("c", RED), (" ", BLUE_BACK), (" ", PLAIN)]):
        made.put(x, text, style)
    made.expand()
    before = made.grid()
    made.pack()
    assert made.cells is None
    assert made.runs == [("a", PLAIN), ("bc", RED), (" ", BLUE_BACK)]
    assert made.grid() == before
    wide = row()
    wide.put_wide(0, "日", PLAIN)
    wide.pack()
    assert wide.cells is not None


def test_used():
    assert row().used() == 0
    assert row("ab  ").used() == 2
    assert expanded("ab  ").used() == 2
    made = row("ab")
    made.put(2, "  ", PLAIN)
    made.put(4, "  ", BLUE_BACK)
    assert made.used() == 6
    split = row()
    split.put(0, "x", RED)
    split.put(1, "  ", PLAIN)
    assert split.used() == 1


def test_size_counts_and_a_row_is_always_true():
    assert row()
    assert len(row("abc")) > len(row())
    assert len(expanded("abc")) > len(row("abc"))
