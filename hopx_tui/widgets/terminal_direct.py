"""Draws a terminal pane's changed lines past Textual's compositor, wherever nothing lies over the pane.

Through the compositor a frame of one line takes 1.5 ms and one of forty 3 ms and more: most of what a person waits for
after a key. Textual is told that its own copy of these lines is old, so what it draws later is the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rich.segment import Segment
from textual.geometry import Offset, Region, Size
from textual.screen import Screen
from textual.strip import Strip
from textual.widget import Widget

from hopx_tui.vt.row import Row
from hopx_tui.vt.style import Style
from hopx_tui.widgets.terminal_canvas import Canvas, Inks
from hopx_tui.widgets.terminal_render import StyleBook, printable
from hopx_tui.widgets.terminal_surface import Sheet, Surface

__all__ = ["DirectPaint"]

_CACHE = 8_192


class DirectPaint:
    """One pane's way to the person's terminal.

    Args:
        widget: the pane; its `render_line` gives what is not just a row of the emulator.
        canvas: knows what changed.

    The names of Textual's that have an underscore are pinned by a test together with its version.
    """

    def __init__(self, widget: Widget, canvas: Canvas, surface: Surface) -> None:
        self._widget = widget
        self._canvas = canvas
        self._surface = surface
        self._screen: Screen[Any] | None = None
        self._arranged: object = None
        self._place: Region | None = None
        self._book: StyleBook | None = None
        self._styles: dict[Style, Style | None] = {}

    def forget(self) -> None:
        """The theme is another one."""
        self._arranged = self._book = None

    def paint(self, inks: Inks, size: Size, *, bare: bool, place_cursor: Callable[[Offset], None]) -> bool:
        """Draw what changed, all in one frame with the cursor; False: nothing was done, Textual must.

        `size`: of the emulator's screen; `bare`: nothing lies over its rows, and all of them are in view.
        """
        place = self._uncovered()
        if place is None or place.size != size:
            return False
        widget, canvas = self._widget, self._canvas
        origin, (width, height) = place.offset, size
        regions: list[Region] = []
        with self._surface.frame() as sheet:
            if sheet is None:
                return False
            if bare and (moved := canvas.moved()) is not None:
                top, bottom, count = moved
                if sheet.scroll(origin.x, width, origin.y + top, origin.y + bottom, count):
                    canvas.move(*moved)
                    regions.append(Region(0, top, width, bottom - top + 1))
            changed = canvas.changed(width, height, None)
            for region in changed:
                for y in range(region.y, region.bottom):
                    row = canvas.row(y) if bare else None
                    if row is None or not self._put(sheet, origin.x, origin.y + y, row, inks):
                        sheet.draw(origin.x, origin.y + y, self._text(widget.render_line(y)))
                    else:
                        canvas.painted(y, row)
            place_cursor(origin)
        if drawn := (*regions, *changed):  # none at all would mean every row
            within = widget.content_offset
            widget._styles_cache.set_dirty(*(region.translate(within) for region in drawn))
        return True

    def _put(self, sheet: Sheet, x: int, y: int, row: Row, inks: Inks) -> bool:
        """Draw a row cell by cell; False where it holds what a terminal does not show as it is."""
        cells, styles = row.grid()
        text = "".join(cells)
        if printable(text) != text:
            return False
        book = self._canvas.book(inks)
        if book is not self._book or len(self._styles) > _CACHE:
            self._book = book
            self._styles.clear()
        known = self._styles
        for style in set(styles).difference(known):
            known[style] = None if style.hidden else sheet.style(self._text(Strip([Segment("x", book.rich(style))], 1)))
        drawn = [each for style in styles if (each := known[style]) is not None]
        if len(drawn) != len(cells):
            return False
        sheet.put(x, y, cells, drawn)
        return True

    def _text(self, strip: Strip) -> str:
        """What Textual would write for it."""
        widget = self._widget
        background = widget.background_colors[1]
        for each in widget.get_line_filters():
            strip = strip.apply_filter(each, background)
        return strip.render(widget.app.console)

    def _uncovered(self) -> Region | None:
        """The cells of the screen that are the pane's; None while another widget or screen may lie over it."""
        screen = self._screen
        if screen is None:
            screen = self._screen = self._widget.screen
        if not screen.is_active or screen._layout_required or screen.app._batch_count:
            return None
        arranged = screen._compositor.visible_widgets
        if arranged is not self._arranged:
            self._arranged, self._place = arranged, _place(self._widget, arranged)
        return self._place


def _place(widget: Widget, arranged: dict[Widget, tuple[Region, Region]]) -> Region | None:
    """Where the widget's content is, if all of it can be seen and nothing changes its colours."""
    content = widget.content_region
    tinted = any(isinstance(node, Widget) and node.styles.tint.a for node in widget.ancestors_with_self)
    if widget.opacity != 1.0 or widget.styles.text_opacity != 1.0 or tinted:
        return None
    for other, (region, clip) in arranged.items():  # the topmost first
        if other is widget:
            return content if clip.contains_region(content) else None
        if region.overlaps(content):
            return None
    return None
