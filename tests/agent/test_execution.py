"""Time limits of executions."""

from __future__ import annotations

import asyncio
import time

from hopx_tui.agent.execution import first_of, with_note
from hopx_tui.agent.running_clock import RunningClock
from tests.agent.running import wait_until


async def test_a_clock_that_stands_still_ends_nothing():
    never = asyncio.get_running_loop().create_future()
    clock = RunningClock()
    assert await first_of((never,), 0.01, clock) is False
    clock.pause()
    waiting = asyncio.create_task(first_of((never,), 0.05, clock))
    await asyncio.sleep(0.2)
    assert not waiting.done()
    clock.resume()
    assert await asyncio.wait_for(waiting, 5) is False
    asyncio.get_running_loop().call_later(0.01, never.set_result, None)
    assert await first_of((never,), None, clock) is True


def test_notes_stand_on_a_line_of_their_own():
    assert with_note("", "n") == "n\n"
    assert with_note("a", "n") == "a\nn\n"
    assert with_note("a\n", "n") == "a\nn\n"
    assert with_note("a", "") == "a"


def test_a_pause_does_not_count(agent):
    with agent.client() as client:
        started = client.post("/commands/background", json={"command": "sleep 4291", "timeout": 0.6}).json()
    agent.call("quiesce")
    time.sleep(0.8)
    agent.call("thaw")

    def row():
        with agent.client() as client:
            rows = client.get("/execute/processes").json()["processes"]
        return next(row for row in rows if row["process_id"] == started["process_id"])

    assert row()["status"] == "running"
    assert wait_until(lambda: row()["status"] != "running" and row())["exit_code"] == 124
