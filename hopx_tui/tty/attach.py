"""The person's own terminal, raw, on a remote shell: nothing of ours between but one chord."""

from __future__ import annotations

import asyncio
import os
import signal
import termios
import tty
from codecs import getincrementaldecoder
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

from hopx_tui.tty.inlet import read_now
from hopx_tui.tty.outlet import Outlet
from hopx_tui.vt.picture import picture
from hopx_tui.vt.screen import VTScreen
from hopx_tui.vt.stream import VTStream

__all__ = ["Attached", "Follower", "chord_character", "drawn", "plain_again", "window_size"]

_END_OF_FILE = "\x04"
_HELP = "\r\n[{chord} then: d or esc leaves, {chord} sends itself, ? this line]\r\n"


class Attached:
    """Holds the terminal in raw mode while it is entered (`with`).

    Args:
        stdin, stdout: descriptors; a `stdin` that is no terminal is read to its end and closed with ctrl+d.
        chord: the one byte that is kept, as people write it and as it is typed: ("ctrl+]", "\\x1d").
        send: takes what was typed, as text.
        resize: told the window's size whenever it changes.

    `show` writes the remote output; `room` is to be awaited before more of it is read; `left` is set by the chord, by
    the window's end and by `leave`.
    """

    def __init__(
        self,
        stdin: int,
        stdout: int,
        *,
        chord: tuple[str, str],
        send: Callable[[str], None],
        resize: Callable[[int, int], None],
    ) -> None:
        self._stdin, self._stdout = stdin, stdout
        self._chord_name, self._chord = chord
        self._send = send
        self._resize = resize
        self._decoder = getincrementaldecoder("utf-8")("replace")
        self._loop = asyncio.get_running_loop()
        self._pending = False
        self._reading: asyncio.Handle | None = None
        self._ended = False
        self._line_is_whole = True
        self._room = asyncio.Event()
        self.left = asyncio.Event()
        self.detached = False
        """Whether the person left by the chord."""

    def __enter__(self) -> Self:
        self._attributes = termios.tcgetattr(self._stdin) if os.isatty(self._stdin) else None
        if self._attributes is not None:
            tty.setraw(self._stdin, termios.TCSANOW)  # what was typed meanwhile is kept
        self._outlet = Outlet(self._stdout, self._loop, on_idle=self._room.set)
        self._room.set()
        self.listen(True)
        self._loop.add_signal_handler(signal.SIGWINCH, self._resized)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.listen(False)
        self._loop.remove_signal_handler(signal.SIGWINCH)
        self._outlet.close(1.0)
        if self._attributes is not None:
            with suppress(termios.error):  # the window was closed
                termios.tcsetattr(self._stdin, termios.TCSANOW, self._attributes)

    def listen(self, on: bool) -> None:
        """Read what is typed, or leave it where it is for now (a pipe's writer then waits)."""
        if self._reading is not None:
            self._reading.cancel()
            self._reading = None
        if not on or self._ended:
            self._loop.remove_reader(self._stdin)
            return
        try:
            self._loop.add_reader(self._stdin, self._readable)
        except PermissionError:  # a plain file, which the loop cannot wait for: it always has something
            self._reading = self._loop.call_soon(self._file_readable)

    def _file_readable(self) -> None:
        self._reading = self._loop.call_soon(self._file_readable)
        self._readable()

    @property
    def size(self) -> tuple[int, int]:
        """Columns and lines of the window."""
        return window_size(self._stdout)

    def show(self, text: str) -> None:
        """Write remote output as it is."""
        self._outlet.write(text)
        if self._outlet.busy:
            self._room.clear()

    async def room(self) -> None:
        """Wait until the terminal has taken what it got."""
        await self._room.wait()

    def leave(self) -> None:
        """The shell has ended."""
        self.left.set()

    def _resized(self) -> None:
        self._resize(*self.size)

    def _readable(self) -> None:
        data = read_now(self._stdin)
        if data is None:
            return
        if not data:
            self._ended = True
            self.listen(False)
            if self._attributes is None:
                # On a line that was begun the first one only sends the line.
                self._send(_END_OF_FILE if self._line_is_whole else 2 * _END_OF_FILE)
            else:
                self.left.set()
            return
        self._line_is_whole = data.endswith((b"\n", b"\r"))
        text = self._decoder.decode(data)
        self._send(self._without_chords(text) if self._attributes is not None else text)

    def _without_chords(self, text: str) -> str:
        """What is meant for the program."""
        if not self._pending and self._chord not in text:
            return text
        kept = []
        for char in text:
            if not self._pending:
                self._pending = char == self._chord
                if not self._pending:
                    kept.append(char)
                continue
            self._pending = False
            if char in ("d", ".", "\x1b"):
                self.detached = True
                self.left.set()
                break
            if char == "?":
                self.show(_HELP.format(chord=self._chord_name))
            elif char == self._chord:
                kept.append(char)
            else:
                kept += [self._chord, char]
        return "".join(kept)


def window_size(descriptor: int) -> tuple[int, int]:
    """Columns and lines of a terminal; 80x24 where there is none."""
    try:
        return os.get_terminal_size(descriptor)
    except OSError:
        return 80, 24


def chord_character(chord: str) -> str | None:
    """What a chord like `ctrl+]` is on a terminal; None if it is no single character there."""
    modifier, _, key = chord.rpartition("+")
    if modifier == "ctrl" and len(key) == 1 and "@" <= key.upper() <= "_":
        return chr(ord(key.upper()) & 0x1F)
    return None


def drawn(screen: VTScreen) -> str:
    """Brings a cleared terminal of the same size to what an emulated screen shows, and to what its program asked of
    the one who types."""
    modes = screen.modes
    asked = {1004: modes.focus_events, 1006: modes.mouse_sgr, modes.mouse: bool(modes.mouse)}
    return picture(screen) + "".join(f"\x1b[?{mode}h" for mode, on in asked.items() if on)


def plain_again(screen: VTScreen) -> str:
    """Undoes what a program left switched on, so that the person's own shell can go on."""
    return (
        ("\x1b[?1049l" if screen.modes.alt_screen else "")
        + "\x1b[?9l\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1004l\x1b[?1006l\x1b[?2004l\x1b[?1l\x1b>\x1b[?25h\x1b[?7h"
        + "\x1b7\x1b[r\x1b8\x1b[m\x1b[0 q"  # giving up a scroll region moves the cursor
    )


class Follower:
    """An emulated screen that goes along with what is shown, to know at the end what must be undone."""

    def __init__(self, columns: int, lines: int) -> None:
        self.screen = VTScreen(columns, lines, history_rows=0)
        self._stream = VTStream(self.screen)

    def feed(self, text: str) -> None:
        """What was shown."""
        self._stream.feed_text(text)
        self.screen.take_replies()  # the real terminal answers
        self.screen.take_events()
