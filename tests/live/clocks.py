"""Time that only a test moves."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Callable

from hopx_tui.live.poll import Scheduler


class FakeTime:
    """A clock, a wall clock and a sleep on it. `advance` wakes sleepers in order and lets everybody run."""

    def __init__(self, now: float = 1_000.0) -> None:
        self.now = now
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._ids = itertools.count()
        self.sleeps = 0

    def clock(self) -> float:
        return self.now

    def wall(self) -> float:
        return self.now + 1_000_000.0

    async def sleep(self, seconds: float) -> None:
        self.sleeps += 1
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self.now + seconds, next(self._ids), future))
        await future

    async def settle(self) -> None:
        """Until nothing more happens without time passing."""
        for _ in range(30):
            await asyncio.sleep(0)

    async def advance(self, seconds: float) -> None:
        end = self.now + seconds
        await self.settle()
        while self._sleepers and self._sleepers[0][0] <= end:
            due, _, future = heapq.heappop(self._sleepers)
            if not future.done():
                self.now = max(self.now, due)
                future.set_result(None)
                await self.settle()
        self.now = end

    def scheduler(self, *, concurrency: int = 20, random: Callable[[], float] = lambda: 0.5) -> Scheduler:
        """Without jitter unless told otherwise."""
        return Scheduler(concurrency=concurrency, clock=self.clock, wall=self.wall, sleep=self.sleep, random=random)
