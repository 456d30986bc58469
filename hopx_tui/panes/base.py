"""What every pane of a sandbox is: it polls while it can be seen, and says so when it has nothing to show."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.widget import Widget

from hopx_tui import format as fmt
from hopx_tui.api.errors import ApiError
from hopx_tui.live.fleet import Row
from hopx_tui.live.poll import Poll, Reading
from hopx_tui.live.session import Session
from hopx_tui.widgets.keys import is_dangerous
from hopx_tui.widgets.line import Line
from hopx_tui.widgets.terminal_surface import Surface


@dataclass(frozen=True)
class PaneContext:
    """What panes are made with."""

    session: Session
    surface: Surface | None = None
    """The person's own terminal, for terminals in panes to draw on; None where only Textual draws."""
    chord: str = "ctrl+]"
    """The one key that a terminal does not get."""
    readonly: bool = False
    """Nothing may be changed from here: keys that are `dangerous` are dropped."""
    terminal_fps: int = 60
    """Frames per second of a terminal at most; fewer over SSH."""
    downloads: Path | None = None
    """Where downloads go unless told otherwise; None: ~/Downloads."""


class Pane(Vertical):
    """One tab of a sandbox.

    A subclass states `NAME`, `HELP` and `EVERY`, and implements `content`, `fetch`, `show` and `say`. The owner
    hands it the selected row (`set_row`) and tells it whether it can be seen (`set_active`).
    """

    NAME: ClassVar[str]
    HELP: ClassVar[str]
    EVERY: ClassVar[float | None] = None
    """Seconds between two fetches; None for a pane that fetches nothing by itself."""

    DEFAULT_CSS = """
    Pane { height: 1fr; }
    Pane > .pane-state { display: none; background: $panel; padding: 0 1; }
    Pane.-stale > .pane-state { display: block; }
    """

    @dataclass
    class Fetched(Message):
        """A poll delivered; `sandbox_id` tells late readings of another sandbox apart."""

        sandbox_id: str
        reading: Reading[Any]

    def __init__(self, context: PaneContext) -> None:
        super().__init__(id=f"pane-{self.NAME.lower()}")
        self.context = context
        self.session = context.session
        self.row: Row | None = None
        self.reading: Reading[Any] = Reading()
        self._active = False
        self._poll: Poll[Any] | None = None
        self._state = Line(classes="pane-state")

    # -- for the subclass

    def content(self) -> ComposeResult:
        """The widgets below the state line."""
        raise NotImplementedError

    async def fetch(self) -> Any:
        """One value from the agent or the control plane. Raises ApiError."""
        raise NotImplementedError

    def show(self, reading: Reading[Any]) -> None:
        """Put a reading's value on the screen."""

    def say(self, text: str | None) -> None:
        """Show this sentence instead of content; None: content again."""

    def reset(self) -> None:
        """Another sandbox is shown from now on."""

    def row_changed(self) -> None:
        """The row has new values (the same sandbox or another one)."""

    def step_back(self) -> bool:
        """One level back inside the pane (a preview, a filter); False when there is none."""
        return False

    def focus_content(self) -> None:
        """Give the keyboard to what the person came for."""
        for widget in self.query(Widget):
            if widget.focusable:
                widget.focus()
                return

    # -- for the owner

    def compose(self) -> ComposeResult:
        yield self._state
        yield from self.content()

    def set_row(self, row: Row | None) -> None:
        """Show this sandbox."""
        before, self.row = self.row, row
        other = (before.id if before else None) != (row.id if row else None)
        if other:
            self.reading = Reading()
            self._show_state()
            self.reset()
        if other or (before is not None and row is not None and _service(before) != _service(row)):
            self._restart()
        self.row_changed()

    def set_active(self, active: bool) -> None:
        """Poll only while this is True."""
        if active != self._active:
            self._active = active
            self._restart()

    @property
    def active(self) -> bool:
        return self._active

    def refresh_now(self) -> None:
        """Fetch at once."""
        if self._poll is not None:
            self._poll.now()

    def tick(self) -> None:
        """Called each second while active: ages and countdowns move."""
        if self.reading.stale:
            self._show_state()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Read-only mode drops every dangerous action."""
        return not (self.context.readonly and is_dangerous(self, action))

    # -- inside

    def on_unmount(self) -> None:
        if self._poll is not None:
            self._poll.cancel()

    def _restart(self) -> None:
        if self._poll is not None:
            self._poll.cancel()
            self._poll = None
        row = self.row
        if not self.is_mounted:
            return
        if (sentence := self.unavailable()) is not None:
            self.say(sentence)
            return
        if self.reading.loading:
            self.say(f"Reading {self.NAME.lower()} …" if self.EVERY is not None else None)
        else:
            self.say(None)
        if self._active and self.EVERY is not None and row is not None:
            sandbox_id = row.id
            self._poll = self.session.scheduler.add(
                self.fetch,
                every=self.EVERY,
                on_reading=lambda reading: self._deliver(sandbox_id, reading),
                last=self.reading,
                name=f"{self.NAME} of {sandbox_id}",
            )

    def on_mount(self) -> None:
        self._restart()

    def unavailable(self) -> str | None:
        """Why this pane has nothing to show for the row as it is; None when it can fetch."""
        row = self.row
        if row is None:
            return "No sandbox is selected."
        if row.running:
            return None
        way_on = {"gone": "It was killed or it expired.\nesc goes back"}
        if not self.context.readonly:
            way_on |= {"paused": "p resumes it", "stopped": "r starts it again"}
        then = way_on.get(row.status)
        return f"{row.label} is {row.status}." + (f"\n\n{then}" if then else "")

    def _deliver(self, sandbox_id: str, reading: Reading[Any]) -> None:
        self.post_message(self.Fetched(sandbox_id, reading))

    def on_pane_fetched(self, message: Fetched) -> None:
        message.stop()
        if self.row is None or message.sandbox_id != self.row.id or self.unavailable() is not None:
            return
        self.reading = message.reading
        self._show_state()
        if self.reading.value is not None:
            self.say(None)
            self.show(self.reading)
        elif self.reading.error is not None:
            self.say(f"{sentence(self.reading.error)}\n\nctrl+r tries again now")

    def _show_state(self) -> None:
        reading = self.reading
        self.set_class(reading.stale, "-stale")
        if reading.stale and reading.error is not None:
            age = reading.age(self.session.scheduler.clock()) or 0.0
            self._state.set_parts(
                [(f"{fmt.age(age)} old  ", "warn"), ("ctrl+r retries  ", "key"), (reading.error.message, "muted")]
            )


def sentence(error: ApiError) -> str:
    """An error as one text: what happened and what to do."""
    return f"{error.message} {error.hint}".strip() if error.hint else error.message


def _service(row: Row) -> tuple[str, str]:
    """What a running poll depends on."""
    return row.status, row.sandbox.public_host
