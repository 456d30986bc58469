"""The language of the live filter."""

from __future__ import annotations

import pytest

from hopx_tui.widgets.filtering import Query

ROW = {"name": "Web-Scraper", "state": "running", "cpu": "34%"}
VALUES = {"cpu": 34.0, "name": "web-scraper"}


def matches(text: str) -> bool:
    query = Query.parse(text, ROW)
    return query.matches(" ".join(ROW.values()).lower(), ROW.__getitem__, VALUES.get)


@pytest.mark.parametrize(
    "text",
    ["", "scrap", "SCRAP", "web running", "!paused", "~wscp", "state:run", "state:=running", "cpu:>30", "cpu:<35",
     "!cpu:>40", "cpu:>", "cpu:>x", "!~zzz", "name:web !state:paused", "state:", "!", "~"],
)  # fmt: skip
def test_matching(text):
    assert matches(text)


@pytest.mark.parametrize(
    "text",
    ["zebra", "web paused", "!running", "~wzz", "state:paused", "state:=run", "cpu:>40", "state:>1", "!cpu:>30",
     "other:web"],
)  # fmt: skip
def test_not_matching(text):
    assert not matches(text)


def test_a_plain_word_goes_the_fast_way():
    assert Query.parse("Word").substring == "word"
    for text in ("", "two words", "!no", "~fuzzy", "state:x"):
        assert Query.parse(text, ROW).substring is None


@pytest.mark.parametrize(
    ("new", "old", "narrower"),
    [
        ("abc", "ab", True), ("xabc", "ab", True), ("ab", "abc", False), ("ab cd", "ab", True), ("ab", "ab cd", False),
        ("!abc", "!ab", False), ("!ab", "!ab", True), ("!ab x", "!ab", True), ("~abc", "~ac", True),
        ("abc", "~ac", True),
        ("~abc", "ab", False), ("state:ru", "state:r", True), ("state:ru", "ru", False), ("cpu:>30", "cpu:>3", False),
        ("anything", "", True),
    ],
)  # fmt: skip
def test_refining(new, old, narrower):
    assert Query.parse(new, ROW).refines(Query.parse(old, ROW)) is narrower
