"""A tmux pane as a reference: streams are written to its terminal, its picture is read back as cells."""

from __future__ import annotations

import os
import select
import subprocess
import time
import tty
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from wcwidth import wcwidth

from hopx_tui.vt.charset import charset
from hopx_tui.vt.style import Colour, Style

PATIENCE_SECONDS = 20
_GRAPHICS = dict(charset("0") or {})
_MODES = ("cursor_flag", "insert_flag", "keypad_cursor_flag", "keypad_flag", "origin_flag", "wrap_flag", "alternate_on")
_ASKED = "#{cursor_x} #{cursor_y} #{scroll_region_upper} #{scroll_region_lower} " + " ".join(
    f"#{{{name}}}" for name in _MODES
)
# What a stream before this one may have left: the alternate screen, then all that RIS undoes in tmux (colours and
# character sets too); at last the history goes.
_AS_NEW = b"\x18\x1b\\\x1b[?1049l\x1b[?1047l\x1bc\x1b(B\x1b)B\x0f\x1b[m\x1b[3J"


class Drawn(NamedTuple):
    """How a cell is drawn. Blinking fast is blinking; palette colours count by their index, however they were named."""

    fg: Colour = None
    bg: Colour = None
    flags: frozenset[str] = frozenset()
    underline: int = 0


Cell = tuple[str, Drawn]
PLAIN = Drawn()
_FLAGS = {1: "bold", 2: "dim", 3: "italic", 5: "blink", 7: "reverse", 8: "hidden", 9: "strike", 53: "overline"}
_CLEARED = {22: ("bold", "dim"), 23: ("italic",), 25: ("blink",), 27: ("reverse",), 28: ("hidden",), 29: ("strike",),
            55: ("overline",)}  # fmt: skip


def drawn(style: Style) -> Drawn:
    """The same of one of our styles. Left out: links and underline colours, which this tmux does not tell."""
    flags = frozenset(name for name in _FLAGS.values() if getattr(style, name))
    return Drawn(style.fg, style.bg, flags, style.underline)


def comparable(cells: list[Cell], columns: int) -> list[Cell]:
    """A row without the plain blanks at its end, and without its last column, if that is blank."""
    cells = cells[:]
    if len(cells) and sum(wcwidth(cell[0][0]) for cell in cells) == columns and cells[-1][0] == " ":
        cells.pop()
    while cells and cells[-1] == (" ", PLAIN):
        cells.pop()
    return cells


@dataclass
class Picture:
    """What a terminal shows: cells per row (a wide character is one), the cursor as (row, column), modes, margins."""

    rows: list[list[Cell]]
    cursor: tuple[int, int]
    modes: dict[str, bool]
    margins: tuple[int, int]

    @property
    def text(self) -> list[str]:
        return ["".join(cell for cell, _ in row).rstrip() for row in self.rows]


