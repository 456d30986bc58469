"""Numbers over time: rings of samples, and the usage of one sandbox."""

from __future__ import annotations

import math
from array import array
from collections import deque
from dataclasses import dataclass

from hopx_tui.api.errors import ApiError
from hopx_tui.api.models import System

SAMPLES = 300
LARGEST = 1e18
"""An exabyte: nothing that is measured here is more."""


class Series:
    """The newest `capacity` samples of one number. A value of None is a gap: not known at that moment."""

    __slots__ = ("_next", "_times", "_values", "capacity")

    def __init__(self, capacity: int = SAMPLES) -> None:
        self.capacity = capacity
        self._times = array("d")
        self._values = array("d")  # a gap is NaN
        self._next = 0

    def __len__(self) -> int:
        return len(self._values)

    def append(self, at: float, value: float | None) -> None:
        """Add a sample of monotonic time `at`, dropping the oldest when full.

        What is not finite, or too large to be drawn to any scale, is a gap.
        """
        number = math.nan if value is None or not -LARGEST <= value <= LARGEST else float(value)
        if len(self._values) < self.capacity:
            self._times.append(at)
            self._values.append(number)
        else:
            self._times[self._next] = at
            self._values[self._next] = number
            self._next = (self._next + 1) % self.capacity

    @property
    def latest(self) -> float | None:
        """The newest sample; None if there is none or if it is a gap."""
        return _value(self._values[self._next - 1]) if self._values else None

    def last(self, n: int) -> list[float | None]:
        """The newest `n` samples at most, oldest first."""
        return [_value(self._values[i]) for i in self._newest(n)]

    def points(self, n: int | None = None) -> list[tuple[float, float | None]]:
        """As `last`, with the time of each sample."""
        newest = self._newest(len(self) if n is None else n)
        return [(self._times[i], _value(self._values[i])) for i in newest]

    def max(self, n: int | None = None) -> float:
        """The largest of the newest `n` samples (None: of all); 0.0 when none is known."""
        values = (self._values[i] for i in self._newest(len(self) if n is None else n))
        return max((value for value in values if value == value), default=0.0)

    def _newest(self, n: int) -> list[int]:
        size = len(self._values)
        count = max(0, min(n, size))
        return [(self._next + size - count + step) % size for step in range(count)]


def _value(number: float) -> float | None:
    return None if number != number else number


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment at which a sandbox stopped or went on being measured."""

    at: float
    text: str


class UsageHistory:
    """CPU, memory, disk and network of one sandbox over time, and what is known right now.

    `cpu` is the percentage the agent reports (one busy core = 100), `memory` and `disk` are bytes used, `rx`
    and `tx` bytes per second. `version` grows with every change, for whoever caches a drawing. `frozen` says
    why nothing is measured ("paused", "stopped"), `error` why the newest measurement failed.
    """

    def __init__(self, capacity: int = SAMPLES) -> None:
        self.cpu = Series(capacity)
        self.memory = Series(capacity)
        self.disk = Series(capacity)
        self.rx = Series(capacity)
        self.tx = Series(capacity)
        self.marks: deque[Mark] = deque(maxlen=32)
        self.system: System | None = None
        self.error: ApiError | None = None
        self.frozen: str | None = None
        self.at = 0.0
        """Monotonic time of the last good measurement; 0.0 = none yet."""
        self.version = 0
        self._counters: tuple[float, float, float] | None = None

    def record(self, at: float, system: System) -> None:
        """Add one measurement; rates come from the difference to the one before."""
        if self.frozen is not None:
            self.thaw(at)
        rx, tx = self._rates(at, system)
        self._append(at, system.cpu.usage_percent, system.memory.used, system.disk.used, rx, tx)
        self.system, self.error, self.at = system, None, at

    def gap(self, at: float, error: ApiError | None = None) -> None:
        """A measurement was due and failed."""
        self.error = error
        self._counters = None
        self._append(at, None, None, None, None, None)

    def freeze(self, at: float, reason: str) -> None:
        """Nothing will be measured for `reason` until the next `record`: a gap and a mark."""
        if self.frozen == reason:
            return
        self.frozen = reason
        self.marks.append(Mark(at, reason))
        self.gap(at)

    def thaw(self, at: float) -> None:
        """The sandbox runs again."""
        if self.frozen is not None:
            self.frozen = None
            self.marks.append(Mark(at, "running"))
            self.version += 1

    def _append(self, at: float, *values: float | None) -> None:
        for series, value in zip((self.cpu, self.memory, self.disk, self.rx, self.tx), values, strict=True):
            series.append(at, value)
        self.version += 1

    def _rates(self, at: float, system: System) -> tuple[float | None, float | None]:
        network = system.network
        if network is None:
            self._counters = None
            return None, None
        before, self._counters = self._counters, (at, network.rx_bytes, network.tx_bytes)
        if before is None or at <= before[0]:
            return None, None
        seconds = at - before[0]
        return _rate(before[1], network.rx_bytes, seconds), _rate(before[2], network.tx_bytes, seconds)


def _rate(before: float, after: float, seconds: float) -> float | None:
    """None when the counter went back, as it does after a restart, or is impossible."""
    if not 0 <= before <= after <= LARGEST:
        return None
    return (after - before) / seconds
