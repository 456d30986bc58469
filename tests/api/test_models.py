"""Values: secrets stay hidden, addresses keep odd names."""

from __future__ import annotations

import base64
from datetime import UTC, datetime

import pytest

from hopx_tui.api.models import AgentInfo, CommandResult, EngineHealth, FileInfo, Health, Token


def test_a_token_is_never_shown() -> None:
    token = Token("s3cret", datetime(2026, 1, 1, tzinfo=UTC))
    assert "s3cret" not in f"{token!r} {token} {[token]}"
    assert "s3cret" not in str(list(token.__rich_repr__()))
    assert token.value == "s3cret"


def test_the_address_of_a_file() -> None:
    raw = b"/workspace/\xff\xfe"
    assert FileInfo("a", "/workspace/a").address == "/workspace/a"
    assert FileInfo("?", "/workspace/?", path_b64=base64.b64encode(raw).decode()).address == raw
    assert FileInfo("?", "/workspace/?", path_b64="not base64!").address == "/workspace/?"


def test_health_words() -> None:
    assert Health("healthy").ok
    assert Health("ok").ok
    assert not Health("starting").ok
    assert EngineHealth("healthy").ok
    assert not EngineHealth("sick").ok


def test_features() -> None:
    assert AgentInfo(features={"read_limit": True}).has("read_limit")
    assert not AgentInfo(features={"read_limit": False}).has("read_limit")
    assert not AgentInfo().has("read_limit")


def test_a_silent_server_is_no_success() -> None:
    assert CommandResult().exit_code != 0


def test_values_are_frozen() -> None:
    with pytest.raises(AttributeError):
        Health("ok").status = "x"  # type: ignore[misc]
