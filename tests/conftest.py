"""What all tests share: a test that needs a tool of the machine says so, and is skipped where it is absent."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable

import pytest

FAIL_ON_MISSING = "HOPX_TUI_FAIL_ON_MISSING_TOOL"
"""Set where every tool is promised (CI): a test that would be skipped for one fails instead."""


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
