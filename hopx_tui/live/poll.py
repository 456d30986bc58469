"""Periodic fetches: one heap of due times, one reading per fetch, no overlap, back-off on trouble."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import random as _random
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic, TypeVar

from hopx_tui.api.errors import ApiError, AuthError, Forbidden

T = TypeVar("T")

LONGEST_INTERVAL = 30.0
"""Seconds a back-off or a stretched interval grows to (unless the poll itself asks for a longer one)."""


@dataclass(frozen=True, eq=False, slots=True)
class Reading(Generic[T]):
    """What one poll knows: the last good value and why the newest attempt failed. Compared by identity."""

    value: T | None = None
    error: ApiError | None = None
    at: float = 0.0
    """Monotonic seconds of the last good value; 0.0 = there was none."""
    wall: float = 0.0
    """The same moment as Unix time."""

    @property
    def loading(self) -> bool:
        """Neither a value nor an error yet."""
        return self.at == 0.0 and self.error is None

    @property
    def stale(self) -> bool:
        """There is a value, but the newest attempt failed."""
        return self.at != 0.0 and self.error is not None

    def age(self, now: float) -> float | None:
        """Seconds since the last good value at monotonic `now`; None without a value."""
        return max(0.0, now - self.at) if self.at else None


class Poll(Generic[T]):
    """One fetch on the scheduler's heap. Made by `Scheduler.add`."""

    def __init__(
        self,
        scheduler: Scheduler,
        fetch: Callable[[], Awaitable[T]],
        every: float,
        on_reading: Callable[[Reading[T]], None],
        last: Reading[T] | None,
        name: str,
        urgent: bool,
    ) -> None:
        self.name = name
        self.urgent = urgent
        self.reading: Reading[T] = last if last is not None else Reading()
        self._scheduler = scheduler
        self._fetch = fetch
        self._on_reading = on_reading
        self._every = every
        self._interval = every
        self._ticket = 0
        self._since = 0.0
        self._again = False
        self._cancelled = False
        self._task: asyncio.Task[float] | None = None

    @property
    def every(self) -> float:
        """Seconds between two fetches when all is well."""
        return self._every

    @every.setter
    def every(self, seconds: float) -> None:
        _check_interval(seconds)
        backing_off = self.backing_off
        self._every = seconds
        self._interval = max(self._interval, seconds) if backing_off else seconds
        if not backing_off and self._task is None and not self._cancelled:
            self._scheduler._reschedule(self, self._interval)

    @property
    def interval(self) -> float:
        """Seconds to the next fetch as things stand, before jitter: `every`, or more while backing off."""
        return self._interval

    @property
    def backing_off(self) -> bool:
        """Errors made the interval longer than asked for."""
        return self._interval > self._every

    @property
    def running(self) -> bool:
        """A fetch of this poll is under way."""
        return self._task is not None

    @property
    def cancelled(self) -> bool:
        """`cancel()` was called: no fetch and no reading will follow."""
        return self._cancelled

    def now(self) -> None:
        """Fetch at once, ahead of others, ending any back-off; once more if a fetch is under way."""
        if self._cancelled:
            return
        self._interval = self._every
        if self._task is not None:
            self._again = True
        else:
            self._scheduler._schedule(self, float("-inf"))

    def cancel(self) -> None:
        """Stop for good: a fetch under way is cancelled and its reading is never delivered."""
        if self._cancelled:
            return
        self._cancelled = True
        self._ticket = 0
        self._scheduler._polls.discard(self)
        if self._task is not None and self._task is not _current_task():
            self._task.cancel()

    async def _once(self, clock: Callable[[], float], wall: Callable[[], float]) -> float:
        """One fetch and its delivery; returns the seconds to wait from its end to the next."""
        last = self.reading
        retry_after = 0.0
        try:
            value = await self._fetch()
        except ApiError as error:
            reading = Reading(last.value, error, last.at, last.wall)
            retry_after = error.retry_after or 0.0
            if error.retryable or isinstance(error, AuthError | Forbidden):
                self._interval = max(self._every, min(self._interval * 2, LONGEST_INTERVAL))
        else:
            reading = Reading(value, None, clock(), wall())
            self._interval = max(self._every, self._interval / 2)
        if self._cancelled:
            return 0.0
        self.reading = reading
        self._on_reading(reading)
        jittered = self._scheduler._jitter(self._interval)
        if reading.error is not None:
            return max(jittered, retry_after)
        spent = clock() - self._since
        return max(jittered - spent, min(spent, max(LONGEST_INTERVAL, self._every)))


