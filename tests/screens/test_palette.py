"""The command line: every action is found by its name."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.app import App
from textual.widgets import Input

from hopx_tui.panes import PANES
from hopx_tui.panes.overview import OverviewPane
from hopx_tui.panes.processes import ProcessesPane
from hopx_tui.screens.palette import Command, CommandLine
from hopx_tui.widgets.virtual_table import VirtualTable
from tests.fake_cloud import FakeCloud
from tests.screens.running import Dashboard, dashboard


async def commanded(board: Dashboard, text: str) -> None:
    await board.press("colon")
    await board.asked("CommandLine")
    board.widget(Input).value = text
    await board.settle()
    await board.press("enter")


async def test_every_command_is_found_by_its_name(cloud: FakeCloud, tmp_path: Path) -> None:
    async with dashboard(cloud, tmp_path) as board:
        for tab in ("", "3", "4"):
            if tab:
                await board.tab(int(tab))
            await board.press("ctrl+p")
            await board.asked("CommandLine")
            table, field = board.widget(VirtualTable), board.widget(Input)
            commands = list(table.rows)
            assert {pane.NAME.lower() for pane in PANES} <= {command.name for command in commands}
            dangerous = "kill" if tab != "3" else "delete"
            assert {"shell", dangerous, "rate", "help", "quit", "rename"} <= {command.name for command in commands}
            for command in commands:
                field.value = command.name
                await board.settle()
                assert table.cursor_row is command, command.name
            await board.press("escape")
            await board.closed()
            await board.leave()


async def test_commands_run(cloud: FakeCloud, tmp_path: Path) -> None:
    async with dashboard(cloud, tmp_path) as board:
        await commanded(board, "processes")
        await board.until(lambda: board.view.pane is board.pane(ProcessesPane))
        await commanded(board, "overv")  # the beginning is enough
        await board.until(lambda: board.view.pane is board.pane(OverviewPane))
        await commanded(board, "pause")
        await board.sees("2 paused")
        await commanded(board, "kill")
        await board.asked("ConfirmDialog")
        await board.press("escape")
        await board.closed()
        await commanded(board, "next")  # of the app, not of a place
        await commanded(board, "json")
        await board.asked("MessageDialog")


async def test_choosing_with_the_arrows(cloud: FakeCloud, tmp_path: Path) -> None:
    async with dashboard(cloud, tmp_path) as board:
        await board.press("colon")
        await board.asked("CommandLine")
        await board.type("proc")
        await board.press("down", "up", "tab")
        await board.until(lambda: board.widget(Input).value == "processes ")
        await board.press("enter")
        await board.until(lambda: board.view.pane is board.pane(ProcessesPane))
        await board.press("colon")
        await board.asked("CommandLine")
        await board.type("overview")
        await board.pilot.click(VirtualTable, offset=(3, 0), times=2)
        await board.until(lambda: board.view.pane is board.pane(OverviewPane))


async def test_rate(cloud: FakeCloud, tmp_path: Path) -> None:
    async with dashboard(cloud, tmp_path) as board:
        await commanded(board, "rate 5s")
        await board.told("Asking every 5s now.")
        assert board.session.fleet.every == board.session.fleet.usage_every == 5.0
        for wrong in ("rate", "rate x", "rate 0", "rate nan", "rate 5000"):
            board.app.clear_notifications()
            await commanded(board, wrong)
            await board.told("rate takes seconds")
        assert board.session.fleet.every == 5.0


async def test_unknown(cloud: FakeCloud, tmp_path: Path) -> None:
    async with dashboard(cloud, tmp_path) as board:
        await board.press("colon")
        await board.asked("CommandLine")
        await board.type("[b]zz")
        await board.sees("No command of that name.")
        await board.press("tab", "enter", "p")  # what is typed on must not go to the screen below
        assert board.dialog == "CommandLine"
        assert board.widget(Input).value == "[b]zzp"
        await board.press("escape")
        await board.closed()
        assert all(cloud.sandbox(cloud.id_of(at)).status == "running" for at in range(4))


@pytest.mark.parametrize("text", ["q", "quit", "exit"])
async def test_q_leaves(empty: FakeCloud, tmp_path: Path, text: str) -> None:
    async with dashboard(empty, tmp_path) as board:
        await commanded(board, text)
        await board.until(lambda: board.app._exit)


async def test_nothing_is_lost_by_escape() -> None:
    app: App[None] = App()
    answers: list[object] = []
    async with app.run_test() as pilot:
        await app.push_screen(CommandLine([Command("one", "First."), Command("two", "Second.")]), answers.append)
        await pilot.press("down", "escape")
        await app.push_screen(CommandLine([Command("one", "First."), Command("two", "Second.")]), answers.append)
        await pilot.press("down", "enter")
    assert answers == [None, ("", Command("two", "Second."))]
