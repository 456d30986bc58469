"""An older local engine: the dashboard asks, and does nothing unasked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from hopx_tui.api.errors import Unreachable
from hopx_tui.app import HopxApp
from hopx_tui.preferences import Preferences
from tests.fake_cloud import FakeCloud
from tests.screens.running import Dashboard, opens, settings_in


class Engine:
    """Stands in for the engine's upgrade."""

    def __init__(self, offer: tuple[str, str, int] | None, *, fails: bool = False) -> None:
        self._offer = offer
        self._fails = fails
        self.restarts = 0
        self.asked = asyncio.Event()

    async def offer(self) -> tuple[str, str, int] | None:
        self.asked.set()
        return self._offer

    async def restart(self) -> None:
        self.restarts += 1
        if self._fails:
            raise Unreachable("It does not end.")


@asynccontextmanager
async def board_with(
    cloud: FakeCloud, folder: Path, engine: Engine, *, readonly: bool = False
) -> AsyncIterator[Dashboard]:
    chosen = settings_in(folder, readonly=readonly)
    app = HopxApp(chosen, Preferences(chosen.preferences), opens(cloud), upgrade=engine)
    async with app.run_test(size=(100, 30), notifications=True) as pilot:
        yield Dashboard(app, pilot)


async def test_what_a_restart_stops_is_said_and_later_is_fine(empty: FakeCloud, tmp_path: Path) -> None:
    engine = Engine(("0.0.9", "0.1.0", 3))
    async with board_with(empty, tmp_path, engine) as board:
        await board.asked("ConfirmDialog")
        await board.sees("Restart the local engine?", "0.0.9", "0.1.0", "stops 3 sandboxes", "files are kept")
        await board.press("escape")
        await board.misses("Restart the local engine?")
        await board.sees("No sandboxes yet.")
    assert engine.restarts == 0


async def test_later_has_the_focus_while_something_runs(empty: FakeCloud, tmp_path: Path) -> None:
    engine = Engine(("0.0.9", "0.1.0", 1))
    async with board_with(empty, tmp_path, engine) as board:
        await board.asked("ConfirmDialog")
        await board.sees("stops 1 sandbox:")
        await board.press("enter")
        await board.misses("Restart the local engine?")
    assert engine.restarts == 0


async def test_a_restart(empty: FakeCloud, tmp_path: Path) -> None:
    engine = Engine(("0.0.9", "0.1.0", 0))
    async with board_with(empty, tmp_path, engine) as board:
        await board.asked("ConfirmDialog")
        await board.sees("nothing would be stopped")
        await board.press("enter")
        await board.told("The local engine is 0.1.0 now")
    assert engine.restarts == 1


async def test_a_restart_that_fails_is_told(empty: FakeCloud, tmp_path: Path) -> None:
    engine = Engine(("0.0.9", "0.1.0", 0), fails=True)
    async with board_with(empty, tmp_path, engine) as board:
        await board.asked("ConfirmDialog")
        await board.press("enter")
        await board.told("It does not end.")


@pytest.mark.parametrize("readonly", [False, True])
async def test_no_question(empty: FakeCloud, tmp_path: Path, readonly: bool) -> None:
    engine = Engine(("0.0.9", "0.1.0", 1) if readonly else None)
    async with board_with(empty, tmp_path, engine, readonly=readonly) as board:
        await board.sees("No sandboxes yet.")
        await board.misses("Restart the local engine?")
        assert engine.asked.is_set() is not readonly
