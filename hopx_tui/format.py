"""Plain text for people: sizes, times, percentages, and remote strings made safe and short for one line."""

from __future__ import annotations

import contextlib
import unicodedata
from collections.abc import Callable
from datetime import datetime
from typing import Literal

MISSING = "-"
Side = Literal["start", "middle", "end"]

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_SHORT_ESCAPES = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}
_MARKS_PER_CHARACTER = 3
_INFINITY = float("inf")
_LONGEST = 9999 * 86_400.0
_TO_ASCII = str.maketrans(
    {
        **dict.fromkeys("…", "~"),
        **dict.fromkeys("·", "."),
        **dict.fromkeys("•●✓", "*"),
        **dict.fromkeys("○◌", "o"),
        **dict.fromkeys("■□", "#"),
        **dict.fromkeys("‖", "="),
        **dict.fromkeys("▸▌→", ">"),
        **dict.fromkeys("▾↓▼", "v"),
        **dict.fromkeys("│┃", "|"),
        **dict.fromkeys("─━–—", "-"),
        **dict.fromkeys("↑▲", "^"),
        **dict.fromkeys("←", "<"),
        **dict.fromkeys("‘’", "'"),
        **dict.fromkeys("“”", '"'),
        **dict.fromkeys("×", "x"),
    }
)


def _known(value: float | None, most: float) -> float | None:
    """`value` between -`most` and `most`; None for what is no number: nothing a server sends may raise here."""
    if value is None or value != value or value in (_INFINITY, -_INFINITY):
        return None
    return float(max(-most, min(value, most)))


# -- numbers ----------------------------------------------------------------------------------------------


def size(count: float | None, *, missing: str = MISSING) -> str:
    """A number of bytes in at most five cells, powers of 1024: `512B`, `1.2K`, `212M`, `1.1G`, `1023M`."""
    count = _known(count, 9999.0 * 1024**6)
    if count is None:
        return missing
    sign = "-" if count < 0 else ""
    value = abs(count)
    unit = "B"
    for unit in "BKMGTPE":
        # 1023.6K would round up to 1024K: that is 1M.
        if round(value) < 1024 or unit == "E":
            break
        value /= 1024
    if unit != "B" and value < 9.95:
        text = f"{value:.1f}"
        return f"{sign}{text.removesuffix('.0')}{unit}"
    return f"{sign}{round(value)}{unit}"


def rate(count: float | None, *, missing: str = MISSING) -> str:
    """Bytes per second: `1.2M/s`, `0B/s`."""
    text = size(count, missing="")
    return f"{text}/s" if text else missing


def percent(value: float | None, *, missing: str = MISSING) -> str:
    """A percentage (0 to 100, and above for several cores) in at most four cells: `34%`, `<1%`, `100%`."""
    value = _known(value, 999.0)
    if value is None:
        return missing
    if 0 < value < 0.5:
        return "<1%"
    return f"{round(value)}%"


def count(number: int, noun: str, plural: str | None = None) -> str:
    """`1 sandbox`, `3 sandboxes`: thousands are separated by commas."""
    many = plural if plural is not None else f"{noun}s"
    number = round(_known(number, 1e15) or 0) if abs(number) > 1e15 else number
    return f"{number:,} {noun if number == 1 else many}"


# -- times ------------------------------------------------------------------------------------------------


def countdown(seconds: float | None, *, missing: str = MISSING) -> str:
    """What is left: `0:42:10` below a day, `2d 3h` above it; never negative."""
    seconds = _known(seconds, _LONGEST)
    if seconds is None:
        return missing
    left = max(0, int(seconds))
    days, rest = divmod(left, 86_400)
    hours, rest = divmod(rest, 3_600)
    if days:
        return f"{days}d {hours}h" if hours else f"{days}d"
    return f"{hours}:{rest // 60:02}:{rest % 60:02}"


def duration(seconds: float | None, *, missing: str = MISSING) -> str:
    """How long something took or takes, two units at most: `40ms`, `1.5s`, `5m 3s`, `3h 12m`, `2d 3h`."""
    seconds = _known(seconds, _LONGEST)
    if seconds is None:
        return missing
    if seconds < 0.0005:
        return "0s"
    if seconds < 0.9995:
        return f"{round(seconds * 1000)}ms"
    if seconds < 9.95:
        return f"{seconds:.1f}".removesuffix(".0") + "s"
    whole = round(seconds)
    units = (("d", "h", 86_400, 3_600), ("h", "m", 3_600, 60), ("m", "s", 60, 1))
    for unit, below, size_of, size_below in units:
        if whole >= size_of:
            high, rest = divmod(whole, size_of)
            low = rest // size_below
            return f"{high}{unit} {low}{below}" if low else f"{high}{unit}"
    return f"{whole}s"


def age(seconds: float | None, *, missing: str = MISSING) -> str:
    """How old something is, one unit, at most four cells: `12s`, `5m`, `3h`, `20d`, `2y`."""
    seconds = _known(seconds, 999 * 31_557_600.0)
    if seconds is None:
        return missing
    old = max(0, int(seconds))
    for unit, size_of in (("y", 31_557_600), ("d", 86_400), ("h", 3_600), ("m", 60)):
        if old >= size_of:
            return f"{old // size_of}{unit}"
    return f"{old}s"


