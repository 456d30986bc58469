"""The credential of one sandbox: fetched late, kept, renewed before it ends and when it is refused."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from hopx_tui.api.errors import ApiError
from hopx_tui.api.models import Token

__all__ = ["TokenKeeper"]

_MARGIN = timedelta(hours=1)
_PATIENCE = timedelta(minutes=1)


def _now() -> datetime:
    return datetime.now(UTC)


class TokenKeeper:
    """Keeps one token; only one renewal is ever under way. Values never reach a log or a repr."""

    def __init__(
        self,
        refresh: Callable[[], Awaitable[Token]],
        *,
        token: Token | None = None,
        now: Callable[[], datetime] = _now,
    ) -> None:
        self._refresh = refresh
        self._now = now
        self._token = token
        self._renew_at = _renewal(token, None)
        self._lock = asyncio.Lock()

    async def get(self) -> Token:
        """A token that is good for a while; ApiError when there is none and none can be had."""
        token = self._token
        if token is not None and not self._due():
            return token
        async with self._lock:
            if self._token is not None and not self._due():
                return self._token
            try:
                return await self._renewed()
            except ApiError as error:
                if self._token is None or self._ended() or not error.retryable:
                    raise
                self._renew_at = self._now() + _PATIENCE  # the one at hand still works
                return self._token

    async def replace(self, refused: Token) -> Token:
        """Another token than `refused`, which an agent answered with 401."""
        async with self._lock:
            if self._token is not None and self._token.value != refused.value:
                return self._token
            return await self._renewed()

    async def _renewed(self) -> Token:
        token = await self._refresh()
        self._token = token
        self._renew_at = _renewal(token, self._now())
        return token

    def _due(self) -> bool:
        return self._renew_at is not None and self._now() >= self._renew_at

    def _ended(self) -> bool:
        ends = self._token.expires_at if self._token else None
        return ends is not None and self._now() >= ends


def _renewal(token: Token | None, obtained: datetime | None) -> datetime | None:
    """When to renew: an hour before the end; late in the life of one that was fresh and yet ends sooner."""
    if token is None or token.expires_at is None:
        return None
    try:
        at = token.expires_at - _MARGIN
    except OverflowError:  # a moment in the year 1
        return token.expires_at
    if obtained is not None and at <= obtained:
        return obtained + 0.8 * (token.expires_at - obtained)
    return at
