"""What is shown until a source answers: which one, what is happening, and the way on when it fails."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Static

from hopx_tui.format import printable
from hopx_tui.theme import source_look
from hopx_tui.widgets.hints import HintBar
from hopx_tui.widgets.keys import Key
from hopx_tui.widgets.line import Line, Part
from hopx_tui.widgets.palette import ascii_only


class StartScreen(Screen[None]):
    """One sentence in the middle of the frame that the fleet will have."""

    TITLE = "Start"
    HELP = "The source is being opened."
    DEFAULT_CSS = """
    StartScreen > #header { background: $surface; padding: 0 1; }
    StartScreen > #start-text {
        width: 1fr; height: 1fr; content-align: center middle; text-align: center; padding: 0 4;
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Key("ctrl+r,enter", "retry", "try again", id="start.retry", tooltip="Try to open the source again."),
        Key("q,ctrl+q,escape", "app.quit", "quit", id="start.quit", tooltip="Leave."),
    ]

    class Retried(Message):
        """The person wants another try."""

    def __init__(self, source_name: str, sentence: str, *, local: bool = True) -> None:
        super().__init__()
        self._header = Line(id="header")
        self._source_name = source_name
        self._local = local
        self._sentence = sentence
        self._text = Static("", id="start-text", markup=False)
        self._failed = False

    def compose(self) -> ComposeResult:
        yield self._header
        yield self._text
        yield HintBar(("q", "quit"))

    def on_mount(self) -> None:
        self._header.set_parts(self._source_parts("… starting", "warn"))
        self._say(self._sentence)

    def _source_parts(self, state: str, role: str) -> list[Part]:
        return [("hopx-tui  ", "bold"), (f"{self._source_name} ", source_look(self._local).style), (state, role)]

    def _say(self, sentence: str, then: str = "") -> None:
        plain = ascii_only(self.app)
        self._text.update(f"{printable(sentence, ascii_only=plain)}{then}")

    def fail(self, sentence: str) -> None:
        """It did not work; say why and what can be done."""
        self._failed = True
        self._header.set_parts(self._source_parts("not available", "bad"))
        self._say(sentence, "\n\nenter tries again    q leaves")

    def action_retry(self) -> None:
        """Once more, after a failure."""
        if self._failed:
            self._failed = False
            self._header.set_parts(self._source_parts("… starting", "warn"))
            self._say("Trying again …")
            self.post_message(self.Retried())
