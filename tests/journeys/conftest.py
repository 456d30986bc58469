"""Machines for the journeys: a fresh one for a test, or one per module and isolation level with its engine running."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import lacking
from tests.journeys.machine import Dashboard, Machine, machine_in


@pytest.fixture(scope="session")
def needs_level(needs: Callable[..., None]) -> Callable[[str], None]:
    """`needs_level("bwrap")`: skips where this machine cannot isolate."""

    def check(level: str) -> None:
        if level == "bwrap":
            needs("bwrap")
            tried = subprocess.run(
                ["bwrap", "--ro-bind", "/", "/", "--unshare-pid", "--proc", "/proc", "true"],
                capture_output=True,
                text=True,
                timeout=30,
            )
            if tried.returncode:
                lacking(f"bwrap does not work here: {tried.stderr.strip()}")

    return check


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    """One on which nothing has run yet; it would choose its level by itself."""
    with machine_in(tmp_path) as found:
        yield found


@pytest.fixture(scope="module", params=["bwrap"])
def engine(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    needs_level: Callable[[str], None],
) -> Iterator[Machine]:
    """One whose engine runs at the level of the parameter, shared by the tests of a module."""
    level = str(request.param)
    needs_level(level)
    with machine_in(tmp_path_factory.mktemp(level), level) as found:
        found.start_engine()
        yield found


@pytest.fixture
def sandbox(engine: Machine) -> Iterator[str]:
    """The id of a running sandbox, the only one of its engine."""
    made = engine.create()
    yield made
    if any(row["id"] == made for row in engine.api("GET", "/v1/sandboxes")["data"]):
        engine.kill(made)


@pytest.fixture
def dashboard(engine: Machine, sandbox: str) -> Iterator[Dashboard]:
    """A dashboard on that sandbox."""
    opened = engine.dashboard()
    opened.wait_list()
    opened.wait(sandbox[:8])
    yield opened
    opened.close()
