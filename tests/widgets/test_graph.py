"""The plot over time."""

from __future__ import annotations

import pytest
from rich.cells import cell_len

from hopx_tui import format as fmt
from hopx_tui.widgets.graph import Graph
from tests.widgets.hosting import Host, screen_lines


async def test_title_value_scale_and_plot():
    graph = Graph("CPU", maximum=100)
    app = Host(graph)
    async with app.run_test(size=(20, 4)) as pilot:
        graph.set_values([0] * 38 + [100, 100])
        await pilot.pause()
        lines = screen_lines(app, graph)
        assert lines[0] == "CPU 100%        100%"
        assert lines[1:] == [" " * 19 + "⣿"] * 3
        styles = {str(list(graph.render_line(y))[-1].style.color) for y in (1, 2, 3)}
        assert len(styles) == 3


async def test_words_may_be_given():
    graph = Graph("MEM", maximum=100)
    app = Host(graph)
    async with app.run_test(size=(30, 3)) as pilot:
        graph.set_values([20, 21], current="212M / 1G", limit="")
        graph.title = "RAM"
        await pilot.pause()
        assert screen_lines(app, graph)[0].rstrip() == "RAM 212M / 1G"


async def test_the_scale_fits_itself():
    graph = Graph("NET", text=fmt.rate, least=1000, colors=("primary",), mode="block")
    app = Host(graph)
    async with app.run_test(size=(20, 3)) as pilot:
        assert graph.scale == 1000
        graph.set_values([3_000_000.0] + [5_000.0] * 19 + [7_000.0])
        await pilot.pause()
        assert graph.scale == 10_000
        assert "6.8K/s" in screen_lines(app, graph)[0]


@pytest.mark.parametrize("size", [(10, 2), (12, 3), (3, 2), (40, 1), (80, 20)])
async def test_it_fits_every_size(size):
    graph = Graph("A long title", maximum=100)
    app = Host(graph)
    async with app.run_test(size=size) as pilot:
        graph.set_values([50.0, None, 70.0] * 100)
        graph.note = "paused"
        await pilot.pause()
        assert all(cell_len(line) == size[0] for line in screen_lines(app))
        assert "70%" in screen_lines(app)[0]


async def test_notes_lie_over_a_grey_plot_and_go_away():
    graph = Graph("CPU", maximum=100)
    app = Host(graph)
    async with app.run_test(size=(20, 4)) as pilot:
        graph.set_values([100.0] * 40)
        graph.note = "paused"
        await pilot.pause()
        lines = screen_lines(app, graph)
        assert sum(" paused " in line for line in lines) == 1
        grey = next(iter(graph.render_line(1))).style.color
        graph.note = ""
        await pilot.pause()
        assert not any("paused" in line for line in screen_lines(app, graph))
        assert next(iter(graph.render_line(1))).style.color != grey


async def test_a_sandbox_that_does_not_tell():
    graph = Graph("DISK", maximum=100)
    app = Host(graph)
    async with app.run_test(size=(20, 4)) as pilot:
        graph.set_values([100.0] * 40)
        graph.available = False
        await pilot.pause()
        lines = screen_lines(app, graph)
        assert lines[0].strip() == "DISK"
        assert any(line.strip() == "n/a" for line in lines)
        assert not any("⣿" in line for line in lines)


async def test_it_redraws_only_what_changed(monkeypatch):
    graph = Graph("CPU", maximum=100)
    app = Host(graph)
    async with app.run_test(size=(20, 5)) as pilot:
        graph.set_values([10.0] * 40)
        await pilot.pause()
        asked = []
        plain = graph.refresh
        monkeypatch.setattr(
            graph, "refresh", lambda *regions, **options: (asked.append(regions), plain(*regions, **options))[1]
        )
        graph.set_values([10.0] * 40)
        assert asked == []
        graph.set_values([10.0] * 39 + [12.0])
        assert [region.y for region in asked[0]] == [0]
        graph.set_values([10.0] * 39 + [30.0])
        assert sorted(region.y for region in asked[1]) == [0, 3, 4]


async def test_ascii_and_the_sixteen_colours():
    graph = Graph("CPU", maximum=100)
    app = Host(graph, theme="hopx-ansi", ascii_only=True)
    async with app.run_test(size=(12, 5)) as pilot:
        graph.set_values([100.0] * 12)
        await pilot.pause()
        assert all(line.isascii() for line in screen_lines(app))
        colours = [next(iter(graph.render_line(y))).style.color.number for y in (1, 4)]
        assert colours == [1, 2]
        app.theme = "hopx-night"
        await pilot.pause()
        assert next(iter(graph.render_line(1))).style.color.triplet is not None


async def test_values_may_come_before_it_is_shown():
    graph = Graph("CPU", maximum=100)
    graph.set_values([100.0] * 40)
    app = Host(graph)
    async with app.run_test(size=(10, 3)) as pilot:
        await pilot.pause()
        assert "⣿" in screen_lines(app, graph)[1]


@pytest.mark.parametrize("figure", [1e308, 10**400, -1e308, float("inf"), float("-inf"), float("nan"), 5e-324])
@pytest.mark.parametrize("maximum", [None, 100.0, float("inf"), float("nan"), 0.0, 5e-324, 1e308])
async def test_no_figure_breaks_it(figure, maximum):
    graph = Graph("CPU", maximum=maximum)
    app = Host(graph)
    async with app.run_test(size=(20, 4)) as pilot:
        graph.set_values([1.0, figure, None, figure])
        await pilot.pause()
        assert 0 < graph.scale <= 1e18
        assert "CPU" in screen_lines(app, graph)[0]
