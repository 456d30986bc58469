"""What happened, newest last: actions of this dashboard and changes that it noticed."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from hopx_tui.api.errors import ApiError

Outcome = Literal["started", "done", "failed", "cancelled", "noted"]


@dataclass(frozen=True, eq=False, slots=True)
class Event:
    """One line of the log. `noted` events were seen, the others are steps of an action of ours."""

    at: float
    """Unix time."""
    sandbox_id: str | None
    kind: str
    """create, pause, resume, stop, start, kill, extend; status, appeared, expired, gone, connection; or the word of
    whoever notes it (upload, download, remove)."""
    text: str
    error: ApiError | None = None
    outcome: Outcome = "noted"
    seconds: float | None = None
    """How long a finished action took."""


class EventLog:
    """A bounded list of events with listeners."""

    def __init__(self, capacity: int = 2_000, *, wall: Callable[[], float] = time.time) -> None:
        """`wall` tells Unix time for `note`."""
        self._wall = wall
        self._events: deque[Event] = deque(maxlen=capacity)
        self._listeners: list[Callable[[Event], None]] = []

    def __len__(self) -> int:
        return len(self._events)

    def __iter__(self) -> Iterator[Event]:
        """Oldest first."""
        return iter(tuple(self._events))

    def append(self, event: Event) -> None:
        """Record and tell every listener; beyond the capacity the oldest goes."""
        self._events.append(event)
        for listener in tuple(self._listeners):
            listener(event)

    def note(
        self,
        kind: str,
        sandbox_id: str | None,
        text: str,
        *,
        error: ApiError | None = None,
        outcome: Outcome = "done",
    ) -> Event:
        """Record that something happened now ("upload", "remove", "signal")."""
        event = Event(self._wall(), sandbox_id, kind, text, error, outcome)
        self.append(event)
        return event

    def on_event(self, listener: Callable[[Event], None]) -> Callable[[], None]:
        """Call `listener` with each new event; returns the function that ends it."""
        self._listeners.append(listener)

        def end() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return end

    def of(self, sandbox_id: str) -> list[Event]:
        """The events of one sandbox, oldest first."""
        return [event for event in self._events if event.sandbox_id == sandbox_id]
