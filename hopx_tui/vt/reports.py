"""What the terminal tells: replies to the program in it, and typed events for the application around it."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from hopx_tui.vt.switches import Switches

NAME = "hopx-tui"
MAX_REPLIES = 65_536
MAX_EVENTS = 256
MAX_TITLE = 256
_MAX_TITLES = 16
_UNPRINTABLE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff0-\ufffb]"
)


@dataclass(frozen=True, slots=True)
class Title:
    """The window title changed; one line, no control characters."""

    text: str


@dataclass(frozen=True, slots=True)
class Bell:
    """BEL."""


@dataclass(frozen=True, slots=True)
class Clipboard:
    """The program wants to set the clipboard (OSC 52); `target` is "clipboard" or "primary"."""

    target: str
    text: str


@dataclass(frozen=True, slots=True)
class Cwd:
    """The working directory, as the shell tells it (OSC 7)."""

    path: str
    host: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """A shell mark (OSC 133): A prompt, B input, C output, D end; the exit code comes with D."""

    kind: str
    exit_code: int | None = None


Event = Title | Bell | Clipboard | Cwd | Prompt


@dataclass(slots=True)
class Colours:
    """The real colours behind the names, for the programs that ask (OSC 4, 10, 11, 12)."""

    foreground: tuple[int, int, int] = (229, 229, 229)
    background: tuple[int, int, int] = (0, 0, 0)
    cursor: tuple[int, int, int] = (229, 229, 229)
    palette: Mapping[int, tuple[int, int, int]] = field(default_factory=dict)

    def indexed(self, index: int) -> tuple[int, int, int]:
        """Palette colour 0..255: the given one, else xterm's."""
        return self.palette.get(index) or xterm_colour(index)


_BASE = (
    (0, 0, 0), (205, 0, 0), (0, 205, 0), (205, 205, 0), (0, 0, 238), (205, 0, 205), (0, 205, 205),
    (229, 229, 229), (127, 127, 127), (255, 0, 0), (0, 255, 0), (255, 255, 0), (92, 92, 255), (255, 0, 255),
    (0, 255, 255), (255, 255, 255),
)  # fmt: skip


