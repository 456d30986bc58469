"""`hopx-tui attach`: which sandbox is meant, and what is said where there is no shell to be had."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from hopx_tui import attach as module
from hopx_tui.api.errors import Unreachable
from hopx_tui.api.sockets import PtyExit, PtyRole
from hopx_tui.attach import FAILED, Typed, attach
from hopx_tui.tty.attach import Follower
from hopx_tui.vt.screen import VTScreen
from hopx_tui.vt.stream import VTStream
from tests.fake_cloud import FakeCloud


@pytest.fixture
async def cloud() -> AsyncIterator[FakeCloud]:
    """Seven sandboxes: the fifth is paused, the others run."""
    async with FakeCloud(sandboxes=7) as server:
        yield server


async def refused(cloud: FakeCloud, wanted: str, names: dict[str, str] | None = None, **options: str | None) -> str:
    """What is said instead of a shell."""
    said: list[str] = []

    async def open_source() -> tuple[str, str]:
        return cloud.url, cloud.api_key

    status = await attach(open_source, wanted, (names or {}).get, session=options.get("session"), say=said.append)
    assert status == FAILED
    return "\n".join(said)


async def test_nobody_is_meant(cloud: FakeCloud) -> None:
    said = await refused(cloud, "nobody", {cloud.id_of(0): "web"})
    assert said.startswith("No sandbox 'nobody'. There are: web, ")


async def test_several_are_meant(cloud: FakeCloud) -> None:
    assert "may be any of" in await refused(cloud, cloud.id_of(0)[:3])


async def test_a_paused_one(cloud: FakeCloud) -> None:
    assert "is paused; only a running sandbox" in await refused(cloud, "asleep", {cloud.id_of(4): "asleep"})


async def test_an_agent_without_sessions(cloud: FakeCloud) -> None:
    assert "keeps no sessions" in await refused(cloud, cloud.id_of(0), session="x")


async def test_no_source() -> None:
    said: list[str] = []

    async def open_source() -> tuple[str, str]:
        raise Unreachable("No engine today.")

    assert await attach(open_source, "x", {}.get, session=None, say=said.append) == FAILED
    assert "No engine today." in said[0]


class SlowLink:
    """Takes text only while it is told to."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.got: list[object] = []

    async def write(self, text: str) -> None:
        await self.open.wait()
        self.got.append(text)

    async def resize(self, columns: int, lines: int) -> None:
        await self.open.wait()
        self.got.append((columns, lines))


@pytest.mark.parametrize("from_terminal", [True, False])
async def test_what_is_typed_at_a_far_side_that_does_not_read(
    from_terminal: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pipe waits and loses nothing; a person's keys beyond the bound are counted, as they must be able to leave."""
    monkeypatch.setattr(module, "MOST_UNSENT", 10)
    link: Any = SlowLink()
    heard: list[bool] = []
    typed = Typed(link, from_terminal=from_terminal, listen=heard.append)
    task = asyncio.create_task(typed.run())
    typed.send("12345")
    typed.resize(90, 30)
    typed.send("67890")
    await asyncio.sleep(0)
    if from_terminal:
        typed.send("x")
        assert (typed.lost, heard) == (1, [])
    else:
        assert (typed.lost, heard) == (0, [False])
    link.open.set()
    async with asyncio.timeout(5):
        while len(link.got) < 3:
            await asyncio.sleep(0)
    assert link.got == ["12345", (90, 30), "67890"]
    assert heard == ([] if from_terminal else [False, True])
    typed.send("again")
    async with asyncio.timeout(5):
        while len(link.got) < 4:
            await asyncio.sleep(0)
    task.cancel()


class Replaying:
    """A link to a shell in which something was written before."""

    def __init__(self, *says: object) -> None:
        self._says = iter(says)

    async def read(self) -> object:
        return next(self._says)


class Shown(list[str]):
    """The person's terminal."""

    show = list.append

    async def room(self) -> None:
        pass


async def test_of_a_replay_the_picture_is_shown() -> None:
    """The terminal would answer what was asked in it, and the shell take the answers for typed text."""
    replay = ["one\r\n\x1b[c\x1b[6n\x1b]52;c;YWJj\x07", "\x1b]10;?\x07\x1b[31mtwo\x1b[m $ "]
    role = PtyRole(True, position=100, characters=sum(map(len, replay)))
    link: Any = Replaying(role, *replay, "live\x1b[6n", PtyRole(False), "more", PtyExit(3))
    shown: Any = Shown()
    follower = Follower(40, 10)
    assert await module._show(link, shown, follower) == PtyExit(3)
    assert shown[1:] == ["live\x1b[6n", "more"]
    screen = VTScreen(40, 10)
    VTStream(screen).feed_text(shown[0])
    assert [line.rstrip() for line in screen.display[:2]] == ["one", "two $"]
    assert not screen.take_replies()
    assert not screen.take_events()
