"""Unified diffs: right (each applies), short, and bounded in time."""

from __future__ import annotations

import random
import re
import time

import pytest

from hopx_tui.agent import difftext
from hopx_tui.agent.difftext import blocks, unified


def apply(old: bytes, diff: str) -> bytes:
    """What `patch` does, strictly."""
    lines = old.split(b"\n")
    source = [line + b"\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])
    result, at = [], 0
    body = re.split(r"(?<=\n)", diff)[2:]
    previous = ""
    for line in body:
        if not line:
            continue
        if line.startswith("@@"):
            start, count = re.match(r"@@ -(\d+)(?:,(\d+))? ", line).groups()
            first = int(start) - (count != "0")
            result += source[at:first]
            at = first
        elif line.startswith("\\"):
            if previous in " +":
                result[-1] = result[-1].rstrip(b"\n")
        elif line[0] == "+":
            result.append(line[1:].encode())
        else:
            assert source[at].rstrip(b"\n") == line[1:].rstrip("\n").encode(), line
            if line[0] == " ":
                result.append(source[at])
            at += 1
        previous = line[0]
    return b"".join(result + source[at:])


def test_the_format():
    old = b"".join(b"%d\n" % number for number in range(1, 21))
    new = old.replace(b"10\n", b"ten\n").replace(b"20\n", b"20")
    text, cut = unified(old, new, "a/x", "b/x", limit=10_000)
    assert not cut
    assert text == (
        "--- a/x\n+++ b/x\n@@ -7,7 +7,7 @@\n 7\n 8\n 9\n-10\n+ten\n 11\n 12\n 13\n"
        "@@ -17,4 +17,4 @@\n 17\n 18\n 19\n-20\n+20\n\\ No newline at end of file\n"
    )


@pytest.mark.parametrize(
    ("old", "new", "hunk"),
    [(b"", b"a\n", "@@ -0,0 +1 @@"), (b"a\nb\n", b"", "@@ -1,2 +0,0 @@"), (b"a\n", b"a\nb\n", "@@ -1 +1,2 @@")],
)
def test_ranges(old, new, hunk):
    assert unified(old, new, "a", "b", limit=1000)[0].splitlines()[2] == hunk


def test_equal_texts_have_none():
    assert unified(b"a\r\nb", b"a\r\nb", "a", "b", limit=1000) == ("", False)


def test_carriage_returns_are_part_of_lines():
    text, _ = unified(b"a\rb\r\n", b"a\rb\n", "a", "b", limit=1000)
    assert text.endswith("-a\rb\r\n+a\rb\n")


def test_random_texts_apply_and_are_minimal():
    chance = random.Random(4)
    for _ in range(400):
        old = [b"%d\n" % chance.randrange(6) for _ in range(chance.randrange(12))]
        new = [b"%d\n" % chance.randrange(6) for _ in range(chance.randrange(12))]
        if chance.random() < 0.3 and old:
            old[-1] = old[-1].strip()
        text, _ = unified(b"".join(old), b"".join(new), "a", "b", limit=100_000)
        assert (apply(b"".join(old), text) if text else b"".join(old)) == b"".join(new)
        edits = sum(block.b - block.a + block.d - block.c for block in blocks(old, new))
        assert edits == len(old) + len(new) - 2 * longest_common(old, new)


def longest_common(one, two):
    row = [0] * (len(two) + 1)
    for each in one:
        before = row[:]
        for at, other in enumerate(two):
            row[at + 1] = before[at] + 1 if each == other else max(before[at + 1], row[at])
    return row[-1]


def test_hopeless_texts_end_in_time_and_still_apply():
    chance = random.Random(5)
    old = b"".join(b"%d\n" % chance.randrange(3) for _ in range(60_000))
    new = b"".join(b"%d\n" % chance.randrange(3, 5) for _ in range(60_000))
    began = time.perf_counter()
    text, cut = unified(old, new, "a", "b", limit=1 << 20)
    assert time.perf_counter() - began < 5
    assert not cut
    assert apply(old, text) == new


def test_too_many_steps_give_one_block(monkeypatch):
    monkeypatch.setattr(difftext, "MOST_STEPS", 5)
    assert blocks(list(b"axbycz"), list(b"1x2y3z")) == [(0, 5, 0, 5)]


def test_a_long_diff_is_cut():
    text, cut = unified(b"", b"line\n" * 1000, "a", "b", limit=100)
    assert cut
    assert len(text) <= 100
    assert text.endswith("+line\n")
