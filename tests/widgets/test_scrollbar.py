"""The scrollbar drawn with characters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hopx_tui.widgets.scrollbar import AsciiScrollBar, LineScrollBar
from hopx_tui.widgets.text_lines import TextLines
from tests.widgets.hosting import Host, screen_lines


@pytest.mark.parametrize(
    ("args", "thumb"),
    [((10, 100, 10, 0), (0, 1)), ((10, 100, 10, 90), (9, 1)), ((10, 100, 10, 1), (1, 1)), ((10, 100, 10, 89), (8, 1)),
     ((10, 20, 10, 5), (2, 5)), ((10, 10, 10, 0), (0, 0)), ((10, 100, 0, 0), (0, 0))],
)  # fmt: skip
def test_thumb(args, thumb):
    assert LineScrollBar.thumb(*args) == thumb


@given(st.integers(1, 50), st.integers(1, 1000), st.integers(0, 60), st.floats(0, 1000))
def test_the_thumb_is_always_on_the_bar(size, virtual, window, position):
    start, length = LineScrollBar.thumb(size, virtual, window, position)
    assert start >= 0
    assert start + length <= size


def test_bars_have_their_size_in_both_directions():
    for vertical in (True, False):
        bar = AsciiScrollBar.render_bar(10, 100, 20, 0, 1, vertical)
        assert "".join(segment.text.strip("\n") for segment in bar.segments).startswith("#")
        assert sum(len(segment.text.strip("\n")) for segment in bar.segments) == 10


async def test_scrollbars_are_ascii_where_needed():
    lines = TextLines()
    app = Host(lines, ascii_only=True)
    async with app.run_test(size=(20, 6)) as pilot:
        lines.set_lines(["x" * 50] * 30)
        await pilot.pause()
        shown = screen_lines(app)
        assert all(line.isascii() for line in shown)
        assert shown[0].endswith("#")
        assert shown[3].endswith("|")
        assert shown[5].startswith("###")
