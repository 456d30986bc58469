"""One family, plain words, and no network library behind it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from hopx_tui.api import errors
from hopx_tui.api.errors import ApiError, Closed, NotFound, RateLimited, ServerError, TimedOut, Unreachable


def test_everything_public_is_one_family() -> None:
    assert all(issubclass(getattr(errors, name), ApiError) for name in errors.__all__)
    assert len(errors.__all__) == 14


def test_text_is_message_and_hint() -> None:
    error = NotFound("Gone.", hint="Look elsewhere.", code="X", status=404, request_id="r", retry_after=1.5)
    assert str(error) == "Gone. Look elsewhere."
    assert (error.code, error.status, error.request_id, error.retry_after) == ("X", 404, "r", 1.5)
    assert str(ApiError("Gone.")) == "Gone."
    assert ApiError("x").details == {}


@pytest.mark.parametrize("kind", [getattr(errors, name) for name in errors.__all__])
def test_what_may_be_retried(kind: type[ApiError]) -> None:
    assert kind("x").retryable == (kind in (RateLimited, ServerError, Unreachable, TimedOut, Closed))


@pytest.mark.parametrize("module", ["errors", "models", "wire", "answers"])
def test_importing_them_loads_no_network_library(module: str) -> None:
    code = (
        f"import sys, hopx_tui.api.{module}\n"
        "print([name for name in ('httpx', 'websockets', 'textual', 'aiohttp') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


def test_the_client_loads_websockets_only_for_a_terminal() -> None:
    code = "import sys, hopx_tui.api.control\nprint('websockets' in sys.modules, 'aiohttp' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "False False"


def test_texts_are_short_and_on_one_line() -> None:
    error = NotFound("a\u202eb\nc  d\u2028" + "x" * 10_000_000, hint="\x1b[2J" + "y" * 10_000_000)
    assert error.message.startswith("a b c  d xxx")
    assert (len(error.message), len(error.hint)) == (500, 500)
    assert str(error).isprintable()
    assert error.args[0] == error.message
    error.message = error.hint = "\u2066z"
    assert (error.message, error.hint) == (" z", " z")
