"""The pump: bounds, order, fairness."""

from __future__ import annotations

import asyncio
import itertools

import pytest

from hopx_tui.vt.reports import Bell, Title
from hopx_tui.vt.screen import VTScreen
from hopx_tui.vt.stream import VTStream
from hopx_tui.widgets.terminal_link import LinkLost
from hopx_tui.widgets.terminal_pump import PENDING_CHARACTERS, PIECE_CHARACTERS, Pump
from tests.widgets.terminal_app import FakeExit, FakeLink, until
from tests.widgets.test_terminal_session import Role


class FloodLink(FakeLink):
    """Always has more to read; answers at once, as a full socket does."""

    def __init__(self, frames: int, frame: str) -> None:
        super().__init__(80, 24)
        self.left = frames
        self.frame = frame

    async def read(self) -> str | FakeExit:
        if self.left == 0:
            return FakeExit(0)
        self.left -= 1
        return self.frame


def build(link: FakeLink, **options) -> tuple[Pump, VTScreen, list[int]]:
    screen = VTScreen(80, 24)
    slices: list[int] = []
    pump = Pump(link, screen, VTStream(screen), on_output=lambda: slices.append(pump.pending), **options)
    return pump, screen, slices


async def test_a_flood_is_parsed_whole_in_bounded_memory():
    link = FloodLink(640, "y\r\n" * 10_922)  # 20 MB
    pump, screen, slices = build(link)
    turns = 0

    async def other_work() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    other = asyncio.create_task(other_work())
    ended = await pump.run()
    other.cancel()
    assert ended.code == 0
    assert pump.pending == 0
    assert max(slices) <= PENDING_CHARACTERS + len(link.frame)
    history = screen.history
    assert history.dropped + len(history) == 640 * 10_922 - 23
    assert turns > len(slices)  # the loop turned between slices


async def test_a_huge_message_is_cut():
    link = FloodLink(1, "x" * 1_000_000)
    seen: list[int] = []
    screen = VTScreen(80, 24)
    stream = VTStream(screen)
    feed = stream.feed_text
    stream.feed_text = lambda text: (seen.append(len(text)), feed(text))
    await Pump(link, screen, stream, on_output=lambda: None).run()
    assert max(seen) == PIECE_CHARACTERS
    assert sum(seen) == 1_000_000


async def test_typed_text_replies_and_sizes_stay_in_order():
    link = FakeLink(80, 24)
    log: list[object] = []

    async def write(data: str) -> None:
        log.append(data)

    async def resize(cols: int, rows: int) -> None:
        log.append((cols, rows))

    link.write, link.resize = write, resize
    pump, _, _ = build(link)
    pump.send("a")
    pump.resize(10, 5)
    pump.resize(20, 6)  # of two in a row only the last
    pump.send("b")
    pump.send("")
    task = asyncio.create_task(pump.run())
    await until(lambda: len(log) == 3)
    link.say("\x1b[5n")
    await until(lambda: len(log) == 4)
    assert log == ["a", (20, 6), "b", "\x1b[0n"]
    link.say(FakeExit(None))
    assert (await task).code is None


async def test_what_can_be_sent_at_once_is_and_never_before_what_waits():
    link = FakeLink(80, 24)
    open_now, waiting = True, asyncio.Event()
    log: list[str] = []

    def write_now(data: str) -> bool:
        if open_now:
            log.append(data)
        return open_now

    async def write(data: str) -> None:
        await waiting.wait()
        log.append(data)

    link.write_now, link.write = write_now, write
    pump, _, _ = build(link)
    task = asyncio.create_task(pump.run())
    assert pump.send("a")
    assert log == ["a"]
    open_now = False
    pump.send("b")
    await asyncio.sleep(0)
    open_now = True
    pump.send("c")  # b is on its way and c must not pass it
    assert log == ["a"]
    waiting.set()
    await until(lambda: len(log) == 3)
    pump.send("d")
    assert log == ["a", "b", "c", "d"]
    link.say(FakeExit(0))
    await task


