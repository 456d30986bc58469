"""One row of text with a left and a right side: headers, banners and status lines."""

from __future__ import annotations

from collections.abc import Sequence

from rich.segment import Segment
from rich.style import Style
from textual.geometry import Size
from textual.strip import Strip
from textual.widget import Widget

from hopx_tui.format import cell_width as cells
from hopx_tui.format import printable, to_ascii, truncate
from hopx_tui.widgets.palette import Palette, ascii_only

Part = tuple[str, str]
"""Text and the role it is drawn in."""


class Line(Widget):
    """Draws its parts by hand, so that a change of one word costs one row and no layout.

    Where both sides do not fit, the right one loses its parts from the front, then the left one is cut.
    """

    DEFAULT_CSS = "Line { height: 1; width: 1fr; }"

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._left: tuple[Part, ...] = ()
        self._right: tuple[Part, ...] = ()

    def set_parts(self, left: Sequence[Part], right: Sequence[Part] = ()) -> None:
        """Replace the content; nothing is repainted when it is the same."""
        new = (_safe(left), _safe(right))
        if new != (self._left, self._right):
            self._left, self._right = new
            self.refresh()

    @property
    def text(self) -> str:
        """What the line says, both sides, for tests and for copying."""
        return "".join(text for text, _ in self._left) + " " + "".join(text for text, _ in self._right)

    def get_content_width(self, container: Size, viewport: Size) -> int:
        """Wide enough for both sides."""
        return sum(cells(text) for text, _ in (*self._left, *self._right)) + (1 if self._right else 0)

    def notify_style_update(self) -> None:
        """A change of theme repaints."""
        super().notify_style_update()
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """Left side, ground, right side."""
        width = self.size.width
        ground = self.rich_style
        palette = Palette.of(self.app)
        plain = ascii_only(self.app)
        right = [(to_ascii(text) if plain else text, role) for text, role in self._right]
        left = [(to_ascii(text) if plain else text, role) for text, role in self._left]
        room = sum(cells(text) for text, _ in left)
        while right and room + 1 + sum(cells(text) for text, _ in right) > width:
            right.pop(0)
        ellipsis = "~" if plain else "…"
        segments = _segments(left, width, palette, ground, ellipsis)
        used = sum(segment.cell_length for segment in segments)
        tail = _segments(right, max(0, width - used), palette, ground, ellipsis)
        gap = width - used - sum(segment.cell_length for segment in tail)
        return Strip([*segments, Segment(" " * max(0, gap), ground), *tail], width)


def _safe(parts: Sequence[Part]) -> tuple[Part, ...]:
    """Nothing that a server said reaches the person's terminal as anything but text."""
    return tuple((text if text.isprintable() else printable(text), role) for text, role in parts)


def _segments(
    parts: Sequence[Part], width: int, palette: Palette, ground: Style, ellipsis: str
) -> list[Segment]:
    out: list[Segment] = []
    for text, role in parts:
        shown = truncate(text, width, ellipsis=ellipsis)
        if not shown:
            break
        width -= cells(shown)
        out.append(Segment(shown, ground + palette.style(role)))
    return out