def when(moment: datetime | None, now: datetime, *, short: bool = False, missing: str = MISSING) -> str:
    """A point in time as seen from `now` (in the zone of `now`).

    Long: `today 14:02`, `yesterday 09:10`, `12 Mar 14:02`, `2024-03-12 14:02`.
    Short, at most ten cells: `14:02`, `yesterday`, `12 Mar`, `2024-03-12`.
    """
    if moment is None:
        return missing
    if moment.tzinfo is not None and now.tzinfo is not None:
        with contextlib.suppress(OverflowError):  # the last hours of the year 9999
            moment = moment.astimezone(now.tzinfo)
    clock = f"{moment:%H:%M}"
    if moment.date() == now.date():
        return clock if short else f"today {clock}"
    if moment.date().toordinal() == now.date().toordinal() - 1:
        return "yesterday" if short else f"yesterday {clock}"
    this_year = moment.year == now.year
    day = f"{moment.day:2} {_MONTHS[moment.month - 1]}" if this_year else f"{moment:%Y-%m-%d}"
    return day if short else f"{day.strip()} {clock}"


# -- text -------------------------------------------------------------------------------------------------


def cell_width(text: str) -> int:
    """Terminal cells `text` takes, by the tables of the standard library (wide 2, combining and format 0)."""
    if text.isascii():
        return len(text)
    return sum(_character_width(character) for character in text)


def _character_width(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in {"Mn", "Me", "Cf"}:
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def printable(text: str, *, ascii_only: bool = False) -> str:
    """`text` made safe to show on one line, whoever wrote it.

    Control characters, line breaks, bidirectional overrides, lone surrogates and unassigned code points
    become visible escapes (`\\n`, `\\x1b`, `\\u202e`, `\\xff` for a byte that was no UTF-8); piles of
    combining marks are cut.
    """
    if ascii_only:
        return to_ascii(printable(text))
    if text.isascii() and text.isprintable():
        return text
    if text.isprintable() and not any(map(unicodedata.combining, text)):
        return text
    out: list[str] = []
    marks = 0
    for character in text:
        if unicodedata.combining(character):
            marks += 1
            if not out or out[-1][-1:] == " " or marks > _MARKS_PER_CHARACTER:
                if marks <= _MARKS_PER_CHARACTER:
                    out.append(_escape(character))
                continue
            out.append(character)
            continue
        marks = 0
        out.append(character if character.isprintable() else _escape(character))
    return "".join(out)


def _escape(character: str) -> str:
    if (short := _SHORT_ESCAPES.get(character)) is not None:
        return short
    if unicodedata.category(character) == "Zs":
        return " "
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # a raw byte smuggled in by errors="surrogateescape"
        return f"\\x{code - 0xDC00:02x}"
    if code <= 0xFF:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def to_ascii(text: str) -> str:
    """The drawing characters of the dashboard replaced one cell by one cell; every other one becomes `?`s."""
    if text.isascii():
        return text
    plain = text.translate(_TO_ASCII)
    if plain.isascii():
        return plain
    return "".join(c if c.isascii() else "?" * _character_width(c) for c in plain)


def truncate(
    text: str,
    width: int,
    *,
    where: Side = "end",
    ellipsis: str = "…",
    measure: Callable[[str], int] = cell_width,
) -> str:
    """`text` in at most `width` cells; what is cut away is marked by `ellipsis` (if that fits).

    `where` is the part that is cut: `end` for names, `middle` for ids, `start` for paths. Wide characters
    are never halved.
    """
    if width <= 0:
        return ""
    if len(text) > (most := 4096 + 4 * width):  # nobody measures megabytes to show a line
        half = most // 2
        text = {"end": text[:most], "start": text[-most:], "middle": text[:half] + text[-half:]}[where]
    if (len(text) if text.isascii() else measure(text)) <= width:
        return text
    mark = ellipsis if measure(ellipsis) <= width else ""
    room = width - measure(mark)
    if where == "end":
        return _head(text, room, measure) + mark
    if where == "start":
        return mark + _tail(text, room, measure)
    tail = _tail(text, room // 2, measure)
    return _head(text, room - room // 2, measure) + mark + tail


def _head(text: str, room: int, measure: Callable[[str], int]) -> str:
    if text.isascii():
        return text[:room]
    taken = 0
    for index, character in enumerate(text):
        taken += measure(character)
        if taken > room:
            return text[:index]
    return text


def _tail(text: str, room: int, measure: Callable[[str], int]) -> str:
    if room <= 0:
        return ""
    if text.isascii():
        return text[-room:]
    taken = 0
    start = len(text)
    for index in range(len(text) - 1, -1, -1):
        width = measure(text[index])
        if taken + width > room:
            break
        taken += width
        if width:  # a combining mark belongs to the character before it
            start = index
    return text[start:]
