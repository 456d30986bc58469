"""Machines for the journeys: a fresh one for a test, or one per module and isolation level with its engine running."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import lacking
from tests.journeys.machine import Dashboard, Machine, machine_in


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    """One on which nothing has run yet."""
    with machine_in(tmp_path) as found:
        yield found


@pytest.fixture(scope="module", params=["bwrap"])
def engine(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, needs: Callable[..., None]
) -> Iterator[Machine]:
    """One whose engine runs at the level of the parameter, shared by the tests of a module."""
    level = str(request.param)
    if level == "bwrap":
        needs("bwrap")
    with machine_in(tmp_path_factory.mktemp(level), level) as found:
        require_level(found)
        yield found


@pytest.fixture
def sandbox(engine: Machine) -> Iterator[str]:
    """The id of a running sandbox, the only one of its engine that a test looks at."""
    made = engine.create()
    yield made
    if any(row["id"] == made for row in engine.api("GET", "/v1/sandboxes")["data"]):
        engine.kill(made)


@pytest.fixture
def dashboard(engine: Machine, sandbox: str) -> Iterator[Dashboard]:
    """A dashboard on that sandbox; it must be able to leave cleanly at the end."""
    opened = engine.dashboard()
    opened.wait_list()
    opened.wait(sandbox[:8])
    yield opened
    opened.close()


def require_level(machine: Machine) -> None:
    """Start the engine at the machine's level, or skip where that level is impossible (no user namespaces)."""
    started = machine.run("engine", "start", "--isolation", machine.isolation or "auto")
    if started.returncode == 7:
        lacking(started.stderr.strip())
    assert started.returncode == 0, started.stderr