class TmuxPane:
    """One detached server with one pane whose program does nothing: the test writes to the terminal in its place."""

    def __init__(self, folder: Path, size: tuple[int, int] = (80, 24)) -> None:
        conf = folder / "conf"
        conf.write_text(
            "set -g status off\nset -g allow-rename off\nset -s escape-time 0\nset -g history-limit 2000\n"
        )
        self._base = ["tmux", "-u", "-S", str(folder / "socket"), "-f", str(conf)]
        self._env = {key: value for key, value in os.environ.items() if not key.startswith("TMUX")}
        self._env |= {"LC_ALL": "C.UTF-8", "TERM": "xterm-256color"}
        self._run("new-session", "-d", "-x", str(size[0]), "-y", str(size[1]), "exec sleep 3600")
        self._run("set", "-g", "window-size", "manual")  # in the file it would end tmux 3.3
        self._fd = os.open(self._run("display-message", "-p", "#{pane_tty}").strip(), os.O_RDWR | os.O_NOCTTY)
        tty.setraw(self._fd)
        self._client = subprocess.Popen(
            [*self._base, "-C", "attach-session", "-f", "no-output"],
            env=self._env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self._answer()
        self.size = size

    def close(self) -> None:
        os.close(self._fd)
        self._client.communicate(timeout=20)  # the end of its input ends a client in control mode
        subprocess.run([*self._base, "kill-server"], env=self._env, capture_output=True, check=False, timeout=20)

    def begin(self, size: tuple[int, int]) -> None:
        """An empty screen of another size, as if just started."""
        self.feed(_AS_NEW)
        self.resize(size)
        self.feed(_AS_NEW)

    def resize(self, size: tuple[int, int]) -> None:
        if size != self.size:
            self._ask(f"resize-window -x {size[0]} -y {size[1]}")
            self.size = size

    def feed(self, data: bytes) -> None:
        """Write bytes and wait until tmux has acted on all of them: it answers the question after them."""
        data += b"\x1b[5n"
        heard = b""
        end = time.monotonic() + PATIENCE_SECONDS
        while not heard.endswith(b"\x1b[0n") or data:
            readable, writable, _ = select.select([self._fd], [self._fd] if data else [], [], 1)
            if writable:
                data = data[os.write(self._fd, data[:4096]) :]
            if readable:
                heard += os.read(self._fd, 4096)
            assert time.monotonic() < end, "tmux has not read the stream"

    def picture(self) -> Picture:
        """What the pane shows. The pane is spoilt after it: `begin` anew.

        tmux 3.3 does not tell the background of what was erased right of a row's text. So each row's last cell is
        written then, which makes it tell; what comes of that cell itself nobody knows if it was blank.
        """
        columns, lines = self.size
        captured, told = self._ask("capture-pane -p -e -N", f"display-message -p '{_ASKED}'")
        ends = "".join(f"\x1b[{y};{columns}H|" for y in range(1, lines + 1))
        self.feed(f"\x1b[?6l\x1b[?7l\x1b[4l\x1b[r\x1b(B\x0f\x1b[m{ends}".encode())
        (filled,) = self._ask("capture-pane -p -e -N")
        rows = []
        for row, whole in zip(cells_of(captured, lines), cells_of(filled, lines), strict=True):
            width = sum(wcwidth(cell[0][0]) for cell in row)
            rows.append(comparable(row if width >= columns else row + whole[len(row) : -1], columns))
        x, y, top, bottom, *flags = map(int, told.split())
        modes = {name: flag == 1 for name, flag in zip(_MODES, flags, strict=True)}
        return Picture(rows, (y, min(x, columns - 1)), modes, (top, bottom))

    def _run(self, *arguments: str) -> str:
        done = subprocess.run([*self._base, *arguments], env=self._env, capture_output=True, check=True, timeout=20)
        return done.stdout.decode()

    def _ask(self, *commands: str) -> list[str]:
        assert self._client.stdin is not None
        self._client.stdin.write("".join(f"{command}\n" for command in commands).encode())
        self._client.stdin.flush()
        return [self._answer() for _ in commands]

    def _answer(self) -> str:
        """The body of the next reply in control mode."""
        assert self._client.stdout is not None
        body: list[bytes] | None = None
        for line in self._client.stdout:
            if line.startswith((b"%end ", b"%error ")) and body is not None:
                assert line.startswith(b"%end "), b"".join(body)
                return b"".join(body).decode(errors="replace").removesuffix("\n")
            if body is not None:
                body.append(line)
            elif line.startswith(b"%begin "):
                body = []
        raise AssertionError("tmux has ended")


def cells_of(capture: str, lines: int) -> list[list[Cell]]:
    """A capture as cells: attributes go on from line to line, line graphics are letters between SO and SI."""
    look, graphics = PLAIN, False
    rows = []
    for line in [*capture.split("\n"), *[""] * lines][:lines]:
        row: list[Cell] = []
        at = 0
        while at < len(line):
            char = line[at]
            at += 1
            if char == "\x1b" and line.startswith("[", at):
                end = line.index("m", at)
                look = _turned(look, line[at + 1 : end])
                at = end + 1
            elif char == "\x1b" and line.startswith("]8;", at):
                at = line.index("\x1b\\", at) + 2
            elif char in "\x0e\x0f":
                graphics = char == "\x0e"
            elif row and wcwidth(char) == 0:
                row[-1] = (row[-1][0] + char, row[-1][1])
            else:
                row.append((char.translate(_GRAPHICS) if graphics else char, look))
        rows.append(row)
    return rows


def _turned(look: Drawn, parameters: str) -> Drawn:
    """A look after one of the SGR sequences that tmux writes into captures."""
    fg, bg, flags, underline = look
    parts = (parameters or "0").split(";")
    while parts:
        code, _, kind = parts.pop(0).partition(":")
        number = int(code)
        if number == 5 and kind == "3":  # so tmux spells 53
            number = 53
        if number == 0:
            fg, bg, flags, underline = PLAIN
        elif number == 4:
            underline = int(kind or 1)
        elif number == 24:
            underline = 0
        elif number in _FLAGS:
            flags |= {_FLAGS[number]}
        elif number in _CLEARED:
            flags -= frozenset(_CLEARED[number])
        elif number in (38, 48, 58):
            colour: Colour
            if parts.pop(0) == "5":
                colour = int(parts.pop(0))
            else:
                red, green, blue = (int(parts.pop(0)) for _ in range(3))
                colour = (red, green, blue)
            fg, bg = (colour if number == 38 else fg), (colour if number == 48 else bg)
        elif number in (39, 49):
            fg, bg = (None if number == 39 else fg), (None if number == 49 else bg)
        else:
            base = {3: 0, 4: 0, 9: 8, 10: 8}[number // 10] + number % 10
            fg, bg = (base, bg) if number // 10 in (3, 9) else (fg, base)
    return Drawn(fg, bg, flags, underline)
