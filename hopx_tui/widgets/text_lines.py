"""Many lines of text, drawn line by line: highlighting, search marks, selection, no wrapping."""

from __future__ import annotations

from typing import ClassVar, NamedTuple

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.binding import BindingType
from textual.cache import LRUCache
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.selection import Selection
from textual.strip import Strip

from hopx_tui.format import cell_width, printable, truncate
from hopx_tui.widgets.keys import Key
from hopx_tui.widgets.palette import Palette, ascii_only
from hopx_tui.widgets.scrollbar import draw_scrollbars_as_lines

LONGEST = 20_000
"""Characters of one line that are shown; the rest is announced."""
MOST_MATCHES = 10_000
TAB = 4


class Match(NamedTuple):
    """A search hit: line, first and last+1 character in the shown line."""

    line: int
    start: int
    end: int


def shown_line(raw: str) -> str:
    """A line as it is shown: tabs expanded, unprintable characters escaped, huge lines cut with a note."""
    if len(raw) > LONGEST:
        rest = len(raw) - LONGEST
        return f"{printable(raw[:LONGEST].expandtabs(TAB))} (+{rest:,} characters)"
    if raw.isascii() and raw.isprintable():
        return raw
    return printable(raw.expandtabs(TAB))


class TextLines(ScrollView, can_focus=True, inherit_bindings=False):
    """Scrolls in both directions; formats only the lines in view."""

    ALLOW_SELECT = True
    COMPONENT_CLASSES: ClassVar[set[str]] = {"text-lines--number", "text-lines--match", "text-lines--current"}
    DEFAULT_CSS = """
    TextLines {
        height: 1fr;
        overflow-x: auto;
        overflow-y: auto;
        scrollbar-size-vertical: 1;
        scrollbar-size-horizontal: 1;
        & > .text-lines--number { color: $text-disabled; }
        & > .text-lines--match { background: $warning 35%; text-style: underline; }
        & > .text-lines--current { background: $warning; color: $background; text-style: bold; }
        &:ansi > .text-lines--match { background: ansi_default; text-style: underline bold; }
        &:ansi > .text-lines--current {
            background: ansi_default; color: ansi_default; text-style: reverse bold;
        }
        &:nocolor > .text-lines--current { text-style: reverse bold; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Key("up,k", "scroll_up", "Up", show=False, id="text.up", tooltip="Scroll one line up."),
        Key("down,j", "scroll_down", "Down", show=False, id="text.down", tooltip="Scroll one line down."),
        Key("left,h", "left", "Left", show=False, id="text.left", tooltip="Scroll to the left."),
        Key("right,l", "right", "Right", show=False, id="text.right", tooltip="Scroll to the right."),
        Key("pageup", "page_up", "Page up", show=False, id="text.pageup", tooltip="Scroll one page up."),
        Key(
            "pagedown,space",
            "page_down",
            "Page down",
            show=False,
            id="text.pagedown",
            tooltip="Scroll one page down.",
        ),
        Key("home,g", "top", "Top", show=False, id="text.top", tooltip="Go to the first line."),
        Key("end,G", "bottom", "Bottom", show=False, id="text.bottom", tooltip="Go to the last line."),
        Key("0", "line_start", "Line start", show=False, id="text.start", tooltip="Scroll to the left edge."),
        Key(
            "dollar_sign",
            "line_end",
            "Line end",
            show=False,
            id="text.end",
            tooltip="Scroll to the right edge.",
        ),
    ]

    def __init__(self, *, numbers: bool = True, id: str | None = None) -> None:
        super().__init__(id=id)
        self._numbers = numbers
        self._raw: list[str] = []
        self._styled: list[Text] | None = None
        self._message: str | None = None
        self._matches: list[Match] = []
        self._by_line: dict[int, list[int]] = {}
        self._at = -1
        self._cache: LRUCache[int, Strip] = LRUCache(256)
        self._parts: tuple[Style, Style, Style, Style] | None = None

    # -- content ------------------------------------------------------------------------------------------

    @property
    def lines(self) -> list[str]:
        """The lines as given."""
        return self._raw

    def set_lines(self, lines: list[str]) -> None:
        """Show `lines` from the top."""
        self._raw = lines
        self._styled = None
        self._message = None
        self.clear_search()
        if self.is_attached:
            self.scroll_to(0, 0, animate=False, force=True)
        self._measure()

    def set_styled(self, styled: list[Text]) -> None:
        """Colour the lines shown now; `styled` must have the text of `shown_line` for each."""
        self._styled = styled
        self._forget()

    def set_message(self, text: str) -> None:
        """Show a text in the middle instead of lines."""
        self._raw, self._styled, self._message = [], None, text
        self.clear_search()
        self._measure()

    def line_text(self, index: int) -> str:
        """One line as it is shown."""
        return shown_line(self._raw[index]) if self._styled is None else self._styled[index].plain

    @property
    def number_width(self) -> int:
        """Cells of the line numbers."""
        return len(str(len(self._raw))) + 2 if self._numbers and self._raw else 0

    def _measure(self) -> None:
        widest = 0
        for raw in self._raw:
            if len(raw) * 10 > widest or not raw.isascii():
                line = shown_line(raw)
                widest = max(widest, len(line) if line.isascii() else cell_len(line))
        self.virtual_size = Size(widest + self.number_width + 1 if self._raw else 0, len(self._raw))
        self._forget()

    def _forget(self) -> None:
        self._cache.clear()
        self.refresh()

    # -- search -------------------------------------------------------------------------------------------

    @property
    def match_count(self) -> int:
        """How many places match (10,000 at most)."""
        return len(self._matches)

    @property
    def match_number(self) -> int:
        """Which match is the current one, from 1; 0 without any."""
        return self._at + 1

    def search(self, query: str) -> int:
        """Mark every place of `query` and go to the first in or below the view; case counts only if typed.

        Returns the number of places.
        """
        self.clear_search()
        if query:
            fold = query == query.lower()
            for number in range(len(self._raw)):
                line = self.line_text(number)
                line = line.lower() if fold else line
                start = line.find(query)
                while start >= 0 and len(self._matches) < MOST_MATCHES:
                    self._by_line.setdefault(number, []).append(len(self._matches))
                    self._matches.append(Match(number, start, start + len(query)))
                    start = line.find(query, start + len(query))
                if len(self._matches) >= MOST_MATCHES:
                    break
            top = self.scroll_offset.y
            if self._matches:
                self._at = next((i for i, match in enumerate(self._matches) if match.line >= top), 0)
                self._show_match()
        return len(self._matches)

    def step(self, by: int) -> None:
        """Go to the next or previous match, around the ends."""
        if self._matches:
            self._at = (self._at + by) % len(self._matches)
            self._show_match()

    def clear_search(self) -> None:
        """Unmark everything."""
        self._matches, self._by_line, self._at = [], {}, -1
        self._forget()

    def _show_match(self) -> None:
        match = self._matches[self._at]
        width, height = self.scrollable_size.width - self.number_width, self.scrollable_size.height
        top, left = self.scroll_offset.y, self.scroll_offset.x
        if not top <= match.line < top + height:
            self.scroll_to(y=max(0, match.line - height // 3), animate=False, force=True)
        before = self.line_text(match.line)[: match.end]
        start, end = cell_len(before[: match.start]), cell_len(before)
        if start < left or end > left + width:
            self.scroll_to(x=max(0, start - width // 3) if end > width else 0, animate=False, force=True)
        self._forget()

    # -- selection ----------------------------------------------------------------------------------------

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """The selected text, as shown."""
        if not self._raw:
            return None
        first = 0 if selection.start is None else selection.start.y
        last = len(self._raw) - 1 if selection.end is None else min(selection.end.y, len(self._raw) - 1)
        picked: list[str] = []
        for number in range(first, last + 1):
            line = self.line_text(number)
            start = selection.start.x if selection.start is not None and number == first else 0
            end = selection.end.x if selection.end is not None and number == selection.end.y else len(line)
            picked.append(line[start:end])
        return "\n".join(picked), "\n"

    def selection_updated(self, selection: Selection | None) -> None:
        """Draw it."""
        self._forget()

    # -- drawing ------------------------------------------------------------------------------------------

    def on_mount(self) -> None:
        """Give the scrollbars their look."""
        draw_scrollbars_as_lines(self)

    def notify_style_update(self) -> None:
        """The theme changed."""
        super().notify_style_update()
        self._parts = None
        self._cache.clear()

    def _styles(self) -> tuple[Style, Style, Style, Style]:
        if self._parts is None:
            self._parts = (
                self.rich_style,
                self.get_component_rich_style("text-lines--number"),
                self.get_component_rich_style("text-lines--match"),
                self.get_component_rich_style("text-lines--current"),
            )
        return self._parts

    def render_line(self, y: int) -> Strip:
        """One line of the screen."""
        width = self.scrollable_size.width
        base, number_style, _, _ = self._styles()
        if self._message is not None:
            return self._message_strip(y, width, base)
        scroll_x, scroll_y = self.scroll_offset
        number = scroll_y + y
        if number >= len(self._raw):
            return Strip.blank(width, base)
        strip = self._cache.get(number)
        if strip is None:
            strip = self._cache[number] = self._draw(number)
        gutter = self.number_width
        body = strip.crop_extend(scroll_x, scroll_x + width - gutter, base).apply_offsets(scroll_x, number)
        if not gutter:
            return body
        label = Segment(f"{number + 1:>{gutter - 2}}  ", number_style)
        return Strip.join([Strip([label], gutter), body])

    def _draw(self, number: int) -> Strip:
        base, _, match_style, current_style = self._styles()
        text = self._styled[number].copy() if self._styled is not None else Text(self.line_text(number))
        text.no_wrap = True
        text.end = ""
        for index in self._by_line.get(number, ()):
            match = self._matches[index]
            text.stylize(current_style if index == self._at else match_style, match.start, match.end)
        selection = self.text_selection
        if selection is not None and (span := selection.get_span(number)) is not None:
            start, end = span
            selected = self.screen.get_component_rich_style("screen--selection")
            text.stylize(selected, start, len(text) if end < 0 else end)
        text.style = base
        return Strip(text.render(self.app.console), cell_len(text.plain))

    def _message_strip(self, y: int, width: int, base: Style) -> Strip:
        lines = (self._message or "").split("\n")
        index = y - max(0, (self.scrollable_size.height - len(lines)) // 2)
        if not 0 <= index < len(lines):
            return Strip.blank(width, base)
        words = truncate(
            printable(lines[index]), width, ellipsis="~" if ascii_only(self.app) else "…", measure=cell_len
        )
        style = base if index == 0 else base + Palette.of(self.app).style("muted")
        pad = " " * ((width - cell_width(words)) // 2)
        return Strip([Segment(pad + words, style)]).adjust_cell_length(width, base)

    # -- keys ---------------------------------------------------------------------------------------------

    def _scroll_by(self, x: int = 0, y: int = 0) -> None:
        self.scroll_to(self.scroll_offset.x + x, self.scroll_offset.y + y, animate=False, force=True)

    def action_scroll_up(self) -> None:
        """One line up."""
        self._scroll_by(y=-1)

    def action_scroll_down(self) -> None:
        """One line down."""
        self._scroll_by(y=1)

    def action_page_up(self) -> None:
        """One page up."""
        self._scroll_by(y=-max(1, self.scrollable_size.height - 1))

    def action_page_down(self) -> None:
        """One page down."""
        self._scroll_by(y=max(1, self.scrollable_size.height - 1))

    def action_left(self) -> None:
        """Some columns to the left."""
        self._scroll_by(x=-8)

    def action_right(self) -> None:
        """Some columns to the right."""
        self._scroll_by(x=8)

    def action_top(self) -> None:
        """The first line."""
        self._scroll_by(y=-self.scroll_offset.y)

    def action_bottom(self) -> None:
        """The last line."""
        self._scroll_by(y=len(self._raw))

    def action_line_start(self) -> None:
        """The left edge."""
        self._scroll_by(x=-self.scroll_offset.x)

    def action_line_end(self) -> None:
        """The right edge."""
        self._scroll_by(x=self.virtual_size.width)
