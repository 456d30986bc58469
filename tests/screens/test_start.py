"""The first screen: what it waits for, why it failed, and another try."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from hopx_tui.api.errors import Unreachable
from hopx_tui.screens.start import StartScreen
from hopx_tui.settings import Source
from tests.fake_cloud import FakeCloud
from tests.screens.running import dashboard, opens


async def test_says_what_it_waits_for(empty: FakeCloud, tmp_path: Path) -> None:
    gate = asyncio.Event()

    async def slowly() -> tuple[str, str]:
        await gate.wait()
        return empty.url, empty.api_key

    async with dashboard(None, tmp_path, listed=False, open_source=slowly) as board:
        await board.sees("Starting the local engine", "local engine … starting", "q quit")
        await board.press("enter")  # nothing failed yet: nothing to try again
        gate.set()
        await board.sees("n creates your first sandbox")
        assert not any(isinstance(screen, StartScreen) for screen in board.app.screen_stack)


async def test_failure_and_retry(empty: FakeCloud, tmp_path: Path) -> None:
    tries = 0
    gate = asyncio.Event()

    async def second_time() -> tuple[str, str]:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise Unreachable("The engine [bold]did not start.", hint="Try again.")
        await gate.wait()
        return empty.url, empty.api_key

    async with dashboard(None, tmp_path, listed=False, open_source=second_time) as board:
        await board.sees("The engine [bold]did not start. Try again.", "enter tries again", "not available")
        await board.press("enter")
        await board.sees("Trying again")
        await board.misses("not available")
        await board.press("ctrl+r")  # a try is under way: no second one beside it
        gate.set()
        await board.sees("No sandboxes yet.")
        assert tries == 2


@pytest.mark.parametrize("key", ["q", "escape", "ctrl+q"])
async def test_leaves(tmp_path: Path, key: str) -> None:
    async def never() -> tuple[str, str]:
        await asyncio.get_running_loop().create_future()
        raise AssertionError

    async with dashboard(None, tmp_path, listed=False, open_source=never) as board:
        await board.sees("Starting")
        await board.press(key)
        await board.until(lambda: board.app._exit)


async def test_a_cloud_is_named(empty: FakeCloud, tmp_path: Path) -> None:
    source = Source("work", "cloud", "https://api.example", "key")
    async with dashboard(empty, tmp_path, source=source) as board:
        await board.sees("work api.example", "live")
        assert board.session.local is False


async def test_an_address_that_is_none(tmp_path: Path) -> None:
    async def nonsense() -> tuple[str, str]:
        return "gopher://x", "key"

    async with dashboard(None, tmp_path, listed=False, open_source=nonsense) as board:
        await board.sees("not available", "enter tries again")


async def test_a_key_that_cannot_be_sent(empty: FakeCloud, tmp_path: Path) -> None:
    async with dashboard(None, tmp_path, listed=False, open_source=opens(empty, "schlüssel")) as board:
        await board.sees("The API key holds characters that cannot be sent.")


async def test_ascii(tmp_path: Path) -> None:
    async def refused() -> tuple[str, str]:
        raise Unreachable("No …")

    async with dashboard(None, tmp_path, listed=False, open_source=refused, ascii=True) as board:
        await board.sees("enter tries again")
        assert board.text.isascii()
