"""Labelled facts in one or two columns, drawn by hand so that a ticking clock costs one line."""

from __future__ import annotations

from collections.abc import Sequence

from rich.segment import Segment
from textual.geometry import Region, Size
from textual.strip import Strip
from textual.widget import Widget

from hopx_tui.format import printable, to_ascii
from hopx_tui.widgets.columns import Run, Runs, fit_runs, runs_width
from hopx_tui.widgets.palette import Palette, ascii_only

Fact = tuple[str, Runs]
"""A label and the styled runs of its value."""

_WIDE = 84
"""Cells from which on two columns are used."""


class Facts(Widget):
    """`label  value` lines; only lines whose text changed are repainted."""

    DEFAULT_CSS = "Facts { height: auto; }"

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._facts: tuple[Fact, ...] = ()

    def set_facts(self, facts: Sequence[Fact]) -> None:
        """Replace all facts. A change of their number lays the screen out anew, a change of text does not."""
        before, self._facts = self._facts, tuple((label, _safe(runs)) for label, runs in facts)
        if len(before) != len(self._facts):
            self.refresh(layout=True)
            return
        lines = {self._place(index)[0] for index, fact in enumerate(self._facts) if fact != before[index]}
        if lines:
            self.refresh(*[Region(0, line, self.size.width, 1) for line in lines])

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """One line for each fact of a column."""
        count = len(self._facts)
        return max(1, (count + 1) // 2 if width >= _WIDE else count)

    def notify_style_update(self) -> None:
        """The theme changed."""
        super().notify_style_update()
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """One line of facts."""
        width = self.size.width
        ground = self.rich_style
        palette = Palette.of(self.app)
        plain = ascii_only(self.app)
        columns = 2 if width >= _WIDE else 1
        room = width // columns
        label_width = max((len(label) for label, _ in self._facts), default=0) + 2
        segments: list[Segment] = []
        for column in range(columns):
            index = y * columns + column
            if index >= len(self._facts):
                break
            label, runs = self._facts[index]
            value = fit_runs(runs, max(1, room - label_width - 1), "end", "~" if plain else "…")
            line: list[Run] = [(label.ljust(label_width), "muted"), *value]
            shown = tuple((to_ascii(text) if plain else text, role) for text, role in line)
            segments += [Segment(text, ground + palette.style(role)) for text, role in shown]
            segments.append(Segment(" " * max(0, room - runs_width(shown)), ground))
        return Strip(segments).adjust_cell_length(width, ground)

    def _place(self, index: int) -> tuple[int, int]:
        columns = 2 if self.size.width >= _WIDE else 1
        return divmod(index, columns)


def _safe(runs: Runs) -> Runs:
    """Nothing that a server said reaches the person's terminal as anything but text."""
    return tuple((text if text.isprintable() else printable(text), style) for text, style in runs)
