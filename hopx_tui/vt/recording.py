"""A recording that can be entered anywhere: an index of times over its file, its markers, a search of its output."""

from __future__ import annotations

import json
import os
import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple

from hopx_tui.vt.cast import (
    MARKER,
    MAX_LINE,
    MAX_SECONDS,
    MICROSECONDS,
    OUTPUT,
    CastError,
    Event,
    event_of,
    parse_event,
    read_header,
)

CHUNK = 64 * 1024
"""Bytes read at once, more only where a line is longer."""
MAX_MARKERS = 10_000
MAX_HITS = 100_000

_SIMPLE = re.compile(
    rb'^\[ ?(\d{1,15}(?:\.\d{1,12})?), ?"[a-z]", ?"[^\n]*"\][ \t\r]*$', re.MULTILINE
)  # the line as all writers spell it
_HAS_OTHERS = re.compile(rb', ?"[^oi]", ?"')
_ESCAPES = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[PX^_k][^\x1b]*(?:\x1b\\)?|[ -/]*[0-~])"
    r"|[\x00-\x09\x0b-\x1f\x7f]"
)
_UNFINISHED = re.compile(r"\x1b(?:\[[0-?]*[ -/]*|\][^\x07\x1b]*|[PX^_k][^\x1b]*|[ -/]*)\Z")
_LONGEST_ESCAPE = 4_096


class Mark(NamedTuple):
    """A place between two lines: bytes before it, the time reached there in microseconds, lines before it."""

    offset: int
    at: int
    line: int


@dataclass(frozen=True)
class Marker:
    """A place that the recording names."""

    at: int
    label: str


class Recording:
    """The file of one recording, which stays open and is read in pieces.

    `scan` must be worked through once before anything else is of use; what is wrong with a line ends the
    recording before it, and `damage` tells. Times are microseconds since the beginning.
    """

    def __init__(self, file: BinaryIO) -> None:
        """Reads the header. Raises CastError."""
        self._file = file
        file.seek(0)
        self.header, line = read_header(file)
        self.start = Mark(file.tell(), 0, line)
        self.size = file.seek(0, os.SEEK_END)
        self.duration = 0
        self.markers: list[Marker] = []
        self.damage: CastError | None = None
        self._marks = [self.start]

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def scan(self) -> Iterator[float]:
        """Learn the length and the markers; yields the share of the file that was read after each piece."""
        mark = self.start
        while True:
            block, whole = self._read(mark)
            if not block:
                break
            counted = self._count(block, mark)
            if counted is None:
                try:
                    mark = self._walk(block, mark)
                except CastError as error:
                    self.damage = error
                    break
            else:
                mark = Mark(mark.offset + len(block), *counted)
            self.duration = mark.at
            self._marks.append(mark)
            if not whole:
                break
            yield min(1.0, mark.offset / max(1, self.size))

    def place(self, at: int) -> Mark:
        """The last known place all of whose earlier events are before that time or at it."""
        return self._marks[max(0, bisect_right(self._marks, at, key=lambda mark: mark.at) - 1)]

    def batch(self, mark: Mark) -> tuple[list[Event], Mark]:
        """The events of the next lines, and the place behind them; no events at the end."""
        events: list[Event] = []
        while not events and not self._ends(mark):
            block, _ = self._read(mark)
            if not block:
                break
            try:
                events, mark = self._parse(block, mark)
            except CastError as error:
                # What the quick look let pass is no event after all: the recording ends before it.
                self.damage = error
        if not events:
            self.duration = min(self.duration, mark.at)
        return events, mark

    def events(self) -> Iterator[Event]:
        """All events from the beginning on. Raises CastError where they end before the file does."""
        mark = self.start
        while True:
            events, mark = self.batch(mark)
            if not events:
                break
            yield from events
        if self.damage is not None:
            raise self.damage

    def search(self, needle: str) -> Iterator[list[int]]:
        """The times at which the text has appeared in the output, in order, in pieces (often empty ones).

        Escape sequences are left out, line ends match as `\\n`; capitals count only if the needle has some.
        """
        exact = needle != needle.lower()
        needle = needle if exact else needle.lower()
        keep = max(0, len(needle) - 1)
        mark, pending, before, found = self.start, "", "", 0
        while needle and found < MAX_HITS:
            events, mark = self.batch(mark)
            if not events:
                return
            printed = [event for event in events if event.code == OUTPUT]
            text, rest = _plain(pending + "".join([event.data for event in printed]))
            text = before + (text if exact else text.lower())
            hits = _when(text, needle, before, pending, printed, exact=exact) if needle in text else []
            pending, before = rest, text[-keep:] if keep else ""
            found += len(hits)
            yield hits

    # -- inside ---------------------------------------------------------------------------------------------

    def _ends(self, mark: Mark) -> bool:
        return self.damage is not None and mark.line + 1 >= self.damage.line

    def _read(self, mark: Mark) -> tuple[bytes, bool]:
        """Whole lines from a place on, at least one; and whether more may follow."""
        self._file.seek(mark.offset)
        block = self._file.read(CHUNK)
        if len(block) < CHUNK:
            return block, False
        cut = block.rfind(b"\n")
        if cut >= 0:
            return block[: cut + 1], True
        rest = self._file.readline(MAX_LINE + 2)  # a longer one is refused by who parses it
        return block + rest, True

    def _count(self, block: bytes, mark: Mark) -> tuple[int, int] | None:
        """Time and line behind the block, if all its lines are ones that a quick look understands."""
        if _HAS_OTHERS.search(block):
            return None
        found = _SIMPLE.findall(block)
        lines = block.count(b"\n")
        if len(found) != lines or not block.endswith(b"\n"):
            return None
        if self.header.version == 3:
            return mark.at + sum([round(float(time) * MICROSECONDS) for time in found]), mark.line + lines
        return max(mark.at, *(round(float(time) * MICROSECONDS) for time in found)), mark.line + lines

    def _walk(self, block: bytes, mark: Mark) -> Mark:
        """The same, line by line, with a look at what each of them is."""
        offset, at, line = mark
        for raw in _lines(block):
            line += 1
            try:
                event = parse_event(raw, line, at, self.header.version)
            except CastError:
                if line > mark.line + 1:
                    self._marks.append(Mark(offset, at, line - 1))
                self.duration = at
                raise
            offset += len(raw)
            if event is not None:
                at = event.at
                if event.code == MARKER and len(self.markers) < MAX_MARKERS:
                    self.markers.append(Marker(at, event.data))
        return Mark(offset, at, line)

    def _parse(self, block: bytes, mark: Mark) -> tuple[list[Event], Mark]:
        at, line = mark.at, mark.line
        version = self.header.version
        lines = _lines(block)
        if self.damage is not None:
            lines = lines[: max(0, self.damage.line - 1 - line)]
        events: list[Event] = []
        if (values := _all_at_once(lines)) is not None:
            events = self._events_of(values, mark)
            at = events[-1].at if events else at
            line += len(values)
        else:
            for raw in lines:
                line += 1
                told = parse_event(raw, line, at, version)
                if told is not None:
                    at = told.at
                    events.append(told)
        return events, Mark(mark.offset + sum(map(len, lines)), at, line)

    def _events_of(self, values: list[object], mark: Mark) -> list[Event]:
        """One event for each value; what is most usual is taken in the quickest way."""
        events: list[Event] = []
        append = events.append
        at, line, version = mark.at, mark.line, self.header.version
        for value in values:
            line += 1
            if type(value) is list and len(value) == 3 and value[1] == OUTPUT:
                time, _, data = value
                if type(time) is float and type(data) is str and 0 <= time <= MAX_SECONDS:
                    told = round(time * MICROSECONDS)
                    at = at + told if version == 3 else max(at, told)
                    append(Event(at, OUTPUT, data))
                    continue
            event = event_of(value, line, at, version)
            at = event.at
            append(event)
        return events


