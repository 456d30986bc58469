"""Numbers as characters."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hopx_tui.widgets.plot import nice_maximum, plot, span, sparkline

VALUES = st.lists(st.none() | st.floats(0, 1e9), max_size=60)


def test_sparkline_goes_from_the_lowest_to_the_highest_bar():
    assert sparkline([0, 25, 50, 75, 100], 5, 100) == "▁▃▅▇█"
    assert sparkline([0, 50, 100], 3, 100, ascii_only=True) == ".=#"


def test_sparkline_shows_the_newest_at_the_right_and_gaps_as_blanks():
    assert sparkline([100], 4, 100) == "   █"
    assert sparkline([1, 2, None, 100], 3, 100) == "▁ █"
    assert sparkline([], 3) == "   "
    assert sparkline([1], 0) == ""
    assert sparkline([0, 0], 2) == "▁▁"
    assert sparkline([5, 10], 2) == "▅█"


@given(VALUES, st.integers(0, 40))
def test_sparkline_always_has_its_width(values, width):
    assert len(sparkline(values, width)) == width


def test_braille_holds_two_values_a_cell():
    assert plot([100, 100], 1, 1, 100, "braille") == ["⣿"]
    assert plot([50, 0], 1, 1, 100, "braille") == ["⡄"]
    assert plot([None, 100], 1, 2, 100, "braille") == ["⢸", "⢸"]
    assert plot([0, 0], 1, 1, 100, "braille") == [" "]


def test_blocks_and_ascii():
    assert plot([50, 100], 2, 1, 100, "block") == ["▄█"]
    assert plot([100, 34], 2, 2, 100, "ascii") == ["# ", "#:"]


def test_a_value_above_zero_is_seen_and_one_above_the_maximum_is_cut():
    assert plot([0.001], 1, 1, 100, "block") == ["▁"]
    assert plot([1e9], 1, 2, 100, "block") == ["█", "█"]
    assert plot([5], 1, 1, 0, "block") == ["▁"]


def test_nothing_fits_nothing():
    assert plot([1], 0, 3, 1, "block") == []
    assert plot([1], 3, 0, 1, "block") == []


@given(VALUES, st.integers(1, 30), st.integers(1, 8), st.sampled_from(["braille", "block", "ascii"]))
def test_plots_are_rectangles(values, width, height, mode):
    lines = plot(values, width, height, 100, mode)
    assert [len(line) for line in lines] == [width] * height
    if mode == "ascii":
        assert all(line.isascii() for line in lines)


def test_span():
    assert span("braille", 10) == 20
    assert span("block", 10) == 10


@pytest.mark.parametrize(
    ("value", "top"), [(0, 1), (-3, 1), (0.3, 0.5), (1, 1), (1.1, 2), (34, 50), (100, 100), (101, 200), (7e6, 1e7)]
)
def test_nice_maximum(value, top):
    assert nice_maximum(value) == pytest.approx(top)


def test_nice_maximum_in_powers_of_1024():
    assert nice_maximum(1.5 * 1024**2, base=1024) == 2 * 1024**2
    assert nice_maximum(900 * 1024, base=1024) == 1024**2


HOSTILE = [1e308, 10**400, -1e308, math.inf, -math.inf, math.nan, 5e-324, None]


@pytest.mark.parametrize("maximum", [None, 100.0, math.inf, -math.inf, math.nan, 0.0, 5e-324, 1e308, 10**400])
def test_no_number_breaks_a_drawing(maximum):
    assert len(sparkline(HOSTILE, 10, maximum)) == 10
    for mode in ("braille", "block", "ascii"):
        assert [len(line) for line in plot(HOSTILE, 8, 3, 1.0 if maximum is None else maximum, mode)] == [8] * 3


@pytest.mark.parametrize("value", [1e308, 10**400, -1e308, math.inf, -math.inf, math.nan, 5e-324, 0])
def test_a_scale_always_ends(value):
    for base in (10.0, 1024.0, 1.0):
        assert 0 < nice_maximum(value, base=base) <= 1e18
