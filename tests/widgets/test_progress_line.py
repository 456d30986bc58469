"""The line of a transfer."""

from __future__ import annotations

import pytest
from rich.cells import cell_len

from hopx_tui.widgets.progress_line import ProgressLine
from tests.widgets.hosting import Host, screen_lines

M = 1024**2


async def test_all_parts():
    line = ProgressLine("upload data.csv")
    app = Host(line)
    async with app.run_test(size=(110, 2)) as pilot:
        line.set_progress(12 * M, 27 * M, 1.5 * M)
        await pilot.pause()
        text = screen_lines(app, line)[0]
        for part in ("upload data.csv", "━", "─", "44%", "12M/27M", "1.5M/s", "10s left", "esc cancels"):
            assert part in text
        line.set_progress(27 * M, 27 * M, 1.5 * M)
        line.set_label("done\n")
        await pilot.pause()
        text = screen_lines(app, line)[0]
        assert "100%" in text
        assert "left" not in text
        assert "done\\n" in text


async def test_an_unknown_total_has_no_bar():
    line = ProgressLine("download x")
    app = Host(line)
    async with app.run_test(size=(60, 1)) as pilot:
        line.set_progress(5 * M, None, 100.0)
        await pilot.pause()
        assert screen_lines(app, line)[0].split() == ["download", "x", "5M", "100B/s", "esc", "cancels"]


@pytest.mark.parametrize("width", [1, 5, 10, 18, 25, 33, 41, 60, 80])
@pytest.mark.parametrize("ascii_only", [False, True])
async def test_it_fits_every_width(width, ascii_only):
    line = ProgressLine("upload a-very-long-name-of-a-file.tar.gz")
    app = Host(line, ascii_only=ascii_only)
    async with app.run_test(size=(width, 1)) as pilot:
        line.set_progress(0, 0, 0.0)
        line.set_progress(M, 3 * M, 10.0)
        await pilot.pause()
        text = screen_lines(app)[0]
        assert cell_len(text) == width
        if width >= 18:
            assert "33%" in text
        if ascii_only:
            assert text.isascii()


async def test_the_same_progress_costs_nothing(monkeypatch):
    line = ProgressLine("x")
    app = Host(line)
    async with app.run_test(size=(60, 1)) as pilot:
        line.set_progress(1, 2)
        await pilot.pause()
        asked = []
        monkeypatch.setattr(line, "refresh", lambda *a, **k: asked.append(a))
        line.set_progress(1, 2)
        assert asked == []
        app.theme = "hopx-paper"
        await pilot.pause()
