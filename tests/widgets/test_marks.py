"""Marked keys and ranges."""

from __future__ import annotations

from hopx_tui.widgets.marks import Marks


def test_toggle_and_invert():
    marks = Marks()
    marks.toggle("a")
    marks.toggle("b")
    marks.toggle("a")
    assert marks.keys == {"b"}
    marks.invert(["a", "b", "c"])
    assert marks.keys == {"a", "c"}


def test_a_range_grows_and_shrinks_over_older_marks():
    marks = Marks()
    marks.toggle("z")
    assert not marks.stretch(["a"])
    marks.toggle_range("a")
    assert marks.stretch(["a", "b", "c"])
    assert marks.keys == {"z", "a", "b", "c"}
    assert marks.stretch(["a", "b"])
    assert not marks.stretch(["b", "a"])
    marks.toggle_range("b")
    assert marks.anchor is None
    assert marks.keys == {"z", "a", "b"}


def test_keys_that_are_gone_are_forgotten():
    marks = Marks()
    marks.replace(["a", "b"])
    marks.toggle_range("c")
    assert marks.keep({"b", "x"})
    assert marks.keys == {"b"}
    assert marks.anchor is None
    assert not marks.keep({"b"})
