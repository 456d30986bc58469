from __future__ import annotations

import random
from datetime import UTC, datetime

import pytest

from hopx_tui.api.errors import AuthError, ServerError
from hopx_tui.live.rows import FleetState, Roster, Row, seconds_left
from tests.live.cloud import sandbox

STATE = FleetState("ok", None, 1.0, 1.0)


def roster(names: dict[str, str] | None = None) -> Roster:
    return Roster("here", (names or {}).get)


def ids(roster: Roster) -> list[str]:
    return [row.id for row in roster.rows]


def test_rows_are_in_order_of_creation_whatever_the_order_of_arrival() -> None:
    listed = roster()
    boxes = [sandbox(f"s{number}", created=number // 2) for number in range(40)]
    random.Random(1).shuffle(boxes)
    for box in boxes:
        listed.put(box)
    assert ids(listed) == sorted((f"s{n}" for n in range(40)), key=lambda s: (int(s[1:]) // 2, s))
    assert len(listed) == 40
    assert "s3" in listed


def test_an_unknown_creation_time_goes_first() -> None:
    listed = roster()
    listed.put(sandbox("old", created=5))
    listed.put(type(sandbox("x"))(id="new", status="creating"))
    assert ids(listed) == ["new", "old"]


def test_unchanged_rows_stay_the_same_objects() -> None:
    listed = roster()
    listed.put(sandbox("a"))
    listed.put(sandbox("b"))
    listed.take_change(STATE)
    rows, a, b = listed.rows, listed.get("a"), listed.get("b")
    listed.put(sandbox("a"))
    assert listed.rows is rows
    assert not listed.take_change(STATE).rows
    listed.put(sandbox("b", "paused"))
    assert listed.get("a") is a
    assert listed.get("b") is not b
    assert listed.take_change(STATE).changed == {"b"}


def test_tells_what_changed_since_it_was_last_asked() -> None:
    listed = roster()
    assert listed.put(sandbox("a")) is None
    listed.put(sandbox("b"))
    listed.put(sandbox("b", "paused"))
    change = listed.take_change(STATE)
    assert (change.added, change.removed, change.changed, change.state) == ({"a", "b"}, set(), set(), STATE)
    listed.put(sandbox("c"))
    listed.remove("c")
    listed.put(sandbox("a", "paused"))
    removed = listed.remove("a")
    assert removed is not None
    assert removed.status == "paused"
    assert listed.remove("a") is None
    change = listed.take_change(STATE)
    assert (change.added, change.removed, change.changed) == (set(), {"a"}, set())
    assert ids(listed) == ["b"]


def test_removed_and_back_is_a_change() -> None:
    listed = roster()
    listed.put(sandbox("a"))
    listed.take_change(STATE)
    listed.remove("a")
    listed.put(sandbox("a"))
    change = listed.take_change(STATE)
    assert (change.added, change.removed, change.changed) == (set(), set(), {"a"})


def test_another_creation_time_moves_the_row() -> None:
    listed = roster()
    listed.put(sandbox("a", created=1))
    listed.put(sandbox("b", created=2))
    listed.put(sandbox("a", created=3))
    assert ids(listed) == ["b", "a"]
    listed.remove("a")
    assert ids(listed) == ["b"]


def test_names_and_what_is_being_done_are_part_of_the_row() -> None:
    names = {"a": "scraper"}
    listed = roster(names)
    listed.put(sandbox("a"))
    listed.put(sandbox("b"))
    a, b = listed.rows
    assert (a.label, a.name, a.source, b.label) == ("scraper", "scraper", "here", "b")
    listed.take_change(STATE)
    listed.rename("a")
    listed.rename("ghost")
    listed.set_busy("a", None)
    listed.set_busy("ghost", "pausing")
    assert not listed.take_change(STATE).rows
    names["a"] = "crawler"
    listed.rename("a")
    listed.set_busy("b", "pausing")
    assert [(row.label, row.busy) for row in listed.rows] == [("crawler", None), ("b", "pausing")]
    assert listed.take_change(STATE).changed == {"a", "b"}
    listed.put(sandbox("b", "paused"))
    assert listed.rows[1].busy == "pausing"


@pytest.mark.parametrize(
    ("status", "host", "running"),
    [("running", "http://x", True), ("running", "", False), ("paused", "http://x", False)],
)
def test_a_running_row_says_where(status: str, host: str, running: bool) -> None:
    assert Row(type(sandbox("a"))(id="a", status=status, public_host=host), "here").running is running


@pytest.mark.parametrize(("expires", "left"), [(None, None), (1_100.0, 100.0), (900.0, 0.0)])
def test_seconds_left(expires: float | None, left: float | None) -> None:
    moment = None if expires is None else datetime.fromtimestamp(expires, UTC)
    assert seconds_left(sandbox("a", expires_at=moment), 1_000.0) == left


def test_a_moment_without_a_zone_is_utc() -> None:
    naive = datetime.fromtimestamp(1_100.0, UTC).replace(tzinfo=None)
    assert seconds_left(sandbox("a", expires_at=naive), 1_000.0) == 100.0


def test_states_with_the_same_text() -> None:
    stale = FleetState("stale", ServerError("500"), 1.0, 1.0)
    assert stale.same_text(FleetState("stale", ServerError("500"), 2.0, 2.0))
    assert not stale.same_text(FleetState("stale", ServerError("502"), 1.0, 1.0))
    assert not stale.same_text(FleetState("stale", AuthError("500"), 1.0, 1.0))
    assert not stale.same_text(STATE)
    assert (stale.age(11.0), FleetState().age(11.0)) == (10.0, None)
