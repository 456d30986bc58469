"""One row with two sides."""

from __future__ import annotations

import pytest
from textual.geometry import Size

from hopx_tui.widgets.line import Line
from tests.widgets.hosting import Host, screen_lines

LEFT = [("hopx ", "bold"), ("local engine", "local")]
RIGHT = [("7 running  ", "good"), ("14:02", "muted")]


@pytest.mark.parametrize(
    ("width", "text"),
    [
        (40, "hopx local engine       7 running  14:02"),
        (34, "hopx local engine 7 running  14:02"),
        (33, "hopx local engine           14:02"),  # the right side loses its parts from the front
        (22, "hopx local engine     "),
        (10, "hopx loca…"),
        (5, "hopx "),
    ],
)
async def test_what_gives_way(width: int, text: str) -> None:
    app = Host(line := Line())
    async with app.run_test(size=(width, 2)) as pilot:
        line.set_parts(LEFT, RIGHT)
        await pilot.pause()
        assert screen_lines(app, line) == [text]
        assert line.text == "hopx local engine 7 running  14:02"


async def test_ascii() -> None:
    app = Host(line := Line(), ascii_only=True)
    async with app.run_test(size=(8, 2)) as pilot:
        line.set_parts([("● live and well", "good")], [("…", "")])
        await pilot.pause()
        assert screen_lines(app, line) == ["* live ~"]


async def test_wide_characters() -> None:
    app = Host(line := Line())
    async with app.run_test(size=(6, 2)) as pilot:
        line.set_parts([("漢字漢字", "")])
        await pilot.pause()
        assert screen_lines(app, line)[0].rstrip() == "漢字…"


async def test_the_same_again_costs_nothing() -> None:
    app = Host(line := Line())
    async with app.run_test(size=(20, 2)):
        line.set_parts(LEFT, RIGHT)
        asked: list[object] = []
        line.refresh = lambda *a, **k: asked.append(a)  # type: ignore[method-assign, assignment, return-value]
        line.set_parts(list(LEFT), list(RIGHT))
        assert asked == []
        line.set_parts(LEFT)
        assert len(asked) == 1
        line.notify_style_update()
        assert len(asked) >= 2


def test_content_width() -> None:
    line = Line()
    size = Size(80, 24)
    line._left = (("ab", ""),)
    assert line.get_content_width(size, size) == 2
    line._right = (("cd", ""),)
    assert line.get_content_width(size, size) == 5
