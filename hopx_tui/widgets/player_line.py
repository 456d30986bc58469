"""The line below a recording: how it plays, where it is, how long it is, its markers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.segment import Segment
from textual import events
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from hopx_tui.format import cell_width, printable, to_ascii, truncate
from hopx_tui.widgets.palette import Palette, ascii_only

__all__ = ["PlayState", "PlayerLine", "clock_text"]

_LEAST_BAR = 8
_LABEL = 24


@dataclass(frozen=True)
class PlayState:
    """What the line shows. Times in microseconds; `busy` tells of work that the person waits for."""

    at: int = 0
    duration: int = 0
    playing: bool = False
    speed: float = 1.0
    idle_limit: float | None = None
    busy: str = ""
    label: str = ""
    """The marker that was passed last."""

    @property
    def word(self) -> tuple[str, str]:
        """A shape and a word."""
        if self.playing:
            return "▸", "playing"
        return ("■", "ended") if self.duration and self.at >= self.duration else ("‖", "paused")


def clock_text(at: int) -> str:
    """Microseconds as `1:05` or `2:01:05`."""
    seconds = at // 1_000_000
    hours, rest = divmod(seconds, 3600)
    minutes = f"{rest // 60}:{rest % 60:02}"
    return f"{hours}:{minutes:0>5}" if hours else minutes


class PlayerLine(Widget):
    """Draws a `PlayState`, or the line that is being typed; a click on the bar asks to go there."""

    ALLOW_SELECT = False
    DEFAULT_CSS = "PlayerLine { height: 1; width: 1fr; background: $surface; }"

    class Sought(Message):
        """The person clicked into the bar; `share` is from 0 to 1."""

        def __init__(self, share: float) -> None:
            super().__init__()
            self.share = share

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._state = PlayState()
        self._typed: str | None = None
        self._markers: Sequence[int] = ()
        self._shown: tuple[Strip, int] | None = None
        self._bar = (0, 0)

    def set_markers(self, markers: Sequence[int]) -> None:
        """The times of the markers."""
        self._markers = markers
        self.refresh()

    def set_state(self, state: PlayState, typed: str | None = None) -> None:
        """Show this; `typed` is the search that is being typed. Nothing is painted when it looks the same."""
        if (state, typed) == (self._state, self._typed):
            return
        self._state, self._typed = state, typed
        width = self.size.width
        if self._shown is None or self._shown != (self._strip(width), width):
            self.refresh()

    @property
    def text(self) -> str:
        """What it says."""
        return self._strip(self.size.width).text

    def notify_style_update(self) -> None:
        """The theme changed."""
        super().notify_style_update()
        self._shown = None
        self.refresh()

    def on_click(self, event: events.Click) -> None:
        """Into the bar: go there."""
        start, width = self._bar
        if width and start <= event.x < start + width:
            self.post_message(self.Sought((event.x - start) / max(1, width - 1)))

    def render_line(self, y: int) -> Strip:
        """The line."""
        width = self.size.width
        strip = self._strip(width)
        self._shown = (strip, width)
        return strip

    def _strip(self, width: int) -> Strip:
        ground, palette = self.rich_style, Palette.of(self.app)
        plain = ascii_only(self.app)
        if self._typed is not None:
            cursor = "_" if plain else "▏"
            text = f" /{printable(self._typed, ascii_only=plain)}{cursor}"
            hint = "  enter searches the output  esc stops"
            return Strip([Segment(text, ground), Segment(hint, ground + palette.style("muted"))]).adjust_cell_length(
                width, ground
            )
        state = self._state
        glyph, word = state.word
        left = f" {glyph} {word} "
        times = f" {clock_text(state.at)} / {clock_text(state.duration)} "
        right = [f" {state.speed:g}x"]
        if state.idle_limit is not None:
            right.append(f"  pauses <= {state.idle_limit:g}s")
        if state.label:
            right.append(f"  {truncate(printable(state.label), _LABEL)}")
        if state.busy:
            right = [f" {state.busy}"]
        fixed = cell_width(left) + cell_width(times)
        while len(right) > 1 and fixed + sum(map(cell_width, right)) + _LEAST_BAR > width:
            right.pop()
        tail = "".join(right) + " "
        bar = max(0, width - fixed - cell_width(tail))
        self._bar = (fixed, bar)
        segments = [
            Segment(to_ascii(left) if plain else left, ground + palette.style("good" if state.playing else "warn")),
            Segment(times, ground),
            *self._bar_segments(bar, palette, plain=plain),
            Segment(to_ascii(tail) if plain else tail, ground + palette.style("muted")),
        ]
        return Strip(segments).adjust_cell_length(width, ground)

    def _bar_segments(self, width: int, palette: Palette, *, plain: bool) -> list[Segment]:
        state, ground = self._state, self.rich_style
        full, empty, mark = ("#", "-", "!") if plain else ("━", "─", "┃")
        span = max(1, state.duration)
        done = min(width, round(state.at / span * width))
        places = {min(width - 1, at * width // span) for at in self._markers}
        styles = {
            full: ground + palette.style("primary"),
            empty: ground + palette.style("faint"),
            mark: ground + palette.style("key"),
        }
        cells = [mark if x in places else full if x < done else empty for x in range(width)]
        return [Segment(cell, styles[cell]) for cell in cells]
