from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from hopx_tui.api.errors import ApiError, AuthError, NotFound, RateLimited, ServerError, Unreachable
from hopx_tui.live.poll import LONGEST_INTERVAL, Poll, Reading, Scheduler
from tests.live.clocks import FakeTime


class Fetch:
    """A fetch that takes time, fails on demand and notes when it ran."""

    def __init__(self, time: FakeTime, seconds: float = 0.0) -> None:
        self.time = time
        self.seconds = seconds
        self.errors: list[BaseException] = []
        self.starts: list[float] = []
        self.running = 0
        self.most = 0
        self.cancelled = 0

    async def __call__(self) -> int:
        self.starts.append(self.time.now)
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            if self.seconds:
                await self.time.sleep(self.seconds)
            if self.errors:
                raise self.errors.pop(0)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        finally:
            self.running -= 1
        return len(self.starts)

    def gaps(self) -> list[float]:
        return [round(b - a, 6) for a, b in zip(self.starts, self.starts[1:], strict=False)]


@pytest.fixture
def readings() -> list[Reading[int]]:
    return []


@pytest.fixture
def fetch(time: FakeTime) -> Fetch:
    return Fetch(time)


async def test_fetches_at_once_and_then_at_its_interval(
    time: FakeTime, scheduler: Scheduler, fetch: Fetch, readings: list[Reading[int]]
) -> None:
    poll = scheduler.add(fetch, every=2, on_reading=readings.append, name="x")
    assert poll.reading.loading
    await time.advance(5)
    assert fetch.starts == [1000, 1002, 1004]
    assert [reading.value for reading in readings] == [1, 2, 3]
    assert (readings[-1].at, readings[-1].wall, readings[-1].error) == (1004, 1_001_004, None)
    assert poll.reading is readings[-1]
    assert not poll.reading.stale
    assert poll.reading.age(1010) == 6


async def test_the_interval_counts_from_start_to_start(
    time: FakeTime, scheduler: Scheduler, readings: list[Reading[int]]
) -> None:
    fetch = Fetch(time, seconds=0.5)
    scheduler.add(fetch, every=2, on_reading=readings.append)
    await time.advance(7)
    assert fetch.gaps() == [2, 2, 2]


async def test_a_failure_keeps_the_last_value(
    time: FakeTime, scheduler: Scheduler, fetch: Fetch, readings: list[Reading[int]]
) -> None:
    scheduler.add(fetch, every=2, on_reading=readings.append)
    await time.advance(1)
    error = NotFound("gone")
    fetch.errors.append(error)
    await time.advance(2)
    assert (readings[-1].value, readings[-1].error, readings[-1].at) == (1, error, 1000)
    assert readings[-1].stale
    assert not readings[-1].loading


async def test_a_failure_without_a_value_is_not_stale(
    time: FakeTime, scheduler: Scheduler, fetch: Fetch, readings: list[Reading[int]]
) -> None:
    fetch.errors.append(NotFound("gone"))
    scheduler.add(fetch, every=2, on_reading=readings.append)
    await time.settle()
    assert not readings[0].stale
    assert not readings[0].loading
    assert readings[0].age(5) is None


async def test_the_last_reading_of_an_earlier_poll_is_taken_over(
    time: FakeTime, scheduler: Scheduler, fetch: Fetch, readings: list[Reading[int]]
) -> None:
    fetch.errors.append(ServerError("500"))
    last = Reading(41, None, 900.0, 1.0)
    poll = scheduler.add(fetch, every=2, on_reading=readings.append, last=last)
    assert poll.reading is last
    await time.settle()
    assert (readings[0].value, readings[0].at, readings[0].stale) == (41, 900.0, True)


def test_readings_are_compared_by_identity() -> None:
    assert Reading(1, None, 1.0, 1.0) != Reading(1, None, 1.0, 1.0)


