"""How many columns a character takes, from one wcwidth table, and the splitting of text by that."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping

from wcwidth import wcwidth
from wcwidth.table_wide import WIDE_EASTASIAN
from wcwidth.table_zero import ZERO_WIDTH

char_width: Callable[[str], int] = wcwidth
"""Columns of one character: 0, 1, 2; -1 for what does not print."""

_BMP_END = 0x10000


def _newest(table: Mapping[str, tuple[tuple[int, int], ...]]) -> tuple[tuple[int, int], ...]:
    return list(table.values())[-1]


def _points(ranges: Iterable[tuple[int, int]]) -> set[int]:
    return {
        point
        for first, last in ranges
        if last >= 0xA0 and first < _BMP_END
        for point in range(max(first, 0xA0), min(last + 1, _BMP_END))
    }


def _ranges(points: set[int]) -> Iterator[str]:
    ordered = sorted(points)
    start = 0
    for at in range(1, len(ordered) + 1):
        if at == len(ordered) or ordered[at] != ordered[at - 1] + 1:
            yield f"\\u{ordered[start]:04x}-\\u{ordered[at - 1]:04x}"
            start = at


def _classes() -> tuple[str, str]:
    zero = _points(_newest(ZERO_WIDTH)) | set(range(0xD800, 0xE000))  # lone surrogates: never text
    wide = _points(_newest(WIDE_EASTASIAN)) - zero
    return "".join(_ranges(wide)), "".join(_ranges(zero))


_WIDE, _ZERO = _classes()
# A class with ranges above the BMP is searched range by range: astral characters go one at a time.
_NARROW = rf"[^{_WIDE}{_ZERO}\x00-\x1f\x7f-\x9f\U00010000-\U0010ffff]"

NARROW = re.compile(rf"{_NARROW}*")
"""Matches text in which each character takes one column."""
RUNS = re.compile(rf"({_NARROW}+)|([{_WIDE}]+)|(.)", re.DOTALL)
"""Splits text in (narrow run, wide run, any other single character)."""
CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def joins(char: str) -> bool:
    """Whether a zero-width character may join the cell before it.

    Marks, joiners, variation selectors, Hangul vowels and emoji tags do; what is left are invisible format
    characters (bidirectional controls, separators), which would change how *other* text looks.
    """
    if char in "\u200c\u200d" or "\U000e0020" <= char <= "\U000e007f":
        return True
    return unicodedata.category(char) in ("Mn", "Me", "Mc", "Lo")
