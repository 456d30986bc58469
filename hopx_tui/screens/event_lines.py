"""The log of events as lines of text, newest first."""

from __future__ import annotations

import time
from collections.abc import Iterable

from hopx_tui import format as fmt
from hopx_tui.live.events import Event

_LINES = 300


def event_lines(events: Iterable[Event]) -> str:
    """One line for each of the newest events; failures with what to do and the id of the request."""
    newest = list(events)[-_LINES:]
    return "\n".join(_line(event) for event in reversed(newest)) or "Nothing yet."


def _line(event: Event) -> str:
    parts = [time.strftime("%H:%M:%S", time.localtime(event.at)), fmt.printable(event.text)]
    if event.outcome != "noted":
        parts.append(event.outcome)
    if event.seconds is not None:
        parts.append(f"in {fmt.duration(event.seconds)}")
    if event.error is not None:
        if event.error.hint:
            parts.append(f"- {fmt.printable(event.error.hint)}")
        if event.error.request_id:
            parts.append(f"(request {fmt.printable(event.error.request_id)})")
    return "  ".join(parts)
