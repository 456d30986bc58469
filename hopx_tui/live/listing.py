"""All sandboxes of one source, watched: the list kept up to date, the usage of those on screen measured."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Final, Literal, TypeVar

from hopx_tui.api.errors import ApiError, AuthError, BadResponse, Forbidden, NotFound
from hopx_tui.api.models import Sandbox
from hopx_tui.live.events import Event, EventLog, Outcome
from hopx_tui.live.history import UsageHistory
from hopx_tui.live.poll import Poll, Reading, Scheduler
from hopx_tui.live.rows import Change, FleetState, Roster, Row, seconds_left
from hopx_tui.live.usage import UsageWatch

if TYPE_CHECKING:  # the clients bring httpx with them, which nothing here needs
    from hopx_tui.api.agent import Agent
    from hopx_tui.api.control import ControlPlane

L = TypeVar("L")

LOCAL_EVERY: Final = 2.0
CLOUD_EVERY: Final = 5.0
UNFOCUSED_EVERY: Final = 5.0
PUBLISH_EVERY: Final = 0.25
"""Seconds between two publications while a long list streams in."""
JUST_EXPIRED: Final = 10.0
"""A sandbox that vanishes with fewer seconds left than this, expired."""


class Listing:
    """The sandboxes of one control plane.

    `on_change` listeners are called with a `Change` when rows or the wording of the state differ, never
    otherwise; they run on the event loop and must not block. `rows` and `state` are always current.
    """

    def __init__(
        self,
        control: ControlPlane,
        scheduler: Scheduler,
        *,
        source: str = "local",
        every: float = LOCAL_EVERY,
        usage_every: float = 2.0,
        name_of: Callable[[str], str | None] = lambda _: None,
        log: EventLog | None = None,
    ) -> None:
        self.source = source
        self.log = log if log is not None else EventLog()
        self._control = control
        self._scheduler = scheduler
        self._clock = scheduler.clock
        self._wall = scheduler.wall
        self._every = every
        self._usage_every = usage_every
        self._focused = True
        self._roster = Roster(source, name_of)
        self._state = FleetState()
        self._visible: tuple[str, ...] = ()
        self._given: dict[str, tuple[str, ...]] = {}  # id -> the values of variables given when we made it
        self._touched: dict[str, float] = {}  # id -> when an action of ours learnt its state
        self._published_at = float("-inf")
        self._published_state = self._state
        self._change_listeners: list[Callable[[Change], None]] = []
        self._usage_listeners: list[Callable[[str, UsageHistory], None]] = []
        self._poll: Poll[None] | None = None
        self._usage = UsageWatch(
            control.agent, scheduler, every=usage_every, on_usage=self._tell_usage, on_doubt=self.refresh_list
        )

    # -- what is known

    @property
    def rows(self) -> Sequence[Row]:
        """All rows, oldest sandbox first; the same object until something changes."""
        return self._roster.rows

    @property
    def state(self) -> FleetState:
        """How the list is doing."""
        return self._state

    def row(self, sandbox_id: str) -> Row | None:
        return self._roster.get(sandbox_id)

    def usage(self, sandbox_id: str) -> UsageHistory | None:
        """Its measurements so far; None if it was never visible while running."""
        return self._usage[sandbox_id]

    def agent(self, sandbox_id: str) -> Agent | None:
        """The client of its agent (whose calls say so if it has no usable address); None if it is not listed."""
        row = self._roster.get(sandbox_id)
        return None if row is None else self._control.agent(row.sandbox)

    def counts(self) -> Counter[str]:
        """Number of sandboxes by status."""
        return Counter(row.status for row in self.rows)

    def expiring(self, within: float = 300.0) -> list[Row]:
        """Rows whose timeout ends within that many seconds."""
        wall = self._wall()
        lefts = ((row, seconds_left(row.sandbox, wall)) for row in self.rows)
        return [row for row, left in lefts if left is not None and left <= within]

    def on_change(self, listener: Callable[[Change], None]) -> Callable[[], None]:
        """Returns the function that ends it."""
        return _listen(self._change_listeners, listener)

    def on_usage(self, listener: Callable[[str, UsageHistory], None]) -> Callable[[], None]:
        """Called with id and history after each measurement; returns the function that ends it."""
        return _listen(self._usage_listeners, listener)

    # -- what is watched

    def open(self) -> None:
        """Begin listing; the scheduler must run."""
        if self._poll is None:
            self._poll = self._scheduler.add(
                self._fetch, every=self._list_every(), on_reading=self._listed, name="sandboxes", urgent=True
            )

    def close(self) -> None:
        """Stop all polls. Rows stay readable; `open` begins again."""
        if self._poll is not None:
            self._poll.cancel()
            self._poll = None
        self._visible = ()
        self._usage.close()

    @property
    def every(self) -> float:
        """Seconds between two lists while focused."""
        return self._every

    @every.setter
    def every(self, seconds: float) -> None:
        self._every = seconds
        self._retime()

    @property
    def usage_every(self) -> float:
        """Seconds between two measurements of a visible row while focused."""
        return self._usage_every

    @usage_every.setter
    def usage_every(self, seconds: float) -> None:
        self._usage_every = seconds
        self._retime()

    def set_focused(self, focused: bool) -> None:
        """Slow down while the terminal is not looked at."""
        if focused != self._focused:
            self._focused = focused
            self._retime()
            if focused:
                self.refresh()

    def set_visible(self, ids: Iterable[str]) -> None:
        """Measure these sandboxes (those that run), and no others."""
        visible = tuple(ids)
        if visible != self._visible:
            self._visible = visible
            self._show_visible()

    def refresh(self) -> None:
        """List and measure now, ending any back-off."""
        self.refresh_list()
        self._usage.refresh()

    def refresh_list(self) -> None:
        """List now."""
        if self._poll is not None:
            self._poll.now()

    def renamed(self, sandbox_id: str) -> None:
        """The person's name for a sandbox changed."""
        self._roster.rename(sandbox_id)
        self._publish()

    # -- the list

    async def reload(self, sandbox_id: str) -> None:
        """Ask for one sandbox and list the answer. A failure to do so is left to the next list."""
        try:
            sandbox = await self._control.get(sandbox_id)
        except NotFound:
            self._forget(sandbox_id)
        except ApiError:
            pass
        else:
            self._learn(sandbox)
        self._publish()

    async def _fetch(self) -> None:
        """One round through all pages. What an action of ours learnt meanwhile is newer than the pages."""
        began = self._clock()
        first_load = self._state.at == 0.0
        seen: set[str] = set()
        endless: ApiError | None = None
        try:
            async for page in self._control.iter_pages():
                for sandbox in page:
                    seen.add(sandbox.id)
                    if self._touched.get(sandbox.id, float("-inf")) < began:
                        self._merge(sandbox, quiet=first_load)
                if self._clock() - self._published_at >= PUBLISH_EVERY:
                    self._publish()
        except BadResponse as error:
            if error.code != "LIST_TOO_LONG":
                raise
            endless = error  # rows of the rounds before must go all the same, or they would pile up
        for row in tuple(self.rows):
            if row.id not in seen and self._touched.get(row.id, float("-inf")) < began:
                self._vanish(row)
        self._touched = {sandbox_id: at for sandbox_id, at in self._touched.items() if at >= began}
        if endless is not None:
            raise endless

    def _listed(self, reading: Reading[None]) -> None:
        error = reading.error
        before = self._state
        if error is None:
            self._state = FleetState("ok", None, reading.at, reading.wall)
            if before.error is not None:
                self._log("connection", None, "the list is live again")
        else:
            kind: Literal["refused", "stale", "failed"] = "stale" if self.rows or before.at else "failed"
            if isinstance(error, AuthError | Forbidden):
                kind = "refused"
            self._state = FleetState(kind, error, before.at, before.wall)
            if not self._state.same_text(before):
                self._log("connection", None, error.message, error=error)
        self._publish()

    def _merge(self, sandbox: Sandbox, *, quiet: bool) -> None:
        before = self._roster.put(sandbox)
        if quiet:
            return
        if before is None:
            self._log("appeared", sandbox.id, f"{sandbox.id} appeared, {sandbox.status}")
        elif before.status != sandbox.status and before.busy is None:
            reason = f" ({sandbox.status_reason})" if sandbox.status_reason else ""
            self._log("status", sandbox.id, f"{before.label}: {before.status} -> {sandbox.status}{reason}")

    def _vanish(self, row: Row) -> None:
        left = seconds_left(row.sandbox, self._wall())
        self._forget(row.id)
        if row.busy is None:
            expired = left is not None and left < JUST_EXPIRED
            kind, text = ("expired", "reached its timeout") if expired else ("gone", "is gone")
            self._log(kind, row.id, f"{row.label} {text}")

    def _learn(self, sandbox: Sandbox) -> None:
        """An answer about one sandbox, newer than any list under way."""
        self._touched[sandbox.id] = self._clock()
        self._merge(sandbox, quiet=sandbox.id not in self._roster)

    def _forget(self, sandbox_id: str) -> None:
        self._touched[sandbox_id] = self._clock()
        if self._roster.remove(sandbox_id) is not None:
            self._control.forget(sandbox_id)

    def _set_busy(self, sandbox_id: str, busy: str | None) -> None:
        self._roster.set_busy(sandbox_id, busy)
        self._publish()

    # -- telling

    def _publish(self) -> None:
        self._published_at = self._clock()
        change = self._roster.take_change(self._state)
        for sandbox_id in change.removed:
            self._usage.removed(sandbox_id)
        for sandbox_id in change.changed:
            if (row := self._roster.get(sandbox_id)) is not None:
                self._usage.changed(row)
        if change.added and not change.added.isdisjoint(self._visible):
            self._show_visible()
        news = not self._state.same_text(self._published_state)
        self._published_state = self._state
        if change.rows or news:
            for listener in tuple(self._change_listeners):
                listener(change)

    def _show_visible(self) -> None:
        rows = (self._roster.get(sandbox_id) for sandbox_id in self._visible)
        self._usage.show(row for row in rows if row is not None)

    def _tell_usage(self, sandbox_id: str, history: UsageHistory) -> None:
        for listener in tuple(self._usage_listeners):
            listener(sandbox_id, history)

    def _list_every(self) -> float:
        return self._every if self._focused else max(self._every, UNFOCUSED_EVERY)

    def _retime(self) -> None:
        if self._poll is not None:
            self._poll.every = self._list_every()
        self._usage.every = self._usage_every if self._focused else max(self._usage_every, UNFOCUSED_EVERY)

    def _log(
        self,
        kind: str,
        sandbox_id: str | None,
        text: str,
        outcome: Outcome = "noted",
        started: float | None = None,
        error: ApiError | None = None,
    ) -> None:
        seconds = None if started is None else self._clock() - started
        self.log.append(Event(self._wall(), sandbox_id, kind, text, error, outcome, seconds))


def _listen(listeners: list[L], listener: L) -> Callable[[], None]:
    listeners.append(listener)

    def end() -> None:
        if listener in listeners:
            listeners.remove(listener)

    return end
