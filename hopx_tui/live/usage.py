"""Measures the sandboxes on screen: one poll each while they run, a history each while they exist."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING

from hopx_tui.api.errors import ApiError, Conflict, NotFound, TimedOut
from hopx_tui.api.models import Sandbox, System
from hopx_tui.live.history import UsageHistory
from hopx_tui.live.poll import Poll, Reading, Scheduler
from hopx_tui.live.rows import Row

if TYPE_CHECKING:  # brings httpx with it, which nothing here needs
    from hopx_tui.api.agent import Agent

DEADLINE = 8.0
"""Seconds after which a measurement is given up: a hung sandbox must not hold a shared slot for long."""


class UsageWatch:
    """Polls `agent.system()` of visible running rows; keeps the histories of `kept` rows scrolled away."""

    def __init__(
        self,
        agent_of: Callable[[Sandbox], Agent],
        scheduler: Scheduler,
        *,
        every: float,
        on_usage: Callable[[str, UsageHistory], None],
        on_doubt: Callable[[], None],
        kept: int = 500,
    ) -> None:
        """`on_doubt` is called when an agent's answer contradicts its row (paused, gone)."""
        self._agent_of = agent_of
        self._scheduler = scheduler
        self._every = every
        self._on_usage = on_usage
        self._on_doubt = on_doubt
        self._kept = kept
        self._rows: dict[str, Row] = {}
        self._polls: dict[str, Poll[System]] = {}
        self._histories: dict[str, UsageHistory] = {}  # least recently visible first

    def __getitem__(self, sandbox_id: str) -> UsageHistory | None:
        return self._histories.get(sandbox_id)

    @property
    def watched(self) -> frozenset[str]:
        """Ids that are being polled."""
        return frozenset(self._polls)

    @property
    def every(self) -> float:
        return self._every

    @every.setter
    def every(self, seconds: float) -> None:
        self._every = seconds
        for poll in self._polls.values():
            poll.every = seconds

    def show(self, rows: Iterable[Row]) -> None:
        """These rows are visible, no others."""
        self._rows = {row.id: row for row in rows}
        for sandbox_id in tuple(self._polls):
            if sandbox_id not in self._rows:
                self._polls.pop(sandbox_id).cancel()
        for row in self._rows.values():
            self._follow(row)
        for sandbox_id in tuple(self._histories)[: max(0, len(self._histories) - self._kept)]:
            if sandbox_id not in self._rows:
                del self._histories[sandbox_id]

    def changed(self, row: Row) -> None:
        """A row has new values: follow it when visible, note in its history that it stopped."""
        if row.id in self._rows:
            self._rows[row.id] = row
            self._follow(row)
        elif row.id in self._histories and not row.running:
            self._freeze(row)

    def removed(self, sandbox_id: str) -> None:
        self._rows.pop(sandbox_id, None)
        self._histories.pop(sandbox_id, None)
        if (poll := self._polls.pop(sandbox_id, None)) is not None:
            poll.cancel()

    def refresh(self) -> None:
        """Measure all visible ones now."""
        for poll in self._polls.values():
            poll.now()

    def close(self) -> None:
        """Stop measuring; histories stay readable."""
        self.show(())

    def _follow(self, row: Row) -> None:
        history = self._histories.pop(row.id, None)
        if history is not None:
            self._histories[row.id] = history
        if not row.running:
            if (poll := self._polls.pop(row.id, None)) is not None:
                poll.cancel()
            self._freeze(row)
        elif row.id not in self._polls:
            if history is None:
                self._histories[row.id] = UsageHistory()
            elif history.frozen is not None:
                history.thaw(self._scheduler.clock())
            elif history.version:
                history.gap(self._scheduler.clock())  # it ran on unseen
            self._polls[row.id] = self._scheduler.add(
                partial(self._measure, row.id),
                every=self._every,
                on_reading=partial(self._deliver, row.id),
                name=f"usage of {row.id}",
            )

    def _freeze(self, row: Row) -> None:
        history = self._histories.get(row.id)
        if history is not None and history.frozen != row.status:
            history.freeze(self._scheduler.clock(), row.status)
            self._on_usage(row.id, history)

    async def _measure(self, sandbox_id: str) -> System:
        try:
            async with asyncio.timeout(DEADLINE):
                return await self._agent_of(self._rows[sandbox_id].sandbox).system()
        except TimeoutError:
            raise TimedOut("The sandbox does not answer.") from None

    def _deliver(self, sandbox_id: str, reading: Reading[System]) -> None:
        history = self._histories[sandbox_id]
        error = reading.error
        if error is not None:
            news = history.error is None
            history.gap(self._scheduler.clock(), error)
            self._on_usage(sandbox_id, history)
            if news and _contradicts(error):
                self._on_doubt()
        elif reading.value is not None:
            history.record(reading.at, reading.value)
            self._on_usage(sandbox_id, history)


def _contradicts(error: ApiError) -> bool:
    return isinstance(error, Conflict | NotFound)
