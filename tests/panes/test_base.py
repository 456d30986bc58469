"""What all panes share: they poll while seen, keep old values under an error, and say why they are empty."""

from __future__ import annotations

from pathlib import Path

from hopx_tui.api.errors import ApiError
from hopx_tui.panes.base import sentence
from hopx_tui.panes.overview import OverviewPane
from hopx_tui.panes.processes import ProcessesPane
from hopx_tui.widgets.virtual_table import VirtualTable
from tests.fake_cloud import FakeCloud
from tests.screens.running import dashboard


async def test_loading_then_values(cloud: FakeCloud, tmp_path: Path) -> None:
    cloud.knobs.hang.add("/processes")
    async with dashboard(cloud, tmp_path) as board:
        await board.press("4")
        await board.sees("Reading processes …")
        cloud.knobs.hang.clear()
        cloud._release.set()
        await board.sees("/usr/bin/bash")


async def test_an_error_before_any_value(cloud: FakeCloud, tmp_path: Path) -> None:
    cloud.knobs.status["/processes"] = 500
    async with dashboard(cloud, tmp_path) as board:
        await board.press("4")
        await board.sees("refused with 500", "ctrl+r tries again now")
        cloud.knobs.status.clear()
        await board.press("ctrl+r")
        await board.sees("/usr/bin/bash")
        await board.misses("ctrl+r")


async def test_an_error_after_a_value(cloud: FakeCloud, tmp_path: Path) -> None:
    async with dashboard(cloud, tmp_path) as board:
        await board.press("4")
        await board.sees("/usr/bin/bash")
        cloud.knobs.status["/processes"] = 500
        await board.press("ctrl+r")
        await board.sees("s old  ctrl+r retries  ", "refused with 500", "/usr/bin/bash")
        await board.sees("1s old")  # it ages
        cloud.knobs.status.clear()
        await board.press("ctrl+r")
        await board.misses("s old")


async def test_why_there_is_nothing(cloud: FakeCloud, tmp_path: Path) -> None:
    ways_on = {"paused": "p resumes it", "stopped": "r starts it again", "error": "", "creating": ""}
    async with dashboard(cloud, tmp_path) as board:
        for status, way_on in ways_on.items():
            cloud.set_status(cloud.id_of(0), status)
            await board.fetch()
            cloud.requests.clear()
            for tab in (2, 3, 4):
                await board.press(str(tab))
                await board.sees(f"{cloud.id_of(0)} is {status}.", way_on)
                await board.misses("\\n")
                assert board.view.index == tab - 1
            assert ("GET", "/processes") not in cloud.requests
            await board.leave()
        cloud.set_status(cloud.id_of(0), "running")
        await board.fetch()
        await board.sees("/usr/bin/bash")
        cloud.set_status(cloud.id_of(0), "paused")
        await board.fetch()
        await board.misses("/usr/bin/bash")


async def test_no_promise_in_readonly_mode(cloud: FakeCloud, tmp_path: Path) -> None:
    cloud.set_status(cloud.id_of(0), "paused")
    async with dashboard(cloud, tmp_path, readonly=True) as board:
        await board.press("4")
        await board.sees(f"{cloud.id_of(0)} is paused.")
        await board.misses("resumes")


async def test_another_sandbox(cloud: FakeCloud, tmp_path: Path) -> None:
    async with dashboard(cloud, tmp_path) as board:
        await board.press("4")
        await board.sees("/usr/bin/bash")
        late = board.pane(ProcessesPane).reading
        await board.leave()
        await board.press("down")
        pane = board.pane(ProcessesPane)
        await board.until(lambda: pane.row is not None and pane.row.id == cloud.id_of(1))
        pane.post_message(pane.Fetched(cloud.id_of(0), late))  # a late answer about the one before
        await board.until(lambda: pane.reading.value is not None)
        assert pane.reading is not late
        await board.press("down", "down", "down")  # the paused one
        await board.sees("is paused.")


async def test_hidden_panes_do_not_ask(cloud: FakeCloud, tmp_path: Path) -> None:
    async with dashboard(cloud, tmp_path) as board:
        await board.press("4")
        pane = board.pane(ProcessesPane)
        await board.until(lambda: pane._poll is not None)
        await board.press("1")
        assert pane._poll is None
        assert not pane.active
        pane.refresh_now()  # nothing to ask for, nothing happens
        await board.press("4")
        await board.until(lambda: pane._poll is not None)
        await board.leave()
        await board.pilot.resize_terminal(80, 24)
        await board.until(lambda: pane._poll is None)  # the list is what is seen


async def test_focus_goes_to_what_the_person_came_for(cloud: FakeCloud, tmp_path: Path) -> None:
    async with dashboard(cloud, tmp_path) as board:
        await board.tab(4)
        await board.focused_on(VirtualTable, "process-table")
        await board.press("1")
        await board.until(lambda: board.pane(OverviewPane).has_focus_within)


def test_sentences() -> None:
    assert sentence(ApiError("It broke.")) == "It broke."
    assert sentence(ApiError("It broke.", hint="Mend it.")) == "It broke. Mend it."
