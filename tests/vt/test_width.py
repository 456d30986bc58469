from __future__ import annotations

import unicodedata

from hopx_tui.vt.width import CONTROLS, NARROW, RUNS, char_width, joins


def test_the_classes_agree_with_the_table():
    for code in [*range(0x20, 0x7F), *range(0xA0, 0xD800), *range(0xE000, 0x10000)]:
        char = chr(code)
        narrow, wide, _ = RUNS.findall(char)[0]
        width = char_width(char)
        assert bool(narrow) == (width == 1) == bool(NARROW.fullmatch(char)), hex(code)
        assert bool(wide) == (width == 2), hex(code)


def test_runs_cover_the_text():
    text = "abc日本é\u0301👩\u200d"
    assert ["".join(run) for run in RUNS.findall(text)] == ["abc", "日本", "é", "\u0301", "👩", "\u200d"]


def test_only_marks_and_joiners_join():
    assert all(joins(char) for char in "\u0301\ufe0f\u200d\u1160\u0903\U000e0062")
    assert not any(joins(char) for char in "\u200b\u202e\u2028\u200f\ufeff\u2066")


def test_controls():
    assert all(bool(CONTROLS.match(chr(code))) == (unicodedata.category(chr(code)) == "Cc") for code in range(256))
