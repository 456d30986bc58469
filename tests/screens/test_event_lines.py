"""The log of events as text."""

from __future__ import annotations

import time

from hopx_tui.api.errors import ServerError
from hopx_tui.live.events import Event
from hopx_tui.screens.event_lines import event_lines


def test_lines() -> None:
    error = ServerError("It broke", hint="Wait.", request_id="req_1")
    events = [
        Event(0.0, None, "status", "a -> b"),
        Event(60.0, "x", "kill", "kill x: It broke\x1b", error, "failed", 1.5),
        Event(120.0, "x", "kill", "kill x", ServerError("No"), "failed"),
    ]
    clock = [time.strftime("%H:%M:%S", time.localtime(at)) for at in (0, 60, 120)]
    assert event_lines(events).split("\n") == [
        f"{clock[2]}  kill x  failed",
        f"{clock[1]}  kill x: It broke\\x1b  failed  in 1.5s  - Wait.  (request req_1)",
        f"{clock[0]}  a -> b",
    ]


def test_none() -> None:
    assert event_lines([]) == "Nothing yet."


def test_only_the_newest() -> None:
    lines = event_lines(Event(0.0, None, "x", f"number {at}") for at in range(1000)).split("\n")
    assert len(lines) == 300
    assert lines[0].endswith("number 999")
