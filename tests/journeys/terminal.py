"""A person's terminal: a pty with a program in it, an emulated screen to look at, keys to press.

The emulation is stock pyte, with what pyte prints by mistake taken out before, so that the product's own emulator
is not its own judge.
"""

from __future__ import annotations

import codecs
import contextlib
import fcntl
import os
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pyte

_KEYS = {
    "up": "\x1b[A", "down": "\x1b[B", "right": "\x1b[C", "left": "\x1b[D", "home": "\x1b[H", "end": "\x1b[F",
    "pageup": "\x1b[5~", "pagedown": "\x1b[6~", "delete": "\x1b[3~", "enter": "\r", "escape": "\x1b", "tab": "\t",
    "shift+tab": "\x1b[Z", "backspace": "\x7f", "space": " ", "f1": "\x1bOP", "f8": "\x1b[19~", "f9": "\x1b[20~",
    "f10": "\x1b[21~", "ctrl+]": "\x1d",
}  # fmt: skip
_PIECE = re.compile(
    r"\x1b\[(?P<private>[<-?]?)(?P<numbers>[0-9;:]*)(?P<between>[ -/]*)(?P<final>[@-~])"
    r"|(?P<string>\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\))"
    r"|(?P<short>\x1b[ -/]*[0-OQ-WYZ\\`-~])"
    r"|(?P<text>[^\x1b]+)"
)
# The pty becomes the terminal of the new session, then the program takes the process over. (A preexec_fn would do
# without this, but must not be used in a process with threads.)
_TAKE_TERMINAL = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execvp(sys.argv[1], sys.argv[1:])"
)
_FOREIGN = "The program's output is not what a terminal understands"


