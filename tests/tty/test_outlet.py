"""What is written reaches a real terminal in order, and a terminal that takes nothing holds nobody up."""

from __future__ import annotations

import asyncio
import os
import pty
import time
import tty
from collections.abc import Iterator

import pytest

from hopx_tui.tty.outlet import Outlet


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    """Our side and the program's side of a pseudo-terminal."""
    near, far = pty.openpty()
    tty.setraw(far)
    yield near, far
    for descriptor in (near, far):
        try:
            os.close(descriptor)
        except OSError:
            pass


async def read(near: int, count: int) -> bytes:
    """That many bytes, read where nothing blocks the loop."""
    data = b""
    while len(data) < count:
        data += await asyncio.to_thread(os.read, near, 4096)
    return data


@pytest.fixture(params=["its own", "the given one"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whether the terminal can be opened a second time."""
    if request.param == "the given one":

        def refuse(_descriptor: int) -> str:
            raise OSError("no such terminal")

        monkeypatch.setattr(os, "ttyname", refuse)


async def test_order_is_kept_and_writing_never_waits(terminal: tuple[int, int], way: None) -> None:
    near, far = terminal
    idle = asyncio.Event()
    outlet = Outlet(far, asyncio.get_running_loop(), on_idle=idle.set)
    expected = "".join(f"piece {number:06d}\r\n" for number in range(20_000))
    began = time.monotonic()
    for at in range(0, len(expected), 5_000):
        outlet.write(expected[at : at + 5_000])
    assert time.monotonic() - began < 2  # a blocking write would never come back: nobody reads yet
    assert outlet.busy
    assert await read(near, len(expected)) == expected.encode()
    await asyncio.wait_for(idle.wait(), 5)
    assert not outlet.busy
    outlet.close(1)


async def test_closing_sends_what_waits_but_not_for_ever(terminal: tuple[int, int], way: None) -> None:
    near, far = terminal
    outlet = Outlet(far, asyncio.get_running_loop(), on_idle=lambda: None)
    outlet.write("last words")
    outlet.close(1)
    assert await read(near, 10) == b"last words"
    outlet = Outlet(far, asyncio.get_running_loop(), on_idle=lambda: None)
    outlet.write("x" * 1_000_000)
    began = time.monotonic()
    outlet.close(0.2)
    assert time.monotonic() - began < 2
    outlet.write("nobody hears this")
    assert not outlet.busy


async def test_a_terminal_that_is_gone_is_no_fault(terminal: tuple[int, int], way: None) -> None:
    near, far = terminal
    outlet = Outlet(far, asyncio.get_running_loop(), on_idle=lambda: None)
    os.close(near)
    outlet.write("into the void")
    assert not outlet.busy
    outlet.close(0.1)


async def test_the_shells_terminal_stays_blocking(terminal: tuple[int, int]) -> None:
    near, far = terminal
    outlet = Outlet(far, asyncio.get_running_loop(), on_idle=lambda: None)
    outlet.write("a")
    assert os.get_blocking(far)
    assert await read(near, 1) == b"a"
    outlet.close(1)
    assert os.get_blocking(far)
