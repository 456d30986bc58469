from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from hopx_tui.api.errors import ApiError, Conflict, NotFound, PaymentRequired, ServerError
from hopx_tui.live.events import Event
from hopx_tui.live.fleet import CreateSpec, Fleet
from hopx_tui.live.poll import Scheduler
from tests.live.clocks import FakeTime
from tests.live.cloud import FakeCloud, sandbox


@pytest.fixture
def cloud() -> FakeCloud:
    return FakeCloud(sandbox("a", created=1), sandbox("p", "paused", created=2), sandbox("s", "stopped", created=3))


@pytest.fixture
async def fleet(time: FakeTime, scheduler: Scheduler, cloud: FakeCloud) -> Fleet:
    fleet = Fleet(cloud.control, scheduler, every=1000, name_of={"a": "scraper"}.get)
    fleet.open()
    await time.settle()
    return fleet


def logged(fleet: Fleet) -> list[tuple[str, str | None, str, str]]:
    return [(event.kind, event.sandbox_id, event.text, event.outcome) for event in fleet.log]


def last(fleet: Fleet) -> Event:
    return list(fleet.log)[-1]


ACTIONS: list[tuple[str, str, str, Callable[[Fleet], Awaitable[None]]]] = [
    ("pause", "a", "paused", lambda fleet: fleet.pause("a")),
    ("resume", "p", "running", lambda fleet: fleet.resume("p")),
    ("stop", "a", "stopped", lambda fleet: fleet.stop("a")),
    ("start", "s", "running", lambda fleet: fleet.start("s")),
]


@pytest.mark.parametrize(("kind", "sandbox_id", "status", "act"), ACTIONS, ids=[case[0] for case in ACTIONS])
async def test_an_action_shows_what_the_server_says_afterwards(
    fleet: Fleet,
    cloud: FakeCloud,
    time: FakeTime,
    kind: str,
    sandbox_id: str,
    status: str,
    act: Callable[[Fleet], Awaitable[None]],
) -> None:
    await act(fleet)
    row = fleet.row(sandbox_id)
    assert row is not None
    assert (row.status, row.busy) == (status, None)
    assert cloud.calls == [(kind, sandbox_id)]
    label = "scraper" if sandbox_id == "a" else sandbox_id
    assert logged(fleet) == [
        (kind, sandbox_id, f"{kind} {label}", "started"),
        (kind, sandbox_id, f"{kind} {label}", "done"),
    ]
    await time.settle()
    assert cloud.lists == 2, "and the list soon"


async def test_nothing_is_assumed_while_it_is_under_way(fleet: Fleet, cloud: FakeCloud, time: FakeTime) -> None:
    cloud.action_gate = asyncio.Event()
    changes: list[str | None] = []
    fleet.on_change(lambda _: changes.append(fleet.rows[0].busy))
    acting = asyncio.create_task(fleet.pause("a"))
    await time.settle()
    row = fleet.row("a")
    assert row is not None
    assert (row.status, row.busy) == ("running", "pausing")
    time.now += 3
    cloud.action_gate.set()
    await acting
    assert last(fleet).seconds == 3
    assert changes == ["pausing", "pausing", None]


async def test_a_failure_is_logged_raised_and_the_sandbox_looked_at(fleet: Fleet, cloud: FakeCloud) -> None:
    error = Conflict("It is stopped.", code="SANDBOX_STOPPED")
    cloud.fail("pause", error)
    cloud.set("a", status="stopped")
    with pytest.raises(Conflict):
        await fleet.pause("a")
    row = fleet.row("a")
    assert row is not None
    assert (row.status, row.busy) == ("stopped", None)
    assert (last(fleet).outcome, last(fleet).error) == ("failed", error)
    assert last(fleet).text == "pause scraper: It is stopped."


