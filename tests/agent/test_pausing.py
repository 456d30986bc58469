"""Long calls and pauses."""

from __future__ import annotations

import asyncio

import pytest

from hopx_tui.agent.errors import AgentError
from hopx_tui.agent.pausing import Pausing


async def test_work_that_ends_before_the_pause():
    async def work():
        return 5

    pausing = Pausing()
    assert await pausing.wait(work()) == 5


async def test_a_pause_answers_and_the_work_goes_on():
    pausing, finished = Pausing(), asyncio.Event()

    async def work():
        await asyncio.sleep(0.02)
        finished.set()
        raise ValueError("nobody reads this")

    call = asyncio.create_task(pausing.wait(work()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    pausing.begin()
    with pytest.raises(AgentError) as caught:
        await call
    assert (caught.value.status, caught.value.code) == (409, "SANDBOX_PAUSED")
    assert pausing.active
    pausing.end()
    async with asyncio.timeout(5):
        await finished.wait()
    assert not pausing.active


async def test_a_client_that_leaves_does_not_end_the_work():
    pausing, finished = Pausing(), asyncio.Event()

    async def work():
        await asyncio.sleep(0.02)
        finished.set()

    call = asyncio.create_task(pausing.wait(work()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    call.cancel()
    async with asyncio.timeout(5):
        await finished.wait()
    with pytest.raises(asyncio.CancelledError):
        await call
