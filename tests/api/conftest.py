"""A fake cloud and a client of it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable

import pytest

from hopx_tui.api.agent import Agent
from hopx_tui.api.control import ControlPlane
from tests.fake_cloud import FakeCloud


@pytest.fixture
async def cloud() -> AsyncIterator[FakeCloud]:
    async with FakeCloud(sandboxes=3) as server:
        yield server


@pytest.fixture
async def control(cloud: FakeCloud) -> AsyncIterator[ControlPlane]:
    async with ControlPlane(cloud.url, cloud.api_key, timeout=10) as client:
        yield client


@pytest.fixture
async def agent(cloud: FakeCloud, control: ControlPlane) -> Agent:
    return control.agent(await control.get(cloud.id_of(0)))


async def until(condition: Callable[[], object], seconds: float = 10.0) -> None:
    """Wait for a condition, not for time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition was never met"
        await asyncio.sleep(0.005)