async def test_never_overlaps_itself_and_leaves_the_server_as_long_as_it_took(
    time: FakeTime, scheduler: Scheduler, readings: list[Reading[int]]
) -> None:
    fetch = Fetch(time, seconds=5)
    scheduler.add(fetch, every=2, on_reading=readings.append)
    await time.advance(41)
    assert fetch.most == 1
    assert fetch.gaps() == [10, 10, 10, 10]


async def test_a_round_over_half_of_the_interval_stretches_it(
    time: FakeTime, scheduler: Scheduler, readings: list[Reading[int]]
) -> None:
    fetch = Fetch(time, seconds=1.5)
    scheduler.add(fetch, every=2, on_reading=readings.append)
    await time.advance(10)
    assert fetch.gaps() == [3, 3, 3]
    fetch.seconds = 0.1
    fetch.starts.clear()
    await time.advance(10)
    assert fetch.gaps()[-1] == 2


async def test_the_stretch_has_a_limit(time: FakeTime, scheduler: Scheduler, readings: list[Reading[int]]) -> None:
    fetch = Fetch(time, seconds=100)
    scheduler.add(fetch, every=2, on_reading=readings.append)
    await time.advance(140)
    assert fetch.gaps() == [100 + LONGEST_INTERVAL]


@pytest.mark.parametrize("error", [ServerError("500"), Unreachable("no"), AuthError("key"), RateLimited("429")])
async def test_backs_off_by_doubling_and_recovers_by_halving(
    time: FakeTime, scheduler: Scheduler, fetch: Fetch, readings: list[Reading[int]], error: ApiError
) -> None:
    fetch.errors = [error] * 6
    poll = scheduler.add(fetch, every=2, on_reading=readings.append)
    await time.advance(300)
    assert fetch.gaps()[:11] == [4, 8, 16, 30, 30, 30, 15, 7.5, 3.75, 2, 2]
    assert not poll.backing_off


async def test_what_asking_again_does_not_cure_is_asked_at_the_usual_pace(
    time: FakeTime, scheduler: Scheduler, fetch: Fetch, readings: list[Reading[int]]
) -> None:
    fetch.errors = [NotFound("no")] * 3
    scheduler.add(fetch, every=2, on_reading=readings.append)
    await time.advance(7)
    assert fetch.gaps() == [2, 2, 2]


async def test_a_long_interval_is_not_shortened_by_back_off(
    time: FakeTime, scheduler: Scheduler, fetch: Fetch, readings: list[Reading[int]]
) -> None:
    fetch.errors = [ServerError("500")] * 2
    scheduler.add(fetch, every=60, on_reading=readings.append)
    await time.advance(130)
    assert fetch.gaps() == [60, 60]


async def test_honours_retry_after(
    time: FakeTime, scheduler: Scheduler, fetch: Fetch, readings: list[Reading[int]]
) -> None:
    fetch.errors = [RateLimited("slow down", retry_after=45.0), RateLimited("slow down", retry_after=0.5)]
    scheduler.add(fetch, every=2, on_reading=readings.append)
    await time.advance(60)
    assert fetch.gaps()[:2] == [45, 8]


@pytest.mark.parametrize(("drawn", "seconds"), [(0.0, 9.0), (1.0, 11.0), (0.5, 10.0)])
async def test_jitter_stays_within_a_tenth(time: FakeTime, fetch: Fetch, drawn: float, seconds: float) -> None:
    scheduler = time.scheduler(random=lambda: drawn)
    async with Running(scheduler):
        scheduler.add(fetch, every=10, on_reading=lambda _: None)
        await time.advance(12)
    assert fetch.gaps() == [seconds]