async def test_an_action_on_a_vanished_sandbox_removes_it(fleet: Fleet, cloud: FakeCloud) -> None:
    del cloud.sandboxes["a"]
    with pytest.raises(NotFound):
        await fleet.pause("a")
    assert fleet.row("a") is None
    assert cloud.forgotten == ["a"]


async def test_an_action_whose_result_cannot_be_read_has_worked(fleet: Fleet, cloud: FakeCloud, time: FakeTime) -> None:
    cloud.fail("get", ServerError("500"))
    await fleet.pause("a")
    assert last(fleet).outcome == "done"
    await time.settle()
    row = fleet.row("a")
    assert row is not None
    assert row.status == "paused", "the list told"


async def test_extend(fleet: Fleet, cloud: FakeCloud) -> None:
    await fleet.extend("a", 3600)
    assert cloud.calls == [("set_timeout", "a")]
    row = fleet.row("a")
    assert row is not None
    assert row.sandbox.timeout_seconds == 3600
    assert last(fleet).kind == "extend"


async def test_kill(fleet: Fleet, cloud: FakeCloud, time: FakeTime) -> None:
    await fleet.kill("a")
    assert fleet.row("a") is None
    assert cloud.forgotten == ["a"]
    await time.settle()
    assert [row.id for row in fleet.rows] == ["p", "s"]
    assert logged(fleet) == [
        ("kill", "a", "kill scraper", "started"),
        ("kill", "a", "kill scraper", "done"),
    ], "no event about its vanishing on top"


async def test_kill_of_a_vanished_sandbox_counts_as_done(fleet: Fleet, cloud: FakeCloud) -> None:
    del cloud.sandboxes["a"]
    await fleet.kill("a")
    assert fleet.row("a") is None
    assert last(fleet).outcome == "done"


async def test_a_kill_that_fails_keeps_the_row(fleet: Fleet, cloud: FakeCloud) -> None:
    cloud.fail("kill", ServerError("500"))
    with pytest.raises(ServerError):
        await fleet.kill("a")
    assert fleet.row("a") is not None


async def test_a_cancelled_action_is_logged_and_no_longer_busy(fleet: Fleet, cloud: FakeCloud, time: FakeTime) -> None:
    cloud.action_gate = asyncio.Event()
    acting = asyncio.create_task(fleet.pause("a"))
    await time.settle()
    acting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await acting
    row = fleet.row("a")
    assert row is not None
    assert row.busy is None
    assert last(fleet).outcome == "cancelled"
    await time.settle()
    assert cloud.lists == 2


async def test_an_action_on_an_unlisted_sandbox(fleet: Fleet, cloud: FakeCloud) -> None:
    cloud.sandboxes["new"] = sandbox("new", created=9)
    await fleet.pause("new")
    row = fleet.row("new")
    assert row is not None
    assert row.status == "paused"


async def test_create_lists_the_new_one_at_once(fleet: Fleet, cloud: FakeCloud, time: FakeTime) -> None:
    spec = CreateSpec("python", region="eu", timeout_seconds=60, internet_access=False, env_vars={"A": "1"})
    made = await fleet.create(spec)
    assert fleet.rows[-1].sandbox is made
    options = {"region": "eu", "timeout_seconds": 60, "internet_access": False, "env_vars": {"A": "1"}}
    assert cloud.calls == [("create", "python", options)]
    await time.settle()
    assert logged(fleet) == [
        ("create", None, "create from python", "started"),
        ("create", made.id, f"created {made.id} from python", "done"),
    ]
    assert "1" not in repr(CreateSpec("python", env_vars={"A": "1"}))


async def test_values_given_are_known_until_the_kill(fleet: Fleet) -> None:
    made = await fleet.create(CreateSpec("base", env_vars={"A": "one", "B": "two"}))
    assert (fleet.values_given(made.id), fleet.values_given("another")) == (("one", "two"), ())
    await fleet.kill(made.id)
    assert fleet.values_given(made.id) == ()


