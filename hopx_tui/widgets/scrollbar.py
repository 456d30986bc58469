"""A scrollbar drawn with characters: it can be seen without colours, in ASCII, and costs few bytes."""

from __future__ import annotations

from math import ceil
from typing import ClassVar

from rich.color import Color
from rich.segment import Segment, Segments
from rich.style import Style
from textual.scrollbar import ScrollBarRender
from textual.widget import Widget

from hopx_tui.widgets.palette import ascii_only

_DEFAULT = Color.default()


class LineScrollBar(ScrollBarRender):
    """A thin line with a thicker thumb."""

    TRACK: ClassVar[str] = "│"
    THUMB: ClassVar[str] = "┃"
    TRACK_ACROSS: ClassVar[str] = "─"
    THUMB_ACROSS: ClassVar[str] = "━"

    @classmethod
    def render_bar(
        cls,
        size: int = 25,
        virtual_size: float = 50,
        window_size: float = 20,
        position: float = 0,
        thickness: int = 1,
        vertical: bool = True,
        back_color: Color = _DEFAULT,
        bar_color: Color = _DEFAULT,
    ) -> Segments:
        """The bar as Rich segments; a click before or after the thumb scrolls by a page."""
        start, length = cls.thumb(size, virtual_size, window_size, position)
        thumb, track = (cls.THUMB, cls.TRACK) if vertical else (cls.THUMB_ACROSS, cls.TRACK_ACROSS)
        quiet = Style(color=bar_color, bgcolor=back_color, dim=True)
        before = Segment(track * thickness, quiet + Style(meta={"@mouse.down": "scroll_up"}))
        after = Segment(track * thickness, quiet + Style(meta={"@mouse.down": "scroll_down"}))
        grip = Segment(thumb * thickness, Style(color=bar_color, bgcolor=back_color, meta={"@mouse.down": "grab"}))
        segments = [before] * start + [grip] * length + [after] * (size - start - length)
        if vertical:
            return Segments(segments, new_lines=True)
        return Segments(([*segments, Segment.line()]) * thickness, new_lines=False)

    @staticmethod
    def thumb(size: int, virtual_size: float, window_size: float, position: float) -> tuple[int, int]:
        """Start and length of the thumb in cells; it touches an end only when the view does."""
        size = int(size)
        if not window_size or virtual_size <= window_size:
            return 0, 0
        length = min(size, max(1, ceil(size * window_size / virtual_size)))
        room = size - length
        most = virtual_size - window_size
        start = round(room * min(position, most) / most)
        if room > 1:
            start = max(start, 1 if position > 0 else 0)
            start = min(start, room if position >= most else room - 1)
        return start, length


class AsciiScrollBar(LineScrollBar):
    """The same in ASCII."""

    TRACK: ClassVar[str] = "|"
    THUMB: ClassVar[str] = "#"
    TRACK_ACROSS: ClassVar[str] = "-"
    THUMB_ACROSS: ClassVar[str] = "#"


def draw_scrollbars_as_lines(widget: Widget) -> None:
    """Give the scrollbars of `widget` (only its own) the line look."""
    look = AsciiScrollBar if ascii_only(widget.app) else LineScrollBar
    widget.vertical_scrollbar.renderer = look  # type: ignore[misc]
    widget.horizontal_scrollbar.renderer = look  # type: ignore[misc]