async def test_at_most_so_many_fetches_at_once_and_the_longest_due_first(time: FakeTime) -> None:
    scheduler = time.scheduler(concurrency=3)
    order: list[int] = []
    shared = Fetch(time, seconds=1)

    def numbered(number: int) -> Callable[[], Any]:
        async def fetch() -> int:
            order.append(number)
            return await shared()

        return fetch

    async with Running(scheduler):
        for number in range(8):
            scheduler.add(numbered(number), every=100, on_reading=lambda _: None)
        await time.settle()
        assert scheduler.in_flight == 3
        await time.advance(10)
    assert shared.most == 3
    assert order == list(range(8))


async def test_waiting_for_a_slot_counts_as_part_of_the_round(time: FakeTime) -> None:
    scheduler = time.scheduler(concurrency=1)
    fetches = [Fetch(time, seconds=1) for _ in range(6)]
    async with Running(scheduler):
        for fetch in fetches:
            scheduler.add(fetch, every=2, on_reading=lambda _: None)
        await time.advance(60)
    assert all(8 <= len(fetch.starts) <= 11 for fetch in fetches), "each gets its share"
    assert all(min(fetch.gaps()) > 4 for fetch in fetches)


async def test_a_process_that_was_stopped_is_not_behind(
    time: FakeTime, scheduler: Scheduler, fetch: Fetch, readings: list[Reading[int]]
) -> None:
    scheduler.add(fetch, every=2, on_reading=readings.append)
    await time.advance(1)
    time.now += 3600  # ctrl+z, fg
    fetch.starts.clear()
    await time.advance(5)
    assert fetch.gaps()[0] == 2


async def test_an_urgent_poll_does_not_wait_for_a_slot(time: FakeTime, fetch: Fetch) -> None:
    scheduler = time.scheduler(concurrency=2)
    hung = Fetch(time, seconds=500)
    async with Running(scheduler):
        for _ in range(5):
            scheduler.add(hung, every=2, on_reading=lambda _: None)
        scheduler.add(fetch, every=2, on_reading=lambda _: None, urgent=True)
        await time.advance(5)
    assert hung.most == 2
    assert fetch.starts == [1000, 1002, 1004]


async def test_now_fetches_at_once_and_ends_the_back_off(
    time: FakeTime, scheduler: Scheduler, fetch: Fetch, readings: list[Reading[int]]
) -> None:
    fetch.errors = [ServerError("500")] * 4
    poll = scheduler.add(fetch, every=2, on_reading=readings.append)
    await time.advance(40)
    assert poll.interval == 30
    poll.now()
    assert poll.interval == 2
    await time.settle()
    assert fetch.starts[-1] == time.now
    await time.advance(2)
    assert fetch.gaps()[-1] == 2


async def test_now_goes_ahead_of_those_that_wait(time: FakeTime, fetch: Fetch) -> None:
    scheduler = time.scheduler(concurrency=1)
    busy = Fetch(time, seconds=1)
    async with Running(scheduler):
        late = scheduler.add(fetch, every=1000, on_reading=lambda _: None)
        await time.advance(1)
        for _ in range(5):
            scheduler.add(busy, every=1000, on_reading=lambda _: None)
        await time.settle()
        late.now()
        await time.advance(1)
    assert len(fetch.starts) == 2


async def test_now_during_a_fetch_runs_exactly_once_more_after_it(
    time: FakeTime, scheduler: Scheduler, readings: list[Reading[int]]
) -> None:
    fetch = Fetch(time, seconds=1)
    poll = scheduler.add(fetch, every=50, on_reading=readings.append)
    await time.advance(0.5)
    assert poll.running
    for _ in range(3):
        poll.now()
    await time.advance(5)
    assert fetch.starts == [1000, 1001]
    assert fetch.most == 1


async def test_now_from_within_its_own_reading_runs_once_more(
    time: FakeTime, scheduler: Scheduler, fetch: Fetch
) -> None:
    def on_reading(reading: Reading[int]) -> None:
        if reading.value == 1:
            poll.now()

    poll = scheduler.add(fetch, every=50, on_reading=on_reading)
    await time.advance(5)
    assert fetch.starts == [1000, 1000]


