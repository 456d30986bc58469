"""`hopx-tui attach`: which sandbox is meant, and what is said where there is no shell to be had."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from hopx_tui.api.errors import Unreachable
from hopx_tui.attach import FAILED, attach
from tests.fake_cloud import FakeCloud


@pytest.fixture
async def cloud() -> AsyncIterator[FakeCloud]:
    """Seven sandboxes: the fifth is paused, the others run."""
    async with FakeCloud(sandboxes=7) as server:
        yield server


async def refused(cloud: FakeCloud, wanted: str, names: dict[str, str] | None = None, **options: str | None) -> str:
    """What is said instead of a shell."""
    said: list[str] = []

    async def open_source() -> tuple[str, str]:
        return cloud.url, cloud.api_key

    status = await attach(open_source, wanted, (names or {}).get, session=options.get("session"), say=said.append)
    assert status == FAILED
    return "\n".join(said)


async def test_nobody_is_meant(cloud: FakeCloud) -> None:
    said = await refused(cloud, "nobody", {cloud.id_of(0): "web"})
    assert said.startswith("No sandbox 'nobody'. There are: web, ")


async def test_several_are_meant(cloud: FakeCloud) -> None:
    assert "may be any of" in await refused(cloud, cloud.id_of(0)[:3])


async def test_a_paused_one(cloud: FakeCloud) -> None:
    assert "is paused; only a running sandbox" in await refused(cloud, "asleep", {cloud.id_of(4): "asleep"})


async def test_an_agent_without_sessions(cloud: FakeCloud) -> None:
    assert "keeps no sessions" in await refused(cloud, cloud.id_of(0), session="x")


async def test_no_source() -> None:
    said: list[str] = []

    async def open_source() -> tuple[str, str]:
        raise Unreachable("No engine today.")

    assert await attach(open_source, "x", {}.get, session=None, say=said.append) == FAILED
    assert "No engine today." in said[0]
