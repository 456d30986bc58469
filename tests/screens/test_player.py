"""The screen on which a recording plays: its keys, and the ways to it and back."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual.widgets import Input

from hopx_tui.screens.keytable import keys_of
from hopx_tui.screens.player import PlayError, PlayerScreen
from hopx_tui.widgets.hints import HintBar
from hopx_tui.widgets.player import Player
from hopx_tui.widgets.player_line import PlayerLine
from tests.fake_cloud import FakeCloud
from tests.screens.running import Dashboard, dashboard

HEAD = '{"version": 2, "width": 40, "height": 5, "title": "a story"}\n'
STORY = '[0.0, "o", "once upon"]\n[50.0, "m", "middle"]\n[50.0, "o", "\\r\\na time"]\n[100.0, "o", "\\r\\nend"]\n'


@pytest.fixture
def cast(tmp_path: Path) -> Path:
    path = tmp_path / "story.cast"
    path.write_text(HEAD + STORY)
    return path


async def play(board: Dashboard, path: Path) -> PlayerScreen:
    board.app.push_screen(PlayerScreen(path))
    await board.sees("once upon")
    screen = board.app.screen
    assert isinstance(screen, PlayerScreen)
    return screen


async def test_the_keys(empty: FakeCloud, tmp_path: Path, cast: Path) -> None:
    async with dashboard(empty, tmp_path, size=(80, 24)) as board:
        screen = await play(board, cast)
        player, line = screen.query_one(Player), screen.query_one(PlayerLine)
        await board.sees("story.cast  a story", "40x5", "playing", "/ 1:40")

        async def at(seconds: float) -> None:
            await board.until(lambda: player._target is None and round(player.at / 1e6, 1) == seconds, str(seconds))

        await board.press("space")
        await board.sees("paused")
        await board.press("5")
        await at(50)
        await board.sees("a time", "middle")
        for key, seconds in (
            ("right", 55), ("left", 50), ("pagedown", 80), ("pageup", 50), ("shift+right", 80), ("shift+left", 50),
            ("home", 0), ("right_square_bracket", 50), ("end", 100), ("left_square_bracket", 50), ("0", 0),
            ("full_stop", 50), ("9", 90), ("1", 10),
        ):  # fmt: skip
            await board.press(key)
            await at(seconds)
        await board.press(">", "i")
        await board.until(lambda: "2x  pauses <= 2s" in line.text)
        await board.press("<", "<")
        await board.until(lambda: "0.5x" in line.text)
        await board.press("/", *"a/b", "enter")
        await board.sees("not found: a/b")
        await board.press("/", *"time", "enter")
        await at(50)
        await board.press("/", *"e", "enter")
        await at(100)
        await board.press("n")
        await at(0)
        await board.press("N")
        await at(100)
        await board.sees("ended")
        await board.press("?")
        await board.asked("HelpScreen")
        await board.sees("Go to that many tenths of the whole.")
        await board.press("escape")
        line.post_message(PlayerLine.Sought(0.5))
        await at(50)
        assert [hint[1] for hint in screen.query_one(HintBar).hints][:2] == ["pause", "5 s back"]
        await board.press("q")
        await board.sees("No sandboxes yet")


def test_all_actions_exist() -> None:
    for key in keys_of(PlayerScreen):
        name = key.action.partition("(")[0]
        assert name.startswith("app.") or hasattr(PlayerScreen, f"action_{name}")


async def test_by_the_command_line(empty: FakeCloud, tmp_path: Path, cast: Path) -> None:
    (tmp_path / "config.yaml").write_text(f"downloads: {tmp_path}\n")
    async with dashboard(empty, tmp_path) as board:
        await board.press("colon")
        await board.asked("CommandLine")
        await board.type("play a rec")
        await board.press("enter")
        await board.asked("InputDialog")
        assert board.widget(Input).value == f"{tmp_path}/"
        await board.press("end")
        await board.type("stor")
        await board.until(lambda: board.app.screen.query_one("#body").row_count == 1)  # type: ignore[attr-defined]
        await board.press("tab", "enter")
        await board.sees("once upon")
        await board.press("escape", "colon")
        await board.asked("CommandLine")
        await board.type(f"play {cast}")
        await board.press("enter")
        await board.sees("once upon")
        await board.press("q")
        for path, words in ((tmp_path / "absent", "No such file"), (tmp_path / "config.yaml", "no recording")):
            await board.press("colon")
            await board.asked("CommandLine")
            board.widget(Input).value = f"play {path}"
            await board.settle()
            await board.press("enter")
            await board.told(str(path), words)


def test_made_of_no_recording(tmp_path: Path) -> None:
    with pytest.raises(PlayError):
        PlayerScreen(tmp_path / "absent")