async def test_cancel_during_a_fetch_cancels_it_and_delivers_nothing(
    time: FakeTime, scheduler: Scheduler, readings: list[Reading[int]]
) -> None:
    fetch = Fetch(time, seconds=5)
    poll = scheduler.add(fetch, every=2, on_reading=readings.append)
    await time.advance(1)
    poll.cancel()
    poll.cancel()
    poll.now()
    await time.advance(30)
    assert (fetch.cancelled, readings, scheduler.in_flight) == (1, [], 0)
    assert poll.cancelled
    assert len(fetch.starts) == 1


async def test_a_fetch_that_survives_its_cancellation_delivers_nothing(
    time: FakeTime, scheduler: Scheduler, readings: list[Reading[int]]
) -> None:
    async def stubborn() -> int:
        try:
            await time.sleep(5)
        except asyncio.CancelledError:
            return 7
        return 8

    poll = scheduler.add(stubborn, every=2, on_reading=readings.append)
    await time.settle()
    poll.cancel()
    await time.advance(10)
    assert readings == []


async def test_cancel_from_within_its_own_reading(
    time: FakeTime, scheduler: Scheduler, fetch: Fetch, readings: list[Reading[int]]
) -> None:
    def on_reading(reading: Reading[int]) -> None:
        readings.append(reading)
        poll.cancel()

    poll = scheduler.add(fetch, every=2, on_reading=on_reading)
    await time.advance(10)
    assert len(readings) == 1
    assert scheduler.in_flight == 0


async def test_cancel_before_the_first_fetch_and_outside_of_a_loop(time: FakeTime, fetch: Fetch) -> None:
    scheduler = time.scheduler()
    poll = scheduler.add(fetch, every=2, on_reading=lambda _: None)
    await asyncio.to_thread(poll.cancel)
    async with Running(scheduler):
        await time.advance(10)
    assert fetch.starts == []


async def test_cancel_while_waiting_for_a_slot(time: FakeTime, fetch: Fetch) -> None:
    scheduler = time.scheduler(concurrency=1)
    async with Running(scheduler):
        scheduler.add(Fetch(time, seconds=3), every=100, on_reading=lambda _: None)
        waiting = scheduler.add(fetch, every=2, on_reading=lambda _: None)
        await time.advance(1)
        waiting.cancel()
        await time.advance(10)
    assert fetch.starts == []


async def test_a_new_interval_counts_from_now_on(
    time: FakeTime, scheduler: Scheduler, fetch: Fetch, readings: list[Reading[int]]
) -> None:
    poll = scheduler.add(fetch, every=60, on_reading=readings.append)
    await time.advance(10)
    poll.every = 5
    assert poll.every == 5
    await time.advance(11)
    assert fetch.starts == [1000, 1015, 1020]
    poll.every = 30
    await time.advance(60)
    assert fetch.gaps()[2:] == [31, 30]


async def test_a_new_interval_does_not_end_a_back_off(
    time: FakeTime, scheduler: Scheduler, fetch: Fetch, readings: list[Reading[int]]
) -> None:
    fetch.errors = [ServerError("500")] * 3
    poll = scheduler.add(fetch, every=2, on_reading=readings.append)
    await time.advance(13)
    assert poll.interval == 16
    poll.every = 1
    assert poll.interval == 16
    await time.advance(16)
    assert fetch.gaps() == [4, 8, 16]


async def test_a_new_interval_leaves_a_due_poll_due(time: FakeTime, fetch: Fetch) -> None:
    scheduler = time.scheduler()
    poll = scheduler.add(fetch, every=2, on_reading=lambda _: None)
    poll.every = 100
    async with Running(scheduler):
        await time.settle()
    assert fetch.starts == [1000]