async def test_what_a_replay_asks_is_not_answered():
    """The program that asked is gone, and a shell would take the answers for typed text."""
    link = FakeLink(80, 24)
    replay = "\x1b[c\x1b[6n\x1b]10;?\x07\x07\x1b]52;c;YWJj\x07\x1b]0;a title\x07old $ "
    pump, screen, _ = build(link)
    task = asyncio.create_task(pump.run())
    link.say(Role(created=False, position=len(replay), characters=len(replay)))
    link.say(replay[:10])
    link.say(replay[10:] + "\x1b[5n\x07")
    await until(lambda: link.typed)
    assert link.typed == "\x1b[0n"
    assert screen.take_events() == [Title("a title"), Bell()]
    link.say("\x1b[6n")
    await until(lambda: link.typed == "\x1b[0n\x1b[1;7R")
    link.say(FakeExit(0))
    await task


async def test_a_paste_is_cut_and_too_much_is_refused():
    link = FakeLink(80, 24)
    pump, _, _ = build(link)
    assert pump.send("p" * 100_000)
    assert not pump.send("q" * 4 * 1024 * 1024)
    task = asyncio.create_task(pump.run())
    await until(lambda: len(link.typed) == 100_000)
    assert max(map(len, link.written)) == PIECE_CHARACTERS
    assert pump.send("q" * 4 * 1024 * 1024)
    link.say(FakeExit(0))
    await task


async def test_errors_of_reading_and_writing_come_out():
    link = FakeLink(80, 24)
    pump, screen, _ = build(link)
    link.say("last words")
    task = asyncio.create_task(pump.run())
    await until(lambda: screen.display[0].startswith("last words"))
    link.say(LinkLost("gone"))
    with pytest.raises(LinkLost, match="gone"):
        await task

    async def refuse(data: str) -> None:
        raise LinkLost("closed")

    link = FakeLink(80, 24)
    link.write = refuse
    pump, _, _ = build(link)
    pump.send("x")
    with pytest.raises(LinkLost, match="closed"):
        await pump.run()


async def test_what_was_read_before_the_exit_is_shown_and_tapped():
    link = FakeLink(80, 24)
    tapped: list[str] = []
    pump, screen, _ = build(link, tap=tapped.append)
    link.say("one ")
    link.say("two")
    link.say(FakeExit(7))
    assert (await pump.run()).code == 7
    assert screen.display[0].startswith("one two")
    assert "".join(tapped) == "one two"
    await pump.close()
    assert link.closed


class LostLink(FakeLink):
    """Brings much in one piece, and then is lost, or says nothing more."""

    def __init__(self, text: str, *, silent: bool) -> None:
        super().__init__(80, 24)
        self.text = text
        self.silent = silent

    async def read(self) -> str:
        text, self.text = self.text, ""
        if text:
            return text
        if self.silent:
            await asyncio.Event().wait()
        raise LinkLost("gone")


@pytest.mark.parametrize("silent", [False, True])
async def test_what_was_read_before_the_link_went_is_parsed(silent):
    """It counts as known: the next link does not bring it again."""
    ticks = itertools.count()  # each piece takes longer than a slice
    link = LostLink("".join(f"line {number}\x1b[c\r\n" for number in range(4000)), silent=silent)
    pump, screen, _ = build(link, clock=lambda: next(ticks))
    task = asyncio.create_task(pump.run())
    if silent:
        async with asyncio.timeout(5):
            while not pump.pending:
                await asyncio.sleep(0)
        task.cancel()
    with pytest.raises((LinkLost, asyncio.CancelledError)):
        await asyncio.wait_for(task, 5)
    assert screen.history.dropped + len(screen.history) + screen.cursor.y == 4000
    assert screen.take_replies() == b""
