"""What all tests share: a test that needs a tool of the machine says so, and is skipped where it is absent."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from itertools import chain

import pytest

FAIL_ON_MISSING = "HOPX_TUI_FAIL_ON_MISSING_TOOL"
"""Set where every tool is promised (CI): a test that would be skipped for one fails instead."""


PROMISED = ("bwrap", "pasta", "tmux", "htop", "vim", "nvim", "nano", "less", "mc", "dialog", "fzf", "git")
"""Programs of the packages that CI installs."""


PROOFS = (
    "contract/test_official_",
    "contract/test_readme",
    "contract/test_specifications",
    "engine/test_environment_layer",
    "engine/test_faults",
    "engine/test_lifetime",
    "engine/test_official_builder",
    "engine/test_overload",
    "engine/test_security",
    "engine/test_workshop",
    "journeys/test_failures",
    "tty/test_hostile_output",
    "vt/test_against_tmux",
    "vt/test_conformance",
    "vt/test_fuzz",
)
"""Tests that take long and seldom fail alone: `pytest -m proof --no-cov` runs them, as the checks do in the end."""

UNTRACED = ("snapshots/", "widgets/test_terminal_programs")
"""What they go through is measured by tests of its own; tracing would double the longest ones."""
LONG = ("contract/", "engine/", "journeys/", "widgets/test_terminal_programs")
"""Where tests wait for programs."""
RUNS = 4
"""As many as there are workers (pyproject)."""


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark the proofs, which the command line takes or leaves (`-m`), and what runs untraced if coverage is measured.
    What waits long begins first, everywhere.

    Each worker gets a run of tests at first; one that has nothing but long ones at its end would finish alone.
    """
    long: dict[str, list[pytest.Item]] = {}
    short: list[pytest.Item] = []
    for item in items:
        name = item.nodeid.removeprefix("tests/")
        if name.startswith(PROOFS):
            item.add_marker("proof")
        if name.startswith(UNTRACED) and not config.getoption("no_cov", default=True):
            item.add_marker("no_cover")
        (long.setdefault(name.partition("::")[0], []) if name.startswith(LONG) else short).append(item)
    modules = list(long.values())  # each has fixtures that start an engine: it stays together
    size = -(-len(short) // RUNS)
    items[:] = [
        item
        for run in range(RUNS)
        for item in (*chain.from_iterable(modules[run::RUNS]), *short[run * size : (run + 1) * size])
    ]


def pytest_configure() -> None:
    """No test of ours may be skipped for a tool that was promised, whichever way it skips."""
    absent = [tool for tool in PROMISED if shutil.which(tool) is None]
    if absent and os.environ.get(FAIL_ON_MISSING):
        raise pytest.UsageError(f"{', '.join(absent)} not installed ({FAIL_ON_MISSING} is set)")


def lacking(reason: str) -> None:
    """Skip the test for something that this machine lacks, or fail it where nothing may be lacking."""
    if os.environ.get(FAIL_ON_MISSING):
        pytest.fail(f"{reason} ({FAIL_ON_MISSING} is set)", pytrace=False)
    pytest.skip(reason)


@pytest.fixture(scope="session")
def needs() -> Callable[..., None]:
    """`needs("vim", "less")` at the start of a test."""

    def check(*tools: str) -> None:
        for tool in tools:
            if shutil.which(tool) is None:
                lacking(f"{tool} is not installed on this machine")

    return check