@pytest.mark.parametrize("seconds", [0, -1, float("nan")])
async def test_an_interval_of_nothing_is_refused(scheduler: Scheduler, fetch: Fetch, seconds: float) -> None:
    with pytest.raises(ValueError, match="interval"):
        scheduler.add(fetch, every=seconds, on_reading=lambda _: None)
    poll = scheduler.add(fetch, every=1, on_reading=lambda _: None)
    with pytest.raises(ValueError, match="interval"):
        poll.every = seconds


@pytest.mark.parametrize("where", ["fetch", "callback"])
async def test_a_bug_ends_run_with_it_and_cancels_the_others(time: FakeTime, where: str) -> None:
    scheduler = time.scheduler()
    other = Fetch(time, seconds=50)
    broken = Fetch(time)

    def on_reading(_: Reading[int]) -> None:
        raise KeyError("bug")

    if where == "fetch":
        broken.errors.append(KeyError("bug"))
    scheduler.add(other, every=2, on_reading=lambda _: None)
    scheduler.add(broken, every=2, on_reading=on_reading)
    with pytest.raises(KeyError, match="bug"):
        await scheduler.run()
    assert other.cancelled == 1


async def test_a_fetch_cancelled_by_somebody_else_is_a_bug(time: FakeTime) -> None:
    scheduler = time.scheduler()
    fetch = Fetch(time)
    fetch.errors.append(asyncio.CancelledError())
    scheduler.add(fetch, every=2, on_reading=lambda _: None, name="mine")
    with pytest.raises(RuntimeError, match="'mine' was cancelled by somebody else"):
        await scheduler.run()


async def test_may_run_again_after_it_was_cancelled(time: FakeTime, readings: list[Reading[int]]) -> None:
    scheduler = time.scheduler()
    fetch = Fetch(time, seconds=1)
    scheduler.add(fetch, every=10, on_reading=readings.append)
    async with Running(scheduler):
        await time.advance(0.5)
    assert fetch.cancelled == 1
    assert readings == []
    async with Running(scheduler):
        await time.advance(2)
    assert len(readings) == 1


async def test_does_not_run_twice_at_once(scheduler: Scheduler, time: FakeTime) -> None:
    await time.settle()
    with pytest.raises(RuntimeError, match="running already"):
        await scheduler.run()


async def test_polls_added_while_it_idles_start_at_once(time: FakeTime, scheduler: Scheduler, fetch: Fetch) -> None:
    await time.advance(100)
    scheduler.add(fetch, every=2, on_reading=lambda _: None)
    await time.settle()
    assert fetch.starts == [1100]


async def test_does_not_spin(time: FakeTime, scheduler: Scheduler, fetch: Fetch) -> None:
    polls = [scheduler.add(fetch, every=10, on_reading=lambda _: None) for _ in range(5)]
    await time.advance(1)
    for poll in polls:
        poll.now()
    await time.settle()
    await time.settle()
    assert time.sleeps < 15


async def test_tells_its_clocks(time: FakeTime) -> None:
    scheduler = time.scheduler()
    assert (scheduler.clock(), scheduler.wall()) == (1000, 1_001_000)


async def test_runs_on_the_real_clock() -> None:
    scheduler = Scheduler()
    done = asyncio.Event()
    polls: list[Poll[int]] = []

    async def fetch() -> int:
        return 1

    def on_reading(_: Reading[int]) -> None:
        if polls[0].reading is not _:
            raise AssertionError
        done.set()

    polls.append(scheduler.add(fetch, every=0.01, on_reading=on_reading))
    async with Running(scheduler), asyncio.timeout(10):
        await done.wait()
        done.clear()
        await done.wait()


class Running:
    """Runs a scheduler for the length of a block."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._scheduler = scheduler

    async def __aenter__(self) -> None:
        self._task = asyncio.create_task(self._scheduler.run())

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        (outcome,) = await asyncio.gather(self._task, return_exceptions=True)
        assert isinstance(outcome, asyncio.CancelledError), outcome
