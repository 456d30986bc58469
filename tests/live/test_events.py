from __future__ import annotations

from hopx_tui.api.errors import NotFound
from hopx_tui.live.events import Event, EventLog


def event(number: int, sandbox_id: str | None = None) -> Event:
    return Event(float(number), sandbox_id, "status", f"event {number}")


def test_keeps_the_newest_and_tells_listeners() -> None:
    log = EventLog(3)
    heard: list[Event] = []
    end = log.on_event(heard.append)
    events = [event(number, "a" if number % 2 else None) for number in range(5)]
    for one in events[:4]:
        log.append(one)
    end()
    end()
    log.append(events[4])
    assert heard == events[:4]
    assert list(log) == events[2:]
    assert len(log) == 3
    assert log.of("a") == [events[3]]
    assert (events[0].outcome, events[0].error, events[0].seconds) == ("noted", None, None)


def test_may_grow_while_it_is_read() -> None:
    log = EventLog()
    log.append(event(1))
    for one in log:
        log.append(one)
    assert len(log) == 2


def test_a_listener_may_end_itself() -> None:
    log = EventLog()
    heard: list[Event] = []

    def once(one: Event) -> None:
        heard.append(one)
        end()

    end = log.on_event(once)
    log.append(event(1))
    log.append(event(2))
    assert len(heard) == 1


def test_notes_are_stamped() -> None:
    log = EventLog(wall=lambda: 17.0)
    heard: list[Event] = []
    log.on_event(heard.append)
    log.note("upload", "a", "uploaded x to /workspace/x")
    error = NotFound("gone")
    log.note("remove", "a", "remove y: gone", error=error, outcome="failed")
    assert [(one.at, one.kind, one.sandbox_id, one.outcome, one.error) for one in log] == [
        (17.0, "upload", "a", "done", None),
        (17.0, "remove", "a", "failed", error),
    ]
    assert heard == list(log)
