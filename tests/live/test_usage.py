from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, cast

import pytest

from hopx_tui.api.errors import ApiError, Conflict, NotFound, ServerError, TimedOut
from hopx_tui.live import usage as module
from hopx_tui.live.history import UsageHistory
from hopx_tui.live.poll import Scheduler
from hopx_tui.live.rows import Row
from hopx_tui.live.usage import UsageWatch
from tests.live.clocks import FakeTime
from tests.live.cloud import FakeAgent, FakeCloud, sandbox, system

if TYPE_CHECKING:
    from hopx_tui.api.agent import Agent


class Watch:
    def __init__(self, scheduler: Scheduler, kept: int = 500) -> None:
        self.cloud = FakeCloud()
        self.heard: list[str] = []
        self.doubts = 0
        self.watch = UsageWatch(
            lambda box: cast("Agent", self.cloud.agent(box)),
            scheduler,
            every=2,
            on_usage=lambda sandbox_id, _: self.heard.append(sandbox_id),
            on_doubt=self.doubt,
            kept=kept,
        )

    def doubt(self) -> None:
        self.doubts += 1

    def agent(self, sandbox_id: str) -> FakeAgent:
        return self.cloud.agents.setdefault(sandbox_id, FakeAgent())

    def history(self, sandbox_id: str) -> UsageHistory:
        history = self.watch[sandbox_id]
        assert history is not None
        return history


def row(sandbox_id: str, status: str = "running") -> Row:
    return Row(sandbox(sandbox_id, status), "here")


async def test_measures_visible_running_rows_only(time: FakeTime, scheduler: Scheduler) -> None:
    test = Watch(scheduler)
    test.watch.show([row("a"), row("b", "paused")])
    await time.advance(5)
    assert test.watch.watched == {"a"}
    assert test.agent("a").calls == 3
    assert test.agent("b").calls == 0
    assert test.watch["b"] is None
    assert test.history("a").cpu.last(9) == [1.0] * 3
    assert test.heard == ["a"] * 3


async def test_scrolling_away_stops_and_coming_back_leaves_a_gap(time: FakeTime, scheduler: Scheduler) -> None:
    test = Watch(scheduler)
    test.watch.show([row("a")])
    await time.settle()
    test.watch.show([row("b")])
    await time.advance(10)
    assert test.agent("a").calls == 1
    test.watch.show([row("a"), row("b")])
    await time.settle()
    assert test.history("a").cpu.last(9) == [1.0, None, 1.0]


async def test_a_pause_freezes_the_history_and_cancels_what_is_under_way(time: FakeTime, scheduler: Scheduler) -> None:
    test = Watch(scheduler)
    test.watch.show([row("a")])
    await time.advance(1)
    test.agent("a").hangs = True
    await time.advance(1)
    test.watch.changed(row("a", "paused"))
    await time.advance(10)
    history = test.history("a")
    assert (history.frozen, history.cpu.last(9), history.error) == ("paused", [1.0, None], None)
    assert test.watch.watched == frozenset()
    test.agent("a").hangs = False
    test.watch.changed(row("a"))
    assert history.frozen is None
    await time.settle()
    assert history.cpu.last(9) == [1.0, None, 1.0]
    assert [mark.text for mark in history.marks] == ["paused", "running"]


async def test_a_row_out_of_sight_that_stops_is_frozen_too(time: FakeTime, scheduler: Scheduler) -> None:
    test = Watch(scheduler)
    test.watch.show([row("a")])
    await time.settle()
    test.watch.show([])
    test.watch.changed(row("a"))
    assert test.history("a").frozen is None
    test.watch.changed(row("a", "stopped"))
    assert test.history("a").frozen == "stopped"
    test.watch.changed(row("never seen", "stopped"))
    assert test.watch["never seen"] is None


async def test_a_failure_is_a_gap_with_its_reason(time: FakeTime, scheduler: Scheduler) -> None:
    test = Watch(scheduler)
    test.agent("a").answer = ServerError("500")
    test.watch.show([row("a")])
    await time.settle()
    assert test.history("a").cpu.last(9) == [None]
    assert test.history("a").error is test.agent("a").answer
    assert test.heard == ["a"]
    assert test.doubts == 0
    test.agent("a").answer = system(7.0)
    await time.advance(10)
    assert test.history("a").error is None
    assert test.history("a").cpu.latest == 7.0


@pytest.mark.parametrize("error", [Conflict("paused", code="SANDBOX_PAUSED"), NotFound("gone")])
async def test_an_agent_that_contradicts_its_row_raises_doubt_once(
    time: FakeTime, scheduler: Scheduler, error: ApiError
) -> None:
    test = Watch(scheduler)
    test.agent("a").answer = error
    test.watch.show([row("a")])
    await time.advance(7)
    assert test.agent("a").calls == 4
    assert test.doubts == 1


async def test_a_hung_sandbox_is_given_up(
    time: FakeTime, scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "DEADLINE", 0.001)
    test = Watch(scheduler)
    test.agent("a").hangs = True
    test.watch.show([row("a")])
    async with asyncio.timeout(10):
        while not test.heard:
            await asyncio.sleep(0.001)
    assert isinstance(test.history("a").error, TimedOut)


async def test_rate_and_refresh(time: FakeTime, scheduler: Scheduler) -> None:
    test = Watch(scheduler)
    test.watch.show([row("a")])
    await time.settle()
    test.watch.every = 10
    assert test.watch.every == 10
    await time.advance(9)
    assert test.agent("a").calls == 1
    test.watch.refresh()
    await time.settle()
    assert test.agent("a").calls == 2


async def test_the_history_goes_with_the_sandbox(time: FakeTime, scheduler: Scheduler) -> None:
    test = Watch(scheduler)
    test.watch.show([row("a")])
    await time.settle()
    test.watch.removed("a")
    test.watch.removed("a")
    assert test.watch["a"] is None
    assert test.watch.watched == frozenset()
    await time.advance(5)
    assert test.agent("a").calls == 1


async def test_only_so_many_histories_of_rows_out_of_sight_are_kept(time: FakeTime, scheduler: Scheduler) -> None:
    test = Watch(scheduler, kept=2)
    for name in "abcd":
        test.watch.show([row(name)])
        await time.settle()
    test.watch.show([])
    assert [name for name in "abcd" if test.watch[name] is not None] == ["c", "d"]
    test.watch.show([row(name) for name in "abc"])
    assert all(test.watch[name] is not None for name in "abc"), "what is visible is never dropped"


async def test_close_keeps_what_was_measured(time: FakeTime, scheduler: Scheduler) -> None:
    test = Watch(scheduler)
    test.watch.show([row("a")])
    await time.settle()
    test.watch.close()
    await time.advance(10)
    assert test.agent("a").calls == 1
    assert test.history("a").cpu.latest == 1.0


async def test_the_newest_row_is_asked(time: FakeTime, scheduler: Scheduler) -> None:
    asked: list[str] = []

    def agent_of(box: object) -> object:
        asked.append(box.public_host)  # type: ignore[attr-defined]
        return FakeAgent()

    watch = UsageWatch(agent_of, scheduler, every=2, on_usage=lambda *_: None, on_doubt=lambda: None)  # type: ignore[arg-type]
    watch.show([row("a")])
    await time.settle()
    watch.changed(Row(type(sandbox("a"))(id="a", status="running", public_host="http://moved"), "here"))
    await time.advance(2)
    assert asked == ["http://a", "http://moved"]
