"""The dashboard on the fake cloud, and what a person sees and presses."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest
from textual import events
from textual._compositor import Compositor
from textual._context import visible_screen_stack
from textual.app import App
from textual.keys import _character_to_key
from textual.pilot import Pilot
from textual.screen import Screen
from textual.widget import Widget

from hopx_tui.app import HopxApp
from hopx_tui.live.session import Session
from hopx_tui.panes import Pane
from hopx_tui.preferences import Preferences
from hopx_tui.screens.fleet import FleetScreen
from hopx_tui.screens.sandbox import SandboxView
from hopx_tui.settings import Settings, Source
from hopx_tui.widgets.hints import HintBar
from hopx_tui.widgets.virtual_table import VirtualTable
from tests.fake_cloud import FakeCloud
from tests.widgets.hosting import screen_lines

P = TypeVar("P", bound=Pane)
W = TypeVar("W", bound=Widget)

PATIENCE = 15.0


def settings_in(folder: Path, **changes: Any) -> Settings:
    """Settings whose every file is in `folder`."""
    local = Source("local", "local")
    fields: dict[str, Any] = {
        "source": local,
        "sources": (local,),
        "state_dir": folder / "state",
        "hopx_config": folder / "hopx.yaml",
        "preferences": folder / "config.yaml",
    }
    return Settings(**fields | changes)


async def until(condition: Callable[[], object], what: str = "", seconds: float = PATIENCE) -> None:
    """Wait for a condition, never for a time."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"never happened: {what or condition}"
        await asyncio.sleep(0.02)


def opens(cloud: FakeCloud, api_key: str | None = None) -> Callable[[], Awaitable[tuple[str, str]]]:
    """What `HopxApp` asks for its source."""

    async def open_source() -> tuple[str, str]:
        return cloud.url, cloud.api_key if api_key is None else api_key

    return open_source


class Dashboard:
    """An app under test with its pilot."""

    def __init__(self, app: HopxApp, pilot: Pilot[None]) -> None:
        self.app = app
        self.pilot = pilot

    # -- what is seen

    @property
    def lines(self) -> list[str]:
        visible_screen_stack.set(self.app._background_screens)  # what is seen around a dialog
        return screen_lines(self.app)

    @property
    def text(self) -> str:
        return "\n".join(line.rstrip() for line in self.lines)

    @property
    def fleet_screen(self) -> FleetScreen:
        screen = self.app.screen_stack[1]
        assert isinstance(screen, FleetScreen)
        return screen

    @property
    def session(self) -> Session:
        session = self.app._session
        assert session is not None
        return session

    @property
    def view(self) -> SandboxView:
        return self.fleet_screen.query_one(SandboxView)

    @property
    def table(self) -> VirtualTable[Any]:
        return self.fleet_screen.query_one("#fleet-table", VirtualTable)

    @property
    def hints(self) -> list[str]:
        return [label for _, label in self.fleet_screen.query_one("#hints", HintBar).hints]

    @property
    def toasts(self) -> list[str]:
        return [notification.message for notification in self.app._notifications]

    @property
    def dialog(self) -> str:
        """The class of the modal screen on top, '' for none."""
        return type(self.app.screen).__name__ if len(self.app.screen_stack) > 2 else ""

    def pane(self, kind: type[P]) -> P:
        return self.view.pane_of(kind)

    def widget(self, kind: type[W], selector: str = "") -> W:
        """A widget of the screen on top."""
        return self.app.screen.query_one(selector, kind) if selector else self.app.screen.query_one(kind)

    # -- what is done

    async def tab(self, number: int) -> None:
        """Go to a tab, and into it."""
        await self.press(str(number))
        await self.until(lambda: self.view.index == number - 1 and self.view.has_focus_within, f"tab {number}")
        await self.settle()

    async def leave(self) -> None:
        """Back to the list."""
        while self.view.has_focus_within:
            await self.press("escape")
        await self.focused_on(VirtualTable, "fleet-table")

    async def press(self, *keys: str) -> None:
        """Press keys (Textual's names). The pilot's own way waits for an idle processor after each one."""
        driver = self.app._driver
        assert driver is not None
        for key in keys:
            name = _character_to_key(key) if len(key) == 1 and not key.isalnum() else key
            character = _CHARACTERS.get(name, name if len(name) == 1 else None)
            event = events.Key(name, character)
            event.set_sender(self.app)
            driver.send_message(event)
            await self.settle()

    async def type(self, text: str) -> None:
        """Type some text."""
        await self.press(*text)

    async def settle(self) -> None:
        """Let everything that is queued be handled and painted, and what follows from it."""
        await self.pilot._wait_for_screen()
        await until(lambda: self.app._typing is None, "all keys are worked off")
        for _ in range(2):
            await self.pilot._wait_for_screen()
            if self.app._running and self.app.screen_stack:
                self.app.screen._on_timer_update()

    async def until(self, condition: Callable[[], object], what: str = "") -> None:
        end = time.monotonic() + PATIENCE
        while not condition():
            if self.app._exception is not None:
                raise self.app._exception
            assert time.monotonic() < end, f"never happened: {what or condition}\n{self.text}\n{self.toasts}"
            await asyncio.sleep(0.02)

    async def sees(self, *words: str) -> None:
        """Wait until all `words` are on the screen."""
        await self.until(lambda: all(word in self.text for word in words), f"on the screen: {words}")

    async def misses(self, *words: str) -> None:
        """Wait until none of `words` is on the screen."""
        await self.until(lambda: not any(word in self.text for word in words), f"off the screen: {words}")

    async def told(self, *words: str) -> None:
        """Wait for a notification that has all `words`."""
        await self.until(lambda: any(all(w in toast for w in words) for toast in self.toasts), f"told: {words}")

    async def asked(self, name: str) -> None:
        """Wait for a dialog."""
        await self.until(lambda: self.dialog == name, f"dialog {name!r}, not {self.dialog!r}")
        await self.settle()

    async def closed(self) -> None:
        """Wait until no dialog is open."""
        await self.until(lambda: not self.dialog, "no dialog")

    async def focused_on(self, kind: type[Widget], selector: str = "") -> None:
        await self.until(
            lambda: isinstance(self.app.focused, kind) and (not selector or self.app.focused.id == selector),
            f"focus on {kind.__name__} {selector}, not {self.app.focused!r}",
        )

    async def fetch(self) -> None:
        """A list that was asked for from now on has arrived."""
        poll = self.session.fleet._poll
        assert poll is not None
        before = poll.reading
        self.session.fleet.refresh()
        await self.until(lambda: poll.reading is not before and not poll.running, "a new list")
        await self.settle()


