"""Composes the lines of a terminal pane and knows which of them changed since they were painted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from rich.style import Style as RichStyle
from rich.terminal_theme import TerminalTheme
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from hopx_tui.vt.reports import Colours
from hopx_tui.vt.row import Row
from hopx_tui.vt.screen import VTScreen
from hopx_tui.widgets.terminal_render import StyleBook, note, overlay, swapped
from hopx_tui.widgets.terminal_scroll import ScrollMode
from hopx_tui.widgets.terminal_selection import Point, Selection, columns_of
from hopx_tui.widgets.terminal_view import Viewport

__all__ = ["Canvas", "Inks"]


_WORTH_MOVING = 3
_DRAWN = (None, 0, None)
"""In a row's slot: painted, but not as a strip."""


@dataclass(frozen=True)
class Inks:
    """The theme's styles for what is laid over the program's text."""

    base: RichStyle
    note: RichStyle
    problem: RichStyle
    selection: RichStyle
    match: RichStyle
    current_match: RichStyle
    fine_underlines: bool = False
    palette: Mapping[int, tuple[int, int, int]] = field(default_factory=dict)
    """What the sixteen colours are; without them they are the person's terminal's own."""

    @classmethod
    def of(cls, widget: Widget) -> Inks:
        """The inks of a widget with the component classes ``terminal--…``."""
        style = widget.get_component_rich_style
        return cls(
            base=widget.rich_style,
            note=style("terminal--note"),
            problem=style("terminal--problem"),
            selection=style("terminal--selection"),
            match=style("terminal--match"),
            current_match=style("terminal--current-match"),
            fine_underlines=widget.app.console.color_system == "truecolor",
            palette={} if widget.app.native_ansi_color else dict(enumerate(_sixteen(widget.app.ansi_theme))),
        )

    def tell(self, colours: Colours) -> None:
        """Let programs that ask learn the real colours (so that vim knows dark from light)."""
        colours.palette = self.palette
        for name, colour in (("foreground", self.base.color), ("background", self.base.bgcolor)):
            if colour is not None and colour.triplet is not None:
                setattr(colours, name, tuple(colour.triplet))