def _lines(block: bytes) -> list[bytes]:
    """Lines with their ends; only a line feed is one."""
    lines = [line + b"\n" for line in block.split(b"\n")]
    last = lines.pop()[:-1]
    return [*lines, last] if last else lines


def _all_at_once(lines: list[bytes]) -> list[object] | None:
    """The values of many lines by one call of the JSON reader; None when some line needs a look of its own."""
    try:
        text = b",".join(lines).decode("utf-8")
        values = json.loads(f"[{text}]")
    except (ValueError, RecursionError):
        return None
    # A line of two values, or a value over two lines, would shift the numbers of the lines behind it.
    return values if isinstance(values, list) and len(values) == len(lines) else None


def _when(text: str, needle: str, before: str, pending: str, printed: list[Event], *, exact: bool) -> list[int]:
    """The times at which the occurrences in the text were complete; the text is `before` and what the events print."""
    ends = []
    length = len(before)
    for event in printed:
        shown, pending = _plain(pending + event.data)
        length += len(shown if exact else shown.lower())
        ends.append(length)
    hits: list[int] = []
    start = text.find(needle)
    while start >= 0:
        number = bisect_right(ends, start + len(needle) - 1)
        hits.append(printed[min(number, len(printed) - 1)].at)
        start = text.find(needle, start + len(needle))
    return hits


def _plain(text: str) -> tuple[str, str]:
    """The text without escape sequences and controls, and the unfinished sequence at its end."""
    rest = ""
    escape = text.rfind("\x1b")
    if escape >= 0 and len(text) - escape < _LONGEST_ESCAPE and _UNFINISHED.match(text, escape):
        text, rest = text[:escape], text[escape:]
    return (_ESCAPES.sub("", text) if not text.isprintable() else text), rest