class Terminal:
    """Starts the program at once. `environment` is all it gets. Every wait fails with the screen in its words."""

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str],
        *,
        columns: int = 80,
        lines: int = 24,
        directory: Path | None = None,
    ) -> None:
        self.raw = bytearray()
        self.columns, self.lines = columns, lines
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._pending = ""
        self._in_frame = False
        self._main = pyte.Screen(columns, lines)
        self._alternate = pyte.Screen(columns, lines)
        self._full_screen = False
        self._main_stream, self._alternate_stream = pyte.Stream(self._main), pyte.Stream(self._alternate)
        self._fd, inner = os.openpty()
        self._set_size()
        self.began = time.monotonic()
        self._program = subprocess.Popen(
            [sys.executable, "-ISc", _TAKE_TERMINAL, *command],
            stdin=inner,
            stdout=inner,
            stderr=inner,
            env=dict(environment),
            cwd=directory,
            start_new_session=True,
        )
        os.close(inner)
        os.set_blocking(self._fd, False)

    # -- looking

    def text(self) -> str:
        """The screen as it is now, lines without trailing blanks."""
        return "\n".join(line.rstrip() for line in self._screen.display)

    def screen(self) -> str:
        """What has arrived by now, on the screen."""
        self._read(0.0)
        return self.text()

    def wait(self, pattern: str, timeout: float = 10.0) -> re.Match[str]:
        """Until the pattern is on the screen (`^` and `$` match at lines)."""
        expression = re.compile(pattern, re.MULTILINE)
        found = self.wait_until(lambda text: expression.search(text), f"{pattern!r} on the screen", timeout)
        assert isinstance(found, re.Match)
        return found

    def wait_gone(self, pattern: str, timeout: float = 10.0) -> None:
        """Until the pattern is no longer on the screen."""
        expression = re.compile(pattern, re.MULTILINE)
        self.wait_until(lambda text: not expression.search(text), f"no {pattern!r} on the screen", timeout)

    def wait_until(self, condition: Callable[[str], object], what: str, timeout: float = 10.0) -> object:
        """Until the condition of the screen's text holds; its (true) value. Half-painted frames are not shown to it."""
        deadline = time.monotonic() + timeout
        while True:
            if not self._in_frame and (value := condition(self.text())):
                return value
            left = deadline - time.monotonic()
            if left <= 0 or not self._read(min(left, 0.05)):
                reason = "the program has ended" if left > 0 else f"{timeout:g} seconds have passed"
                raise AssertionError(f"{reason} without {what}:\n{self.picture()}")

    def is_bold(self, column: int, line: int) -> bool:
        """Whether the cell is bold; from 0. (Columns of text are cells only where no wide character comes before.)"""
        return bool(self._screen.buffer[line][column].bold)

    def cell_of(self, label: str) -> tuple[int, int]:
        """Column and line, from 0, of the first place where the label stands."""
        for y, line in enumerate(self._screen.display):
            if (x := line.find(label)) >= 0:
                return x, y
        raise AssertionError(f"there is no {label!r} on the screen:\n{self.picture()}")

    def picture(self) -> str:
        """The screen in a frame, for people who read a failure."""
        edge = "+" + "-" * self._screen.columns + "+"
        return "\n".join((edge, *(f"|{line}|" for line in self._screen.display), edge))

    # -- doing

    def key(self, *names: str) -> None:
        """Press keys, one after the other."""
        for name in names:
            self.type(_bytes_of(name))

    def type(self, text: str) -> None:
        """Type text; `\\r` is enter."""
        data = text.encode("utf-8", "surrogateescape")
        while data:
            try:
                data = data[os.write(self._fd, data) :]
            except BlockingIOError:
                self._read(0.01)

    def paste(self, text: str) -> None:
        """Paste, as a terminal with bracketed paste does (the dashboard always asks for it)."""
        self.type(f"\x1b[200~{text}\x1b[201~")

    def click(self, column: int, line: int) -> None:
        """The left button, pressed and let go; from 0."""
        for final in "Mm":
            self.type(f"\x1b[<0;{column + 1};{line + 1}{final}")

    def wheel(self, column: int, line: int, *, down: bool = True) -> None:
        """One notch of the wheel over a cell; from 0."""
        self.type(f"\x1b[<{65 if down else 64};{column + 1};{line + 1}M")

    def resize(self, columns: int, lines: int) -> None:
        """Give the window another size."""
        self._read(0.0)
        self.columns, self.lines = columns, lines
        for screen in (self._main, self._alternate):
            screen.resize(lines, columns)
        self._set_size()

    # -- the end

    @property
    def pid(self) -> int:
        """The program's process."""
        return self._program.pid

    def wait_exit(self, timeout: float = 10.0) -> int:
        """Until the program has ended and all it wrote is on the screen; its exit status."""
        deadline = time.monotonic() + timeout
        while self._read(0.05):
            if time.monotonic() > deadline:
                raise AssertionError(f"the program still runs after {timeout:g} seconds:\n{self.picture()}")
        return self._program.wait(timeout=5)

    def close(self) -> None:
        """End the program, if it still runs: hang up as a closed window does, then less politely. May be repeated."""
        if self._fd < 0:
            return
        for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGKILL):
            if self._program.poll() is not None:
                break
            self._program.send_signal(number)
            deadline = time.monotonic() + 3
            while self._program.poll() is None and time.monotonic() < deadline:
                self._read(0.02)
        self._program.wait()
        os.close(self._fd)
        self._fd = -1

    # -- inside

    @property
    def _screen(self) -> pyte.Screen:
        return self._alternate if self._full_screen else self._main

    def _set_size(self) -> None:
        size = struct.pack("HHHH", self.lines, self.columns, self.columns * 8, self.lines * 16)
        fcntl.ioctl(self._fd, termios.TIOCSWINSZ, size)

    def _read(self, patience: float) -> bool:
        """Take in all output that is there, waiting that long for the first of it; False once there will be no more."""
        ready, _, _ = select.select([self._fd], [], [], patience)
        while ready:
            try:
                data = os.read(self._fd, 65_536)
            except OSError:
                data = b""  # Linux: the last process has closed the other end
            if not data:
                return False
            self.raw += data
            self._take(self._decoder.decode(data))
            ready, _, _ = select.select([self._fd], [], [], 0)
        return True

    def _take(self, text: str) -> None:
        self._pending += text
        at = 0
        while piece := _PIECE.match(self._pending, at):
            at = piece.end()
            if piece["text"] or piece["short"]:
                self._draw(piece[0])
            elif piece["string"]:
                self._answer_string(piece[0])
            else:
                self._control(piece)
        self._pending = self._pending[at:]
        assert len(self._pending) < 100_000, f"{_FOREIGN}: {self._pending[:80]!r}"

    def _draw(self, text: str) -> None:
        (self._alternate_stream if self._full_screen else self._main_stream).feed(text)

    def _control(self, piece: re.Match[str]) -> None:
        """One CSI sequence: switch screens, answer a question, or hand to pyte what it understands."""
        kind = (piece["private"], piece["between"], piece["final"])
        numbers = piece["numbers"]
        cursor = self._screen.cursor
        if kind == ("?", "", "h") or kind == ("?", "", "l"):
            on = piece["final"] == "h"
            for number in numbers.split(";"):
                if number == "1049":
                    self._full_screen = on
                    if on:
                        self._alternate.reset()
                elif number == "2026":
                    self._in_frame = on
                elif number in ("7", "25"):
                    self._draw(f"\x1b[?{number}{piece['final']}")
        elif kind == ("?", "$", "p"):
            self.type(f"\x1b[?{numbers};{2 if numbers == '2026' else 0}$y")
        elif kind == ("", "", "c"):
            self.type("\x1b[?62;22c")
        elif kind in (("", "", "n"), ("?", "", "n")) and numbers == "6":
            self.type(f"\x1b[{piece['private']}{cursor.y + 1};{cursor.x + 1}R")
        elif kind == ("", "", "n") and numbers == "5":
            self.type("\x1b[0n")
        elif not piece["private"] and not piece["between"] and piece["final"] not in "tuq":
            self._draw(piece[0])

    def _answer_string(self, text: str) -> None:
        """The colours, when they are asked for; all else (titles, the clipboard) has no place on the screen."""
        if asked := re.match(r"\x1b\](10|11);\?", text):
            colour = "d0d0/d0d0/d0d0" if asked[1] == "10" else "1e1e/1e1e/1e1e"
            self.type(f"\x1b]{asked[1]};rgb:{colour}\x1b\\")


