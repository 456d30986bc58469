"""One line on what takes long: nothing for short work, the newest of several, gone at the end."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from hopx_tui.screens.activity import Activity
from hopx_tui.widgets.hints import HintBar
from tests.fake_cloud import FakeCloud
from tests.screens.running import dashboard


class Bench:
    def __init__(self) -> None:
        self.now = 0.0
        self.lines: list[str] = []
        self.ticks: list[Callable[[], None]] = []
        self.activity = Activity(self.lines.append, self.set_interval, clock=lambda: self.now)  # type: ignore[arg-type]

    def set_interval(self, _seconds: float, call: Callable[[], None]) -> Bench:
        self.ticks.append(call)
        return self

    def stop(self) -> None:
        self.ticks.clear()

    def after(self, seconds: float) -> str:
        self.now += seconds
        for tick in self.ticks:
            tick()
        return self.lines[-1] if self.lines else ""


def test_short_work_is_not_told() -> None:
    bench = Bench()
    with bench.activity.during("killing"):
        assert bench.after(0.3) == ""
    assert set(bench.lines) == {""}
    assert bench.ticks == []


def test_long_work_is_told_until_it_ends() -> None:
    bench = Bench()
    with bench.activity.during("creating web") as step:
        assert bench.after(1) == "creating web 1s"
        step.detail = "installing \x1bnumpy"
        assert bench.after(61) == "creating web 1m 2s: installing \\x1bnumpy"
        with bench.activity.during("killing"):
            assert bench.after(2) == "killing 2s (and 1 more)"
        assert bench.lines[-1].startswith("creating web 1m 4s")
    assert bench.lines[-1] == ""


async def test_a_slow_create_says_how_far_it_is(cloud: FakeCloud, tmp_path: Path) -> None:
    async with dashboard(cloud, tmp_path) as board:
        await board.press("n")
        await board.asked("CreateDialog")
        cloud.knobs.slow = {"/v1/sandboxes": 2.5}
        await board.press("enter")
        await board.until(lambda: "creating from base" in board.app.screen.query_one(HintBar).render_line(0).text)
        await board.told("Created in")
        await board.until(lambda: "creating" not in board.app.screen.query_one(HintBar).render_line(0).text)
