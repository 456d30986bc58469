"""Cells and the columns that fit."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.text import Text

from hopx_tui.widgets.columns import Column, fit_runs, place, runs_width, sort_letters, to_runs


@dataclass(frozen=True)
class Row:
    name: str


def test_all_kinds_of_cells_become_runs():
    assert to_runs("a") == (("a", ""),)
    assert to_runs(("a", "good")) == (("a", "good"),)
    assert to_runs([("a", "good"), ("b", "")]) == (("a", "good"), ("b", ""))
    assert to_runs((("a", "good"), ("b", "bad"))) == (("a", "good"), ("b", "bad"))
    assert to_runs([("a", "x"), ("b", "y"), ("c", "z")])[2] == ("c", "z")
    assert to_runs("a\nb\x1b") == (("a\\nb\\x1b", ""),)
    assert to_runs(("\u202e", "bad")) == (("\\u202e", "bad"),)


def test_rich_text_keeps_its_styles():
    console = Console()
    text = Text("ab")
    text.stylize("bold", 1)
    runs = to_runs(text, console)
    assert [part for part, _ in runs] == ["a", "b"]
    assert to_runs(text) == (("ab", ""),)
    assert to_runs(Text("", style="bold"), console) == (("", ""),)


def test_a_column_without_cell_shows_the_attribute():
    assert Column("name", "NAME").text(Row("x")) == "x"


@given(
    st.lists(st.tuples(st.text("ab日", max_size=6), st.just("")), min_size=1, max_size=4),
    st.integers(0, 10),
    st.sampled_from(["start", "middle", "end"]),
)
def test_fitted_runs_never_exceed_the_width(runs, width, cut):
    fitted = fit_runs(tuple(runs), width, cut, "…")
    assert runs_width(fitted) <= max(width, 0) or runs_width(tuple(runs)) <= width


@pytest.mark.parametrize(
    ("width", "cut", "shown"),
    [(4, "end", "abc…"), (3, "end", "ab…"), (4, "start", "…def"), (2, "start", "…f"), (4, "middle", "abc…")],
)
def test_fitting_several_runs(width, cut, shown):
    assert "".join(text for text, _ in fit_runs((("ab", "x"), ("cdef", "y")), width, cut, "…")) == shown


def columns():
    return [
        Column("state", "", 1),
        Column("name", "NAME", None, min_width=10),
        Column("cpu", "CPU", 12, priority=1),
        Column("mem", "MEM", 5, priority=2),
        Column("about", "ABOUT", None, priority=3, weight=2),
    ]


def keys(placed):
    return [column.column.key for column in placed]


def test_wide_tables_share_the_rest_by_weight():
    placed = place(columns(), 100, left=2)
    assert keys(placed) == ["state", "name", "cpu", "mem", "about"]
    assert placed[0].x == 2
    assert placed[-1].x + placed[-1].width == 100
    spare = 100 - 2 - (1 + 10 + 12 + 5 + 8) - 4 * 2
    assert placed[1].width - 10 == spare // 3


def test_narrow_tables_first_close_the_gaps_then_drop_columns():
    assert place(columns(), 42, left=2)[1].x == 4
    assert keys(place(columns(), 40, left=2)) == ["state", "name", "cpu", "mem"]
    assert keys(place(columns(), 30, left=2)) == ["state", "name", "cpu"]
    assert keys(place(columns(), 20, left=2)) == ["state", "name"]


@given(st.integers(1, 120))
def test_nothing_is_ever_placed_outside(width):
    placed = place(columns(), width, left=2)
    ends = [(column.x, column.x + column.width) for column in placed]
    assert all(end <= width for _, end in ends)
    assert all(left[1] < right[0] for left, right in itertools.pairwise(ends))


def test_fixed_columns_that_cannot_be_dropped_are_clipped():
    placed = place([Column("a", "A", 5), Column("b", "B", 9)], 8)
    assert [(column.x, column.width) for column in placed] == [(0, 5), (6, 2)]


def test_sort_letters_are_unique():
    def same(row):
        return row

    letters = sort_letters(
        [Column("c", "CPU", sort=same), Column("d", "CREATED", sort=same), Column("e", "C", sort=same, letter="x"),
         Column("f", "", sort=same), Column("g", "G")]
    )  # fmt: skip
    assert {letter: column.key for letter, column in letters.items()} == {"x": "e", "c": "c", "r": "d", "a": "f"}