async def test_create_without_variables_sends_none(fleet: Fleet, cloud: FakeCloud) -> None:
    await fleet.create(CreateSpec("base"))
    assert cloud.calls[0][2]["env_vars"] is None


async def test_a_refused_create(fleet: Fleet, cloud: FakeCloud) -> None:
    error = PaymentRequired("No credit.")
    cloud.fail("create", error)
    with pytest.raises(PaymentRequired):
        await fleet.create(CreateSpec("python"))
    assert (last(fleet).text, last(fleet).error) == ("create from python: No credit.", error)


async def test_a_cancelled_create_looks_whether_it_happened(fleet: Fleet, cloud: FakeCloud, time: FakeTime) -> None:
    cloud.action_gate = asyncio.Event()
    creating = asyncio.create_task(fleet.create(CreateSpec("python")))
    await time.settle()
    cloud.sandboxes["late"] = sandbox("late", created=9)
    creating.cancel()
    with pytest.raises(asyncio.CancelledError):
        await creating
    assert last(fleet).outcome == "cancelled"
    await time.settle()
    assert fleet.row("late") is not None


class TestRaces:
    """An action that ends while a list is under way knows more than the pages of that list."""

    @pytest.fixture
    async def slow(self, time: FakeTime, scheduler: Scheduler) -> tuple[Fleet, FakeCloud]:
        cloud = FakeCloud(*(sandbox(name, created=place) for place, name in enumerate("abcd")), page_size=2)
        fleet = Fleet(cloud.control, scheduler, every=1000)
        fleet.open()
        await time.settle()
        cloud.page_gate = asyncio.Event()
        time.now += 1
        fleet.refresh_list()
        await time.settle()  # page one is through, page two was read and waits
        time.now += 1
        return fleet, cloud

    async def let_it_end(self, fleet: Fleet, cloud: FakeCloud, time: FakeTime) -> None:
        assert cloud.page_gate is not None
        lists = cloud.lists
        cloud.fail("list", ServerError("500"))  # the list after it shall not repair anything
        cloud.page_gate.set()
        await time.settle()
        assert cloud.lists == lists + 1

    async def test_a_killed_one_does_not_come_back(self, slow: tuple[Fleet, FakeCloud], time: FakeTime) -> None:
        fleet, cloud = slow
        await fleet.kill("d")
        await self.let_it_end(fleet, cloud, time)
        assert [row.id for row in fleet.rows] == ["a", "b", "c"]

    async def test_a_created_one_does_not_vanish(self, slow: tuple[Fleet, FakeCloud], time: FakeTime) -> None:
        fleet, cloud = slow
        made = await fleet.create(CreateSpec("python"))
        await self.let_it_end(fleet, cloud, time)
        assert fleet.row(made.id) is not None

    async def test_a_paused_one_does_not_flip_back(self, slow: tuple[Fleet, FakeCloud], time: FakeTime) -> None:
        fleet, cloud = slow
        await fleet.pause("d")
        await self.let_it_end(fleet, cloud, time)
        row = fleet.row("d")
        assert row is not None
        assert row.status == "paused"

    async def test_afterwards_the_list_is_believed_again(self, slow: tuple[Fleet, FakeCloud], time: FakeTime) -> None:
        fleet, cloud = slow
        await fleet.pause("d")
        await self.let_it_end(fleet, cloud, time)
        cloud.set("d", status="stopped")
        time.now += 1
        fleet.refresh_list()
        await time.settle()
        row = fleet.row("d")
        assert row is not None
        assert row.status == "stopped"


async def test_errors_that_are_bugs_get_out(fleet: Fleet, cloud: FakeCloud) -> None:
    class BugError(Exception):
        pass

    async def broken(_: str) -> None:
        raise BugError

    cloud.pause = broken  # type: ignore[method-assign]
    with pytest.raises(BugError):
        await fleet.pause("a")
    row = fleet.row("a")
    assert row is not None
    assert row.busy is None
    assert not issubclass(BugError, ApiError)
