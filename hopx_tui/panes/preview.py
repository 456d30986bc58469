"""What is in the file under the cursor: highlighted text, or a word on why there is none."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.timer import Timer

from hopx_tui import format as fmt
from hopx_tui.api.errors import ApiError
from hopx_tui.api.models import FileInfo, FileText
from hopx_tui.panes import remote_path as rp
from hopx_tui.panes.base import sentence
from hopx_tui.widgets.line import Line
from hopx_tui.widgets.text_view import TextView

_SETTLE = 0.12
"""Seconds the cursor must rest on a file before it is read: holding an arrow key down reads nothing."""


class Preview(Vertical):
    """Reads a file once it has been under the cursor for a moment, and again when it changes."""

    DEFAULT_CSS = """
    Preview > .preview-title { padding: 0 1; }
    Preview > TextView { height: 1fr; }
    """

    HELP: ClassVar[str] = "The beginning of the file. / searches, n and N go to the next and previous match."

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._title = Line(classes="preview-title")
        self._view = TextView()
        self._shown: tuple[bytes, int, object] | None = None
        self._timer: Timer | None = None

    def compose(self) -> ComposeResult:
        yield self._title
        yield self._view

    def clear(self) -> None:
        """Nothing is selected."""
        self._stop()
        self._shown = None
        self._title.set_parts([])
        self._view.set_message("")

    def show_folder(self, entry: FileInfo) -> None:
        """A folder has no preview."""
        self._stop()
        self._shown = None
        self._title.set_parts([(fmt.printable(entry.name) + "/", "title")])
        self._view.set_message("A folder. enter opens it.")

    def show_file(self, entry: FileInfo, read: Callable[[], Awaitable[FileText]], *, at_once: bool = False) -> None:
        """Show `entry`; `read` fetches its beginning. Nothing happens while it is the same and unchanged."""
        key = (rp.raw(entry.address), entry.size, entry.modified)
        if key == self._shown:
            return
        same_file = self._shown is not None and self._shown[0] == key[0]
        self._stop()
        self._shown = key
        self._title.set_parts([(fmt.printable(entry.name), "title")], [(fmt.size(entry.size), "muted")])
        if not same_file:
            self._view.set_message("")
        self._timer = self.set_timer(0.001 if at_once else _SETTLE, lambda: self._start(entry, read))

    def focus_content(self) -> None:
        """Give the keyboard to the text."""
        self._view.focus()

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.stop()
            self._timer = None

    def _start(self, entry: FileInfo, read: Callable[[], Awaitable[FileText]]) -> None:
        self.run_worker(self._read(entry, read), name="preview", group="preview", exclusive=True)

    async def _read(self, entry: FileInfo, read: Callable[[], Awaitable[FileText]]) -> None:
        key = self._shown
        try:
            text = await read()
        except ApiError as error:
            if key == self._shown:
                self._view.set_message(sentence(error))
            return
        if key != self._shown:
            return  # the cursor has moved on
        if self._view.searching:
            self._shown = None  # another text would end the search under the person's fingers: later
            return
        if text.binary:
            self._view.set_message(f"A binary file of {fmt.size(entry.size)}.\n\nD downloads it")
        elif not text.content:
            self._view.set_message("The file is empty.")
        else:
            note = f"first {fmt.size(len(text.content.encode()))} of {fmt.size(entry.size)}" if text.truncated else ""
            self._title.set_parts(
                [(fmt.printable(entry.name), "title")],
                [(note, "warn"), ("" if note else fmt.size(entry.size), "muted")],
            )
            self._view.set_text(text.content, lexer_for(entry.name, text.content))


def lexer_for(name: str, content: str) -> str | None:
    """The highlighter for a file by its name or its first line; None for plain text."""
    from rich.syntax import Syntax  # pygments takes 30 ms to import: only once a file is looked at

    lexer = Syntax.guess_lexer(name, code=content[:1024])
    return None if lexer in {"default", "text"} else lexer
