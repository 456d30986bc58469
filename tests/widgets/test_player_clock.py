"""The time of a recording."""

from __future__ import annotations

from hopx_tui.widgets.player_clock import SPEEDS, PlayClock


class Now:
    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def test_it_runs_stands_and_jumps():
    now = Now()
    time = PlayClock(now)
    time.end = 10_000_000
    now.seconds += 5
    assert time.at == 0
    time.play()
    now.seconds += 2
    time.play()
    assert time.at == 2_000_000
    assert time.seconds_to(5_000_000) == 3.0
    time.pause()
    now.seconds += 5
    assert time.at == 2_000_000
    time.jump(-5)
    assert time.at == 0
    time.jump(99_000_000)
    assert time.at == 10_000_000
    time.jump(9_000_000)
    time.play()
    now.seconds += 60
    assert time.at == 10_000_000


def test_speeds():
    now = Now()
    time = PlayClock(now)
    time.end = 1_000_000_000
    time.play()
    now.seconds += 1
    time.change_speed(1)
    now.seconds += 1
    assert (time.speed, time.at) == (2.0, 3_000_000)
    assert time.seconds_to(7_000_000) == 2.0
    for _ in range(9):
        time.change_speed(1)
    assert time.speed == SPEEDS[-1] == 16.0
    for _ in range(9):
        time.change_speed(-1)
    assert time.speed == SPEEDS[0] == 0.25
