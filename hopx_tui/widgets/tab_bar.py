"""A row of numbered tabs that can be clicked."""

from __future__ import annotations

from collections.abc import Sequence

from rich.segment import Segment
from textual import events
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from hopx_tui.format import cell_width
from hopx_tui.widgets.palette import Palette


class TabBar(Widget):
    """`1 Overview  2 Terminal  3 Files`: the current one stands out by weight and underline too, not by colour only."""

    ALLOW_SELECT = False
    DEFAULT_CSS = "TabBar { height: 1; }"

    class Chosen(Message):
        """A tab was clicked; `index` counts from 0."""

        def __init__(self, index: int) -> None:
            super().__init__()
            self.index = index

    def __init__(self, names: Sequence[str], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._names = tuple(names)
        self._current = 0
        self._marks: frozenset[int] = frozenset()

    def show(self, current: int, marked: frozenset[int] = frozenset()) -> None:
        """Make `current` stand out; `marked` tabs carry a dot (something lives there)."""
        if (current, marked) != (self._current, self._marks):
            self._current, self._marks = current, marked
            self.refresh()

    def notify_style_update(self) -> None:
        """The theme changed."""
        super().notify_style_update()
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """All tabs in one line."""
        ground, palette = self.rich_style, Palette.of(self.app)
        segments = [Segment(" ", ground)]
        for index, name in enumerate(self._names):
            current = index == self._current
            dot = "*" if index in self._marks else ""
            segments.append(Segment(f"{index + 1} ", ground + palette.style("key" if current else "faint")))
            segments.append(Segment(f"{name}{dot}", ground + palette.style("bold underline" if current else "muted")))
            segments.append(Segment("   ", ground))
        return Strip(segments).adjust_cell_length(self.size.width, ground)

    def on_click(self, event: events.Click) -> None:
        """Which tab is under the pointer."""
        x = 1
        for index, name in enumerate(self._names):
            width = 2 + cell_width(name) + (1 if index in self._marks else 0)
            if x <= event.x < x + width + 2:
                self.post_message(self.Chosen(index))
                return
            x += width + 3
