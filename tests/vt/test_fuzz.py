"""Random input: nothing raises, the invariants hold, and how the bytes are split makes no difference.

`python -m tests.vt.test_fuzz 100000 [seed]` runs as many cases as wanted.
"""

from __future__ import annotations

import random
import sys

import pytest

from hopx_tui.vt.screen import VTScreen
from hopx_tui.vt.stream import VTStream
from tests.vt.invariants import check, state
from tests.vt.streams import split, stream

SIZES = ((1, 1), (2, 1), (1, 3), (2, 2), (5, 3), (10, 4), (20, 5), (33, 7), (80, 24))
CASES = 400
PARTS = 8


def run_case(seed: int) -> None:
    rng = random.Random(seed)
    columns, lines = rng.choice(SIZES)
    resizes = rng.random() < 0.3
    history = rng.choice((0, 3, 1_000))
    one = VTScreen(columns, lines, history_rows=history)
    two = VTScreen(columns, lines, history_rows=history)
    first, second = VTStream(one), VTStream(two)
    for _ in range(2 if resizes else 1):
        data = stream(rng)
        first.feed(data)
        check(one, first)
        for piece in split(rng, data):
            second.feed(piece)
            if rng.random() < 0.1:
                check(two, second)
        check(two, second)
        got, want = state(two), state(one)
        for key, value in want.items():
            assert got[key] == value, f"{key} depends on the split ({columns}x{lines})"
        if resizes:
            size = rng.choice(SIZES)
            for screen in (one, two):
                screen.resize(size[1], size[0])
            check(one, first)
            check(two, second)


def run_named(seed: int) -> None:
    try:
        run_case(seed)
    except BaseException as error:
        error.add_note(f"case {seed}")
        raise


@pytest.mark.parametrize("part", range(PARTS))
def test_random_streams(part):
    for seed in range(part * CASES // PARTS, (part + 1) * CASES // PARTS):
        run_named(seed)


if __name__ == "__main__":
    count = int(sys.argv[1]) if len(sys.argv) > 1 else CASES
    start = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    for number in range(start, start + count):
        run_named(number)
    print(f"{count} cases passed")
