"""The last output of a terminal, kept so that whoever attaches later sees what was on the screen.

It begins where a terminal may begin to read: never inside an escape sequence (text is kept, so never inside a character
either), with the modes that earlier output switched on (alternate screen, bracketed paste, mouse) said again.
"""

from __future__ import annotations

import re
from collections import deque

REPLAY_BYTES = 256 << 10
PIECE_BYTES = 4 << 10
LONGEST_SEQUENCE = 256
"""Characters after which an escape sequence that is not a string counts as given up."""

_SEQUENCE = re.compile(r"\x1b(?:\[[\x00-\x1a\x1c-?]*[@-~]|[ -/]+[0-~]|[0-OQ-WYZ\\`-~])")
_MODE = re.compile(r"\x1b\[\?([0-9;]{1,40})([hl])")
_TITLE = re.compile(r"\x1b\][02];([^\x07\x1b\x9c]{0,256})")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
# DEC private modes by their state in a new terminal; what is not listed here is not said again.
_MODES = {
    **dict.fromkeys(("1", "5", "6", "9", "47", "1000", "1002", "1003", "1004", "1005", "1006", "1015"), False),
    **dict.fromkeys(("1047", "1049", "2004"), False),
    **dict.fromkeys(("7", "25"), True),
}


class Boundary:
    """Follows output only as far as needed to know whether it stands between two escape sequences (`safe`)."""

    def __init__(self) -> None:
        self._open = ""

    @property
    def safe(self) -> bool:
        return not self._open

    def feed(self, text: str) -> None:
        """`text` follows what was fed before."""
        at = text.rfind("\x1b")
        if at >= 0:
            # A new escape ends whatever was open, the terminator of a string (ESC \) included.
            self._open = _unfinished(text[at:])
        elif self._open:
            self._open = _unfinished(self._open + text)


def _unfinished(tail: str) -> str:
    """What must be kept of a last escape sequence that goes on; "" where it is complete."""
    if _SEQUENCE.match(tail):
        return ""
    if tail[1:2] and tail[1] in "]PX^_":
        ended = "\x18" in tail or "\x1a" in tail or (tail[1] == "]" and "\x07" in tail)
        return "" if ended else tail[:2]
    return tail if len(tail) <= LONGEST_SEQUENCE else ""


class _Piece:
    __slots__ = ("safe", "size", "text")

    def __init__(self, text: str, size: int, safe: bool) -> None:
        self.text = text
        self.size = size
        self.safe = safe


class Replay:
    """At most `limit` bytes (counted as the caller does) of the newest output."""

    def __init__(self, limit: int = REPLAY_BYTES) -> None:
        self._limit = limit
        self._pieces: deque[_Piece] = deque()
        self._size = 0
        self._boundary = Boundary()
        self._modes: dict[str, bool] = {}
        self.title = ""

    def add(self, text: str, size: int) -> None:
        """`text` was output; it is `size` bytes."""
        safe = self._boundary.safe
        self._boundary.feed(text)
        if "\x1b]" in text:
            for match in _TITLE.finditer(text):
                self.title = _CONTROL.sub("", match[1])
        last = self._pieces[-1] if self._pieces else None
        if last is not None and last.size < PIECE_BYTES:
            last.text += text
            last.size += size
        elif last is not None or safe:
            self._pieces.append(_Piece(text, size, safe))
        else:
            # Nothing is kept that this could follow.
            self._note_modes(text)
            return
        self._size += size
        if self._size > self._limit:
            self._trim()

    def _trim(self) -> None:
        dropped: list[str] = []
        while self._pieces and (self._size > self._limit or not self._pieces[0].safe):
            piece = self._pieces.popleft()
            self._size -= piece.size
            dropped.append(piece.text)
        self._note_modes("".join(dropped))

    def _note_modes(self, gone: str) -> None:
        for match in _MODE.finditer(gone):
            for mode in match[1].split(";"):
                if mode in _MODES:
                    self._modes[mode] = match[2] == "h"

    @property
    def tail(self) -> int:
        """How many characters at the end of `text` are output as it was written."""
        return sum(len(piece.text) for piece in self._pieces)

    def text(self) -> str:
        """What brings a new terminal to the present, as far as it is kept."""
        switched = [(mode, on) for mode, on in self._modes.items() if on != _MODES[mode]]
        modes = "".join(f"\x1b[?{mode}{'h' if on else 'l'}" for mode, on in switched)
        return modes + "".join(piece.text for piece in self._pieces)
