"""Terminal recordings as lines of JSON (asciicast versions 2 and 3): the header, the events, and the writer."""

from __future__ import annotations

import codecs
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO, NamedTuple, NoReturn

MAX_LINE = 16 * 1024 * 1024
"""Bytes of one line at most."""
MAX_CELLS = 2_000
"""Columns and rows of a recorded terminal at most."""
MAX_SECONDS = 100 * 365 * 86_400
MICROSECONDS = 1_000_000

OUTPUT, INPUT, RESIZE, MARKER, EXIT = "o", "i", "r", "m", "x"
KNOWN_CODES = frozenset((OUTPUT, INPUT, RESIZE, MARKER, EXIT))

_SIZE = re.compile(r"([0-9]{1,9})x([0-9]{1,9})")


class CastError(Exception):
    """A recording that cannot be read: what is wrong in plain words, and the number of the line (from 1)."""

    def __init__(self, line: int, problem: str) -> None:
        super().__init__(f"line {line:,}: {problem}")
        self.line = line
        self.problem = problem


class Event(NamedTuple):
    """Something that happened: microseconds since the beginning, one of the codes, and what is told about it."""

    at: int
    code: str
    data: str

    @property
    def seconds(self) -> float:
        """When it happened, in seconds since the beginning."""
        return self.at / MICROSECONDS

    @property
    def size(self) -> tuple[int, int]:
        """Columns and rows that a resize tells. Raises ValueError for anything else."""
        found = _SIZE.fullmatch(self.data)
        if found is None:
            raise ValueError(f"{self.data[:20]!r} is no size like 80x24")
        return _clamped(int(found[1])), _clamped(int(found[2]))


@dataclass(frozen=True)
class Header:
    """What the first line tells. `idle_limit` is in seconds, `timestamp` in seconds since 1970."""

    columns: int
    rows: int
    version: int = 3
    term: str | None = None
    timestamp: int | None = None
    idle_limit: float | None = None
    command: str | None = None
    title: str | None = None
    env: Mapping[str, str] = field(default_factory=dict)

    def line(self) -> dict[str, Any]:
        """The object that stands in the first line; what is not known is left out."""
        if self.version == 2:
            told: dict[str, Any] = {"version": 2, "width": self.columns, "height": self.rows}
            env = dict(self.env) | ({"TERM": self.term} if self.term and "TERM" not in self.env else {})
        else:
            term = {"cols": self.columns, "rows": self.rows, "type": self.term}
            told = {"version": 3, "term": {name: value for name, value in term.items() if value is not None}}
            env = dict(self.env)
        rest = {
            "timestamp": self.timestamp, "idle_time_limit": self.idle_limit, "command": self.command,
            "title": self.title, "env": env or None,
        }  # fmt: skip
        return told | {name: value for name, value in rest.items() if value is not None}


# -- reading ------------------------------------------------------------------------------------------------


def read_header(file: BinaryIO) -> tuple[Header, int]:
    """The header of a recording, and the number of lines it took: comments may stand before it.

    Raises CastError.
    """
    number = 0
    while True:
        number += 1
        raw = file.readline(MAX_LINE + 1)
        if not raw:
            raise CastError(number, "the file ends before a header: this is no recording")
        if raw.strip() and not raw.lstrip().startswith(b"#"):
            return parse_header(raw, number), number


def parse_header(raw: bytes, number: int = 1) -> Header:
    """The header in a line. Raises CastError."""
    if not raw.lstrip().startswith(b"{"):
        raise CastError(number, "this is no recording: an asciicast begins with a line of JSON in braces")
    told = _json(raw, number)
    if not isinstance(told, dict):
        raise CastError(number, "this is no recording: its first line is no header")
    version = told.get("version")
    if version == 1 and version is not True:
        raise CastError(number, "this is an asciicast of version 1; only versions 2 and 3 can be read")
    if version not in (2, 3) or isinstance(version, bool):
        raise CastError(number, "this is no asciicast of version 2 or 3")
    env = told.get("env")
    env = {str(name): value for name, value in env.items() if isinstance(value, str)} if isinstance(env, dict) else {}
    if version == 2:
        columns, rows, term = told.get("width"), told.get("height"), env.get("TERM")
    else:
        terminal = told.get("term")
        if not isinstance(terminal, dict):
            raise CastError(number, "the header does not tell the size of the terminal")
        columns, rows, term = terminal.get("cols"), terminal.get("rows"), terminal.get("type")
    stamp, limit = _number(told.get("timestamp")), _number(told.get("idle_time_limit"))
    return Header(
        _cells(columns, number) or 80,  # 0 where the recorder had no terminal to measure
        _cells(rows, number) or 24,
        int(version),
        term if isinstance(term, str) else None,
        None if stamp is None else int(stamp),
        limit if limit is not None and limit > 0 else None,
        _text(told.get("command")),
        _text(told.get("title")),
        env,
    )


