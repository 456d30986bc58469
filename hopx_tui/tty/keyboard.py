"""What the person's terminal sends, as Textual's events: keys, pastes, the mouse, focus, and answers to questions.

Textual's own parser merges alt+enter with enter, ctrl+alt+letter with ctrl+letter, and loses an escape that is
followed at once by punctuation. Here each key keeps its modifiers; the names are Textual's.
"""

from __future__ import annotations

import re
from codecs import getincrementaldecoder
from collections.abc import Generator, Iterator
from dataclasses import dataclass

from textual import events
from textual._xterm_parser import XTermParser
from textual.keys import Keys
from textual.message import Message

__all__ = ["Answer", "Keyboard"]

ESCAPE_SECONDS = 0.025
"""How long a lone escape may be the beginning of something."""
SEQUENCE_SECONDS = 0.5
"""The same for a sequence that has come further than a person types."""
_PASTE_PIECE = 1 << 20
_LONGEST_STRING = 1 << 16
_CACHE = 512

_BEGIN, _END = "\x1b[200~", "\x1b[201~"
_TOKEN = re.compile(
    r"(?P<paste>\x1b\[200~)"
    r"|(?P<x10>\x1b\[M[^\x1b]{3})"
    r"|(?P<csi>\x1b{1,2}\[(?!M)[0-?]*[ -/]*[@-~])"
    r"|(?P<ss3>\x1b{1,2}O[ -~])"
    r"|(?P<string>\x1b[P\]_^X](?:[^\x07\x1b]*(?:\x07|\x1b\\)|[^\x07\x1b]{32,}(?=\x1b)))"
    r"|(?P<twice>\x1b\x1b)(?![\[O])"
    r"|(?P<alt>\x1b[^\x1b\[OP\]_^X])"
    r"|(?P<plain>[^\x1b])",
    re.DOTALL,
)
# Something that more input may still complete.
_OPEN = re.compile(r"\x1b(?:\x1b?(?:\[[0-?]*[ -/]*|O)?|\[M[^\x1b]{0,2}|[P\]_^X][^\x07\x1b]*\x1b?)\Z", re.DOTALL)
_ANSWER = re.compile(r"\x1b\[(?:\?(\d+);(\d)\$y|(0)n)")
# Alternatives of a key and kinds of its event (`97:65;2:3u`) in the kitty protocol: nobody asked for them.
_SUBNUMBERS = re.compile(r"(\x1b\[\d*)(?::[\d:]*)?(;\d*)?(?::\d+)?")
_MODIFIERS = ("alt", "ctrl", "hyper", "meta", "shift", "super")


@dataclass(frozen=True)
class Answer:
    """The terminal's answer: to DECRQM (`mode` and its `setting`), or to DSR 5 (`mode` 0)."""

    mode: int
    setting: int