def xterm_colour(index: int) -> tuple[int, int, int]:
    """The colour of a palette index 0..255 in xterm's default palette."""
    if index < 16:
        return _BASE[index]
    if index >= 232:
        grey = 8 + 10 * (index - 232)
        return grey, grey, grey
    levels = (0, 95, 135, 175, 215, 255)
    index -= 16
    return levels[index // 36], levels[index // 6 % 6], levels[index % 6]


def one_line(text: str, limit: int = MAX_TITLE) -> str:
    """Text without control and invisible format characters, cut to `limit` characters."""
    return _UNPRINTABLE.sub("", text[: 4 * limit])[:limit]


class Reports(Switches):
    """The part of the screen that answers and tells."""

    events: deque[Event]
    colours: Colours
    reply_bytes: int

    def reply(self, text: str) -> None:
        """Queue bytes for the program; what goes over the bound is dropped whole."""
        data = text.encode()
        if self.reply_bytes + len(data) <= MAX_REPLIES:
            self.replies.append(data)
            self.reply_bytes += len(data)

    def write_process_input(self, data: str) -> None:
        """pyte's name for `reply`."""
        self.reply(data)

    def take_replies(self) -> bytes:
        """The replies since the last call, at most 64 KB."""
        data = b"".join(self.replies)
        self.replies.clear()
        self.reply_bytes = 0
        return data

    def take_events(self) -> list[Event]:
        """The events since the last call, at most 256 (the oldest are lost first)."""
        events = list(self.events)
        self.events.clear()
        return events

    def tell(self, event: Event) -> None:
        """Queue an event; a bell after a bell is one bell."""
        if not (isinstance(event, Bell) and self.events and isinstance(self.events[-1], Bell)):
            self.events.append(event)

    # -- events ---------------------------------------------------------------------------------------------

    def bell(self, *_: object) -> None:
        self.tell(Bell())

    def set_title(self, title: str) -> None:
        title = one_line(title)
        if title != self.title:
            self.title = title
            self.tell(Title(title))

    def set_icon_name(self, name: str) -> None:
        self.icon_name = one_line(name)

    def window_operation(self, operation: int = 0, *rest: int) -> None:
        """XTWINOPS: the size in cells (18, 19) and the title stack (22, 23); nothing that moves windows."""
        if operation in (18, 19):
            self.reply(f"\x1b[{operation - 10};{self.lines};{self.columns}t")
        elif operation == 22 and rest[:1] != (1,):
            self.titles.append(self.title)
            del self.titles[:-_MAX_TITLES]
        elif operation == 23 and rest[:1] != (1,) and self.titles:
            self.set_title(self.titles.pop())

    # -- replies --------------------------------------------------------------------------------------------

    def report_device_attributes(self, mode: int = 0, **_: object) -> None:
        """DA1: a VT220 with colour."""
        if mode == 0:
            self.reply("\x1b[?62;22c")

    def report_secondary_attributes(self, mode: int = 0) -> None:
        """DA2; vim takes the second number as xterm's patch level and from 277 on uses SGR mouse reports."""
        if mode == 0:
            self.reply("\x1b[>1;10;0c")

    def report_tertiary_attributes(self, mode: int = 0) -> None:
        """DA3."""
        if mode == 0:
            self.reply("\x1bP!|00000000\x1b\\")

    def report_device_status(self, mode: int = 0, **_: object) -> None:
        """DSR: status (5) and cursor position (6)."""
        if mode == 5:
            self.reply("\x1b[0n")
        elif mode == 6:
            self.reply(f"\x1b[{self._position()}R")

    def report_private_status(self, mode: int = 0) -> None:
        """DECXCPR; a printer (15), locked keys (25) and the like are not there."""
        if mode == 6:
            self.reply(f"\x1b[?{self._position()}R")
        elif mode in (15, 25, 26):
            self.reply({15: "\x1b[?13n", 25: "\x1b[?21n", 26: "\x1b[?27;1;0;0n"}[mode])

    def _position(self) -> str:
        line = self.cursor.y - (self.top if self.modes.origin else 0)
        return f"{line + 1};{min(self.cursor.x, self.columns - 1) + 1}"

    def report_mode(self, mode: int = 0) -> None:
        """DECRQM, ANSI."""
        self.reply(f"\x1b[{mode};{self.mode_state(mode, private=False)}$y")

    def report_private_mode(self, mode: int = 0) -> None:
        """DECRQM, private."""
        self.reply(f"\x1b[?{mode};{self.mode_state(mode, private=True)}$y")

    def report_keyboard(self) -> None:
        """The kitty keyboard flags in force."""
        self.reply(f"\x1b[?{self.modes.kitty}u")

    def report_version(self, mode: int = 0) -> None:
        """XTVERSION."""
        if mode == 0:
            self.reply(f"\x1bP>|{NAME}\x1b\\")

    def report_setting(self, setting: str) -> None:
        """DECRQSS."""
        known = {
            "m": f"{self.cursor.style.sgr}m",
            "r": f"{self.top + 1};{self.bottom + 1}r",
            " q": f"{self.cursor_shape} q",
            '"p': '62;1"p',
        }.get(setting)
        self.reply(f"\x1bP{int(known is not None)}$r{known or ''}\x1b\\")

    def report_colour(self, number: str, colour: tuple[int, int, int]) -> None:
        """The answer to an OSC colour query; `number` as asked, e.g. `11` or `4;208`."""
        red, green, blue = (f"{level * 257:04x}" for level in colour)
        self.reply(f"\x1b]{number};rgb:{red}/{green}/{blue}\x1b\\")