def _bytes_of(name: str) -> str:
    if name in _KEYS:
        return _KEYS[name]
    if name.startswith("ctrl+") and len(name) == 6:
        return chr(ord(name[5].upper()) & 0x1F)
    if len(name) == 1:
        return name
    raise ValueError(f"no such key: {name}")


def screen_was_restored(raw: bytes) -> list[str]:
    """What the program left switched on in the terminal, read from all that it wrote; empty when all is well."""
    left: list[str] = []
    for number, name, resting in (
        ("1049", "the alternate screen", "l"), ("25", "the hidden cursor", "h"), ("1000", "mouse reports", "l"),
        ("1002", "mouse drag reports", "l"), ("1003", "mouse movement reports", "l"),
        ("1006", "the mouse report format", "l"), ("2004", "bracketed paste", "l"), ("1004", "focus reports", "l"),
        ("2026", "an unfinished frame", "l"),
    ):  # fmt: skip
        changes = re.findall(rb"\x1b\[\?" + number.encode() + rb"([hl])", raw)
        if changes and changes[-1].decode() != resting:
            left.append(name)
    if raw.count(b"\x1b[>1u") > raw.count(b"\x1b[<u"):
        left.append("the kitty keyboard")
    return left


@contextlib.contextmanager
def closing(terminal: Terminal):
    """The terminal, closed at the end whatever happens."""
    try:
        yield terminal
    finally:
        terminal.close()
