# ruff: noqa: N818 -- these names are words people read in messages; all of them are ApiError
"""The one family of errors the client raises, each with plain words and a hint."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from hopx_tui.api.words import one_line

__all__ = [
    "ApiError",
    "AuthError",
    "BadResponse",
    "Closed",
    "Conflict",
    "Forbidden",
    "InvalidRequest",
    "LocalFileError",
    "NotFound",
    "PaymentRequired",
    "RateLimited",
    "ServerError",
    "TimedOut",
    "Unreachable",
]


class ApiError(Exception):
    """Anything that went wrong between the dashboard and a server.

    `message` says what happened and `hint` what to do about it: both are kept plain (one line, free of control
    characters, at most 500 characters), whatever a server put into them. `code` is the server's own word for it,
    `status` the HTTP status, `retry_after` seconds.
    """

    retryable: ClassVar[bool] = False
    """Asking again later may succeed although nobody changed anything."""

    def __init__(
        self,
        message: str,
        *,
        hint: str = "",
        code: str | None = None,
        status: int | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
        details: Mapping[str, Any] | None = None,
    ) -> None:
        self.message = message
        self.hint = hint
        super().__init__(self.message)
        self.code = code
        self.status = status
        self.request_id = request_id
        self.retry_after = retry_after
        self.details: Mapping[str, Any] = details or {}

    @property
    def message(self) -> str:
        return self._message

    @message.setter
    def message(self, text: str) -> None:
        self._message = one_line(text)

    @property
    def hint(self) -> str:
        return self._hint

    @hint.setter
    def hint(self, text: str) -> None:
        self._hint = one_line(text)

    def __str__(self) -> str:
        return f"{self.message} {self.hint}" if self.hint else self.message


class AuthError(ApiError):
    """401: the API key or the sandbox token was refused."""


class PaymentRequired(ApiError):
    """402: the account has no credit for this."""


class Forbidden(ApiError):
    """403: known, but not allowed; also a resource limit of the account."""


class NotFound(ApiError):
    """404 and 410: no such sandbox, template, file, process or route."""


class Conflict(ApiError):
    """409: the thing is in a state that does not allow this."""


class InvalidRequest(ApiError):
    """400, 422 and the other 4xx: the server understood and said no."""


class RateLimited(ApiError):
    """429: too many requests; `retry_after` when the server told."""

    retryable = True


class ServerError(ApiError):
    """5xx."""

    retryable = True


class Unreachable(ApiError):
    """No connection: refused, unknown host, no route, TLS."""

    retryable = True


class TimedOut(ApiError):
    """The server did not answer in time."""

    retryable = True


class BadResponse(ApiError):
    """An answer that is not what the contract says: HTML, no JSON, wrong shape, a redirect."""


class Closed(ApiError):
    """A websocket or a transfer that was under way broke off."""

    retryable = True


class LocalFileError(ApiError):
    """This machine's disk refused: no space, no permission, file exists."""
