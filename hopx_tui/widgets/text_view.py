"""A read-only text with highlighting, search and copy: file previews, raw JSON, logs."""

from __future__ import annotations

import asyncio
from typing import ClassVar

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Input, Static

from hopx_tui.widgets.highlight import highlight, lexer_for
from hopx_tui.widgets.keys import Key
from hopx_tui.widgets.palette import Palette
from hopx_tui.widgets.text_lines import TextLines, shown_line

__all__ = ["TextView", "lexer_for"]

HIGHLIGHT_LIMIT = 200_000
"""Characters above which a text stays plain."""


class TextView(Vertical):
    """Text with line numbers; `/` searches, `n` and `N` go on, `c` copies the selection or everything."""

    DEFAULT_CSS = """
    TextView {
        height: 1fr;
        & > #search {
            height: 1; display: none;
            & > #slash { width: 2; color: $accent; text-style: bold; }
            & > #query {
                width: 1fr; height: 1; border: none; padding: 0; background: transparent;
                &:focus { border: none; }
            }
            & > #count { width: auto; color: $text-muted; }
        }
        &.-searching > #search { display: block; }
    }
    """
    NAME: ClassVar[str] = "Text"

    BINDINGS: ClassVar[list[BindingType]] = [
        Key("/", "search", "search", id="text.search", tooltip="Search in this text."),
        Key("n", "step(1)", "Next", show=False, id="text.next", tooltip="Go to the next match."),
        Key("N", "step(-1)", "Previous", show=False, id="text.previous", tooltip="Go to the previous match."),
        Key(
            "c",
            "copy",
            "copy",
            id="text.copy",
            tooltip="Copy the selection, or all of the text, to your clipboard.",
        ),
        Key("escape", "end_search", "End search", show=False, id="text.end_search", tooltip="End the search."),
    ]

    def __init__(self, *, numbers: bool = True, id: str | None = None) -> None:
        super().__init__(id=id)
        self._body = TextLines(numbers=numbers, id="lines")
        self._text = ""
        self._lexer: str | None = None
        self._coloured: tuple[str, str] | None = None

    def compose(self) -> ComposeResult:
        """Text above, search line below."""
        yield self._body
        with Horizontal(id="search"):
            yield Static("/", id="slash")
            yield Input(id="query", placeholder="search", select_on_focus=True)
            yield Static("", id="count")

    # -- content ------------------------------------------------------------------------------------------

    @property
    def body(self) -> TextLines:
        """The part that scrolls and takes the focus."""
        return self._body

    @property
    def text(self) -> str:
        """The text as given."""
        return self._text

    def set_text(self, text: str, lexer_name: str | None = None) -> None:
        """Show `text` from its top, at once and plain; a small enough one gets its colours from a thread.

        The text that is shown already stays as it is, scrolled and searched.
        """
        if text and (text, lexer_name) == (self._text, self._lexer):
            return
        self._text = text
        self._lexer = lexer_name
        self._coloured = None
        lines = text.replace("\r\n", "\n").split("\n")
        if len(lines) > 1 and not lines[-1]:
            lines.pop()
        self._body.set_lines(lines)
        self._end_search()
        self._colour()

    def set_message(self, text: str) -> None:
        """Show words instead: loading, empty, binary, refused. The first line is plain, the others quiet."""
        self._text, self._lexer = "", None
        self.workers.cancel_group(self, "highlight")
        self._body.set_message(text)
        self._end_search()

    def focus(self, scroll_visible: bool = True) -> TextView:
        """The lines take the focus."""
        self._body.focus(scroll_visible)
        return self

    def notify_style_update(self) -> None:
        """Another theme has other colours."""
        super().notify_style_update()
        if self.is_mounted:
            self._colour()

    def on_mount(self) -> None:
        """A text may have been set before there was a theme."""
        self._colour()

    def _colour(self) -> None:
        if self._lexer is None or len(self._text) > HIGHLIGHT_LIMIT or not self.is_attached:
            return
        wanted = (self.app.theme, self._lexer)
        if wanted != self._coloured:
            self._coloured = wanted
            self._highlight(self._lexer)

    @work(group="highlight", exclusive=True)
    async def _highlight(self, lexer: str) -> None:
        raw = self._body.lines
        palette = Palette.of(self.app)
        styled = await asyncio.to_thread(lambda: highlight([shown_line(line) for line in raw], lexer, palette))
        if raw is self._body.lines:
            self._body.set_styled(styled)

    # -- search -------------------------------------------------------------------------------------------

    @property
    def searching(self) -> bool:
        """Whether the search line is shown."""
        return self.has_class("-searching")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Escape, `n` and `N` mean something here only during a search."""
        if action in {"end_search", "step"}:
            return self.searching
        return True

    def action_search(self) -> None:
        """Open the search line."""
        self.add_class("-searching")
        self.query_one("#query", Input).focus()

    def action_step(self, by: int) -> None:
        """To the next or previous match."""
        self._body.step(by)
        self._show_count()

    def action_end_search(self) -> None:
        """Close the search line and unmark."""
        self._end_search()
        self._body.focus()

    def _end_search(self) -> None:
        self.remove_class("-searching")
        self._body.clear_search()

    @on(Input.Changed, "#query")
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        if self.searching:
            self._body.search(event.value)
            self._show_count()

    @on(Input.Submitted, "#query")
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self._body.focus()
        self._show_count()

    def _show_count(self) -> None:
        query = self.query_one("#query", Input).value
        found = self._body.match_count
        if not query:
            words = ""
        elif not found:
            words = "no match  esc ends"
        else:
            words = f"{self._body.match_number}/{found}  n next  N previous  esc ends"
        self.query_one("#count", Static).update(Text(words))

    # -- copy ---------------------------------------------------------------------------------------------

    def action_copy(self) -> None:
        """The selection if there is one, else the whole text, the way the app copies."""
        selected = self.screen.get_selected_text() if self._body.text_selection is not None else None
        if selected or self._text:
            self.app.copy_to_clipboard(selected or self._text)
