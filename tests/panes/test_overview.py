"""Plots and facts of one sandbox."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hopx_tui.api.models import Resources, Sandbox
from hopx_tui.live.fleet import Row
from hopx_tui.panes.overview import OverviewPane, _how, _note, _of
from hopx_tui.widgets.graph import Graph
from tests.fake_cloud import FakeCloud
from tests.screens.running import Dashboard, dashboard


def graphs(board: Dashboard) -> list[Graph]:
    return list(board.pane(OverviewPane).query(Graph))


async def test_plots_and_facts(cloud: FakeCloud, tmp_path: Path) -> None:
    async with dashboard(cloud, tmp_path) as board:
        await board.sees("CPU", "MEM", "/ 1G", "NET", "DISK 1G / 4G", "B/s")
        await board.sees(
            f"id        {cloud.id_of(0)}", "template  base", "expires   0:59:", "region    eu-1", "internet  allowed",
            "2 vCPU", "uptime    12s", "status    ● running",
        )  # fmt: skip


async def test_wide_facts_are_in_two_columns(cloud: FakeCloud, tmp_path: Path) -> None:
    async with dashboard(cloud, tmp_path, size=(160, 45)) as board:
        await board.until(lambda: any("status" in line and "id" in line.split("status")[1] for line in board.lines))


async def test_the_countdown_moves(cloud: FakeCloud, tmp_path: Path) -> None:
    async with dashboard(cloud, tmp_path) as board:
        await board.sees("expires   0:59:")
        before = next(line for line in board.lines if "expires" in line)
        await board.until(lambda: before not in board.lines)
        cloud.sandbox(cloud.id_of(0)).set_timeout(200)
        await board.fetch()
        await board.sees("0:03:", "1 expiring")


async def test_never_expires(cloud: FakeCloud, tmp_path: Path) -> None:
    async with dashboard(cloud, tmp_path) as board:
        await board.press("down")
        await board.sees("expires   never")


async def test_no_network_figures(cloud: FakeCloud, tmp_path: Path) -> None:
    cloud.knobs.no_network = True
    async with dashboard(cloud, tmp_path) as board:
        await board.sees("n/a")
        assert [graph.available for graph in graphs(board)].count(False) == 1


async def test_a_paused_one_says_so_in_its_plots(cloud: FakeCloud, tmp_path: Path) -> None:
    async with dashboard(cloud, tmp_path) as board:
        await board.until(lambda: board.session.fleet.usage(cloud.id_of(0)) is not None)
        await board.press("p")
        await board.until(lambda: all(graph.note == "paused" for graph in graphs(board)))
        await board.sees("uptime    -")
        await board.press("p")
        await board.until(lambda: all(graph.note == "" for graph in graphs(board)))


async def test_an_agent_that_fails(cloud: FakeCloud, tmp_path: Path) -> None:
    async with dashboard(cloud, tmp_path) as board:
        await board.sees("uptime")
        cloud.knobs.status["/system"] = 503
        await board.press("ctrl+r")
        await board.until(lambda: all(graph.note == "no answer" for graph in graphs(board)))
        await board.sees("agent", "refused with 503")


async def test_low_screens_get_low_plots(cloud: FakeCloud, tmp_path: Path) -> None:
    async with dashboard(cloud, tmp_path, size=(80, 24)) as board:
        await board.press("enter")
        await board.sees("CPU", "NET", "status    ● running", "created")
        assert board.pane(OverviewPane).has_class("-short")


FACTS: list[tuple[dict[str, Any], str, str]] = [
    ({"isolation": "vm"}, "isolation", "vm"),
    ({"internet_access": False}, "internet", "cut off"),
    ({"status_reason": "agent_died"}, "status", "● running (agent died)"),
    ({"public_host": ""}, "endpoint", "none"),
    ({"created_at": None}, "created", "unknown"),
    ({"enforced": {"memory": "soft"}}, "memory", "1G (watched, not enforced)"),
    ({"enforced": {"cpu": "none"}}, "cpu", "2 vCPU (not enforced)"),
    ({"region": ""}, "region", "local"),
    ({"template_name": "", "template_id": "7"}, "template", "7"),
]


async def test_facts(empty: FakeCloud, tmp_path: Path) -> None:
    usual: dict[str, Any] = {
        "id": "s1", "status": "running", "public_host": "http://127.0.0.1:1", "template_name": "base",
        "region": "eu", "created_at": datetime.now(UTC), "resources": Resources(2, 1024, 4096),
    }  # fmt: skip
    async with dashboard(empty, tmp_path) as board:
        pane = board.pane(OverviewPane)
        for fields, label, text in FACTS:
            facts = dict(pane._facts_of(Row(Sandbox(**usual | fields), "local")))
            assert "".join(run[0] for run in facts[label]) == text
        for isolation, words in (("bwrap", "bubblewrap"), ("none", "runs as you")):
            facts = dict(pane._facts_of(Row(Sandbox(**usual | {"isolation": isolation}), "local")))
            assert words in "".join(run[0] for run in facts["isolation"])


def test_small_words() -> None:
    assert _of(None, 5) is None
    assert _of(1024, None) == "1K"
    assert _of(1024, 2048) == "1K / 2K"
    assert _how(None) == ""
    assert _note(None, None) == ""
    assert _note(Row(Sandbox("x", "stopped"), "local"), None) == "stopped"
