"""What a table's column is, how cells become styled runs, and which columns fit a width."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, NamedTuple, TypeVar, cast

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from hopx_tui.format import Side, printable, truncate
from hopx_tui.widgets.palette import RunStyle

R = TypeVar("R")

Run = tuple[str, RunStyle]
"""Text and its style (a role name or a Rich style)."""
Runs = tuple[Run, ...]
Cell = str | Text | Run | Sequence[Run]
"""What a column's `cell` may return: plain text, (text, style), several of these, or a Rich text."""


@dataclass(frozen=True)
class Column(Generic[R]):
    """One column of a `VirtualTable`.

    `width` counts cells without the gap; None shares what is left by `weight`, never less than `min_width`.
    Narrow tables drop columns, the highest `priority` first; priority 0 stays.
    `sort` gives the value to sort by (None sorts last); without it the column cannot be sorted.
    `cell` may return anything of `Cell`; without it the attribute named `key` is shown.
    `cut` says which end of a text gives way; `letter` is the key after the comma that sorts by this column.
    """

    key: str
    title: str
    width: int | None = None
    align: Literal["left", "right"] = field(default="left", kw_only=True)
    priority: int = field(default=0, kw_only=True)
    sort: Callable[[R], Any] | None = field(default=None, kw_only=True)
    cell: Callable[[R], Cell] | None = field(default=None, kw_only=True)
    min_width: int = field(default=8, kw_only=True)
    weight: int = field(default=1, kw_only=True)
    cut: Side = field(default="end", kw_only=True)
    letter: str | None = field(default=None, kw_only=True)
    descending: bool = field(default=False, kw_only=True)
    """True when the first sort by this column should put the highest value on top (CPU, memory)."""

    def runs(self, row: R, console: Console | None = None) -> Runs:
        """The cell of `row` as styled runs, safe for one line."""
        cell = self.cell
        return to_runs(str(getattr(row, self.key)) if cell is None else cell(row), console)

    def text(self, row: R) -> str:
        """The cell of `row` as plain text."""
        return "".join([text for text, _ in self.runs(row)])


def to_runs(cell: Cell, console: Console | None = None) -> Runs:
    """Normalise a cell; what cannot be printed on one line is escaped."""
    if isinstance(cell, str):
        return ((cell if cell.isprintable() else printable(cell), ""),)
    if isinstance(cell, Text):
        return _text_runs(cell, console)
    runs = (cast(Run, cell),) if len(cell) == 2 and isinstance(cell[0], str) else cast(Sequence[Run], cell)
    return tuple([(text if text.isprintable() else printable(text), style) for text, style in runs])


def _text_runs(text: Text, console: Console | None) -> Runs:
    if console is None or not (text.spans or text.style):
        return ((printable(text.plain), ""),)
    base = console.get_style(text.style)  # which `render` applies only where there are spans
    parts = [(part, base + style if style else base) for part, style, _ in text.render(console) if part]
    runs = [(printable(part), style) for part, style in parts]
    return tuple(runs) or (("", ""),)


def runs_width(runs: Runs) -> int:
    """Cells the runs take."""
    total = 0
    for text, _ in runs:
        total += len(text) if text.isascii() else cell_len(text)
    return total


def fit_runs(runs: Runs, width: int, cut: Side, ellipsis: str) -> Runs:
    """The runs in at most `width` cells, the cut marked by `ellipsis`."""
    if len(runs) == 1:
        text, style = runs[0]
        return ((truncate(text, width, where=cut, ellipsis=ellipsis, measure=cell_len), style),)
    if cut == "start":
        kept: list[Run] = []
        room = width
        for text, style in reversed(runs):
            taken = cell_len(text)
            if taken > room or (taken == room and len(kept) + 1 < len(runs)):
                whole = text if taken > room else ellipsis + text
                kept.append((truncate(whole, room, where="start", ellipsis=ellipsis, measure=cell_len), style))
                break
            kept.append((text, style))
            room -= taken
        return tuple(reversed(kept))
    kept = []
    room = width
    last = len(runs) - 1
    for index, (text, style) in enumerate(runs):
        taken = cell_len(text)
        if taken > room or (taken == room and index < last):
            whole = text if taken > room else text + ellipsis
            kept.append((truncate(whole, room, ellipsis=ellipsis, measure=cell_len), style))
            break
        kept.append((text, style))
        room -= taken
    return tuple(kept)


class Placed(NamedTuple):
    """A column that is shown: where it starts (from the left edge of the table) and how wide it is."""

    column: Column[Any]
    x: int
    width: int


def place(columns: Sequence[Column[Any]], width: int, *, left: int = 0) -> tuple[Placed, ...]:
    """Which of `columns` fit into `width` cells (after `left` cells of gutter), and where.

    Two cells part the columns while all of them fit so, else one; then columns are dropped by priority.
    """
    shown = list(columns)
    room = width - left
    for gap in (2, 1):
        if _least(shown, gap) <= room:
            break
    while len(shown) > 1 and _least(shown, gap) > room:
        worst = max(range(len(shown)), key=lambda index: (shown[index].priority, index))
        if shown[worst].priority <= 0:
            break
        del shown[worst]
    widths = _share(shown, room, gap)
    placed: list[Placed] = []
    x = left
    for column, cells in zip(shown, widths, strict=True):
        cells = min(cells, width - x)
        if cells <= 0:
            break
        placed.append(Placed(column, x, cells))
        x += cells + gap
    return tuple(placed)


def _least(columns: Sequence[Column[Any]], gap: int) -> int:
    wide = sum(column.min_width if column.width is None else column.width for column in columns)
    return wide + gap * (len(columns) - 1)


def _share(columns: Sequence[Column[Any]], room: int, gap: int) -> list[int]:
    spare = room - _least(columns, gap)
    weights = sum(column.weight for column in columns if column.width is None)
    widths: list[int] = []
    for column in columns:
        if column.width is not None:
            widths.append(column.width)
            continue
        share = spare * column.weight // weights if weights and spare > 0 else 0
        spare -= share
        weights -= column.weight
        # Without room for every minimum, the flexible columns give way first.
        widths.append(max(1, column.min_width + (share if spare >= 0 else min(0, spare))))
    return widths


def sort_letters(columns: Sequence[Column[Any]]) -> dict[str, Column[Any]]:
    """The key after the comma for every sortable column: its own letter, else a free one of its title."""
    letters = {column.letter: column for column in columns if column.letter and column.sort}
    for column in columns:
        if column.sort is None or column.letter:
            continue
        for letter in column.title.lower() + "abcdefghijklmnopqrstuvwxyz":
            if letter.isalnum() and letter not in letters:
                letters[letter] = column
                break
    return letters
