"""The screen on which a recording plays, and its keys."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.dom import DOMNode
from textual.screen import Screen
from textual.widget import Widget

from hopx_tui import format as fmt
from hopx_tui.screens.help import HelpScreen
from hopx_tui.screens.keytable import brief, sections_of, working
from hopx_tui.widgets.hints import HintBar
from hopx_tui.widgets.keys import Key
from hopx_tui.widgets.line import Line
from hopx_tui.widgets.player import Player
from hopx_tui.widgets.player_file import PlayError, open_recording
from hopx_tui.widgets.player_line import PlayerLine

__all__ = ["PlayError", "PlayerScreen"]


class PlayerScreen(Screen[None]):
    """A recording from its file. Raises PlayError when it is made of something else."""

    TITLE = "Player"
    HELP = "A recorded terminal. Nothing in it can type, set a title or reach your clipboard."
    DEFAULT_CSS = "PlayerScreen > #header { background: $surface; padding: 0 1; }"
    BINDINGS: ClassVar[list[BindingType]] = [
        Key("space", "pause", "pause", id="player.toggle", tooltip="Pause, go on, or begin anew at the end."),
        Key("left", "by(-5)", "5 s back", id="player.back", tooltip="Go 5 seconds back."),
        Key("right", "by(5)", "5 s on", id="player.on", tooltip="Go 5 seconds on."),
        Key("shift+left,pageup", "by(-30)", "30 s back", id="player.far_back", show=False,
            tooltip="Go 30 seconds back."),
        Key("shift+right,pagedown", "by(30)", "30 s on", id="player.far_on", show=False,
            tooltip="Go 30 seconds on."),
        Key("home", "share(0)", "beginning", id="player.home", show=False, tooltip="Go to the beginning."),
        Key("end", "share(10)", "end", id="player.end", show=False, tooltip="Go to the end."),
        Key("0", "share(0)", "tenths", id="player.tenths", show=False, key_display="0-9",
            tooltip="Go to that many tenths of the whole."),
        *(Binding(str(digit), f"share({digit})", show=False) for digit in range(1, 10)),
        Key("less_than_sign", "speed(-1)", "slower", id="player.slower", tooltip="Play slower, down to a quarter."),
        Key("greater_than_sign", "speed(1)", "faster", id="player.faster",
            tooltip="Play faster, up to sixteen times."),
        Key("full_stop", "step", "one event", id="player.step", show=False,
            tooltip="While paused: show the next event."),
        Key("left_square_bracket", "marker(-1)", "last marker", id="player.previous_marker", show=False,
            tooltip="Go to the marker before."),
        Key("right_square_bracket", "marker(1)", "next marker", id="player.next_marker", show=False,
            tooltip="Go to the next marker."),
        # With priority, so that what is typed right after it is the search's already.
        Key("slash", "search", "search", id="player.search", priority=True, tooltip="Search in what was printed."),
        Key("n", "match(1)", "next match", id="player.next_match", show=False,
            tooltip="Go to where the text appears next."),
        Key("N", "match(-1)", "last match", id="player.previous_match", show=False,
            tooltip="Go to where the text appeared before."),
        Key("i", "idle", "cut pauses", id="player.idle", tooltip="Make long pauses short, or leave them as they are."),
        Key("question_mark,f1", "help", "help", id="player.help", show=False, tooltip="Show the keys that work here."),
        Key("ctrl+l", "app.redraw", "repaint", id="player.repaint", show=False, tooltip="Draw the whole screen anew."),
        Key("escape,q", "leave", "leave", id="player.leave", tooltip="Close the recording."),
        Key("ctrl+q", "app.quit", "quit", id="player.quit", show=False, tooltip="Leave at once."),
    ]  # fmt: skip

    def __init__(self, path: Path, *, fps: int = 60) -> None:
        super().__init__()
        self._path = path
        self._line = PlayerLine(id="player-line")
        self._player = Player(open_recording(path), self._line, fps=fps, id="player")
        self._header = Line(id="header")

    def compose(self) -> ComposeResult:
        yield self._header
        yield self._player
        yield self._line
        yield HintBar(id="hints")

    def on_mount(self) -> None:
        """Play."""
        self._player.focus()
        self._show_header()
        chain: Sequence[DOMNode] = [self]
        hints = [(brief(keys), key.description) for _, key, keys in working(chain) if key.show]
        self.query_one(HintBar).set_hints(hints)

    def on_player_changed(self, message: Player.Changed) -> None:
        message.stop()
        self._show_header()

    def on_player_line_sought(self, message: PlayerLine.Sought) -> None:
        message.stop()
        self._player.seek_share(message.share)

    def _show_header(self) -> None:
        columns, rows = self._player.screen_size
        title = self._player.recording.header.title
        left = [(fmt.printable(self._path.name), "title")]
        if title and title not in self._path.name:
            left.append((f"  {fmt.printable(title)}", "muted"))
        note = self._player.note
        right = [(f"  {columns}x{rows}", "muted")]
        if note:
            right.append((f"  {note}", "warn"))
        self._header.set_parts(left, right)

    # -- keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """While a search is typed its text may have a slash."""
        return not (action == "search" and self._player.typing)

    def action_pause(self) -> None:
        """Pause or go on."""
        self._player.toggle()

    def action_by(self, seconds: int) -> None:
        """Forwards or back."""
        self._player.seek_by(seconds)

    def action_share(self, tenths: int) -> None:
        """To a tenth."""
        self._player.seek_share(tenths / 10)

    def action_speed(self, step: int) -> None:
        """Faster or slower."""
        self._player.change_speed(step)

    def action_step(self) -> None:
        """One event."""
        self._player.step()

    def action_marker(self, step: int) -> None:
        """To a marker."""
        (self._player.next_marker if step > 0 else self._player.previous_marker)()

    def action_search(self) -> None:
        """Type what to look for."""
        self._player.begin_search()

    def action_match(self, step: int) -> None:
        """To a match."""
        (self._player.next_match if step > 0 else self._player.previous_match)()

    def action_idle(self) -> None:
        """Long pauses."""
        self._player.toggle_idle_limit()

    def action_help(self) -> None:
        """The keys that work here."""
        nodes: list[Widget] = [self]
        self.app.push_screen(HelpScreen(sections_of(nodes), "A click into the line below goes to that time."))

    def action_leave(self) -> None:
        """Back to where it was opened from."""
        self.dismiss()
