from __future__ import annotations

import pytest

from hopx_tui.vt.sgr import apply_sgr, number
from hopx_tui.vt.style import (
    BLINK,
    BOLD,
    DIM,
    HIDDEN,
    ITALIC,
    OVERLINE,
    PLAIN,
    REVERSE,
    STRIKE,
    Look,
    sgr_parameters,
)  # fmt: skip


@pytest.mark.parametrize(
    ("parameters", "look"),
    [
        ("", PLAIN),
        ("1", Look(flags=BOLD)),
        ("2;3;5;7;8;9;53", Look(flags=DIM | ITALIC | BLINK | REVERSE | HIDDEN | STRIKE | OVERLINE)),
        ("4", Look(underline=1)),
        ("21", Look(underline=2)),
        ("4:3", Look(underline=3)),
        ("4:0", PLAIN),
        ("4:9", PLAIN),
        ("4:", PLAIN),
        ("31;42", Look(fg=1, bg=2)),
        ("95;105", Look(fg=13, bg=13)),
        ("38;5;208", Look(fg=208)),
        ("38;5;999", PLAIN),
        ("48;2;1;2;3", Look(bg=(1, 2, 3))),
        ("48;2;1;2;300", PLAIN),
        ("38:5:208", Look(fg=208)),
        ("38:2::1:2:3", Look(fg=(1, 2, 3))),
        ("38:2:1:2:3", Look(fg=(1, 2, 3))),
        ("38:7:1", PLAIN),
        ("58;5;1", Look(underline_colour=1)),
        ("58:2::9:8:7;4:3", Look(underline=3, underline_colour=(9, 8, 7))),
        ("38;5", PLAIN),
        ("38", PLAIN),
        ("38;9;1", Look(flags=STRIKE | BOLD)),
        ("1:2;3", Look(flags=ITALIC)),
        ("1;0", PLAIN),
        ("1;;3", Look(flags=ITALIC)),
        ("99;1", Look(flags=BOLD)),
    ],
)
def test_from_plain(parameters, look):
    assert apply_sgr(PLAIN, parameters) == look


@pytest.mark.parametrize(
    ("on", "off"),
    [("1;2", "22"), ("3", "23"), ("4:3", "24"), ("5", "25"), ("7", "27"), ("8", "28"), ("9", "29"), ("31", "39"),
     ("41", "49"), ("53", "55"), ("58;5;1", "59"), ("1;4;31;48;5;9;58:5:3", "0")],
)  # fmt: skip
def test_each_attribute_has_its_end(on, off):
    assert apply_sgr(apply_sgr(PLAIN, on), off) == PLAIN


def test_a_link_is_no_part_of_it():
    assert apply_sgr(Look(link="http://x", flags=BOLD), "0") == Look(link="http://x")


@pytest.mark.parametrize("look", [Look(208, (1, 2, 3), BOLD | DIM | OVERLINE, 5, 7), Look(9, 12, STRIKE, 2, (1, 2, 3))])
def test_the_spelling_of_a_style_leads_back_to_it(look):
    assert apply_sgr(Look(fg=3, flags=HIDDEN), sgr_parameters(look)) == look


def test_numbers_are_clamped():
    assert [number(text) for text in ("", "7", "007", "x", "٣", "9" * 5000)] == [0, 7, 7, 0, 0, 1_000_000]
