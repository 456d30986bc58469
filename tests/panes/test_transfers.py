"""The queue of transfers."""

from __future__ import annotations

import asyncio

from hopx_tui.api.errors import Closed
from hopx_tui.panes.transfers import Progress, Transfers
from tests.widgets.hosting import Host, screen_lines, until


async def test_one_after_the_other() -> None:
    app = Host(transfers := Transfers())
    gates = [asyncio.Event() for _ in range(3)]
    begun: list[int] = []
    async with app.run_test(notifications=True):
        for number, gate in enumerate(gates):

            async def move(progress: Progress, number: int = number, gate: asyncio.Event = gate) -> None:
                begun.append(number)
                await gate.wait()
                await asyncio.sleep(0.11)
                progress(50, 100)
                progress(60, None)

            transfers.add(f"t{number}", 100, move, f"done {number}")
        assert transfers.busy
        await until(lambda: begun == [0])
        await until(lambda: "t0 (+2)" in "".join(screen_lines(app)))
        for number, gate in enumerate(gates):
            gate.set()
            await until(lambda number=number: f"done {number}" in [n.message for n in app._notifications])
        await until(lambda: not transfers.busy)
        assert begun == [0, 1, 2]
        assert not transfers.display
        transfers.cancel()  # nothing to cancel


async def test_failures_are_told_and_the_next_begins() -> None:
    app = Host(transfers := Transfers())

    async def broken(progress: Progress) -> None:
        raise Closed("It broke off.", hint="Again.")

    async def full(progress: Progress) -> None:
        raise OSError(28, "No space left on device")

    async def odd(progress: Progress) -> None:
        raise OSError("odd")

    async def fine(progress: Progress) -> None:
        progress(1, 1)

    async with app.run_test(notifications=True):
        for label, move in (("a", broken), ("b", full), ("c", odd), ("d", fine)):
            transfers.add(label, 0, move, "d is done")
        await until(lambda: not transfers.busy)
        told = [notification.message for notification in app._notifications]
        assert told == ["a: It broke off. Again.", "b: No space left on device", "c: odd", "d is done"]


async def test_cancelling_lets_the_next_begin() -> None:
    app = Host(transfers := Transfers())
    begun = asyncio.Event()
    second = asyncio.Event()

    async def endless(progress: Progress) -> None:
        begun.set()
        await asyncio.get_running_loop().create_future()

    async def next_one(progress: Progress) -> None:
        second.set()

    async with app.run_test(notifications=True):
        transfers.add("a", 0, endless, "never")
        transfers.add("b", 0, next_one, "b is done")
        await begun.wait()
        transfers.cancel()
        await second.wait()
        await until(lambda: "b is done" in [n.message for n in app._notifications])
        assert "a: cancelled, nothing was left behind." in [n.message for n in app._notifications]
