from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest

from hopx_tui.api.errors import ApiError, AuthError, BadResponse, Forbidden, ServerError, Unreachable
from hopx_tui.api.models import Sandbox
from hopx_tui.live.events import EventLog
from hopx_tui.live.listing import Listing
from hopx_tui.live.poll import Scheduler
from hopx_tui.live.rows import Change
from tests.live.clocks import FakeTime
from tests.live.cloud import FakeCloud, sandbox


class Watched:
    """A listing over a fake cloud with everything it told."""

    def __init__(self, scheduler: Scheduler, cloud: FakeCloud, names: dict[str, str] | None = None) -> None:
        self.cloud = cloud
        self.names = names if names is not None else {}
        self.listing = Listing(cloud.control, scheduler, source="here", name_of=self.names.get)
        self.changes: list[Change] = []
        self.stop = self.listing.on_change(self.changes.append)
        self.listing.open()

    def ids(self) -> list[str]:
        return [row.id for row in self.listing.rows]

    def events(self) -> list[tuple[str, str | None]]:
        return [(event.kind, event.sandbox_id) for event in self.listing.log]


def three() -> FakeCloud:
    return FakeCloud(*(sandbox(name, created=place) for place, name in enumerate("abc")))


async def test_lists_in_order_and_says_how_it_goes(time: FakeTime, scheduler: Scheduler) -> None:
    watched = Watched(scheduler, three())
    assert (watched.listing.state.kind, watched.ids()) == ("loading", [])
    await time.settle()
    assert watched.ids() == ["a", "b", "c"]
    assert (watched.listing.state.kind, watched.listing.state.at) == ("ok", time.now)
    assert watched.changes[0].added == {"a", "b", "c"}
    assert watched.changes[-1].state.kind == "ok"
    assert watched.listing.rows[0].source == "here"
    assert watched.events() == [], "what was there before us is no news"


async def test_an_empty_list_is_ok(time: FakeTime, scheduler: Scheduler) -> None:
    watched = Watched(scheduler, FakeCloud())
    await time.settle()
    assert (watched.listing.state.kind, watched.ids()) == ("ok", [])
    assert len(watched.changes) == 1


async def test_tells_nothing_while_nothing_changes(time: FakeTime, scheduler: Scheduler) -> None:
    watched = Watched(scheduler, three())
    await time.settle()
    rows, told = watched.listing.rows, len(watched.changes)
    await time.advance(10)
    assert watched.cloud.lists == 6
    assert watched.listing.rows is rows
    assert len(watched.changes) == told
    assert watched.listing.state.at == time.now


async def test_tells_and_logs_what_changed_elsewhere(time: FakeTime, scheduler: Scheduler) -> None:
    watched = Watched(scheduler, three())
    watched.names["b"] = "etl"
    await time.settle()
    row_a = watched.listing.row("a")
    watched.cloud.set("b", status="paused")
    watched.cloud.set("c", status="stopped", status_reason="oom_killed")
    watched.cloud.sandboxes["d"] = sandbox("d", created=9)
    watched.changes.clear()
    await time.advance(2)
    told = [(set(c.added), set(c.removed), set(c.changed)) for c in watched.changes]
    assert told == [({"d"}, set(), {"b", "c"})]
    assert watched.listing.row("a") is row_a
    del watched.cloud.sandboxes["a"]
    await time.advance(2)
    assert watched.changes[-1].removed == {"a"}
    assert watched.ids() == ["b", "c", "d"]
    assert watched.cloud.forgotten == ["a"]
    texts = [event.text for event in watched.listing.log]
    assert texts == [
        "etl: running -> paused",
        "c: running -> stopped (oom_killed)",
        "d appeared, running",
        "a is gone",
    ]


async def test_one_that_vanishes_at_its_time_expired(time: FakeTime, scheduler: Scheduler) -> None:
    due = datetime.fromtimestamp(time.wall() + 2, UTC)
    watched = Watched(scheduler, FakeCloud(sandbox("a", expires_at=due)))
    await time.settle()
    assert [row.id for row in watched.listing.expiring(within=5)] == ["a"]
    assert watched.listing.expiring(within=1) == []
    watched.cloud.sandboxes.clear()
    await time.advance(2)
    assert watched.events() == [("expired", "a")]


