"""What the agent counts about its own work, for the metrics routes."""

from __future__ import annotations

from collections import deque


class Counters:
    """Requests and executions since the start; durations of the last 512 requests."""

    def __init__(self) -> None:
        self.requests = 0
        self.errors = 0
        self.active_executions = 0
        self.executions = 0
        self.streams = 0
        self._seconds: deque[float] = deque(maxlen=512)

    def request_ended(self, seconds: float, *, failed: bool) -> None:
        """One request was answered; `failed` for a status of 400 and above."""
        self.requests += 1
        self.errors += failed
        self._seconds.append(seconds)

    def durations(self) -> tuple[float, float]:
        """Mean and 95th percentile, in milliseconds; 0 before the first request."""
        if not self._seconds:
            return 0.0, 0.0
        ordered = sorted(self._seconds)
        p95 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.95))]
        return 1000 * sum(ordered) / len(ordered), 1000 * p95
