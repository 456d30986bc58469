"""Plays a recorded terminal: the emulated screen, and what one can do with its time."""

from __future__ import annotations

import asyncio
import time
from bisect import bisect_left, bisect_right
from collections.abc import Callable

from textual import events
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from hopx_tui.vt.playback import Playback
from hopx_tui.vt.recording import Recording
from hopx_tui.widgets.player_clock import PlayClock
from hopx_tui.widgets.player_line import PlayerLine, PlayState
from hopx_tui.widgets.player_picture import Inks, Picture
from hopx_tui.widgets.terminal_frames import FramePacer, paint_now

__all__ = ["Player"]

IDLE_SECONDS = 2.0
SLICE_SECONDS = 0.008
_SECOND = 1_000_000
_LOOK_SECONDS = 0.1
"""Between two looks at the clock while nothing happens."""
_NEAR = _SECOND
"""A marker that was passed less than this ago is not the previous one while it plays."""


class Player(Widget, can_focus=True):
    """The recorded terminal at its own size, clipped where the window is smaller.

    Nothing of the recording reaches the person's terminal but the text of cells and their styles: no title, no
    clipboard, no link, no answer.

    Args:
        line: shows how it plays.
        fps: frames per second at most.
    """

    ALLOW_SELECT = False
    COMPONENT_CLASSES = {"player--outside", "player--match"}  # noqa: RUF012  (Textual's own declaration)
    DEFAULT_CSS = """
    Player {
        width: 1fr; height: 1fr; background: $background; color: $foreground;
        & > .player--outside { background: $panel; }
        & > .player--match { background: $warning; color: $background; text-style: bold; }
    }
    """

    class Changed(Message):
        """What `note` tells may have changed."""

    def __init__(
        self,
        recording: Recording,
        line: PlayerLine,
        *,
        fps: int = 60,
        clock: Callable[[], float] = time.monotonic,
        id: str | None = None,
    ) -> None:
        super().__init__(id=id)
        self.recording = recording
        self._line = line
        self._clock = clock
        self._time = PlayClock(clock)
        self._playback: Playback | None = None
        self._idle_limit: float | None = None
        self._idle_since = 0
        self._target: int | None = None
        self._steps = 0
        self._wake = asyncio.Event()
        self._busy = ""  # work that goes on
        self._notice = ""
        self._typed: str | None = None
        self._hits: list[int] = []
        self._labels: list[int] = []
        self._frames = FramePacer(self._paint, self._held, fps=fps)
        self._picture = Picture()

    # -- what the owner asks

    @property
    def screen_size(self) -> tuple[int, int]:
        """Columns and rows of the recorded terminal now."""
        if self._playback is None:
            return self.recording.header.columns, self.recording.header.rows
        return self._playback.screen.columns, self._playback.screen.lines

    @property
    def note(self) -> str:
        """What the person should know of the picture; '' when all is well."""
        notes = []
        columns, rows = self.screen_size
        if self.size and (columns > self.size.width or rows > self.size.height):
            notes.append(f"clipped to {self.size.width}x{self.size.height}")
        if self.recording.damage is not None:
            notes.append(f"ends early: {self.recording.damage}")
        return ", ".join(notes)

    @property
    def at(self) -> int:
        """The time shown, in microseconds; on the way to another one that one."""
        return self._time.at if self._target is None else self._target

    @property
    def playing(self) -> bool:
        """Whether time runs."""
        return self._time.playing

    @property
    def typing(self) -> bool:
        """Whether a search is being typed."""
        return self._typed is not None

    # -- what the person does

    def toggle(self) -> None:
        """Pause, go on, or begin anew at the end."""
        if self._time.playing:
            self._time.pause()
            if self._target is None:
                self._target = self._time.at
        else:
            if self._playback is not None and self.at >= self._time.end:
                self._target = 0
            self._time.play()
        self._changed()

    def seek(self, at: int) -> None:
        """Go to that time."""
        self._target = min(max(at, 0), self._time.end)
        self._changed()

    def seek_by(self, seconds: float) -> None:
        """Go forwards or back."""
        self.seek(self.at + round(seconds * _SECOND))

    def seek_share(self, share: float) -> None:
        """Go to a part of the whole, from 0 to 1."""
        self.seek(round(self._time.end * share))

    def change_speed(self, step: int) -> None:
        """Faster or slower."""
        self._time.change_speed(step)
        self._changed()

    def step(self) -> None:
        """One event, while it is paused."""
        if not self._time.playing:
            self._steps += 1
            self._changed()

    def toggle_idle_limit(self) -> None:
        """Cut long pauses short, or not."""
        limit = self.recording.header.idle_limit or IDLE_SECONDS
        self._idle_limit = limit if self._idle_limit is None else None
        self._changed()

    def next_marker(self) -> None:
        """Go to the marker that comes."""
        number = bisect_right(self._labels, self.at)
        if number < len(self._labels):
            self.seek(self._labels[number])

    def previous_marker(self) -> None:
        """Go to the marker before."""
        number = bisect_left(self._labels, self.at - (_NEAR if self.playing else 0))
        if number:
            self.seek(self._labels[number - 1])

    def begin_search(self) -> None:
        """Let the person type what to look for."""
        self._typed = ""
        self._changed()

    def next_match(self) -> None:
        """Stand where the text appears next; after the last one, where it appears first."""
        number = bisect_right(self._hits, self.at)
        self._show_match(number if number < len(self._hits) else 0)

    def previous_match(self) -> None:
        """Stand where it appeared before; before the first one, where it appears last."""
        self._show_match(bisect_left(self._hits, self.at) - 1)

    def _show_match(self, number: int) -> None:
        if self._hits:
            number %= len(self._hits)
            self._time.pause()
            self._target = self._hits[number]
            self._changed(f"match {number + 1:,} of {len(self._hits):,}")
        elif self._picture.needle:
            self._changed(f"not found: {self._picture.needle}")

    # -- keys while a search is typed

    def on_key(self, event: events.Key) -> None:
        """The search takes all keys until it is done."""
        typed = self._typed
        if typed is None:
            return
        event.stop()
        event.prevent_default()
        if event.key == "escape":
            self._typed = None
        elif event.key == "enter":
            self._typed = None
            if typed or self._picture.needle:
                self._picture.needle = typed or self._picture.needle
                self.run_worker(self._search(self._picture.needle), name="search", group="search", exclusive=True)
        elif event.key == "backspace":
            self._typed = typed[:-1] if typed else None
        elif event.character is not None and event.character.isprintable():
            self._typed = typed + event.character
        self._changed()

    def on_paste(self, event: events.Paste) -> None:
        """Into the search."""
        if self._typed is not None:
            event.stop()
            self._typed += "".join(filter(str.isprintable, event.text))
            self._changed()

    async def _search(self, needle: str) -> None:
        self._hits = []
        until = self._clock() + SLICE_SECONDS
        for hits in self.recording.search(needle):
            self._hits += hits
            if self._clock() >= until:
                self._busy = f"searching: {len(self._hits):,} found"
                self._show()
                await asyncio.sleep(0)
                until = self._clock() + SLICE_SECONDS
        self._busy = ""
        self.refresh()
        self.next_match()

    # -- time

    def on_mount(self) -> None:
        """Read on, then play."""
        self.run_worker(self._run(), name="player")

    def on_unmount(self) -> None:
        """Nothing is painted any more, and the file is closed."""
        self._frames.cancel()
        self.recording.close()

    async def _run(self) -> None:
        await self._scan()
        playback = self._playback = Playback(self.recording)
        self._time.end = self.recording.duration
        self._labels = [marker.at for marker in self.recording.markers]
        self._line.set_markers(self._labels)
        self._time.play()
        self._changed()
        self.refresh()
        while True:
            self._wake.clear()
            if self._target is not None:
                await self._travel(playback, self._target)
            elif self._steps:
                self._steps -= 1
                playback.step()
                self._moved(playback.at)
            elif not self._time.playing:
                await self._wake.wait()
            else:
                await self._play_on(playback)

    async def _scan(self) -> None:
        until = self._clock() + SLICE_SECONDS
        for share in self.recording.scan():
            if self._clock() >= until:
                self._busy = f"reading {share:.0%}"
                self._show()
                await asyncio.sleep(0)
                until = self._clock() + SLICE_SECONDS
        self._busy = ""

    async def _travel(self, playback: Playback, target: int) -> None:
        """Be at the target, or leave for another one on the way."""
        until = self._clock() + SLICE_SECONDS
        for share in playback.go(target):
            if self._clock() >= until:
                self._busy = f"going there {share:.0%}"
                self._show()
                await asyncio.sleep(0)
                if self._target != target:
                    self._busy = ""
                    return
                until = self._clock() + SLICE_SECONDS
        self._target = None
        self._busy = ""
        self._moved(target)

    async def _play_on(self, playback: Playback) -> None:
        """What is due now, and a rest until there is more."""
        following = playback.next_at
        if following is None:
            self._time.end = self.recording.duration  # a damage that was met ends it earlier
            self._time.jump(self._time.end)
            self._time.pause()
            self._changed()
            return
        now = self._time.at
        limit = None if self._idle_limit is None else self._idle_since + round(self._idle_limit * _SECOND)
        if limit is not None and limit <= now < following:
            self._time.jump(following)
            now = following
        if now >= following:
            until = self._clock() + SLICE_SECONDS
            for _ in playback.go(now):
                if self._clock() >= until:
                    break
            self._idle_since = playback.at
            self._frames.request()
            rest = 1 / self._frames.fps
        else:
            rest = self._time.seconds_to(following if limit is None else min(following, limit))
        self._show()
        try:
            async with asyncio.timeout(min(max(rest, 0.001), _LOOK_SECONDS)):
                await self._wake.wait()
        except TimeoutError:
            pass  # time to look again

    def _moved(self, at: int) -> None:
        """The state is that of another time now."""
        self._time.jump(at)
        self._idle_since = at
        self._frames.request()
        self._show()

    def _changed(self, notice: str = "") -> None:
        """The person did something; `notice` is said until the next time."""
        self._notice = notice
        self._wake.set()
        self._show()

    def _show(self) -> None:
        at = self.at
        number = bisect_right(self._labels, at)
        label = self.recording.markers[number - 1].label if number else ""
        state = PlayState(
            at, self._time.end, self._time.playing, self._time.speed, self._idle_limit,
            self._busy or self._notice, label,
        )  # fmt: skip
        self._line.set_state(state, self._typed)

    # -- painting

    def _held(self) -> bool:
        return self._playback is not None and bool(self._playback.screen.modes.sync)

    def on_resize(self) -> None:
        """Another part of the terminal is in view."""
        self._picture.forget()
        self._frames.request()
        self.post_message(self.Changed())

    def notify_style_update(self) -> None:
        """The theme changed."""
        super().notify_style_update()
        self.refresh()

    def _paint(self) -> None:
        """One frame: the lines that changed."""
        if self._playback is None or not self.is_attached:
            return
        changes = self._picture.changes(self._playback.screen, self.size, self.rich_style)
        if changes is None:
            self.post_message(self.Changed())
            self.refresh()
        elif changes:
            self.refresh(*changes)
        else:
            return
        paint_now(self)

    def render_line(self, y: int) -> Strip:
        """Line ``y`` of the window."""
        outside = self.get_component_rich_style("player--outside")
        inks = Inks(self.rich_style, outside, self.get_component_rich_style("player--match"))
        screen = self._playback.screen if self._playback is not None else None
        return self._picture.line(y, screen, self.size.width, inks)
