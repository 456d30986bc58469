"""Refusals of both planes as errors."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from hopx_tui.api.answers import error_from_answer
from hopx_tui.api.errors import (
    ApiError,
    AuthError,
    BadResponse,
    Conflict,
    Forbidden,
    InvalidRequest,
    NotFound,
    PaymentRequired,
    RateLimited,
    ServerError,
    TimedOut,
)


def error(status: int, body: Any = b"", **headers: str) -> ApiError:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    return error_from_answer(status, told, raw, what="do it")


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (302, BadResponse), (400, InvalidRequest), (401, AuthError), (402, PaymentRequired), (403, Forbidden),
        (404, NotFound), (405, InvalidRequest), (408, TimedOut), (409, Conflict), (410, NotFound),
        (413, InvalidRequest), (422, InvalidRequest), (429, RateLimited), (500, ServerError), (502, ServerError),
        (503, ServerError), (504, ServerError), (599, ServerError),
    ],
)  # fmt: skip
def test_kinds(status: int, kind: type[ApiError]) -> None:
    caught = error(status)
    assert type(caught) is kind
    assert caught.status == status
    assert caught.message.startswith("do it: ")


def test_the_control_planes_envelope() -> None:
    caught = error(404, {"error": {"code": "NOT_FOUND", "message": "Sandbox x not found", "request_id": "req_3"}})
    assert (caught.message, caught.code, caught.request_id) == ("do it: Sandbox x not found", "NOT_FOUND", "req_3")


def test_the_agents_envelope() -> None:
    body = {"error": "File not found", "message": "File not found", "code": "FILE_NOT_FOUND", "request_id": "req_4"}
    caught = error(404, body, x_request_id="from-header")
    assert (caught.code, caught.request_id) == ("FILE_NOT_FOUND", "from-header")
    assert caught.hint == "Reload the directory."


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ({"detail": "nope"}, "nope"),
        ({"message": "nope"}, "nope"),
        ({"error": "TOKEN_INVALID", "message": "nope", "code": "TOKEN_INVALID"}, "nope"),
        ({"error": {"code": None, "message": None, "details": None}}, "the request was refused"),
        ({}, "the request was refused"),
        (b"", "the request was refused"),
        (b"plain words", "plain words"),
        (b"<html><head><title>400 Bad</title></head></html>", "400 Bad"),
        ([1], "[1]"),
        ({"message": "a\x1b[2Jb\n" + "c" * 5000}, "a [2Jb ccc"),
    ],
)
def test_words(body: Any, text: str) -> None:
    caught = error(400, body)
    assert text in caught.message
    assert len(caught.message) < 350
    assert caught.message.isprintable()


@pytest.mark.parametrize(
    ("body", "headers", "seconds"),
    [
        ({}, {"retry_after": "7"}, 7.0),
        ({}, {"retry_after": "1.5"}, 1.5),
        ({"error": {"details": {"retry_after_seconds": 9}}}, {}, 9.0),
        ({"error": {"details": {"retry_after": "9"}}}, {}, 9.0),
        ({"retry_after": 3}, {}, 3.0),
        ({"retry_after": -3}, {}, None),
        ({"retry_after": True}, {}, None),
        ({}, {"retry_after": "nan"}, None),
        ({}, {"retry_after": "later"}, None),
        ({}, {}, None),
    ],
)
def test_how_long_to_wait(body: Any, headers: dict[str, str], seconds: float | None) -> None:
    assert error(429, body, **headers).retry_after == seconds


def test_how_long_to_wait_as_a_date() -> None:
    soon = datetime.now(UTC) + timedelta(seconds=30)
    waiting = error(429, {}, retry_after=format_datetime(soon, usegmt=True)).retry_after
    assert waiting is not None
    assert 25 < waiting <= 30
    assert error(429, {}, retry_after=format_datetime(soon - timedelta(days=1), usegmt=True)).retry_after == 0.0


def test_hints() -> None:
    assert "Resume" in error(409, {"error": "x", "code": "SANDBOX_PAUSED"}).hint
    assert "Start" in error(409, {"error": "x", "code": "SANDBOX_STOPPED"}).hint
    assert "API key" in error(401).hint
    assert "https://up" in error(403, {"error": {"message": "limit", "details": {"upgrade_url": "https://up"}}}).hint
    missing = error(400, {"error": "x", "code": "DESKTOP_NOT_AVAILABLE", "details": {"missing_dependencies": ["xvfb"]}})
    assert missing.hint == "Missing in the sandbox: xvfb"
    assert missing.details == {"missing_dependencies": ["xvfb"]}
    assert error(418).hint == ""
    assert "https://there" in error(301, location="https://there").message


def test_hostile_fields_of_an_error() -> None:
    deep = "[" * 900 + "]" * 900
    body = '{"error":"no\u202eon","code":%s,"request_id":%s,"retry_after":%s,"details":{"missing_dependencies":[%s]}}'
    error = error_from_answer(429, {}, (body % (deep, deep, "9" * 400, deep)).encode(), what="ask")
    assert (error.message, error.code, error.request_id, error.retry_after) == ("ask: no on", None, None, None)
    assert error_from_answer(429, {"retry-after": "1e300"}, b"", what="ask").retry_after == 3600
    never = {"retry-after": "Mon, 01 Jan 99999 00:00:00 GMT"}
    assert error_from_answer(429, never, b"", what="ask").retry_after is None
