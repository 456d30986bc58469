"""Verifies the sandbox's JSON web tokens (HS256) by hand: no library is worth its memory here."""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Callable

import msgspec

from hopx_tui.agent.errors import AgentError


class _Header(msgspec.Struct):
    alg: str


class _Claims(msgspec.Struct):
    sub: str
    exp: float


def _unpadded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _invalid() -> AgentError:
    return AgentError(401, "TOKEN_INVALID", "Missing or invalid token")


class TokenVerifier:
    """Accepts tokens signed with this sandbox's key, for this sandbox, that have not expired."""

    def __init__(self, key: bytes, subject: str, *, clock: Callable[[], float]) -> None:
        self._key = key
        self._subject = subject
        self._clock = clock

    def check(self, authorization: str | None) -> None:
        """Raises AgentError 401 TOKEN_INVALID or TOKEN_EXPIRED for anything but `Bearer <good token>`."""
        scheme, _, token = (authorization or "").strip().partition(" ")
        if scheme.lower() != "bearer":
            raise _invalid()
        signed, _, signature = token.strip().rpartition(".")
        header, _, payload = signed.partition(".")
        try:
            given = _unpadded(signature)
            expected = hmac.digest(self._key, signed.encode("ascii"), "sha256")
            if not hmac.compare_digest(given, expected):
                raise _invalid()
            algorithm = msgspec.json.decode(_unpadded(header), type=_Header).alg
            claims = msgspec.json.decode(_unpadded(payload), type=_Claims)
        except (binascii.Error, ValueError, msgspec.DecodeError) as error:
            raise _invalid() from error
        if algorithm != "HS256" or claims.sub != self._subject:
            raise _invalid()
        if claims.exp <= self._clock():
            raise AgentError(401, "TOKEN_EXPIRED", "The token has expired")
