"""When a token is fetched, kept, renewed."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from hopx_tui.api.errors import ApiError, NotFound, ServerError
from hopx_tui.api.models import Token
from hopx_tui.api.tokens import TokenKeeper

HOUR = timedelta(hours=1)


class Issuer:
    """Hands out numbered tokens at a time of its own."""

    def __init__(self, life: timedelta | None = timedelta(hours=24)) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)
        self.life = life
        self.count = 0
        self.error: ApiError | None = None

    async def refresh(self) -> Token:
        await asyncio.sleep(0)
        if self.error:
            raise self.error
        self.count += 1
        return self.token(f"t{self.count}")

    def token(self, value: str) -> Token:
        return Token(value, None if self.life is None else self.now + self.life)

    def keeper(self, token: Token | None = None) -> TokenKeeper:
        return TokenKeeper(self.refresh, token=token, now=lambda: self.now)


async def test_fetched_late_and_kept() -> None:
    issuer = Issuer()
    keeper = issuer.keeper()
    assert issuer.count == 0
    values = await asyncio.gather(*(keeper.get() for _ in range(10)))
    assert {token.value for token in values} == {"t1"}
    assert issuer.count == 1


async def test_taken_from_create_until_an_hour_before_its_end() -> None:
    issuer = Issuer()
    keeper = issuer.keeper(issuer.token("created"))
    issuer.now += 22 * HOUR
    assert (await keeper.get()).value == "created"
    issuer.now += 1.5 * HOUR
    assert (await keeper.get()).value == "t1"


async def test_short_lived_tokens_are_not_renewed_all_the_time() -> None:
    issuer = Issuer(timedelta(minutes=30))
    keeper = issuer.keeper(issuer.token("created"))
    for _ in range(5):
        assert (await keeper.get()).value == "t1"
    issuer.now += timedelta(minutes=25)
    assert (await keeper.get()).value == "t2"


async def test_a_token_without_an_end_is_kept() -> None:
    issuer = Issuer(None)
    keeper = issuer.keeper()
    await keeper.get()
    issuer.now += 1000 * HOUR
    assert (await keeper.get()).value == "t1"


async def test_a_refused_token_is_replaced_once_for_all() -> None:
    issuer = Issuer()
    keeper = issuer.keeper()
    old = await keeper.get()
    fresh = await asyncio.gather(*(keeper.replace(old) for _ in range(5)))
    assert {token.value for token in fresh} == {"t2"}
    assert issuer.count == 2


async def test_the_one_at_hand_serves_while_the_control_plane_is_down() -> None:
    issuer = Issuer()
    keeper = issuer.keeper(issuer.token("created"))
    issuer.now += 23.5 * HOUR
    issuer.error = ServerError("down")
    assert (await keeper.get()).value == "created"
    issuer.error = None
    assert (await keeper.get()).value == "created"  # not asked again at once
    issuer.now += timedelta(minutes=2)
    assert (await keeper.get()).value == "t1"


async def test_when_there_is_none_the_error_shows() -> None:
    issuer = Issuer()
    keeper = issuer.keeper(issuer.token("created"))
    issuer.now += 25 * HOUR
    issuer.error = ServerError("down")
    with pytest.raises(ServerError):
        await keeper.get()
    issuer.error = NotFound("gone")
    with pytest.raises(NotFound):
        await keeper.get()
    with pytest.raises(NotFound):
        await issuer.keeper().get()


async def test_a_sandbox_that_is_gone_is_told_even_if_the_token_still_lives() -> None:
    issuer = Issuer()
    keeper = issuer.keeper(issuer.token("created"))
    issuer.now += 23.5 * HOUR
    issuer.error = NotFound("gone")
    with pytest.raises(NotFound):
        await keeper.get()


async def test_cancelling_one_waiter_leaves_the_others() -> None:
    issuer = Issuer()
    keeper = issuer.keeper()
    first, second = asyncio.create_task(keeper.get()), asyncio.create_task(keeper.get())
    await asyncio.sleep(0)
    first.cancel()
    assert (await second).value == "t1"
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_a_token_of_the_year_one() -> None:
    early = Token("a", datetime(1, 1, 1, 0, 30, tzinfo=UTC))

    async def refresh() -> Token:
        return Token("b")

    assert (await TokenKeeper(refresh, token=early).get()).value == "b"