class Keyboard:
    """Parses input bytes as they come; nothing of it is lost but what terminals answer unasked.

    Args:
        console: the terminal is a Linux console, where escape tab means shift+tab.
    """

    def __init__(self, *, console: bool = False) -> None:
        self._console = console
        self._decoder = getincrementaldecoder("utf-8")("replace")
        self._names = XTermParser()
        self._known: dict[str, list[tuple[str, str | None]]] = {}
        self._held = ""
        self._pasting: list[str] | None = None
        self._pasted = 0

    @property
    def patience(self) -> float | None:
        """Seconds after which `flush` is to be called unless more input comes; None: nothing is held."""
        if not self._held or self._pasting is not None:
            return None
        return ESCAPE_SECONDS if len(self._held) <= 2 else SEQUENCE_SECONDS

    def feed(self, data: bytes) -> list[Message | Answer]:
        """The events that these bytes complete."""
        self._held += self._decoder.decode(data)
        return list(self._take(final=False))

    def flush(self) -> list[Message | Answer]:
        """Nothing more came: an escape was the escape key, and what looked like a sequence was typed."""
        return list(self._take(final=True))

    def _take(self, *, final: bool) -> Iterator[Message | Answer]:
        text, self._held = self._held, ""
        at = 0
        while at < len(text):
            if self._pasting is not None:
                at = yield from self._paste(text, at)
                continue
            if text[at] == "\x1b" and not final and _OPEN.match(text, at):
                if len(text) - at < _LONGEST_STRING:
                    self._held = text[at:]
                    return
                return  # a string that never ends is no key
            match = _TOKEN.match(text, at)
            if match is None and text[at + 1 : at + 2] not in ("", "\x1b"):  # alt and a key that begins sequences
                yield from self._with_alt(text[at + 1])
                at += 2
                continue
            if match is None:  # an escape that begins nothing
                yield events.Key("escape", "\x1b")
                at += 1
                continue
            at = match.end()
            if match.lastgroup == "paste":
                self._pasting, self._pasted = [], 0
            else:
                yield from self._events(match.lastgroup or "", match.group())

    def _paste(self, text: str, at: int) -> Generator[Message | Answer, None, int]:
        """Collect up to the closing bracket; long ones are handed on in pieces."""
        end = text.find(_END, at)
        stop = end
        if end < 0:
            stop = len(text)
            for size in range(min(len(_END) - 1, stop - at), 0, -1):
                if _END.startswith(text[stop - size :]):
                    stop -= size
                    break
            self._held = text[stop:]
        assert self._pasting is not None
        self._pasting.append(text[at:stop])
        self._pasted += stop - at
        if end >= 0 or self._pasted >= _PASTE_PIECE:
            pasted = "".join(self._pasting).replace("\x00", "")
            self._pasting, self._pasted = ([], 0) if end < 0 else (None, 0)
            if pasted or end >= 0:
                yield events.Paste(pasted)
        return len(text) if end < 0 else end + len(_END)

    def _events(self, kind: str, token: str) -> Iterator[Message | Answer]:
        match kind:
            case "plain":
                yield from self._keys(token)
            case "alt":
                if token == "\x1b\t" and self._console:
                    yield events.Key("shift+tab", None)
                else:
                    yield from self._with_alt(token[1:])
            case "twice":
                yield events.Key("escape", "\x1b")
                yield events.Key("escape", "\x1b")
            case "csi" | "ss3":
                if token.startswith("\x1b\x1b"):
                    yield from self._with_alt(token[1:])
                else:
                    yield from self._sequence(token)

    def _sequence(self, token: str) -> Iterator[Message | Answer]:
        if token == "\x1b[I":
            yield events.AppFocus()
        elif token == "\x1b[O":
            yield events.AppBlur()
        elif answer := _ANSWER.fullmatch(token):
            mode, setting, _ready = answer.groups()
            yield Answer(int(mode or 0), int(setting or 0))
        elif token.startswith("\x1b[<"):
            if len(token) < 32 and (event := self._names.parse_mouse_code(token)) is not None:
                yield event
        else:
            yield from self._keys(token)

    def _keys(self, token: str) -> Iterator[Message | Answer]:
        for event in self._named(token):
            if event.key != Keys.Ignore:
                yield event

    def _named(self, token: str) -> list[events.Key]:
        """Textual's names for a token; none for numbers that are no characters or modifiers of its own."""
        if (known := self._known.get(token)) is None:
            try:
                known = [
                    (event.key, event.character)
                    for event in self._names._sequence_to_key_events(_SUBNUMBERS.sub(r"\1\2", token, count=1))
                ]
            except (ValueError, OverflowError):
                known = []
            if len(self._known) >= _CACHE:
                self._known.clear()
            self._known[token] = known
        return [events.Key(*each) for each in known]

    def _with_alt(self, token: str) -> Iterator[Message | Answer]:
        if token == "\x08":
            yield events.Key("alt+ctrl+h", None)
            return
        for event in self._named(token):
            if event.key == Keys.Ignore:
                continue
            *modifiers, base = event.key.split("+")
            if len(base) == 1 and base.isupper():
                modifiers, base = [*modifiers, "shift"], base.lower()
            names = sorted({*modifiers, "alt"}, key=_MODIFIERS.index)
            yield events.Key("+".join((*names, base)), event.character)
