"""An app around one terminal pane, and a link whose far side is the test."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from textual import events
from textual.app import App, ComposeResult
from textual.pilot import Pilot

from hopx_tui.widgets.terminal import Terminal
from hopx_tui.widgets.terminal_link import Connect


@dataclass(frozen=True)
class FakeExit:
    code: int | None


class FakeLink:
    """Gives what the test `say`s, remembers what was written."""

    def __init__(self, cols: int, rows: int) -> None:
        self.sizes = [(cols, rows)]
        self.written: list[str] = []
        self.closed = False
        self.reads = 0
        self._output: asyncio.Queue[str | FakeExit | Exception] = asyncio.Queue()

    @property
    def typed(self) -> str:
        return "".join(self.written)

    def say(self, item: str | FakeExit | Exception) -> None:
        self._output.put_nowait(item)

    async def read(self) -> str | FakeExit:
        item = await self._output.get()
        self.reads += 1
        if isinstance(item, Exception):
            raise item
        return item

    async def write(self, data: str) -> None:
        self.written.append(data)

    def write_now(self, data: str) -> bool:
        return False

    async def resize(self, cols: int, rows: int) -> None:
        self.sizes.append((cols, rows))

    async def close(self) -> None:
        self.closed = True


class TerminalApp(App[None], inherit_bindings=False):
    """One terminal over the whole screen; keeps the messages it posts."""

    ENABLE_COMMAND_PALETTE = False
    ESCAPE_TO_MINIMIZE = False

    def __init__(self, connect: Connect | None = None, **options: Any) -> None:
        super().__init__()
        self.links: list[FakeLink] = []
        self.messages: list[Any] = []
        self.keys_leaked: list[str] = []
        self._options = options
        self._connect = connect or self.connect

    def compose(self) -> ComposeResult:
        yield Terminal(self._connect, **self._options)

    async def connect(self, cols: int, rows: int) -> FakeLink:
        self.links.append(FakeLink(cols, rows))
        return self.links[-1]

    @property
    def terminal(self) -> Terminal:
        return self.screen_stack[0].query_one(Terminal)

    @property
    def link(self) -> FakeLink:
        return self.links[-1]

    def on_key(self, event: events.Key) -> None:
        self.keys_leaked.append(event.key)

    def _note(self, message: Any) -> None:
        self.messages.append(message)

    on_terminal_state_changed = _note
    on_terminal_title_changed = _note
    on_terminal_rang = _note
    on_terminal_link_followed = _note
    on_terminal_stirred = _note
    on_terminal_role_changed = _note
    on_terminal_chord_pending = _note
    on_terminal_chord = _note
    on_terminal_left = _note
    on_terminal_copy_requested = _note

    def of(self, kind: type[Any]) -> list[Any]:
        return [message for message in self.messages if isinstance(message, kind)]

    def shown(self) -> list[str]:
        """The pane's lines as rendered."""
        terminal = self.terminal
        return [terminal.render_line(y).text for y in range(terminal.size.height)]

    def style_at(self, x: int, y: int) -> Any:
        """The Rich style of a rendered cell."""
        return next(iter(self.terminal.render_line(y).crop(x, x + 1))).style


async def until(condition: Callable[[], object], what: str = "", seconds: float = 10.0) -> None:
    """Wait for a condition."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"never happened: {what or condition}")
        await asyncio.sleep(0.005)


@asynccontextmanager
async def running(
    app: TerminalApp, size: tuple[int, int] = (40, 10), *, settled: bool = True
) -> AsyncIterator[tuple[TerminalApp, Pilot[None]]]:
    """The app, its terminal connected or refused (unless not `settled`)."""
    async with app.run_test(size=size) as pilot:
        if settled:
            await until(lambda: app.of(Terminal.StateChanged), "a state")
        yield app, pilot


async def say(app: TerminalApp, text: str) -> None:
    """Let the far side print, and wait until it is parsed and a frame was asked for."""
    done = asyncio.Event()
    terminal = app.terminal

    def seen(_: str) -> None:
        done.set()

    terminal.record(seen)
    app.link.say(text)
    await asyncio.wait_for(done.wait(), 5)
    terminal.record(None)
    await until(lambda: terminal.idle, "parsed")