async def test_the_first_page_shows_before_the_second_arrives(time: FakeTime, scheduler: Scheduler) -> None:
    cloud = FakeCloud(*(sandbox(f"{n:03}", created=n) for n in range(25)), page_size=10)
    cloud.page_gate = asyncio.Event()
    watched = Watched(scheduler, cloud)
    await time.settle()
    assert len(watched.ids()) == 10
    assert [len(change.added) for change in watched.changes] == [10]
    assert watched.listing.state.kind == "loading"
    cloud.page_gate.set()
    await time.settle()
    assert len(watched.ids()) == 25
    assert [len(change.added) for change in watched.changes] == [10, 15], "the rest at once, not page by page"
    assert watched.listing.state.kind == "ok"


async def test_pages_stream_in_a_few_times_a_second(time: FakeTime, scheduler: Scheduler) -> None:
    cloud = FakeCloud(*(sandbox(f"{n:03}", created=n) for n in range(30)), page_size=10)
    cloud.page_gate = asyncio.Event()
    watched = Watched(scheduler, cloud)
    await time.settle()
    time.now += 1
    cloud.page_gate.set()
    await time.settle()
    assert [len(change.added) for change in watched.changes] == [10, 10, 10]


async def test_a_round_that_breaks_off_removes_nothing(time: FakeTime, scheduler: Scheduler) -> None:
    cloud = FakeCloud(*(sandbox(f"{n:03}", created=n) for n in range(25)), page_size=10)
    watched = Watched(scheduler, cloud)
    await time.settle()
    cloud.fail("page", ServerError("500"))
    await time.advance(2)
    assert len(watched.ids()) == 25
    assert watched.listing.state.kind == "stale"


async def test_a_first_load_that_breaks_off_keeps_its_pages(time: FakeTime, scheduler: Scheduler) -> None:
    cloud = FakeCloud(*(sandbox(f"{n:03}", created=n) for n in range(25)), page_size=10)
    cloud.fail("page", ServerError("500"))
    watched = Watched(scheduler, cloud)
    await time.settle()
    assert len(watched.ids()) == 10
    assert (watched.listing.state.kind, watched.listing.state.age(time.now)) == ("stale", None)
    await time.advance(5)
    assert (watched.listing.state.kind, len(watched.ids())) == ("ok", 25)


async def test_stale_rows_stay_with_age_and_reason_and_recover(time: FakeTime, scheduler: Scheduler) -> None:
    watched = Watched(scheduler, three())
    await time.settle()
    watched.changes.clear()
    watched.cloud.fail("list", *(Unreachable("No connection.") for _ in range(3)))
    await time.advance(15)
    state = watched.listing.state
    assert (state.kind, state.age(time.now)) == ("stale", 15.0)
    assert state.error is not None
    assert watched.ids() == ["a", "b", "c"]
    assert len(watched.changes) == 1, "the same failure again is no news"
    await time.advance(60)
    assert watched.listing.state.kind == "ok"
    assert [event.text for event in watched.listing.log] == ["No connection.", "the list is live again"]


@pytest.mark.parametrize(
    ("error", "kind"),
    [(Unreachable("no"), "failed"), (AuthError("key"), "refused"), (Forbidden("no"), "refused")],
)
async def test_a_list_that_never_worked(time: FakeTime, scheduler: Scheduler, error: ApiError, kind: str) -> None:
    cloud = three()
    cloud.fail("list", error)
    watched = Watched(scheduler, cloud)
    await time.settle()
    assert (watched.listing.state.kind, watched.listing.state.error, watched.ids()) == (kind, error, [])


async def test_a_key_that_is_revoked_keeps_the_rows(time: FakeTime, scheduler: Scheduler) -> None:
    watched = Watched(scheduler, three())
    await time.settle()
    watched.cloud.fail("list", AuthError("key"))
    await time.advance(2)
    assert (watched.listing.state.kind, len(watched.ids())) == ("refused", 3)


async def test_refresh_lists_at_once(time: FakeTime, scheduler: Scheduler) -> None:
    watched = Watched(scheduler, three())
    await time.settle()
    watched.listing.refresh()
    await time.settle()
    assert watched.cloud.lists == 2


async def test_rates(time: FakeTime, scheduler: Scheduler) -> None:
    watched = Watched(scheduler, three())
    await time.settle()
    watched.listing.every = 10
    watched.listing.usage_every = 7
    assert (watched.listing.every, watched.listing.usage_every) == (10, 7)
    await time.advance(9)
    assert watched.cloud.lists == 1
    watched.listing.every = 1
    await time.advance(10)
    assert watched.cloud.lists == 11


