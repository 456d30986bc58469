"""Random streams of what terminals agree on: our core and tmux must show the same after each of them.

Left out, with the reason in place, is only what tmux 3.3 does otherwise than xterm. `aside` stands where that is a
pending wrap: line feed, BS and other motions leave it pending in tmux, in xterm (and here) they end it.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from wcwidth import wcwidth

NARROW = (
    "hello", "the quick brown fox", " ", "x", "two  blanks  ", "0123456789" * 5, "e\u0301", "o\u0308\u0301x", "─│┌┐",
    "é", "Ωμέγα", "naïve", "ﾊ",
)  # fmt: skip
EVEN = ("ab", "  ", "日本語", "ab日cd本", "\U0001f600", "\U0001f680\U0001f389 go!", "ｗ", "e\u0301e\u0301", "語" * 25)
CONTROLS = ("\r\n", "\r\n", "\r\n", "\r", "\n", "\b", "\t", "\x0b", "\x0c", "\x07", "\x00")
BASIC = ("1", "2", "3", "4", "5", "7", "8", "9", "53", "22", "23", "24", "25", "27", "28", "29", "55", "0", "", "21")
FINE = ("4:0", "4:1", "4:2", "4:3", "4:4", "4:5", "38:5:99", "48:5:7", "38:2:1:2:3", "48:2::9:8:7", "58:5:9", "59")
# CHT, HPR and VPR are unknown to tmux.
COUNTED = "ABCDEFGSTX@PLMdZ`"


@dataclass
class Maker:
    """Makes one stream for a screen of `columns` x `lines`; its parts stay in `made`.

    `wide`: with wide characters. All then happens in pairs of columns, for tmux leaves half a character behind when
    the other half is overwritten, and leaves what was in the last column when a wide character did not fit there.
    `screens`: with the alternate screen.
    """

    rng: random.Random
    columns: int
    lines: int
    wide: bool = False
    screens: bool = True
    saved: bool = False
    inserts: bool = False
    wraps: bool = True
    alternate: bool = False
    made: list[str] = field(default_factory=list)

    def stream(self, pieces: int) -> bytes:
        kinds = (
            (self.text, 34), (self.control, 14), (self.colour, 14), (self.position, 10), (self.counted, 12),
            (self.erase, 6), (self.region, 3), (self.mode, 3), (self.place, 4), (self.tab_stop, 2),
            (self.graphics, 2), (self.repeat, 2), (self.index, 4), (self.screen, int(self.screens)),
            (self.edge, 2 * self.wide),
        )  # fmt: skip
        makers, weights = zip(*kinds, strict=True)
        self.made += [maker() for maker in self.rng.choices(makers, weights, k=pieces)]
        return "".join(self.made).encode()

    def column(self, room: int = 0) -> int:
        """A column from 1 with `room` more cells after it; with wide characters the first of a pair."""
        column = self.rng.randint(1, max(1, self.columns - room))
        return (column - 1) // 2 * 2 + 1 if self.wide else column

    def aside(self, room: int = 0) -> str:
        return f"\x1b[{self.column(room)}G"

    def count(self, most: int) -> int:
        count = self.rng.choice((1, 1, 2, 3, self.rng.randint(1, most), most + 6))
        return count + count % 2 if self.wide else count

    def text(self) -> str:
        text = self.rng.choice(EVEN if self.wide else NARROW)
        if not self.wraps:  # tmux adds marks to the wrong cell in the last column then
            text = "".join(char for char in text if wcwidth(char))
        if self.rng.random() < 0.5 and not self.inserts:  # a wrap while inserting goes another way in tmux
            # Rows that scroll in because of a wrap have no background in tmux; in xterm they have the current one.
            return "\x1b[49m" + text
        text = text[: self.columns // 4 * 2]
        if self.wide and sum(map(wcwidth, text)) % 2:
            text = "語"
        return self.aside(2 * len(text)) + text

    def control(self) -> str:
        control = self.rng.choice(CONTROLS)
        if self.wide and control == "\t":
            return "\r\n"  # a tab may end in the last column, the second of a pair
        if control == "\b":  # in the first column tmux goes back to the row that was wrapped
            column = max(3, self.column())
            return f"\x1b[{column}G\b\b"
        return control if control in "\r\n\t\x07\x00" and control != "\n" else self.aside() + control

    def colour(self) -> str:
        parts = [self.one_colour() for _ in range(self.rng.randint(1, 3))]
        return f"\x1b[{';'.join(parts)}m"

    def one_colour(self) -> str:
        rng = self.rng
        kind = rng.random()
        if kind < 0.45:
            return rng.choice(BASIC)
        if kind < 0.7:
            return str(rng.choice((30, 40, 90, 100)) + rng.randint(0, 7))
        if kind < 0.75:
            return rng.choice(("39", "49"))
        if kind < 0.85:
            return f"{rng.choice((38, 48))};5;{rng.randint(0, 255)}"
        if kind < 0.93:
            return f"{rng.choice((38, 48))};2;{rng.randint(0, 255)};{rng.randint(0, 255)};{rng.randint(0, 255)}"
        return rng.choice(FINE)

    def position(self) -> str:
        if self.rng.random() < 0.1:
            return self.rng.choice(("\x1b[H", "\x1b[f", "\x1b[;H", f"\x1b[{self.lines + 9};1H"))
        return f"\x1b[{self.rng.randint(1, self.lines)};{self.column()}{self.rng.choice('Hf')}"

    def counted(self) -> str:
        final = self.rng.choice(COUNTED)
        if final in "G`" or (self.wide and final == "C"):
            return f"\x1b[{self.column()}G"
        if final == "@":  # more than half of what is right of the cursor is not all blanked by tmux
            column = self.column()
            count = (self.columns - column) // 4 * 2
            return f"\x1b[{column}G\x1b[{count}@" if count else ""
        if final in "LM":  # outside of the region xterm does nothing, tmux does; in it xterm goes to the first column
            row = self.rng.randint(1, self.lines)
            return f"\x1b[?6h\x1b[{row};{self.column()}H\x1b[{self.count(self.lines)}{final}\r\x1b[?6l"
        return f"{self.aside()}\x1b[{self.count(self.columns)}{final}"

    def erase(self) -> str:
        how = self.rng.choice(("", "0", "1", "2"))
        if how == "1" and self.wide:  # up to and with the second column of a pair
            return f"\x1b[{self.column() + 1}G\x1b[1{self.rng.choice('JK')}\r"
        return f"{self.aside()}\x1b[{how}{self.rng.choice('JK')}"

    def region(self) -> str:
        if self.rng.random() < 0.3:
            return "\x1b[r\x1b[H"
        top = self.rng.randint(1, self.lines - 1)
        # In origin mode xterm goes to the region's first cell, tmux to the screen's.
        return f"\x1b[{top};{self.rng.randint(top + 1, self.lines)}r\x1b[H"

    def mode(self) -> str:
        modes = ("4", "?6", "?25", "?1") if self.wide else ("4", "?6", "?7", "?25", "?1")
        mode, how = self.rng.choice(modes), self.rng.choice("hl")
        if mode == "4":
            self.inserts = how == "h"
        elif mode == "?7":  # what follows a pending wrap then is lost in tmux
            self.wraps = how == "h"
            return f"{self.aside()}\x1b[{mode}{how}"
        return f"\x1b[{mode}{how}"

    def place(self) -> str:
        if self.saved and self.rng.random() < 0.6:
            return self.rng.choice(("\x1b8", "\x1b[u"))
        self.saved = True
        return self.aside() + self.rng.choice(("\x1b7", "\x1b[s"))

    def tab_stop(self) -> str:
        return self.aside() + self.rng.choice(("\x1bH", "\x1b[g", "\x1b[3g"))

    def graphics(self) -> str:
        drawings = ("\x1b(0qqwx\x1b(B", "\x1b)0\x0elmkx\x0f", "\x1b(0", "\x1b(B", "\x0e", "\x0f")
        return self.aside(4) + self.rng.choice(drawings)

    def repeat(self) -> str:
        # tmux repeats to the end of the row at most, and ASCII only.
        count = 2 * self.rng.randint(1, self.columns // 4) - 1
        return f"{self.aside(count + 1)}{self.rng.choice('-=x')}\x1b[{count}b"

    def index(self) -> str:
        return self.aside() + self.rng.choice(("\x1bD", "\x1bM", "\x1bE"))

    def screen(self) -> str:
        # One slot holds tmux's saved cursor for both screens, xterm (and we) have one for each; coming back tmux
        # restores neither origin mode nor character sets; it clears the alternate screen in no colour.
        self.saved = False
        self.alternate = not self.alternate
        return f"\x1b[m\x1b[?6l\x1b(B\x1b)B\x0f{self.aside()}\x1b[?1049{'h' if self.alternate else 'l'}"

    def edge(self) -> str:
        """A wide character that does not fit in the last column."""
        self.inserts = False
        return f"\x1b[4l\x1b[m\x1b[{self.columns}G\x1b[2K日本\r"
