"""The person's own terminal on a remote shell: one chord is kept, all else goes through as it is."""

from __future__ import annotations

import asyncio
import os
import pty
import termios
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from hopx_tui.tty.attach import Attached, Follower, chord_character, drawn, plain_again
from hopx_tui.vt.screen import VTScreen
from hopx_tui.vt.stream import VTStream


class Window:
    """A pseudo-terminal with a person at its other end."""

    def __init__(self) -> None:
        self.near, self.far = pty.openpty()
        termios.tcsetwinsize(self.far, (24, 80))
        self.sent: list[str] = []
        self.sizes: list[tuple[int, int]] = []

    def type(self, data: bytes) -> None:
        os.write(self.near, data)

    async def shown(self, words: bytes) -> bytes:
        data = b""
        while words not in data:
            data += await asyncio.wait_for(asyncio.to_thread(os.read, self.near, 4096), 5)
        return data

    async def got(self, text: str) -> None:
        async with asyncio.timeout(5):
            while "".join(self.sent) != text:
                await asyncio.sleep(0.01)


@asynccontextmanager
async def attached() -> AsyncIterator[tuple[Window, Attached]]:
    window = Window()
    held = Attached(
        window.far,
        window.far,
        chord=("ctrl+]", "\x1d"),
        send=window.sent.append,
        resize=lambda columns, lines: window.sizes.append((columns, lines)),
    )
    with held:
        yield window, held
    os.close(window.near)
    os.close(window.far)


async def test_keys_go_through_as_they_are() -> None:
    async with attached() as (window, held):
        before = b"a\x03\x04\x1a\x11\x13\x1b[A\x1b\r\xc3\xa9\x7f"
        window.type(before)
        await window.got(before.decode())
        assert not held.left.is_set()


@pytest.mark.parametrize(("typed", "through", "left"), [
    (b"ab\x1dd", "ab", True),
    (b"\x1d.", "", True),
    (b"\x1d\x1b", "", True),
    (b"\x1d\x1dx", "\x1dx", False),
    (b"\x1dz", "\x1dz", False),
])  # fmt: skip
async def test_the_chord(typed: bytes, through: str, left: bool) -> None:
    async with attached() as (window, held):
        for at in range(len(typed)):
            window.type(typed[at : at + 1])
        await window.got(through)
        if left:
            await asyncio.wait_for(held.left.wait(), 5)
        assert held.detached is left


async def test_the_chord_explains_itself() -> None:
    async with attached() as (window, held):
        window.type(b"\x1d?")
        assert b"d or esc leaves" in await window.shown(b"leaves")
        assert not held.left.is_set()


async def test_output_waits_for_a_slow_window_and_nothing_is_lost() -> None:
    async with attached() as (window, held):
        text = "".join(f"line {number}\r\n" for number in range(20_000))
        held.show(text)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(held.room(), 0.1)
        data = b""
        while len(data) < len(text):
            data += await asyncio.to_thread(os.read, window.near, 65536)
        await asyncio.wait_for(held.room(), 5)
        assert data.decode() == text


async def test_the_terminal_is_raw_meanwhile_and_as_before_afterwards() -> None:
    window = Window()
    before = termios.tcgetattr(window.far)
    with Attached(window.far, window.far, chord=("ctrl+]", "\x1d"), send=lambda _: None, resize=lambda *_: None):
        assert not termios.tcgetattr(window.far)[3] & (termios.ICANON | termios.ECHO)
    assert termios.tcgetattr(window.far) == before
    os.close(window.near)
    os.close(window.far)


async def test_a_file_is_read_to_its_end(tmp_path: Path) -> None:
    (tmp_path / "script").write_text("echo hi")
    window = Window()
    with (tmp_path / "script").open("rb") as file:
        chord = ("ctrl+]", "\x1d")
        with Attached(file.fileno(), window.far, chord=chord, send=window.sent.append, resize=lambda *_: None):
            await window.got("echo hi\x04\x04")  # the first one sends the line, the second one ends the input
    for descriptor in (window.near, window.far):
        os.close(descriptor)


async def test_a_pipe_waits_while_nobody_listens() -> None:
    source, sink = os.pipe()
    window = Window()
    held = Attached(source, window.far, chord=("ctrl+]", "\x1d"), send=window.sent.append, resize=lambda *_: None)
    with held:
        held.listen(False)
        os.write(sink, b"later\n")
        await asyncio.sleep(0.05)
        assert window.sent == []
        held.listen(True)
        await window.got("later\n")
    for descriptor in (source, sink, window.near, window.far):
        os.close(descriptor)


async def test_a_window_that_is_gone_is_no_fault() -> None:
    window = Window()
    held = Attached(window.far, window.far, chord=("ctrl+]", "\x1d"), send=lambda _: None, resize=lambda *_: None)
    with held:
        os.close(window.near)
        await asyncio.wait_for(held.left.wait(), 5)
    os.close(window.far)


async def test_a_pipe_ends_with_an_end_of_file() -> None:
    source, sink = os.pipe()
    window = Window()
    held = Attached(source, window.far, chord=("ctrl+]", "\x1d"), send=window.sent.append, resize=lambda *_: None)
    with held:
        os.write(sink, b"echo \x1d here\n")
        os.close(sink)
        await window.got("echo \x1d here\n\x04")
        assert not held.left.is_set()
        assert held.size == (80, 24)
    for descriptor in (source, window.near, window.far):
        os.close(descriptor)


@pytest.mark.parametrize(
    ("chord", "character"),
    [("ctrl+]", "\x1d"), ("ctrl+a", "\x01"), ("ctrl+^", "\x1e"), ("f12", None), ("alt+x", None), ("ctrl+up", None)],
)
def test_chords_of_one_character(chord: str, character: str | None) -> None:
    assert chord_character(chord) == character


def test_a_drawn_screen_looks_the_same_elsewhere() -> None:
    one = VTScreen(40, 6)
    VTStream(one).feed_text(
        "\x1b[?1049h\x1b[?1h\x1b[?2004h\x1b[?1002h\x1b[?1006h\x1b[4 q"
        "\x1b[31mred \x1b[48;2;1;2;3m世界\x1b[0m\r\n\x1b[5;7He\u0301"
    )
    two = VTScreen(40, 6)
    stream = VTStream(two)
    stream.feed_text(drawn(one))
    assert two.display == one.display
    assert [[style.look for style in row.grid()[1]] for row in two.rows] == [
        [style.look for style in row.grid()[1]] for row in one.rows
    ]
    assert (two.cursor.x, two.cursor.y, two.cursor_shape) == (one.cursor.x, one.cursor.y, one.cursor_shape)
    for name in ("alt_screen", "app_cursor", "bracketed_paste", "mouse", "mouse_sgr"):
        assert getattr(two.modes, name) == getattr(one.modes, name), name


def test_what_a_program_left_on_is_switched_off() -> None:
    follower = Follower(40, 6)
    follower.feed("shell\r\n\x1b[?1049h\x1b[?1h\x1b[?2004h\x1b[?1003h\x1b[?1006h\x1b[?25l\x1b[2;4r\x1b[31m")
    follower.feed(plain_again(follower.screen))
    screen = follower.screen
    assert screen.display[0].rstrip() == "shell"
    for name in ("alt_screen", "mouse", "bracketed_paste", "app_cursor"):
        assert not getattr(screen.modes, name), name
    assert screen.cursor_visible
    assert (screen.cursor.x, screen.cursor.y) == (0, 1)
