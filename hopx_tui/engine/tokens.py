"""Per-sandbox tokens: HS256 JWTs that the sandbox's own agent can check, and nobody else's agent accepts."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime

LIFETIME_SECONDS = 24 * 3600


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class TokenIssuer:
    """Signs tokens. The key outlives restarts, so old tokens stay valid until they expire."""

    def __init__(self, signing_key: bytes, clock: Callable[[], float]) -> None:
        self._signing_key = signing_key
        self._clock = clock

    def sandbox_key(self, sandbox_id: str) -> bytes:
        """What one agent gets to check its tokens with; it opens no other sandbox."""
        return hmac.new(self._signing_key, sandbox_id.encode(), hashlib.sha256).digest()

    def issue(self, sandbox_id: str) -> dict[str, str]:
        """`{"auth_token", "token_expires_at"}` for one sandbox."""
        now = int(self._clock())
        expires = now + LIFETIME_SECONDS
        header = _encode(b'{"alg":"HS256","typ":"JWT"}')
        claims = json.dumps({"sub": sandbox_id, "iat": now, "exp": expires}, separators=(",", ":"))
        signed = f"{header}.{_encode(claims.encode())}"
        signature = hmac.new(self.sandbox_key(sandbox_id), signed.encode(), hashlib.sha256).digest()
        return {
            "auth_token": f"{signed}.{_encode(signature)}",
            "token_expires_at": rfc3339(expires),
        }


def rfc3339(moment: float) -> str:
    """Unix time as the API writes it: UTC, at most 6 fractional digits."""
    text = datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z").replace(".000Z", "Z")
