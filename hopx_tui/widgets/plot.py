"""Numbers drawn with characters: sparklines and braille, block or ASCII plots. Pure text, no widget."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

Mode = Literal["braille", "block", "ascii"]

LARGEST = 1e18
SMALLEST = 1e-18
"""Scales beyond these are no measurements, and divide badly."""
SPARKS = "▁▂▃▄▅▆▇█"
ASCII_SPARKS = ".:-=+*#"
_BLOCKS = " " + SPARKS
_ASCII_BLOCKS = " .:#"
# Dots of a braille cell from the bottom to the top, left column and right column.
_LEFT = (0, 0x40, 0x44, 0x46, 0x47)
_RIGHT = (0, 0x80, 0xA0, 0xB0, 0xB8)


def sparkline(
    values: Sequence[float | None], width: int, maximum: float | None = None, *, ascii_only: bool = False
) -> str:
    """The last `width` values as bars from 0 to `maximum` (None: the highest shown), newest at the right.

    Missing values and the time before the first one are blanks; a zero is the lowest bar, to be seen.
    """
    bars = ASCII_SPARKS if ascii_only else SPARKS
    last = bounded(values[-width:] if width > 0 else ())
    top = maximum if maximum is not None else max((value for value in last if value is not None), default=0.0)
    levels = len(bars)
    scale = _steps_per_unit(levels, top)
    line = "".join(
        [" " if v is None else bars[min(levels - 1, max(0, int(v * scale)))] for v in last]
    )  # fmt: skip
    return line.rjust(max(0, width))


def plot(values: Sequence[float | None], width: int, height: int, maximum: float, mode: Mode) -> list[str]:
    """A filled plot of `height` lines, top line first, newest value at the right.

    A braille cell holds two values, the other modes one. None is a gap: nothing is drawn at its time.
    A value above zero is always at least one dot.
    """
    if width <= 0 or height <= 0:
        return []
    per_cell, steps = {"braille": (2, 4), "block": (1, 8), "ascii": (1, 3)}[mode]
    heights = _heights(values, width * per_cell, height * steps, maximum)
    lines: list[str] = []
    for row in range(height - 1, -1, -1):
        floor = row * steps
        cut = [max(0, min(steps, level - floor)) for level in heights]
        if mode == "braille":
            cells = [chr(0x2800 + _LEFT[a] + _RIGHT[b]) for a, b in zip(cut[::2], cut[1::2], strict=True)]
            lines.append("".join(cells).replace("\u2800", " "))
        else:
            glyphs = _BLOCKS if mode == "block" else _ASCII_BLOCKS
            lines.append("".join([glyphs[level] for level in cut]))
    return lines


def _heights(values: Sequence[float | None], count: int, steps: int, maximum: float) -> list[int]:
    last = bounded(values[-count:])
    scale = _steps_per_unit(steps, maximum)
    heights = [0] * (count - len(last))
    for value in last:
        if value is None:
            heights.append(0)
        else:
            level = min(steps, round(value * scale))
            heights.append(max(1, level) if value > 0 else 0)
    return heights


def bounded(values: Iterable[float | None]) -> list[float | None]:
    """What can be drawn of them: not-a-number is a gap, and nothing lies outside 0 to `LARGEST`."""
    return [None if value is None or value != value else float(max(0, min(value, LARGEST))) for value in values]


def _steps_per_unit(steps: int, top: float) -> float:
    return steps / top if SMALLEST <= top <= LARGEST else 0.0


def span(mode: Mode, width: int) -> int:
    """How many values a plot of `width` cells shows."""
    return width * 2 if mode == "braille" else width


def nice_maximum(value: float, *, base: float = 10.0) -> float:
    """The next round number from `value` on (1, 2, 5 times a power of `base`): a scale that rarely jumps."""
    if not 0 < value <= LARGEST or base < 2:
        return 1.0 if not value > LARGEST else LARGEST
    power = 1.0
    while power * base <= value:
        power *= base
    while power > value and power > SMALLEST:
        power /= base
    for step in (1, 2, 5, base):
        if value <= step * power:
            return step * power
    return base * power