_CHARACTERS: Mapping[str, str] = {_character_to_key(character): character for character in map(chr, range(32, 127))} | {
    "enter": "\r", "tab": "\t", "escape": "\x1b", "backspace": "\x7f",
}  # fmt: skip


@asynccontextmanager
async def dashboard(
    cloud: FakeCloud | None,
    folder: Path,
    *,
    size: tuple[int, int] = (120, 40),
    listed: bool = True,
    open_source: Callable[[], Awaitable[tuple[str, str]]] | None = None,
    **settings: Any,
) -> AsyncIterator[Dashboard]:
    """The app on `cloud` (or on what `open_source` gives); `listed`: return once the first list is there."""
    if open_source is None:
        assert cloud is not None
        open_source = opens(cloud)
    chosen = settings_in(folder, **settings)
    app = HopxApp(chosen, Preferences(chosen.preferences), open_source)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Compositor, "render_update", _draw_nothing)
        async with app.run_test(size=size, notifications=True) as pilot:
            board = Dashboard(app, pilot)
            if listed:
                await board.until(lambda: app._session is not None and len(app.screen_stack) > 1)
                await board.until(lambda: board.session.fleet.state.kind == "ok", "the first list")
                await board.settle()
            yield board
            if app._running:
                assert board.lines  # whatever it looks like now, it can be drawn


def _draw_nothing(
    compositor: Compositor, full: bool = False, screen_stack: list[Screen[Any]] | None = None, simplify: bool = False
) -> None:
    """A headless app draws every frame for nobody: half of the time of these tests. `Dashboard.lines` draws."""
    visible_screen_stack.set([] if screen_stack is None else screen_stack)
    compositor._dirty_regions.clear()


def body(value: Any) -> bytes:
    """JSON for a knob of the fake cloud."""
    return json.dumps(value).encode()


def plain(app: App[Any]) -> str:
    """The screen of any app as text."""
    return "\n".join(line.rstrip() for line in screen_lines(app))
