"""A fake cloud with a small fleet."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.fake_cloud import FakeCloud


@pytest.fixture
async def cloud() -> AsyncIterator[FakeCloud]:
    """Seven sandboxes: the fifth is paused, the others run."""
    async with FakeCloud(sandboxes=7) as server:
        yield server


@pytest.fixture
async def empty() -> AsyncIterator[FakeCloud]:
    async with FakeCloud() as server:
        yield server
