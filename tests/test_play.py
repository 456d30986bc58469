"""The application that plays one recording."""

from __future__ import annotations

from pathlib import Path

import pytest

from hopx_tui.play import PlayApp
from hopx_tui.preferences import Preferences
from hopx_tui.screens.player import PlayError
from tests.screens.running import plain, settings_in
from tests.widgets.hosting import until


def app_in(folder: Path, **settings: object) -> PlayApp:
    chosen = settings_in(folder, **settings)
    return PlayApp(folder / "a.cast", chosen, Preferences(chosen.preferences))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    lines = ['{"version": 2, "width": 20, "height": 4}', '[0.0, "o", "once upon"]', '[9, "m", ""]', ""]
    (tmp_path / "a.cast").write_text("\n".join(lines))
    return tmp_path


async def test_it_plays_until_it_is_left(folder: Path) -> None:
    app = app_in(folder, ascii=True)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await until(lambda: "once upon" in plain(app))
        await until(lambda: "> playing" in plain(app))
        app.notify("[b]so\x07")
        await until(lambda: "[b]so\\x07" in plain(app))
        await pilot.press("ctrl+l")
        await pilot.press("q")
        await until(lambda: not app._running)
    assert app.return_code == 0


async def test_ctrl_q_leaves_too(folder: Path) -> None:
    app = app_in(folder, ssh=True)
    async with app.run_test() as pilot:
        await until(lambda: "once upon" in plain(app))
        await pilot.press("question_mark")
        await until(lambda: "Keys that work here" in plain(app))
        await pilot.press("ctrl+q")
        await until(lambda: not app._running)


def test_what_is_no_recording(folder: Path) -> None:
    (folder / "a.cast").write_text("")
    with pytest.raises(PlayError, match="ends before a header"):
        app_in(folder)


async def test_a_fault_is_kept_for_the_log(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: object) -> None:
        raise ZeroDivisionError("ours")

    monkeypatch.setattr("hopx_tui.screens.player.PlayerScreen.action_pause", broken)
    app = app_in(folder)

    async def play() -> None:
        async with app.run_test() as pilot:
            await until(lambda: "once upon" in plain(app))
            await pilot.press("space")
            await until(lambda: not app._running)

    with pytest.raises(ZeroDivisionError):
        await play()
    assert app.crash is not None
    assert "ZeroDivisionError: ours" in app.crash
