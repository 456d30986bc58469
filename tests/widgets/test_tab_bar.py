"""Numbered tabs."""

from __future__ import annotations

import pytest

from hopx_tui.widgets.tab_bar import TabBar
from tests.widgets.hosting import Host, screen_lines

NAMES = ("One", "Two", "Three")


class Tabs(Host):
    def on_tab_bar_chosen(self, message: TabBar.Chosen) -> None:
        self.heard.append(message.index)


async def test_the_current_one_stands_out_without_colour() -> None:
    app = Host(bar := TabBar(NAMES))
    async with app.run_test(size=(40, 3)) as pilot:
        await pilot.pause()
        assert screen_lines(app, bar)[0].rstrip() == " 1 One   2 Two   3 Three"
        bar.show(1, frozenset({2}))
        await pilot.pause()
        assert screen_lines(app, bar)[0].rstrip() == " 1 One   2 Two   3 Three*"
        underlined = [segment.text for segment in bar.render_line(0) if segment.style and segment.style.underline]
        assert underlined == ["Two"]


@pytest.mark.parametrize(
    ("x", "chosen"), [(0, []), (1, [0]), (5, [0]), (9, [1]), (13, [1]), (17, [2]), (24, [2]), (35, [])]
)
async def test_clicks(x: int, chosen: list[int]) -> None:
    app = Tabs(bar := TabBar(NAMES))
    async with app.run_test(size=(40, 3)) as pilot:
        await pilot.click(bar, offset=(x, 0))
        await pilot.pause()
        assert app.heard == chosen


async def test_dots_move_what_stands_behind_them() -> None:
    app = Tabs(bar := TabBar(NAMES))
    async with app.run_test(size=(40, 3)) as pilot:
        bar.show(0, frozenset({0}))
        await pilot.pause()
        at = screen_lines(app, bar)[0].index("2 Two")
        await pilot.click(bar, offset=(at, 0))
        await pilot.pause()
        assert app.heard == [1]


async def test_repaints_only_when_something_changed() -> None:
    app = Host(bar := TabBar(NAMES))
    async with app.run_test(size=(40, 3)):
        asked: list[object] = []
        bar.refresh = lambda *a, **k: asked.append(a)  # type: ignore[method-assign, assignment, return-value]
        bar.show(0)
        assert asked == []
        bar.show(2)
        bar.notify_style_update()
        assert len(asked) >= 2
