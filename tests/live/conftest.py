"""A scheduler that runs on fake time for the length of a test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from hopx_tui.live.poll import Scheduler
from tests.live.clocks import FakeTime


@pytest.fixture
def time() -> FakeTime:
    return FakeTime()


@pytest_asyncio.fixture
async def scheduler(time: FakeTime) -> AsyncIterator[Scheduler]:
    scheduler = time.scheduler()
    running = asyncio.create_task(scheduler.run())
    yield scheduler
    running.cancel()
    (outcome,) = await asyncio.gather(running, return_exceptions=True)
    assert isinstance(outcome, asyncio.CancelledError), outcome
