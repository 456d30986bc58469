from __future__ import annotations

import math

import pytest

from hopx_tui.api.errors import ServerError
from hopx_tui.api.models import Cpu, Network, System, Usage
from hopx_tui.live.history import Series, UsageHistory
from tests.live.cloud import system


def test_a_series_keeps_the_newest_samples() -> None:
    series = Series(3)
    assert (len(series), series.latest, series.last(5), series.max()) == (0, None, [], 0.0)
    for at in range(1, 6):
        series.append(at, at * 10)
    assert series.last(2) == [40, 50]
    assert series.last(99) == [30, 40, 50]
    assert series.last(0) == []
    assert series.points() == [(3, 30), (4, 40), (5, 50)]
    assert series.points(1) == [(5, 50)]
    assert (len(series), series.latest, series.max(), series.max(1)) == (3, 50, 50, 50)


def test_the_maximum_is_of_the_window() -> None:
    series = Series(10)
    for value in (9, 1, 2):
        series.append(0, value)
    assert (series.max(), series.max(2)) == (9, 2)


def test_gaps() -> None:
    series = Series(4)
    for value in (1.0, None, math.nan, math.inf):
        series.append(0, value)
    assert series.last(4) == [1.0, None, None, None]
    assert series.latest is None
    assert series.max() == 1.0
    series.append(0, None)
    assert series.max() == 0.0


def test_usage_is_recorded() -> None:
    usage = UsageHistory()
    usage.record(10.0, system(12.5))
    assert (usage.cpu.latest, usage.memory.latest, usage.disk.latest) == (12.5, 40, 300)
    assert (usage.rx.latest, usage.tx.latest) == (None, None)
    assert (usage.at, usage.error, usage.frozen) == (10.0, None, None)
    assert usage.system is not None
    assert usage.version == 1


def test_rates_are_differences_over_time() -> None:
    usage = UsageHistory()
    for at, rx, tx in ((10.0, 1_000, 50), (12.0, 3_000, 50), (13.0, 10, 70), (13.0, 11, 71), (14.0, 12, 72)):
        usage.record(at, system(network=Network(rx, tx)))
    assert usage.rx.last(9) == [None, 1_000.0, None, None, 1.0]
    assert usage.tx.last(9) == [None, 0.0, 20.0, None, 1.0]
    usage.record(15.0, system())
    usage.record(16.0, system(network=Network(99, 99)))
    assert usage.rx.last(2) == [None, None], "after a measurement without counters there is nothing to compare"


def test_a_failure_is_a_gap_until_the_next_measurement() -> None:
    usage = UsageHistory()
    error = ServerError("500")
    usage.record(1.0, system(network=Network(1, 1)))
    usage.gap(2.0, error)
    assert (usage.error, usage.cpu.last(2), usage.at) == (error, [1.0, None], 1.0)
    usage.record(3.0, system(network=Network(5, 5)))
    assert (usage.error, usage.rx.last(3)) == (None, [None, None, None])


def test_pausing_freezes_and_marks() -> None:
    usage = UsageHistory()
    usage.record(1.0, system(3.0))
    usage.freeze(2.0, "paused")
    usage.freeze(3.0, "paused")
    assert usage.frozen == "paused"
    assert usage.cpu.last(9) == [3.0, None]
    usage.record(4.0, system(5.0))
    assert usage.frozen is None
    assert usage.cpu.last(9) == [3.0, None, 5.0]
    assert [(mark.at, mark.text) for mark in usage.marks] == [(2.0, "paused"), (4.0, "running")]
    version = usage.version
    usage.thaw(5.0)
    assert usage.version == version


def test_a_usage_history_is_bounded() -> None:
    usage = UsageHistory(capacity=4)
    for at in range(100):
        usage.record(at, system())
        usage.freeze(at, str(at))
    assert len(usage.cpu) == 4
    assert len(usage.marks) <= 32


@pytest.mark.parametrize("figure", [10**400, -(10**400), 1e308, -1e308, math.inf, math.nan])
def test_impossible_figures_are_gaps(figure: float) -> None:
    series = Series(4)
    series.append(1.0, figure)
    assert series.latest is None
    history = UsageHistory()
    for at in (1.0, 2.0):
        network = Network(0, 10**400 if at > 1 else 0)
        history.record(at, System(Cpu(figure), Usage(10**400, figure), Usage(1, 1), network=network))
    assert (history.cpu.latest, history.memory.latest, history.tx.latest, history.rx.latest) == (None, None, None, 0.0)
