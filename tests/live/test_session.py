"""One open source: what it knows ahead, and that it closes everything."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from hopx_tui.api.control import ControlPlane
from hopx_tui.api.errors import ServerError
from hopx_tui.live.events import EventLog
from hopx_tui.live.fleet import CLOUD_EVERY, LOCAL_EVERY
from hopx_tui.live.session import Session
from tests.fake_cloud import FakeCloud


@pytest.fixture
async def cloud() -> AsyncIterator[FakeCloud]:
    async with FakeCloud(sandboxes=2) as server:
        yield server


@pytest.fixture
async def session(cloud: FakeCloud) -> AsyncIterator[Session]:
    made = Session(
        ControlPlane(cloud.url, cloud.api_key), local=True, name_of={cloud.id_of(0): "web"}.get, log=EventLog()
    )
    yield made
    await made.close()


async def until(condition: object) -> None:
    assert callable(condition)
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.005)


async def run(session: Session, condition: object) -> None:
    """Serve until the condition holds."""
    running = asyncio.create_task(session.run())
    try:
        await until(condition)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_lists_and_asks_ahead(session: Session, cloud: FakeCloud) -> None:
    await run(session, lambda: len(session.fleet.rows) == 2 and session._templates is not None)
    assert session.fleet.rows[0].label == "web"
    assert session.health is not None
    assert session.health.ok
    assert session.isolated
    count = cloud.requests.count(("GET", "/v1/templates"))
    assert [template.name for template in await session.templates()] == ["base", "code-interpreter", "desktop"]
    assert cloud.requests.count(("GET", "/v1/templates")) == count  # asked for once


async def test_what_fails_ahead_is_met_again(session: Session, cloud: FakeCloud) -> None:
    cloud.knobs.status |= {"/v1/templates": 500, "/health": 500}
    await run(session, lambda: len(session.fleet.rows) == 2 and ("GET", "/v1/templates") in cloud.requests)
    assert session.health is None
    assert session.isolated  # not known to be otherwise
    with pytest.raises(ServerError):
        await session.templates()
    cloud.knobs.status.clear()
    assert len(await session.templates()) == 3
    await session.learn_health()
    assert session.health is not None


async def test_not_isolated(session: Session, cloud: FakeCloud) -> None:
    cloud.knobs.body["/health"] = b'{"status": "healthy", "isolation": "none"}'
    await session.learn_health()
    assert not session.isolated


async def test_ends_its_polls(session: Session, cloud: FakeCloud) -> None:
    await run(session, lambda: session.fleet.state.kind == "ok")
    assert session.scheduler.in_flight == 0
    assert session.fleet._poll is None
    assert len(session.fleet.rows) == 2  # rows stay readable


async def test_a_bug_ends_it(session: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    def bug(*_: object) -> None:
        raise ValueError("a bug")

    session.fleet.on_change(bug)
    with pytest.raises(ValueError, match="a bug"):
        async with asyncio.timeout(10):
            await session.run()


def test_the_cloud_is_asked_less_often() -> None:
    for local, every in ((True, LOCAL_EVERY), (False, CLOUD_EVERY)):
        control = ControlPlane("http://127.0.0.1:1", "k")
        assert Session(control, local=local, name_of=lambda _: None, log=EventLog()).fleet.every == every
