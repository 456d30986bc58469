"""The view of one sandbox: title, tabs, and which pane may ask."""

from __future__ import annotations

from pathlib import Path

from hopx_tui.panes.files import FilesPane
from hopx_tui.panes.overview import OverviewPane
from hopx_tui.screens.sandbox import GONE
from hopx_tui.widgets.line import Line
from hopx_tui.widgets.tab_bar import TabBar
from tests.fake_cloud import FakeCloud
from tests.screens.running import Dashboard, body, dashboard


def title(board: Dashboard) -> str:
    return board.view.query_one("#sandbox-title", Line).text


async def test_title(cloud: FakeCloud, tmp_path: Path) -> None:
    row = cloud.row(cloud.sandbox(cloud.id_of(4))) | {"status": "stopped", "status_reason": "engine_restart"}
    async with dashboard(cloud, tmp_path) as board:
        assert title(board).startswith(f"{cloud.id_of(0)}  ● running")
        assert "eu-1" in title(board)
        assert "0:59:" in title(board)
        cloud.knobs.body["/v1/sandboxes"] = body({"data": [row]})
        await board.fetch()
        await board.until(lambda: title(board).startswith(f"{cloud.id_of(4)}  ■ stopped engine restart"))
        assert "left" not in title(board)


async def test_showing_panes(cloud: FakeCloud, tmp_path: Path) -> None:
    async with dashboard(cloud, tmp_path) as board:
        view = board.view
        assert view.pane is view.pane_of(OverviewPane)
        view.show_pane(99)
        view.show_pane(-1)
        view.show_pane(0)
        assert (view.index, view.last_index) == (0, 0)
        view.show_kind(FilesPane)
        assert view.pane is view.pane_of(FilesPane)
        assert (view.index, view.last_index) == (2, 0)
        view.set_looked_at(False)
        assert not view.pane.active
        view.set_looked_at(True)
        assert view.pane.active


async def test_gone_is_said_once(cloud: FakeCloud, tmp_path: Path) -> None:
    async with dashboard(cloud, tmp_path) as board:
        view = board.view
        view.show_gone()
        gone = view.row
        assert gone is not None
        assert gone.status == GONE
        view.show_gone()
        assert view.row is gone
        view.set_row(None)
        view.show_gone()
        assert title(board).strip() == "No sandbox selected"


async def test_marked_tabs(cloud: FakeCloud, tmp_path: Path) -> None:
    async with dashboard(cloud, tmp_path) as board:
        tabs = board.view.query_one(TabBar)
        assert "*" not in tabs.render_line(0).text
        board.view.mark_tabs(frozenset({FilesPane}))
        assert "3 Files*" in tabs.render_line(0).text
