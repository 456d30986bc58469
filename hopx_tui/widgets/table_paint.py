"""Lines of a table as Textual strips: header, rows, messages; as few segments as the styles allow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.cache import LRUCache
from textual.strip import Strip

from hopx_tui.format import to_ascii, truncate
from hopx_tui.widgets.columns import Placed, Runs, fit_runs, runs_width
from hopx_tui.widgets.palette import Palette, RunStyle

_QUIET = frozenset({"muted", "faint"})


class RowFlags(NamedTuple):
    """What a row is besides its cells."""

    cursor: bool = False
    marked: bool = False
    stale: bool = False


class TableStyles(NamedTuple):
    """The styles of a table's parts, as its CSS resolves now."""

    base: Style
    header: Style
    sorted_header: Style
    cursor: Style
    cursor_bar: Style
    marked: Style


class Glyphs(NamedTuple):
    """The few drawn characters."""

    bar: str
    mark: str
    up: str
    down: str
    ellipsis: str


UNICODE = Glyphs("▌", "✓", "▲", "▼", "…")
ASCII = Glyphs(">", "*", "^", "v", "~")


class TablePainter:
    """Draws lines for one theme, one width and one set of placed columns; made anew when one changes."""

    def __init__(
        self,
        styles: TableStyles,
        palette: Palette,
        placed: Sequence[Placed],
        width: int,
        gutter: int,
        *,
        ascii_only: bool,
        cache_size: int,
    ) -> None:
        """`gutter` is 2 with marks, 1 without; `cache_size` counts strips."""
        self.placed = placed
        self.width = width
        self.glyphs = ASCII if ascii_only else UNICODE
        self._styles = styles
        self._palette = palette
        self._gutter = gutter
        self._grounds: dict[RowFlags, Style] = {}
        self._mixed: dict[tuple[RowFlags, RunStyle], Style] = {}
        self._strips: LRUCache[tuple[tuple[Runs, ...], RowFlags], Strip] = LRUCache(cache_size)

    def blank(self) -> Strip:
        """A line without a row."""
        return Strip.blank(self.width, self._styles.base)

    def row(self, cells: tuple[Runs, ...], flags: RowFlags) -> Strip:
        """The line of a row; `cells` belong to `placed`."""
        key = (cells, flags)
        strip = self._strips.get(key)
        if strip is None:
            strip = self._draw_row(cells, flags)
            self._strips[key] = strip
        return strip

    def _draw_row(self, cells: tuple[Runs, ...], flags: RowFlags) -> Strip:
        ground = self._ground(flags)
        line = _Line()
        bar = self.glyphs.bar if flags.cursor else " "
        line.add(bar, self._styles.cursor_bar if flags.cursor and not ground.reverse else ground)
        if self._gutter > 1:
            line.add(self.glyphs.mark if flags.marked else " ", ground)
        for (column, x, width), runs in zip(self.placed, cells, strict=True):
            if self.glyphs is ASCII:
                runs = tuple([(to_ascii(text), style) for text, style in runs])
            taken = runs_width(runs)
            if taken > width:
                runs = fit_runs(runs, width, column.cut, self.glyphs.ellipsis)
                taken = runs_width(runs)
            line.pad_to(x + (width - taken if column.align == "right" else 0), ground)
            for text, style in runs:
                if text:
                    line.add(text, self._mix(flags, style, ground))
        line.pad_to(self.width, ground)
        return line.strip(self.width, ground)

    def _ground(self, flags: RowFlags) -> Style:
        ground = self._grounds.get(flags)
        if ground is None:
            styles = self._styles
            ground = styles.base
            if flags.stale:
                ground += self._palette.style("faint")
            if flags.cursor:
                ground += styles.cursor
            if flags.marked:
                ground += Style(color=styles.marked.color, bold=True)
            self._grounds[flags] = ground
        return ground

    def _mix(self, flags: RowFlags, style: RunStyle, ground: Style) -> Style:
        # A reversed cursor row is one block: single cells in colours of their own would tear it apart.
        if not style or flags.stale or (flags.cursor and (ground.reverse or style in _QUIET)):
            return ground
        key = (flags, style)
        mixed = self._mixed.get(key)
        if mixed is None:
            mixed = self._mixed[key] = ground + self._palette.style(style)
        return mixed

    def header(self, sort_key: str | None, reverse: bool, letters: Mapping[str, str] | None = None) -> Strip:
        """The titles; `letters` (column key -> key to press) are shown while a sort is being chosen."""
        styles, glyphs = self._styles, self.glyphs
        line = _Line()
        for column, x, width in self.placed:
            chosen = column.key == sort_key
            title = column.title
            if letters is not None:
                title = f"[{letters[column.key]}]{title}" if column.key in letters else ""
            mark = (glyphs.down if reverse else glyphs.up) if chosen else ""
            title = truncate(title, width - len(mark), ellipsis=glyphs.ellipsis, measure=cell_len) + mark
            start = x + (width - cell_len(title) if column.align == "right" else 0)
            line.pad_to(start, styles.header)
            line.add(title, styles.sorted_header if chosen or letters is not None else styles.header)
        line.pad_to(self.width, styles.header)
        return line.strip(self.width, styles.header)

    def message(self, text: str, line_number: int, height: int) -> Strip:
        """Line `line_number` of `height` with `text` in their middle: first line plain, others quiet."""
        styles = self._styles
        lines = text.splitlines()
        if len(lines) > height:
            lines = lines[: max(1, height)]
        index = line_number - max(0, (height - len(lines)) // 2)
        line = _Line()
        if 0 <= index < len(lines):
            words = truncate(lines[index], self.width, ellipsis=self.glyphs.ellipsis, measure=cell_len)
            line.pad_to((self.width - cell_len(words)) // 2, styles.base)
            line.add(words, styles.base if index == 0 else styles.base + self._palette.style("muted"))
        line.pad_to(self.width, styles.base)
        return line.strip(self.width, styles.base)


class _Line:
    """Text gathered from the left; neighbours of one style share a segment, blanks join the one before."""

    __slots__ = ("_end", "_segments", "_style", "_texts")

    def __init__(self) -> None:
        self._segments: list[Segment] = []
        self._texts: list[str] = []
        self._style: Style | None = None
        self._end = 0

    def add(self, text: str, style: Style) -> None:
        if style is not self._style and self._style is not None and self._texts:
            self._segments.append(Segment("".join(self._texts), self._style))
            self._texts = []
        self._style = style
        self._texts.append(text)
        self._end += len(text) if text.isascii() else cell_len(text)

    def pad_to(self, x: int, ground: Style) -> None:
        blanks = x - self._end
        if blanks <= 0:
            return
        style = self._style
        # Only the ground shows through a blank, unless an attribute draws on it.
        joins = style is not None and style.bgcolor == ground.bgcolor and not (
            style.underline or style.strike or style.reverse or ground.reverse
        )  # fmt: skip
        self.add(" " * blanks, style if joins and style is not None else ground)

    def strip(self, width: int, ground: Style) -> Strip:
        if self._texts and self._style is not None:
            self._segments.append(Segment("".join(self._texts), self._style))
        strip = Strip(self._segments, self._end)
        return strip if self._end == width else strip.adjust_cell_length(width, ground)
