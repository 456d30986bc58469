"""A refusing HTTP answer -> the fitting ApiError: both envelopes, ids, waiting times, hints."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

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
from hopx_tui.api.wire import decode_any, excerpt, plain

__all__ = ["error_from_answer"]

_KINDS: Mapping[int, type[ApiError]] = {
    401: AuthError,
    402: PaymentRequired,
    403: Forbidden,
    404: NotFound,
    408: TimedOut,
    409: Conflict,
    410: NotFound,
    429: RateLimited,
}

_LONGEST_WAIT = 3600.0
"""Seconds: whoever is told to wait for a year asks again before that."""

_WORDS: Mapping[int, str] = {
    400: "the request was refused",
    401: "the credentials were refused",
    402: "there is no credit left",
    403: "this is not allowed",
    404: "not found",
    408: "it took too long",
    409: "the present state does not allow it",
    410: "it is gone",
    422: "the request was refused",
    429: "too many requests",
}

_HINTS_BY_STATUS: Mapping[int, str] = {
    401: "Check the API key.",
    402: "Add credit to the account, then try again.",
    403: "The key may lack this right, or a limit of the account is reached.",
    404: "It may be gone by now; reload.",
    405: "This server does not offer that.",
    410: "It has expired.",
    413: "It is too big for this server.",
    429: "Wait a moment.",
    501: "This server does not offer that.",
}

_HINTS_BY_CODE: Mapping[str, str] = {
    "SANDBOX_PAUSED": "Resume the sandbox first.",
    "SANDBOX_STOPPED": "Start the sandbox first.",
    "SANDBOX_CREATING": "Wait until the sandbox runs.",
    "SANDBOX_EXPIRED": "The sandbox reached its time limit; create a new one.",
    "SANDBOX_NOT_FOUND": "It may have been killed, or have expired.",
    "TOKEN_INVALID": "The sandbox refused its token although it was renewed.",
    "TOKEN_EXPIRED": "The sandbox refused its token although it was renewed.",
    "FILE_NOT_FOUND": "Reload the directory.",
    "DIRECTORY_NOT_FOUND": "Reload the directory above.",
    "FILE_ALREADY_EXISTS": "Choose another name, or allow overwriting.",
    "PATH_NOT_ALLOWED": "Only paths the sandbox opens to its file service can be used.",
    "PERMISSION_DENIED": "The sandbox's user may not do this.",
    "PROCESS_NOT_FOUND": "It has ended already.",
    "TEMPLATE_NOT_FOUND": "Look at the list of templates.",
    "INSUFFICIENT_CREDITS": "Add credit to the account, then try again.",
    "NO_CAPACITY": "Try again later, or in another region.",
}


def error_from_answer(status: int, headers: Mapping[str, str], body: bytes, *, what: str) -> ApiError:
    """The error an answer with a status outside 2xx stands for; `what` names the request for the message."""
    if 300 <= status < 400:
        target = plain(headers.get("location", "elsewhere"), 120)
        return BadResponse(
            f"{what}: the server points to {target} instead of answering.",
            hint="Check the base URL.",
            status=status,
        )
    envelope = _envelope(body)
    details = _object(envelope.get("details"))
    code = envelope.get("code")
    code = plain(str(code), 60) if code and isinstance(code, (str, int)) else None
    unknown = "" if body[:1] == b"{" else excerpt(body)
    text = _message(envelope) or unknown or _WORDS.get(status, f"the server answered {status}")
    request_id = headers.get("x-request-id") or envelope.get("request_id")
    kind = _KINDS.get(status, ServerError if status >= 500 else InvalidRequest)
    return kind(
        f"{what}: {text}",
        hint=_hint(status, code, details),
        code=code,
        status=status,
        request_id=plain(request_id, 80) if request_id and isinstance(request_id, str) else None,
        retry_after=_retry_after(headers, envelope, details),
        details=details,
    )


def _envelope(body: bytes) -> dict[str, Any]:
    """The fields of either envelope, flat: `{"error": {...}}` of the control plane, `{"error": str}` of agents."""
    try:
        outer = _object(decode_any(body, what=""))
    except BadResponse:
        return {}
    inner = outer.get("error")
    if isinstance(inner, dict):
        return {**outer, **inner}
    return outer


def _message(envelope: Mapping[str, Any]) -> str:
    for key in ("error", "message", "detail"):
        value = envelope.get(key)
        if isinstance(value, str) and value.strip():
            if key == "error" and isinstance(envelope.get("message"), str) and value == envelope.get("code"):
                continue  # {"error": "CODE", "message": "words"}
            return plain(value)
    return ""


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _hint(status: int, code: str | None, details: Mapping[str, Any]) -> str:
    url = details.get("upgrade_url")
    if status == 403 and isinstance(url, str):
        return f"More is possible after an upgrade: {plain(url, 120)}"
    missing = details.get("missing_dependencies")
    if isinstance(missing, list) and missing:
        return plain("Missing in the sandbox: " + ", ".join(name for name in missing if isinstance(name, str)), 160)
    if code is not None and code in _HINTS_BY_CODE:
        return _HINTS_BY_CODE[code]
    if status in _HINTS_BY_STATUS:
        return _HINTS_BY_STATUS[status]
    return "The fault is on the server's side; try again." if status >= 500 else ""


def _retry_after(headers: Mapping[str, str], envelope: Mapping[str, Any], details: Mapping[str, Any]) -> float | None:
    """Seconds to wait, as told by the header (seconds or a date), the body or its details."""
    told = [headers.get("retry-after")]
    for source in (details, envelope):
        told += [source.get("retry_after_seconds"), source.get("retry_after")]
    for value in told:
        seconds = _seconds(value)
        if seconds is not None:
            return seconds
    return None


def _seconds(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        seconds = float(value)
    except OverflowError:  # a whole number of hundreds of digits
        return None
    except ValueError:
        try:
            moment = parsedate_to_datetime(str(value)[:100])
        except (ValueError, IndexError, OverflowError):
            return None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        seconds = max(0.0, (moment - datetime.now(UTC)).total_seconds())
    return min(seconds, _LONGEST_WAIT) if math.isfinite(seconds) and seconds >= 0 else None
