"""The bottom line: the keys that work right now, as many as fit."""

from __future__ import annotations

from collections.abc import Sequence

from rich.segment import Segment
from textual.strip import Strip
from textual.widget import Widget

from hopx_tui.format import cell_width, truncate
from hopx_tui.widgets.palette import Palette, ascii_only

Hint = tuple[str, str]
"""A key as shown and its label."""

_GAP = 2
"""Blanks behind a hint."""
_LEFT_TO_HINTS = 30
"""Cells that a note leaves to the hints at least, where there is room for both."""


HELP: Hint = ("?", "help")


class HintBar(Widget):
    """Keys and labels from the left; `last` (help) always keeps its place."""

    ALLOW_SELECT = False
    DEFAULT_CSS = "HintBar { height: 1; background: $footer-background; }"

    def __init__(self, last: Hint | None = HELP, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._last = last
        self._hints: tuple[Hint, ...] = ()
        self._note = ""

    def set_note(self, text: str) -> None:
        """What is under way, at the right end, before any hint; "" takes it away."""
        if text != self._note:
            self._note = text
            self.refresh()

    def set_hints(self, hints: Sequence[Hint], *, last: Hint | None = HELP) -> None:
        """Replace the hints, most useful first; `last` is None where help cannot be reached."""
        new = tuple(hints)
        if (new, last) != (self._hints, self._last):
            self._hints, self._last = new, last
            self.refresh()

    @property
    def hints(self) -> Sequence[Hint]:
        """What is offered, whether or not it fits."""
        return self._hints

    def notify_style_update(self) -> None:
        """The theme changed."""
        super().notify_style_update()
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """The hints that fit, and `last`."""
        width = self.size.width
        ground, palette = self.rich_style, Palette.of(self.app)
        key_style, label_style = ground + palette.style("key"), ground + palette.style("muted")
        room = max(self.size.width * 2 // 3, self.size.width - _LEFT_TO_HINTS)
        note = truncate(self._note, room, ellipsis="~" if ascii_only(self.app) else "…")
        room = width
        if note:
            width -= cell_width(note) + _GAP
        last = () if self._last is None else (self._last,)
        reserved = sum(_width(hint) - _GAP for hint in last)
        segments: list[Segment] = [Segment(" ", ground)]
        used = 1
        for hint in (*self._hints, *last):
            needed = reserved if hint is self._last else _width(hint) + reserved
            if needed > width - used:
                continue
            segments += [Segment(hint[0], key_style), Segment(f" {hint[1]}  ", label_style)]
            used += _width(hint)
        strip = Strip(segments).adjust_cell_length(width, ground)
        if not note:
            return strip
        return Strip([*strip, Segment(f" {note} ", ground + palette.style("warn"))]).adjust_cell_length(room, ground)


def _width(hint: Hint) -> int:
    return cell_width(hint[0]) + 1 + cell_width(hint[1]) + _GAP