async def test_slows_down_while_nobody_looks(time: FakeTime, scheduler: Scheduler) -> None:
    watched = Watched(scheduler, three())
    watched.listing.set_visible(["a"])
    await time.settle()
    agent = watched.cloud.agents["a"]
    watched.listing.set_focused(False)
    watched.listing.set_focused(False)
    await time.advance(20)
    assert (watched.cloud.lists, agent.calls) == (5, 5)
    watched.listing.set_focused(True)
    await time.settle()
    assert (watched.cloud.lists, agent.calls) == (6, 6), "looking again refreshes"
    await time.advance(4)
    assert (watched.cloud.lists, agent.calls) == (8, 8)


async def test_close_and_open_again(time: FakeTime, scheduler: Scheduler) -> None:
    watched = Watched(scheduler, three())
    watched.listing.open()
    watched.listing.set_visible(["a"])
    await time.settle()
    watched.listing.close()
    watched.listing.close()
    watched.listing.refresh()
    await time.advance(20)
    assert (watched.cloud.lists, watched.cloud.agents["a"].calls) == (1, 1)
    assert len(watched.ids()) == 3
    assert watched.listing.usage("a") is not None
    watched.listing.open()
    await time.settle()
    assert watched.cloud.lists == 2


async def test_a_listener_can_end(time: FakeTime, scheduler: Scheduler) -> None:
    watched = Watched(scheduler, three())
    watched.stop()
    watched.stop()
    await time.settle()
    assert watched.changes == []


async def test_counts_and_agents(time: FakeTime, scheduler: Scheduler) -> None:
    cloud = three()
    cloud.set("c", status="paused")
    watched = Watched(scheduler, cloud)
    await time.settle()
    assert watched.listing.counts() == {"running": 2, "paused": 1}
    assert watched.listing.agent("a") is cloud.agents["a"]
    assert watched.listing.agent("ghost") is None
    assert watched.listing.row("ghost") is None


async def test_a_new_name_is_shown(time: FakeTime, scheduler: Scheduler) -> None:
    watched = Watched(scheduler, three())
    await time.settle()
    watched.names["a"] = "scraper"
    watched.listing.renamed("a")
    assert watched.changes[-1].changed == {"a"}
    assert watched.listing.rows[0].label == "scraper"


async def test_measures_what_becomes_visible_or_is_listed_later(time: FakeTime, scheduler: Scheduler) -> None:
    watched = Watched(scheduler, three())
    watched.listing.set_visible(["a", "d"])
    heard: list[str] = []
    end = watched.listing.on_usage(lambda sandbox_id, _: heard.append(sandbox_id))
    await time.settle()
    assert heard == ["a"]
    watched.cloud.sandboxes["d"] = sandbox("d", created=9)
    await time.advance(2)
    assert heard == ["a", "a", "d"]
    usage = watched.listing.usage("d")
    assert usage is not None
    assert usage.cpu.latest == 1.0
    assert watched.listing.usage("b") is None
    end()
    watched.listing.set_visible(["b"])
    watched.listing.set_visible(["b"])
    await time.advance(2)
    assert heard == ["a", "a", "d"]
    assert watched.cloud.agents["b"].calls == 2
    assert watched.cloud.agents["a"].calls == 2


async def test_the_log_may_be_shared(scheduler: Scheduler) -> None:
    log = EventLog()
    assert Listing(three().control, scheduler, log=log).log is log


async def test_a_list_without_end_is_shown_with_its_error_and_does_not_pile_up(
    time: FakeTime, scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    cloud = three()
    rounds = 0

    async def endless(**_: object) -> AsyncIterator[list[Sandbox]]:
        nonlocal rounds
        rounds += 1
        yield [sandbox(f"{rounds}-{i}") for i in range(50)]
        raise BadResponse("The list of sandboxes does not end.", code="LIST_TOO_LONG")

    monkeypatch.setattr(cloud, "iter_pages", endless)
    watched = Watched(scheduler, cloud)
    await time.settle()
    await time.advance(10)
    assert rounds > 2
    assert {sandbox_id.partition("-")[0] for sandbox_id in watched.ids()} == {str(rounds)}
    assert len(watched.ids()) == 50
    state = watched.listing.state
    assert (state.kind, str(state.error)) == ("stale", "The list of sandboxes does not end.")
