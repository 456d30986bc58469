"""The application: themes, warnings, names, the clipboard, and what a crash of ours leaves behind."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import pytest
from textual.css.query import NoMatches
from textual.worker import WorkerFailed

from hopx_tui.api.errors import Unreachable
from hopx_tui.app import HopxApp
from hopx_tui.preferences import Preferences
from hopx_tui.settings import Source
from hopx_tui.theme import ANSI_THEME, DEFAULT_THEME
from hopx_tui.tty.capabilities import Capabilities
from hopx_tui.tty.clipboard import Clipboard
from tests.fake_cloud import FakeCloud
from tests.screens.running import Dashboard, dashboard, opens, settings_in


@pytest.fixture
async def cloud() -> AsyncIterator[FakeCloud]:
    async with FakeCloud(sandboxes=2) as server:
        yield server


@pytest.fixture(autouse=True)
def _terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")


# -- looks


@pytest.mark.parametrize(
    ("asked", "kept", "term", "theme"),
    [
        (None, None, "xterm-256color", DEFAULT_THEME),
        (None, "hopx-paper", "xterm-256color", "hopx-paper"),
        ("hopx-ember", "hopx-paper", "xterm-256color", "hopx-ember"),
        ("nonsense", None, "xterm-256color", DEFAULT_THEME),
        (None, None, "linux", ANSI_THEME),
        ("hopx-ember", None, "linux", "hopx-ember"),
    ],
)
def test_theme(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: str | None, kept: str | None, term: str, theme: str
) -> None:
    monkeypatch.setenv("TERM", term)
    settings = settings_in(tmp_path, theme=asked)
    preferences = Preferences(settings.preferences)
    if kept:
        preferences.set("theme", kept)

    async def never() -> tuple[str, str]:
        raise AssertionError

    assert HopxApp(settings, preferences, never)._start_theme == theme


@pytest.mark.parametrize("theme", ["hopx-night", "hopx-ember", "hopx-paper", "hopx-ansi"])
async def test_every_theme_shows(cloud: FakeCloud, tmp_path: Path, theme: str) -> None:
    async with dashboard(cloud, tmp_path, theme=theme) as board:
        await board.sees("2 running", "1 Overview")
        assert board.app.theme == theme


async def test_warnings_are_told(cloud: FakeCloud, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("a: [")
    async with dashboard(cloud, tmp_path, warnings=("A [b]warning.",)) as board:
        await board.told("A [b]warning.")
        await board.told("not valid YAML")


async def test_source_names(tmp_path: Path, cloud: FakeCloud) -> None:
    settings = settings_in(tmp_path)
    app = HopxApp(settings, Preferences(settings.preferences), opens(cloud))
    assert app._source_name == "local engine"
    app.settings = replace(settings, source=Source("work", "cloud", "https://api.hopx.dev", "k"))
    assert app._source_name == "work api.hopx.dev"


async def test_leaving_before_anything_was_open(tmp_path: Path, cloud: FakeCloud) -> None:
    settings = settings_in(tmp_path)
    app = HopxApp(settings, Preferences(settings.preferences), opens(cloud))
    app.on_app_focus()
    app.on_app_blur()
    app._write_to_terminal("lost")
    await app.on_unmount()
    assert app.crash is None


async def test_notices_are_made_safe(cloud: FakeCloud, tmp_path: Path) -> None:
    async with dashboard(cloud, tmp_path, ascii=True) as board:
        board.app.notify("a [b]\x1b[2J …\nsecond", markup=True)
        await board.told("a [b]\\x1b[2J ", "\nsecond")
        assert board.toasts[-1].isascii()
        board.app.notify("x" * 5000)
        await board.told("x" * 600)
        assert len(board.toasts[-1]) == 600


async def test_notices_do_not_pile_up(cloud: FakeCloud, tmp_path: Path) -> None:
    """The newest ones stay, and what is said again moves to the end."""
    async with dashboard(cloud, tmp_path) as board:
        for text in ("one", "two", "three", "two", "four", "five"):
            board.app.notify(text)
        await board.told("five")
        await board.until(lambda: list(board.toasts) == ["three", "two", "four", "five"])


async def test_one_dialog_at_a_time(cloud: FakeCloud, tmp_path: Path) -> None:
    async with dashboard(cloud, tmp_path) as board:
        board.fleet_screen.action_kill()
        board.fleet_screen.action_extend()
        await board.asked("ConfirmDialog")
        await board.settle()
        assert len(board.app.screen_stack) == 3


async def test_ctrl_q_leaves_from_a_dialog_too(cloud: FakeCloud, tmp_path: Path) -> None:
    async with dashboard(cloud, tmp_path) as board:
        await board.press("ctrl+d")
        await board.asked("ConfirmDialog")
        await board.press("ctrl+q")
        await board.until(lambda: board.app._exit)


async def test_the_engine_is_started_again(tmp_path: Path) -> None:
    """ctrl+r while the local engine does not answer starts it once more; what fails is told."""
    calls = 0
    port = 0

    async def open_source() -> tuple[str, str]:
        nonlocal calls, server
        calls += 1
        if calls == 2:
            raise Unreachable("No engine today.")
        if calls == 3:
            server = FakeCloud(sandboxes=2, port=port)
            await server.__aenter__()
        return server.url, server.api_key

    server = FakeCloud(sandboxes=2)
    await server.__aenter__()
    port = int(server.url.rpartition(":")[2])
    async with dashboard(None, tmp_path, open_source=open_source) as board:
        await server.__aexit__(None, None, None)
        await board.press("ctrl+r")
        await board.until(lambda: isinstance(board.session.fleet.state.error, Unreachable))
        await board.press("ctrl+r")
        await board.told("Starting the local engine again")
        await board.told("No engine today.")
        await board.press("ctrl+r")
        await board.until(lambda: board.session.fleet.state.error is None)
        assert calls == 3
    await server.__aexit__(None, None, None)


# -- preferences


async def test_a_name_that_cannot_be_kept(cloud: FakeCloud, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    async with dashboard(cloud, tmp_path, preferences=tmp_path / "file" / "config.yaml") as board:
        await board.press("e")
        await board.asked("InputDialog")
        await board.type("web")
        await board.press("enter")
        await board.told("cannot be")
        await board.sees("● web")  # it holds for this run


# -- clipboard


def roads(osc52: bool, write: list[str]) -> Clipboard:
    from hopx_tui.tty.capabilities import detect

    found: Capabilities = replace(detect({"TERM": "xterm"}), osc52=osc52, display=False, multiplexer=None)
    return Clipboard(write.append, {}, found=found)


async def test_copying_says_which_way_it_went(cloud: FakeCloud, tmp_path: Path) -> None:
    async with dashboard(cloud, tmp_path) as board:
        written: list[str] = []
        board.app._roads = roads(True, written)
        await board.press("c")
        await board.told(f"{len(cloud.id_of(0))} characters sent to your terminal's clipboard")
        assert written[0].startswith("\x1b]52;c;")
        board.app._roads = roads(False, written)
        await board.press("c")
        await board.told("Not copied: ")


async def test_ctrl_c_never_quits(cloud: FakeCloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with dashboard(cloud, tmp_path) as board:
        await board.press("ctrl+c")
        await board.told("Nothing is selected. q leaves")
        assert not board.app._exit
        copied: list[str] = []
        monkeypatch.setattr(board.app, "copy_to_clipboard", copied.append)
        monkeypatch.setattr(board.fleet_screen, "get_selected_text", lambda: "picked")
        board.app.action_copy_or_cancel()
        assert copied == ["picked"]


# -- a crash of ours


async def crashed(cloud: FakeCloud, folder: Path, plant: Callable[[Dashboard], None], key: str) -> HopxApp:
    """The app after a fault that was planted and met by pressing a key."""
    apps: list[HopxApp] = []

    async def run() -> None:
        async with dashboard(cloud, folder) as board:
            apps.append(board.app)
            plant(board)
            await board.press(key)
            await board.until(lambda: False)

    with pytest.raises((RuntimeError, NoMatches, WorkerFailed)):
        await run()
    return apps[0]


async def test_a_crash_in_a_handler(cloud: FakeCloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def bug(*_: object) -> None:
        raise RuntimeError("a fault of ours")

    app = await crashed(cloud, tmp_path, lambda board: monkeypatch.setattr(board.fleet_screen, "action_zoom", bug), "f")
    assert app.crash is not None
    assert "RuntimeError: a fault of ours" in app.crash
    assert "Traceback" in app.crash
    assert app._exit_renderables == []  # nothing for the person's terminal
    assert app.return_code == 1


async def test_a_crash_in_a_worker(cloud: FakeCloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def bug(*_: object) -> None:
        raise RuntimeError("a fault in a worker")

    def plant(board: Dashboard) -> None:
        monkeypatch.setattr(board.fleet_screen._actions, "pause_or_resume", bug)

    app = await crashed(cloud, tmp_path, plant, "p")
    assert app.crash is not None
    assert "a fault in a worker" in app.crash


async def test_a_crash_that_can_draw_itself(cloud: FakeCloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Drawn(NoMatches):
        def __rich__(self) -> str:
            return "drawn"

    def bug(*_: object) -> None:
        raise Drawn("nothing matches")

    app = await crashed(cloud, tmp_path, lambda board: monkeypatch.setattr(board.fleet_screen, "action_zoom", bug), "f")
    assert app.crash is not None
    assert "nothing matches" in app.crash
    assert app._exit_renderables == []