class Canvas:
    """The picture of one pane."""

    def __init__(self, screen: VTScreen, viewport: Viewport, picked: Selection) -> None:
        self._screen = screen
        self._viewport = viewport
        self._picked = picked
        self._painted: list[Row | None] = []
        self._cursor: tuple[int, int] | None = None
        self._reversed = False
        self._top = 0
        self._behind = 0
        self._live_top = 0
        self._cut = 0
        self._bounds: tuple[Point, Point] | None = None
        self._book = StyleBook(RichStyle())

    def move_cursor(self, cell: tuple[int, int] | None) -> None:
        """Where lines painted from now on draw a cursor; nowhere if None."""
        self._cursor = cell

    def changed(self, width: int, height: int, cursor: tuple[int, int] | None) -> list[Region]:
        """What differs from what was painted; ``cursor`` is where one is to be drawn now.

        Lines keep drawing the cursor where this put it, wherever the program moved it meanwhile: so a cursor
        is never left behind on a line that was painted between two frames.
        """
        self._release()
        cut, self._cut = self._cut, self._viewport.cut
        before, self._cursor = self._cursor, cursor
        view, screen = self._viewport, self._screen
        behind = view.behind
        moved = view.top != self._top if behind else self._behind > 0
        picked, self._bounds = self._bounds, self._picked.bounds()
        # Whole words and lines grow with the text, and lines below a region that scrolls get other numbers.
        live_top, self._live_top = self._live_top, view.live_top
        moved = moved or picked != self._bounds or (picked is not None and live_top != view.live_top)
        moved = moved or cut > 0 or self._cut > 0  # the view is lower than the screen, and follows the cursor
        if moved or len(self._painted) != len(screen.rows) or self._reversed != screen.modes.reverse_screen:
            return [Region(0, 0, width, height)]
        dirty = {
            y
            for y, (row, painted) in enumerate(zip(screen.rows, self._painted[behind:], strict=False), behind)
            if row is not painted or row.paint is None
        }
        if behind:
            dirty.add(0)  # it counts the lines below the view
            # Lines that became history since may have changed on the screen before.
            dirty.update(range(max(0, live_top - view.top), behind))
        if cursor != before:
            dirty.update(cell[1] for cell in (cursor, before) if cell is not None)
        return _runs(sorted(y for y in dirty if y < height), width)

    def moved(self) -> tuple[int, int, int] | None:
        """Lines that only went up since they were painted: first and last of the block, and by how many (down, if
        negative). The view must be at the live screen.
        """
        rows, painted = self._screen.rows, self._painted
        size = len(rows)
        if self._behind or len(painted) != size:
            return None
        others = [y for y in range(size) if rows[y] is not painted[y]]
        if not others:
            return None
        first, last = others[0], others[-1]
        was = {id(row): y for y, row in enumerate(painted[first : last + 1], first)}
        for y in (first, last):
            count = was.get(id(rows[y]), y) - y
            if count:
                break
        else:
            return None
        kept = sum(was.get(id(rows[y])) == y + count for y in range(first, last + 1))
        return (first, last, count) if kept >= _WORTH_MOVING else None

    def move(self, first: int, last: int, count: int) -> None:
        """What was painted in these lines was moved so; the lines that came in were not painted yet."""
        block = self._painted[first : last + 1]
        gap: list[Row | None] = [None] * abs(count)
        self._painted[first : last + 1] = block[count:] + gap if count > 0 else gap + block[:count]

    def row(self, y: int) -> Row | None:
        """The emulator's row in a line of the live screen."""
        return self._screen.rows[y] if y < len(self._screen.rows) else None

    def painted(self, y: int, row: Row) -> None:
        """The line of the live screen was drawn from this row."""
        if len(self._painted) != len(self._screen.rows):
            self._painted = [None] * len(self._screen.rows)
        self._behind = 0
        self._painted[y] = row
        if row.paint is None:
            row.paint = _DRAWN

    def line(self, y: int, inks: Inks, scroll: ScrollMode | None) -> Strip:
        """Line ``y``: the emulator's row, then matches, what is picked, the cursor."""
        screen, viewport = self._screen, self._viewport
        book = self.book(inks)
        if len(self._painted) != len(screen.rows):
            self._painted = [None] * len(screen.rows)
        number = viewport.top + y
        row = viewport.line(number)
        self._top, self._behind = viewport.top, viewport.behind
        if isinstance(row, Row) and number >= viewport.live_top:
            strip = book.strip(row, screen.columns)
            if y < len(self._painted):  # the pane may be higher than the screen for a moment
                self._painted[y] = row
        elif row is None:
            strip = book.blank(screen.columns)
        else:
            strip = book.fresh_strip(row, screen.columns)
        if scroll is not None:
            for match in scroll.matches(number):
                ink = inks.current_match if match in scroll.found else inks.match
                strip = overlay(strip, match.start, match.end, ink)
        span = self._picked.span(number, screen.columns)
        if span is not None:
            strip = overlay(strip, *span, inks.selection)
        cursor = self._cursor
        if cursor is not None and cursor[1] == y:
            shape = 0 if scroll is not None else screen.cursor_shape
            end = cursor[0] + self._cell_width(number, cursor[0])
            strip = overlay(strip, cursor[0], end, book.cursor(shape))
        return strip

    def lay(self, strip: Strip, width: int, text: str, ink: RichStyle) -> Strip:
        """A note, if any, at the right end of a line."""
        if not text:
            return strip
        return note(strip.adjust_cell_length(width, self._book.base), text, ink)

    def _cell_width(self, number: int, column: int) -> int:
        columns = columns_of(self._viewport.text(number))
        return 2 if column in columns and column + 1 not in columns and column + 1 < columns[-1] else 1

    def book(self, inks: Inks) -> StyleBook:
        """The styles for the colours that are the default now."""
        base = inks.base
        self._reversed = self._screen.modes.reverse_screen
        if self._reversed:
            base = swapped(base)
        if base != self._book.base:
            self._book = StyleBook(base, fine_underlines=inks.fine_underlines)
        return self._book

    def _release(self) -> None:
        """Rows that left the screen give up their strips: ten thousand of them would weigh 30 MB."""
        shown = set(map(id, self._screen.rows))
        for row in self._painted:
            if row is not None and id(row) not in shown:
                row.paint = None


def _sixteen(theme: TerminalTheme) -> list[tuple[int, int, int]]:
    """The colours by their numbers."""
    return [tuple(theme.ansi_colors[number]) for number in range(16)]  # type: ignore[misc]


def _runs(lines: list[int], width: int) -> list[Region]:
    """Neighbouring lines as one region each."""
    regions: list[Region] = []
    for y in lines:
        if regions and regions[-1].bottom == y:
            last = regions[-1]
            regions[-1] = Region(0, last.y, width, last.height + 1)
        else:
            regions.append(Region(0, y, width, 1))
    return regions