def parse_event(raw: bytes, number: int, before: int, version: int) -> Event | None:
    """The event in a line, `before` being the time of the one before it; None for comments and empty lines.

    An event with an unknown code counts for the time and is to be ignored by whoever gets it. Raises CastError.
    """
    stripped = raw.strip()
    if not stripped or stripped.startswith(b"#"):
        return None
    if len(raw) > MAX_LINE:
        raise CastError(number, f"it is longer than {MAX_LINE >> 20} MB")
    if not raw.endswith(b"\n") and not stripped.endswith(b"]"):
        raise CastError(number, "it is cut off")
    return event_of(_json(raw, number), number, before, version)


def event_of(value: object, number: int, before: int, version: int) -> Event:
    """The event that a line's JSON stands for. Raises CastError."""
    if not isinstance(value, list) or len(value) < 3:
        raise CastError(number, "this is no event: [time, code, data] is")
    time, code, data = _number(value[0]), value[1], value[2]
    if time is None or not -MAX_SECONDS <= time <= MAX_SECONDS:
        raise CastError(number, "its time is no usable number of seconds")
    if not isinstance(code, str):
        raise CastError(number, "its code is no text")
    if not isinstance(data, str):
        if code in KNOWN_CODES:
            raise CastError(number, f"the data of an event {code!r} must be text")
        data = ""
    at = round(time * MICROSECONDS)
    if version == 3:
        if at < 0:
            raise CastError(number, "its interval is negative: time does not go back")
        at += before
    event = Event(max(at, before), code, data)
    if code == RESIZE:
        try:
            event.size  # noqa: B018  (asked for its error)
        except ValueError as error:
            raise CastError(number, str(error)) from None
    return event


def _json(raw: bytes, number: int) -> Any:
    if len(raw) > MAX_LINE:
        raise CastError(number, f"it is longer than {MAX_LINE >> 20} MB")
    try:
        return json.loads(raw.decode("utf-8"), parse_constant=_no_number)
    except UnicodeDecodeError:
        raise CastError(number, "it is no UTF-8 text") from None
    except RecursionError:
        raise CastError(number, "it is nested too deeply") from None
    except json.JSONDecodeError as error:
        at_its_end = error.pos >= len(error.doc.rstrip())  # a line feed inside a text is what ends it too early
        cut = not raw.endswith(b"\n") or error.msg.startswith("Unterminated") or at_its_end
        raise CastError(number, "it is cut off" if cut else f"it is no valid JSON ({error.msg})") from None
    except ValueError as error:
        raise CastError(number, f"it is no valid JSON ({error})") from None


def _no_number(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _number(value: object) -> float | None:
    if isinstance(value, float) and math.isfinite(value):
        return value
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 53:
        return float(value)
    return None


def _cells(value: object, number: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise CastError(number, "the header does not tell the size of the terminal")
    return value and _clamped(value)


def _clamped(cells: int) -> int:
    return min(max(cells, 1), MAX_CELLS)


def _text(value: object) -> str | None:
    return value if isinstance(value, str) and value else None


# -- writing ------------------------------------------------------------------------------------------------


class CastWriter:
    """Writes events to a binary file as they come, each as one line in one `write`; keeps nothing.

    Times are seconds since the beginning; one that goes back is taken as the last one. What the file raises comes
    out of every method.
    """

    def __init__(self, file: BinaryIO, header: Header) -> None:
        if header.version not in (2, 3):
            raise ValueError(f"no such version: {header.version}")
        self._file = file
        self._version = header.version
        self._last = 0
        self._decode = codecs.getincrementaldecoder("utf-8")("replace")
        file.write(_line(header.line()))

    def output(self, data: str | bytes, at: float) -> None:
        """What the program printed; bytes may be cut anywhere, the rest of a character is awaited."""
        self._event(at, OUTPUT, self._decode.decode(data) if isinstance(data, bytes) else data)

    def input(self, data: str, at: float) -> None:
        """What was typed."""
        self._event(at, INPUT, data)

    def resize(self, columns: int, rows: int, at: float) -> None:
        """The terminal has another size now."""
        self._event(at, RESIZE, f"{columns}x{rows}")

    def marker(self, label: str, at: float) -> None:
        """A place to come back to."""
        self._event(at, MARKER, label, empty=True)

    def exit(self, status: int, at: float) -> None:
        """The program has ended. Version 2 does not know of it."""
        if self._version == 3:
            self._event(at, EXIT, str(status))

    def finish(self, at: float) -> None:
        """Write what is left of a character that never became whole."""
        self._event(at, OUTPUT, self._decode.decode(b"", final=True))

    def _event(self, at: float, code: str, data: str, *, empty: bool = False) -> None:
        if not data and not empty:
            return
        now = max(self._last, round(at * MICROSECONDS))
        told = now - self._last if self._version == 3 else now
        self._last = now
        # Spelled by hand: readers that take seconds apart at the point do not expect an exponent.
        time = f"{told // MICROSECONDS}.{told % MICROSECONDS:06}"
        self._file.write(f"[{time}, ".encode() + _line([code, data])[1:])


def _line(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "replace") + b"\n"
