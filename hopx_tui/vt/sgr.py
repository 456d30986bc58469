"""SGR: from the parameters of `CSI ... m` to the look they lead to."""

from __future__ import annotations

from collections.abc import Sequence
from types import MappingProxyType

from hopx_tui.vt.style import (
    BLINK,
    BOLD,
    DIM,
    HIDDEN,
    ITALIC,
    OVERLINE,
    REVERSE,
    STRIKE,
    Colour,
    Look,
)

_SET = MappingProxyType(
    {1: BOLD, 2: DIM, 3: ITALIC, 5: BLINK, 6: BLINK, 7: REVERSE, 8: HIDDEN, 9: STRIKE, 53: OVERLINE}
)
_CLEAR = MappingProxyType(
    {22: BOLD | DIM, 23: ITALIC, 25: BLINK, 27: REVERSE, 28: HIDDEN, 29: STRIKE, 55: OVERLINE}
)
_MAX_PARAMETERS = 256
_MAX_DIGITS = 6


def apply_sgr(look: Look, parameters: str) -> Look:
    """The look after `CSI parameters m`; unknown and malformed parts are skipped.

    The link of a cell is no part of SGR and stays.
    """
    parts = parameters.split(";", _MAX_PARAMETERS)[:_MAX_PARAMETERS]
    fg, bg, flags, underline, underline_colour, link = look
    at = 0
    while at < len(parts):
        part = parts[at]
        at += 1
        sub = part.split(":") if ":" in part else None
        code = number(sub[0] if sub else part)
        if sub and code not in (4, 38, 48, 58):
            continue
        if code in (38, 48, 58):
            if sub:
                colour, known = _colon_colour(sub)
            else:
                colour, known, used = _legacy_colour(parts[at : at + 4])
                at += used
            if known and code == 38:
                fg = colour
            elif known and code == 48:
                bg = colour
            elif known:
                underline_colour = colour
        elif code == 0:
            fg = bg = underline_colour = None
            flags = underline = 0
        elif code in _SET:
            flags |= _SET[code]
        elif code in _CLEAR:
            flags &= ~_CLEAR[code]
        elif code in (4, 21, 24, 59):
            underline, underline_colour = _underline(code, sub, underline, underline_colour)
        else:
            fg, bg = _basic_colour(code, fg, bg)
    return Look(fg, bg, flags, underline, underline_colour, link)


def number(text: str) -> int:
    """A parameter as a number; absent and malformed ones are 0, large ones are clamped."""
    if not text.isascii() or not text.isdigit():
        return 0
    text = text.lstrip("0")
    return int(text or "0") if len(text) <= _MAX_DIGITS else 10**_MAX_DIGITS


def _underline(
    code: int, sub: Sequence[str] | None, underline: int, colour: Colour
) -> tuple[int, Colour]:
    if code == 59:
        return underline, None
    if code == 4 and sub:
        kind = number(sub[1])
        return (kind if kind <= 5 else underline), colour
    return {4: 1, 21: 2, 24: 0}[code], colour


def _basic_colour(code: int, fg: Colour, bg: Colour) -> tuple[Colour, Colour]:
    if 30 <= code <= 37:
        return code - 30, bg
    if 40 <= code <= 47:
        return fg, code - 40
    if 90 <= code <= 97:
        return code - 82, bg
    if 100 <= code <= 107:
        return fg, code - 92
    if code == 39:
        return None, bg
    if code == 49:
        return fg, None
    return fg, bg


def _rgb(parts: Sequence[str]) -> tuple[Colour, bool]:
    red, green, blue = (number(part) for part in parts)
    return (red, green, blue), max(red, green, blue) <= 255


def _colon_colour(sub: Sequence[str]) -> tuple[Colour, bool]:
    """`38:5:n`, `38:2:r:g:b` and `38:2:space:r:g:b`."""
    if sub[1] == "5" and len(sub) >= 3:
        index = number(sub[2])
        return index, index <= 255
    if sub[1] == "2" and len(sub) >= 5:
        return _rgb(sub[3:6] if len(sub) >= 6 else sub[2:5])
    return None, False


def _legacy_colour(rest: Sequence[str]) -> tuple[Colour, bool, int]:
    """`38;5;n` and `38;2;r;g;b`: (colour, whether it is one, parameters used)."""
    kind = rest[0] if rest else ""
    if kind == "5" and len(rest) >= 2:
        index = number(rest[1])
        return index, index <= 255, 2
    if kind == "2" and len(rest) == 4:
        colour, known = _rgb(rest[1:4])
        return colour, known, 4
    return None, False, len(rest) if kind in ("2", "5") else 0