class Scheduler:
    """Runs all polls of the program on one heap of due times.

    A poll never overlaps itself; at most `concurrency` fetches run together, the longest due first (`urgent`
    polls aside). Intervals vary by +-10 % so that polls spread out. A failed fetch doubles the interval up
    to 30 s if repeating it may help or if we are refused, success halves it back, and `retry_after` is
    honoured. A round (waiting for a slot included) that takes more than half of its interval stretches it, so
    that one poll never keeps a server busy more than half of the time. Only `ApiError` is an answer: every
    other exception ends `run()` with it.
    """

    def __init__(
        self,
        *,
        concurrency: int = 20,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        random: Callable[[], float] = _random.random,
    ) -> None:
        self._concurrency = concurrency
        self._clock = clock
        self._wall = wall
        self._sleep = sleep
        self._random = random
        self._heap: list[tuple[float, int, Poll[Any]]] = []
        self._tickets = itertools.count(1)
        self._polls: set[Poll[Any]] = set()
        self._tasks: set[asyncio.Task[float]] = set()
        self._wake: asyncio.Event | None = None
        self._crash: BaseException | None = None
        self._waiting: deque[tuple[float, int, Poll[Any]]] = deque()
        self._slots_taken = 0
        self._unqueued = 0.0
        """When nothing last waited for a slot: a process stopped for an hour is not an hour behind."""

    @property
    def clock(self) -> Callable[[], float]:
        """The monotonic clock that `Reading.at` is told in."""
        return self._clock

    @property
    def wall(self) -> Callable[[], float]:
        """The clock that `Reading.wall` is told in."""
        return self._wall

    @property
    def in_flight(self) -> int:
        """Fetches under way."""
        return len(self._tasks)

    def add(
        self,
        fetch: Callable[[], Awaitable[T]],
        *,
        every: float,
        on_reading: Callable[[Reading[T]], None],
        last: Reading[T] | None = None,
        name: str = "",
        urgent: bool = False,
    ) -> Poll[T]:
        """Fetch at once and then each `every` seconds.

        `last` hands the reading of an earlier poll of the same thing back in. `urgent` ones do not wait for a
        slot: for the few that everything else hangs on.
        """
        _check_interval(every)
        poll = Poll(self, fetch, every, on_reading, last, name, urgent)
        self._polls.add(poll)
        self._schedule(poll, self._clock())
        return poll

    async def run(self) -> None:
        """Serve until cancelled. Raises whatever a fetch or a callback raised, other than `ApiError`."""
        if self._wake is not None:
            raise RuntimeError("the scheduler is running already")
        wake = self._wake = asyncio.Event()
        self._crash = None
        self._unqueued = self._clock()
        try:
            while self._crash is None:
                wake.clear()
                await self._wait(wake, self._start_due())
            raise self._crash
        finally:
            self._wake = None
            await self._end_tasks()

    async def _wait(self, wake: asyncio.Event, due: float | None) -> None:
        """Until `due` (None: without limit) or until something woke the scheduler."""
        if wake.is_set():
            return
        if due is None:
            await wake.wait()
        else:
            sleeper = asyncio.ensure_future(self._sleep(max(0.0, due - self._clock())))
            # not when cancelled: that would wake the next round, whose sleeper would wake the one after, for ever
            sleeper.add_done_callback(lambda sleeper: None if sleeper.cancelled() else wake.set())
            try:
                await wake.wait()
            finally:
                sleeper.cancel()
        if not self._waiting:
            self._unqueued = self._clock()

    def _start_due(self) -> float | None:
        """Start what is due and has a slot; returns when the next one is due (None: nothing is)."""
        now = self._clock()
        while self._heap and (self._heap[0][0] <= now or not self._valid(self._heap[0])):
            entry = heapq.heappop(self._heap)
            if not self._valid(entry):
                continue
            if entry[2].urgent:
                self._start(entry, now)
            elif entry[0] == float("-inf"):
                self._waiting.appendleft(entry)
            else:
                self._waiting.append(entry)
        while self._waiting and self._slots_taken < self._concurrency:
            entry = self._waiting.popleft()
            if self._valid(entry):
                self._start(entry, now)
        return self._heap[0][0] if self._heap else None

    @staticmethod
    def _valid(entry: tuple[float, int, Poll[Any]]) -> bool:
        return entry[1] == entry[2]._ticket

    def _start(self, entry: tuple[float, int, Poll[Any]], now: float) -> None:
        due, _, poll = entry
        poll._ticket = 0
        poll._since = max(due, self._unqueued) if due > float("-inf") else now
        poll._again = False
        poll._task = asyncio.create_task(poll._once(self._clock, self._wall), name=f"poll {poll.name}")
        poll._task.add_done_callback(partial(self._finished, poll))
        self._tasks.add(poll._task)
        self._slots_taken += not poll.urgent

    def _finished(self, poll: Poll[Any], task: asyncio.Task[float]) -> None:
        self._tasks.discard(task)
        self._slots_taken -= not poll.urgent
        poll._task = None
        if task.cancelled():
            if not poll.cancelled and self._wake is not None and self._crash is None:
                self._crash = RuntimeError(f"the fetch of poll {poll.name!r} was cancelled by somebody else")
        elif (error := task.exception()) is not None:
            self._crash = self._crash or error
        elif poll._again:
            poll.now()
        elif not poll.cancelled:
            self._schedule(poll, self._clock() + task.result())
        self._wake_up()

    async def _end_tasks(self) -> None:
        """Cancel what is under way; its polls are due again should the scheduler run once more."""
        interrupted = [poll for poll in self._polls if poll._task is not None]
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for poll in interrupted:
            if not poll._cancelled and poll._ticket == 0:
                self._schedule(poll, self._clock())

    def _schedule(self, poll: Poll[Any], due: float) -> None:
        poll._ticket = next(self._tickets)
        heapq.heappush(self._heap, (due, poll._ticket, poll))
        self._wake_up()

    def _reschedule(self, poll: Poll[Any], seconds: float) -> None:
        """Make it due in `seconds`, unless it is due already."""
        due = next((due for due, ticket, _ in self._heap if ticket == poll._ticket), None)
        if due is not None and due > self._clock():
            self._schedule(poll, self._clock() + self._jitter(seconds))

    def _jitter(self, seconds: float) -> float:
        return seconds * (0.9 + 0.2 * self._random())

    def _wake_up(self) -> None:
        if self._wake is not None:
            self._wake.set()


def _check_interval(seconds: float) -> None:
    if not seconds > 0:
        raise ValueError(f"a poll needs an interval above 0 s, not {seconds!r}")


def _current_task() -> asyncio.Task[Any] | None:
    try:
        return asyncio.current_task()
    except RuntimeError:  # called outside of the event loop (tests, shutdown)
        return None
