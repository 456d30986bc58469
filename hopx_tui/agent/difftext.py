"""Unified diffs with a bound on the work: the shortest one where it is found in time, else one large hunk."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

CONTEXT = 3
MOST_EDITS = 1000
MOST_STEPS = 2_000_000
"""Compared lines in all; about half a second."""


class Block(NamedTuple):
    """Lines a..b of the old text became lines c..d of the new one."""

    a: int
    b: int
    c: int
    d: int


def blocks(old: Sequence[bytes], new: Sequence[bytes]) -> list[Block]:
    """Where two texts differ, in order."""
    start = 0
    while start < min(len(old), len(new)) and old[start] == new[start]:
        start += 1
    end = 0
    while end < min(len(old), len(new)) - start and old[-1 - end] == new[-1 - end]:
        end += 1
    numbers: dict[bytes, int] = {}
    first = [numbers.setdefault(line, len(numbers)) for line in old[start : len(old) - end]]
    second = [numbers.setdefault(line, len(numbers)) for line in new[start : len(new) - end]]
    if not first and not second:
        return []
    whole = Block(start, start + len(first), start, start + len(second))
    if not first or not second:
        return [whole]
    matches = _matches(first, second)
    if matches is None:
        return [whole]
    found = []
    for (x, y), (u, v) in pairwise([(-1, -1), *matches, (len(first), len(second))]):
        if u - x > 1 or v - y > 1:
            found.append(Block(start + x + 1, start + u, start + y + 1, start + v))
    return found


def _matches(first: list[int], second: list[int]) -> list[tuple[int, int]] | None:
    """Pairs of equal lines on a shortest edit path (Myers' greedy algorithm); None where it takes too long."""
    n, m = len(first), len(second)
    furthest = {1: 0}
    trace: list[dict[int, int]] = []
    steps = 0
    for edits in range(min(n + m, MOST_EDITS) + 1):
        trace.append({k: furthest[k] for k in range(-edits - 1, edits + 2) if k in furthest})
        for k in range(-edits, edits + 1, 2):
            down = k == -edits or (k != edits and furthest[k - 1] < furthest[k + 1])
            x = furthest[k + 1] if down else furthest[k - 1] + 1
            y = x - k
            began = x
            while x < n and y < m and first[x] == second[y]:
                x += 1
                y += 1
            steps += x - began + 1
            furthest[k] = x
            if x >= n and y >= m:
                return _backtrack(trace, n, m)
            if steps > MOST_STEPS:
                return None
    return None


def _backtrack(trace: list[dict[int, int]], x: int, y: int) -> list[tuple[int, int]]:
    """`trace[d]`: how far each diagonal reached before the round that allowed d edits."""
    pairs = []
    for edits in range(len(trace) - 1, -1, -1):
        furthest, k = trace[edits], x - y
        down = k == -edits or (k != edits and furthest[k - 1] < furthest[k + 1])
        before = k + 1 if down else k - 1
        from_x = furthest[before]
        from_y = from_x - before
        # The equal lines that follow the edit; the very first ones follow none.
        start = 0 if not edits else from_x + (not down)
        while x > start:
            x, y = x - 1, y - 1
            pairs.append((x, y))
        x, y = from_x, from_y
    pairs.reverse()
    return pairs


def unified(old: bytes, new: bytes, old_name: str, new_name: str, *, limit: int) -> tuple[str, bool]:
    """The diff of two texts ("" where they are equal), and whether it was cut at `limit` characters."""
    before, after = old.splitlines(keepends=True), new.splitlines(keepends=True)
    if b"\r" in old or b"\r" in new:
        # Only a line feed ends a line here; bytes.splitlines knows carriage returns as well.
        before, after = _lines(old), _lines(new)
    found = blocks(before, after)
    if not found:
        return "", False
    pieces = [f"--- {old_name}\n+++ {new_name}\n"]
    size = len(pieces[0])
    for hunk in _hunks(found):
        for piece in _print(hunk, before, after):
            size += len(piece)
            if size > limit:
                return "".join(pieces), True
            pieces.append(piece)
    return "".join(pieces), False


def _lines(text: bytes) -> list[bytes]:
    parts = text.split(b"\n")
    last = parts.pop()
    return [part + b"\n" for part in parts] + ([last] if last else [])


def _hunks(found: list[Block]) -> list[list[Block]]:
    hunks = [[found[0]]]
    for block in found[1:]:
        if block.a - hunks[-1][-1].b <= 2 * CONTEXT:
            hunks[-1].append(block)
        else:
            hunks.append([block])
    return hunks


def _range(start: int, stop: int) -> str:
    count = stop - start
    if count == 1:
        return str(start + 1)
    return f"{start + 1 if count else start},{count}"


def _print(hunk: list[Block], old: list[bytes], new: list[bytes]) -> list[str]:
    first, last = hunk[0], hunk[-1]
    lead = min(CONTEXT, first.a)
    tail = min(CONTEXT, len(old) - last.b)
    old_range, new_range = _range(first.a - lead, last.b + tail), _range(first.c - lead, last.d + tail)
    pieces = [f"@@ -{old_range} +{new_range} @@\n"]
    at = first.a - lead
    for block in hunk:
        pieces += [_line(" ", line) for line in old[at : block.a]]
        pieces += [_line("-", line) for line in old[block.a : block.b]]
        pieces += [_line("+", line) for line in new[block.c : block.d]]
        at = block.b
    pieces += [_line(" ", line) for line in old[at : at + tail]]
    return pieces


def _line(sign: str, line: bytes) -> str:
    text = line.decode("utf-8", "replace")
    return f"{sign}{text}" if text.endswith("\n") else f"{sign}{text}\n\\ No newline at end of file\n"
