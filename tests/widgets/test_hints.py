"""The bottom line."""

from __future__ import annotations

import pytest

from hopx_tui.widgets.hints import HintBar
from tests.widgets.hosting import Host, screen_lines

HINTS = [("n", "new"), ("s", "shell"), ("^d", "kill")]


@pytest.mark.parametrize(
    ("width", "text"),
    [
        (60, " n new  s shell  ^d kill  ? help"),
        (32, " n new  s shell  ^d kill  ? help"),
        (31, " n new  s shell  ? help"),
        (20, " n new  ? help"),
        (10, " ? help"),
    ],
)
async def test_as_many_as_fit_and_always_the_last(width: int, text: str) -> None:
    app = Host(bar := HintBar())
    async with app.run_test(size=(width, 3)) as pilot:
        bar.set_hints(HINTS)
        await pilot.pause()
        assert screen_lines(app, bar)[0].rstrip() == text
        assert bar.hints == tuple(HINTS)


async def test_another_last_one() -> None:
    app = Host(bar := HintBar(("q", "quit")))
    async with app.run_test(size=(30, 3)) as pilot:
        await pilot.pause()
        assert screen_lines(app, bar)[0].rstrip() == " q quit"
        asked: list[object] = []
        bar.refresh = lambda *a, **k: asked.append(a)  # type: ignore[method-assign, assignment, return-value]
        bar.set_hints([], last=("q", "quit"))
        assert asked == []
        bar.notify_style_update()
        assert asked


async def test_no_last_one() -> None:
    app = Host(bar := HintBar())
    async with app.run_test(size=(26, 3)) as pilot:
        bar.set_hints(HINTS, last=None)
        await pilot.pause()
        assert screen_lines(app, bar)[0].rstrip() == " n new  s shell  ^d kill"
