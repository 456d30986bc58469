"""The clock that pauses do not count on."""

from __future__ import annotations

from hopx_tui.agent.running_clock import RunningClock


def test_pauses_do_not_count():
    now = [100.0]
    clock = RunningClock(lambda: now[0])
    clock.resume()
    assert clock() == 100
    clock.pause()
    now[0] += 50
    clock.pause()
    assert clock() == 100
    clock.resume()
    now[0] += 5
    assert clock() == 105
