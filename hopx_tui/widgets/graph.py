"""A plot over time with title, current value and scale, drawn line by line and only when it changed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.geometry import Region
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from hopx_tui.format import percent, truncate
from hopx_tui.widgets.palette import Palette, ascii_only
from hopx_tui.widgets.plot import LARGEST, Mode, bounded, nice_maximum, plot, span, sparkline

__all__ = ["Graph", "sparkline"]

LEVELS = ("success", "warning", "error")
"""Theme variables of a gradient from harmless to critical, bottom to top."""


class Graph(Widget):
    """Values over time, newest at the right, under one line of title, value and scale.

    `maximum` fixes the scale (100 for a percentage); None fits it to the highest value shown, rounded up
    and never below `least`. `colors` are theme variables from bottom to top.
    """

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    Graph { width: 1fr; height: 1fr; min-height: 2; }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {"graph--title", "graph--quiet"}

    title: reactive[str] = reactive("", init=False, repaint=False)
    """Shown at the left of the first line."""
    note: reactive[str] = reactive("", init=False, repaint=False)
    """A word laid over the middle of the plot (`paused`); the plot is greyed below it."""
    available: reactive[bool] = reactive(True, init=False, repaint=False)
    """False shows `n/a` instead of a plot: this sandbox does not tell."""

    def __init__(
        self,
        title: str,
        *,
        maximum: float | None = None,
        least: float = 1.0,
        text: Callable[[float], str] = percent,
        colors: Sequence[str] = LEVELS,
        mode: Mode | None = None,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        """`text` words a value; `mode` None takes braille, or ASCII where the terminal needs it."""
        super().__init__(id=id, classes=classes)
        self.set_reactive(Graph.title, title)
        self._maximum = maximum
        self._least = least
        self._text = text
        self._colors = tuple(colors)
        self._mode = mode
        self._values: tuple[float | None, ...] = ()
        self._current: str | None = None
        self._limit: str | None = None
        self._lines: list[str] = []
        self._palette: Palette | None = None
        self._gradient: list[Style] = []

    # -- what owners do -----------------------------------------------------------------------------------

    def set_values(
        self, values: Sequence[float | None], *, current: str | None = None, limit: str | None = None
    ) -> None:
        """Show `values`, equally spaced, oldest first; None is a gap.

        `current` replaces the worded last value (`212M / 1G`), `limit` the worded top of the scale.
        """
        kept = tuple(bounded(values[-1024:]))
        if (kept, current, limit) == (self._values, self._current, self._limit):
            return
        self._values, self._current, self._limit = kept, current, limit
        self._redraw()

    @property
    def scale(self) -> float:
        """The value at the top of the plot, 1e18 at most."""
        if self._maximum is not None:
            return self._maximum if 0 < self._maximum <= LARGEST else self._least
        shown = self._values[-span(self._plot_mode, max(1, self.size.width)) :]
        return nice_maximum(max([self._least, *[value for value in shown if value is not None]]))

    # -- drawing ------------------------------------------------------------------------------------------

    @property
    def _plot_mode(self) -> Mode:
        if ascii_only(self.app):
            return "ascii"
        return self._mode or "braille"

    def _redraw(self, *, all_lines: bool = False) -> None:
        if not self.is_attached or not self.size:
            return
        before, self._lines = self._lines, self._draw()
        if all_lines or len(before) != len(self._lines):
            self.refresh()
            return
        changed = [y for y, (old, new) in enumerate(zip(before, self._lines, strict=True)) if old != new]
        if changed:
            self.refresh(*[Region(0, y, self.size.width, 1) for y in changed])

    def _draw(self) -> list[str]:
        """Every line as text; colours follow from the line's place alone."""
        width, height = self.size
        rows = height - 1
        values = self._values if self.available else ()
        lines = [self._heading(width), *plot(values, width, rows, self.scale, self._plot_mode)]
        overlay = self.note if self.available else "n/a"
        if overlay and rows > 0:
            lines[1 + rows // 2] = self._laid_over(lines[1 + rows // 2], overlay, width)
        return lines

    def _laid_over(self, line: str, note: str, width: int) -> str:
        words = truncate(f" {note} ", width, measure=cell_len, ellipsis="")
        start = (width - cell_len(words)) // 2
        return line[:start] + words + line[start + cell_len(words) :]

    def _heading(self, width: int) -> str:
        left, right = self._heading_parts(width)
        return left + " " * (width - cell_len(left) - cell_len(right)) + right

    def _heading_parts(self, width: int) -> tuple[str, str]:
        current = ""
        if self.available:
            last = self._values[-1] if self._values else None
            current = self._current if self._current is not None else "" if last is None else self._text(last)
        ellipsis = "~" if ascii_only(self.app) else "…"
        # The value matters most, then the title, then the scale.
        value = truncate(current, width, measure=cell_len, ellipsis=ellipsis)
        room = width - cell_len(value) - (1 if value else 0)
        name = truncate(self.title, room, measure=cell_len, ellipsis=ellipsis)
        left = f"{name} {value}" if name and value else name or value
        limit = (self._limit if self._limit is not None else self._text(self.scale)) if self.available else ""
        return left, limit if cell_len(left) + 2 + cell_len(limit) <= width else ""

    def render_line(self, y: int) -> Strip:
        """One line of the screen."""
        width = self.size.width
        if not self._lines or len(self._lines[0]) == 0:
            self._lines = self._draw()
        base = self.rich_style
        if y >= len(self._lines):
            return Strip.blank(width, base)
        palette = self._colours()
        if y == 0:
            return self._heading_strip(width, base, palette)
        overlay = self.note if self.available else "n/a"
        style = base + palette.style("ghost") if overlay else base + self._gradient[y - 1]
        line = self._lines[y]
        if overlay and y == 1 + (len(self._lines) - 1) // 2:
            words = truncate(f" {overlay} ", width, measure=cell_len, ellipsis="")
            start = (width - cell_len(words)) // 2
            segments = [
                Segment(line[:start], style),
                Segment(words, base + palette.style("muted")),
                Segment(line[start + len(words) :], style),
            ]
            return Strip([s for s in segments if s.text]).adjust_cell_length(width, base)
        return Strip([Segment(line, style)]).adjust_cell_length(width, base)

    def _heading_strip(self, width: int, base: Style, palette: Palette) -> Strip:
        left, right = self._heading_parts(width)
        name = left[: len(self.title)] if left.startswith(self.title) else ""
        gap = " " * (width - cell_len(left) - cell_len(right))
        quiet = base + palette.style("muted")
        segments = [Segment(name, quiet), Segment(left[len(name) :] + gap, base + palette.style("bold"))]
        segments.append(Segment(right, base + palette.style("faint")))
        return Strip([s for s in segments if s.text]).adjust_cell_length(width, base)

    def _colours(self) -> Palette:
        rows = max(1, self.size.height - 1)
        if self._palette is None or len(self._gradient) != rows:
            self._palette = Palette.of(self.app)
            stops = [self._palette.color(name) for name in self._colors]
            self._gradient = [_shade(stops, 1 - (row + 0.5) / rows) for row in range(rows)]
        return self._palette

    # -- what changes the drawing -------------------------------------------------------------------------

    def watch_title(self) -> None:
        """Another title."""
        self._redraw()

    def watch_note(self) -> None:
        """The plot is greyed, or gets its colours back."""
        self._redraw(all_lines=True)

    def watch_available(self) -> None:
        """Plot or `n/a`."""
        self._redraw(all_lines=True)

    def on_resize(self) -> None:
        """Another size shows other values."""
        self._redraw(all_lines=True)

    def notify_style_update(self) -> None:
        """The theme changed."""
        super().notify_style_update()
        self._palette = None


def _shade(stops: Sequence[Color], height: float) -> Style:
    """The colour at `height` (0 bottom, 1 top) between the stops; the sixteen ANSI colours do not mix."""
    if len(stops) == 1:
        return Style(color=stops[0].rich_color)
    at = height * (len(stops) - 1)
    index = min(int(at), len(stops) - 2)
    low, high = stops[index], stops[index + 1]
    if low.ansi is not None or high.ansi is not None:
        return Style(color=stops[min(int(height * len(stops)), len(stops) - 1)].rich_color)
    return Style(color=low.blend(high, at - index).rich_color)
