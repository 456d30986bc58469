"""What one does to sandboxes: the question first, the frozen target, the sentence after."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from textual.widgets import Input

from hopx_tui.screens.actions import EXTENSIONS, _minutes_problem
from hopx_tui.widgets.flat_button import FlatButton
from hopx_tui.widgets.virtual_table import VirtualTable
from tests.fake_cloud import FakeCloud
from tests.screens.running import dashboard


async def test_pause_and_resume(cloud: FakeCloud, tmp_path: Path) -> None:
    async with dashboard(cloud, tmp_path) as board:
        await board.press("p")
        await board.sees("2 paused", f"{cloud.id_of(0)}  ‖ paused")
        assert cloud.sandbox(cloud.id_of(0)).status == "paused"
        await board.press("p")
        await board.sees("1 paused", f"{cloud.id_of(0)}  ● running")
        cloud.set_status(cloud.id_of(0), "stopped")
        await board.fetch()
        await board.press("p")
        await board.told(f"{cloud.id_of(0)} is stopped: r starts it.")


async def test_pause_of_several(cloud: FakeCloud, tmp_path: Path) -> None:
    async with dashboard(cloud, tmp_path) as board:
        await board.press("space", "space", "p")
        await board.sees("3 paused")
        assert [cloud.sandbox(cloud.id_of(at)).status for at in range(3)] == ["paused", "paused", "running"]


async def test_looking_resumes_nothing(cloud: FakeCloud, tmp_path: Path) -> None:
    async with dashboard(cloud, tmp_path) as board:
        cloud.set_status(cloud.id_of(0), "paused")
        await board.fetch()
        for tab in "1234":
            await board.press(tab)
        await board.press("enter", "y", "escape", "d")
        assert all(method == "GET" or path.endswith("/token/refresh") for method, path in cloud.requests)
        assert cloud.sandbox(cloud.id_of(0)).status == "paused"


async def test_what_fails_is_told_with_its_reason(cloud: FakeCloud, tmp_path: Path) -> None:
    async with dashboard(cloud, tmp_path) as board:
        cloud.knobs.status[f"/v1/sandboxes/{cloud.id_of(0)}/pause"] = 409
        await board.press("p")
        await board.told("refused with 409")
        assert cloud.sandbox(cloud.id_of(0)).status == "running"


async def test_stop_start_restart(cloud: FakeCloud, tmp_path: Path) -> None:
    async with dashboard(cloud, tmp_path) as board:
        await board.press("r")
        await board.asked("ChoiceDialog")
        await board.sees(f"What about {cloud.id_of(0)}", "keep the files")
        await board.press("escape")
        await board.closed()
        await board.press("r")
        await board.asked("ChoiceDialog")
        await board.press("enter")  # stop is suggested for what runs
        await board.sees("1 stopped", f"{cloud.id_of(0)}  ■ stopped")
        await board.press("r")
        await board.asked("ChoiceDialog")
        await board.press("enter")  # and start for what is stopped
        await board.sees("6 running", f"{cloud.id_of(0)}  ● running")
        cloud.requests.clear()
        await board.press("r")
        await board.asked("ChoiceDialog")
        await board.press("3")
        await board.until(lambda: ("POST", f"/v1/sandboxes/{cloud.id_of(0)}/start") in cloud.requests)
        assert ("POST", f"/v1/sandboxes/{cloud.id_of(0)}/stop") in cloud.requests
        await board.sees("6 running")


async def test_restart_starts_nothing_that_could_not_be_stopped(cloud: FakeCloud, tmp_path: Path) -> None:
    async with dashboard(cloud, tmp_path) as board:
        cloud.knobs.status[f"/v1/sandboxes/{cloud.id_of(0)}/stop"] = 500
        await board.press("r")
        await board.asked("ChoiceDialog")
        await board.press("3")
        await board.told("refused with 500")
        await board.settle()
        assert ("POST", f"/v1/sandboxes/{cloud.id_of(0)}/start") not in cloud.requests


async def test_extend_by_every_choice(cloud: FakeCloud, tmp_path: Path) -> None:
    sandbox = cloud.sandbox(cloud.id_of(1))
    async with dashboard(cloud, tmp_path) as board:
        await board.press("down")
        for at, (_, label, seconds) in enumerate(EXTENSIONS, 1):
            await board.press("plus")
            await board.asked("ChoiceDialog")
            await board.sees(label, "(no limit)" if at == 1 else " left)")
            await board.press(str(at))
            await board.until(lambda seconds=seconds: sandbox.timeout_seconds == seconds)
            await board.closed()
        await board.press("plus")
        await board.asked("ChoiceDialog")
        await board.press("5")
        await board.asked("InputDialog")
        await board.type("none")
        await board.press("enter")
        await board.sees("A number of minutes, like 90.")
        await board.press("ctrl+u", "9", "0", "enter")
        await board.until(lambda: sandbox.timeout_seconds == 5400)
        await board.press("plus")
        await board.asked("ChoiceDialog")
        await board.press("5")
        await board.asked("InputDialog")
        await board.press("escape")
        await board.closed()
        await board.press("plus")
        await board.asked("ChoiceDialog")
        await board.press("6")
        await board.until(lambda: sandbox.timeout_seconds is None)
        await board.press("plus")
        await board.asked("ChoiceDialog")
        await board.press("escape")
        await board.closed()
        assert sandbox.timeout_seconds is None


@pytest.mark.parametrize(
    ("text", "fine"),
    [
        ("90", True), ("0.5", True), ("0", False), ("-1", False), ("nan", False), ("inf", False), ("x", False),
        ("999999", False),
    ],
)  # fmt: skip
def test_minutes(text: str, fine: bool) -> None:
    assert (_minutes_problem(text) is None) is fine


async def test_extend_several(cloud: FakeCloud, tmp_path: Path) -> None:
    async with dashboard(cloud, tmp_path) as board:
        await board.press("asterisk", "plus")
        await board.asked("ChoiceDialog")
        await board.sees("Extend 7 sandboxes")
        await board.press("2")
        await board.until(lambda: all(cloud.sandbox(cloud.id_of(at)).timeout_seconds == 3600 for at in range(7)))


async def test_kill_one(cloud: FakeCloud, tmp_path: Path) -> None:
    async with dashboard(cloud, tmp_path) as board:
        await board.press("e")
        await board.asked("InputDialog")
        await board.type("etl")
        await board.press("enter")
        await board.sees("● etl")
        await board.press("ctrl+d")
        await board.asked("ConfirmDialog")
        await board.sees("Kill etl?", cloud.id_of(0), "base", "age", "Its processes end and its files are deleted.")
        await board.focused_on(FlatButton, "cancel")
        await board.press("enter")  # a stray enter kills nothing
        await board.closed()
        await board.press("f8")
        await board.asked("ConfirmDialog")
        await board.press("right", "enter")
        await board.sees("Sandboxes 6")
        await board.misses("etl")
        assert board.app._preferences.name(cloud.id_of(0)) is None
        with pytest.raises(KeyError):
            cloud.sandbox(cloud.id_of(0))


async def test_the_target_is_frozen(cloud: FakeCloud, tmp_path: Path) -> None:
    async with dashboard(cloud, tmp_path) as board:
        await board.press("down", "ctrl+d")
        await board.asked("ConfirmDialog")
        cloud.kill(cloud.id_of(0))  # the list moves under the dialog
        board.table.sort_by("id", True)
        await board.fetch()
        await board.press("right", "enter")
        await board.sees("Sandboxes 5")
        with pytest.raises(KeyError):
            cloud.sandbox(cloud.id_of(1))
        cloud.sandbox(cloud.id_of(2))


async def test_kill_several_by_typing_their_number(cloud: FakeCloud, tmp_path: Path) -> None:
    async with dashboard(cloud, tmp_path) as board:
        await board.press("space", "space", "ctrl+d")
        await board.asked("ConfirmDialog")
        await board.sees("Kill 2 sandboxes?", cloud.id_of(0), cloud.id_of(1), "Type 2 to go on")
        await board.focused_on(Input, "typed")
        await board.press("3", "enter")
        assert board.dialog == "ConfirmDialog"
        await board.press("escape")
        await board.closed()
        assert len(board.table.marked) == 2  # a no keeps the marks
        await board.press("ctrl+d")
        await board.asked("ConfirmDialog")
        await board.press("2", "enter")
        await board.sees("Sandboxes 5")
        assert board.table.marked == []
        assert cloud.sandbox(cloud.id_of(2)).status == "running"


async def test_many_are_not_all_listed(tmp_path: Path) -> None:
    async with FakeCloud(sandboxes=12) as cloud, dashboard(cloud, tmp_path, size=(80, 24)) as board:
        await board.press("asterisk", "ctrl+d")
        await board.asked("ConfirmDialog")
        await board.sees("Kill 12 sandboxes?", "and 4 more", "Type 12 to go on")


async def test_a_kill_that_is_refused(cloud: FakeCloud, tmp_path: Path) -> None:
    async with dashboard(cloud, tmp_path) as board:
        cloud.knobs.status[f"/v1/sandboxes/{cloud.id_of(0)}"] = 403
        await board.press("ctrl+d")
        await board.asked("ConfirmDialog")
        await board.press("right", "enter")
        await board.told("refused with 403")
        cloud.knobs.status.clear()
        cloud.sandbox(cloud.id_of(0))
        await board.fetch()
        await board.sees("Sandboxes 7")


async def test_kill_from_inside_leads_back_to_the_list(cloud: FakeCloud, tmp_path: Path) -> None:
    async with dashboard(cloud, tmp_path, size=(80, 24)) as board:
        await board.press("enter")
        await board.until(lambda: board.view.has_focus_within)
        await board.press("ctrl+d")
        await board.asked("ConfirmDialog")
        await board.press("right", "enter")
        await board.focused_on(VirtualTable, "fleet-table")
        await board.until(lambda: board.table.row_count == 6)
        await board.sees("TEMPLATE")


async def test_work_in_progress_is_shown(cloud: FakeCloud, tmp_path: Path) -> None:
    path = f"/v1/sandboxes/{cloud.id_of(0)}/pause"
    async with dashboard(cloud, tmp_path) as board:
        cloud.knobs.hang.add(path)
        await board.press("p")
        await board.sees("● pausing")
        assert board.dialog == ""
        await board.press("down")  # nothing on the screen waits for it
        await board.until(lambda: board.view.row is not None and board.view.row.id == cloud.id_of(1))
        await asyncio.sleep(0)
        cloud.knobs.hang.clear()
        cloud._release.set()
        await board.misses("pausing")
        await board.sees("2 paused")
