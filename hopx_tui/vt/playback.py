"""A recording on an emulated screen: at any time of it, forwards by feeding, backwards from kept screens."""

from __future__ import annotations

import copy
from bisect import bisect_right, insort
from collections.abc import Iterator
from typing import NamedTuple

from hopx_tui.vt.cast import OUTPUT, RESIZE, Event
from hopx_tui.vt.recording import Mark, Recording
from hopx_tui.vt.screen import VTScreen
from hopx_tui.vt.stream import VTStream

HISTORY_ROWS = 200
"""Kept for rows that come back when the recorded terminal grew."""
MAX_KEPT = 64
MIN_APART = 1024 * 1024
"""Bytes of the recording between two kept screens at least."""
_PIECE = 32 * 1024


class _Kept(NamedTuple):
    mark: Mark
    screen: VTScreen
    stream: VTStream


class Playback:
    """The state of the recorded terminal at `at` (microseconds): after all events up to then.

    `screen` is another object after going back. What the emulator would answer or tell is dropped: a recording can
    neither type nor set a title or a clipboard.
    """

    def __init__(self, recording: Recording) -> None:
        """`recording` has been scanned."""
        self.recording = recording
        self.at = 0
        self._apart = max(MIN_APART, recording.size // MAX_KEPT)
        self._kept: list[_Kept] = []
        self._events: list[Event] = []
        self._next = 0
        self._begin()

    @property
    def next_at(self) -> int | None:
        """The time of the next event; None at the end."""
        if self._next >= len(self._events):
            self._fill()
        return self._events[self._next].at if self._next < len(self._events) else None

    def go(self, to: int) -> Iterator[float]:
        """Be at that time; yields the share of the way after each piece of work.

        May be left early: then the state is that of a time on the way, and `at` tells which.
        """
        if to < self.at:
            self._go_back(to)
        else:
            self._skip_ahead(to)
        start = self.at
        while True:
            text = self._take(to)
            if text is None:
                break
            for piece in range(0, len(text), _PIECE):
                self._stream.feed_text(text[piece : piece + _PIECE])
                self.screen.take_replies()
                self.screen.events.clear()
                yield (self.at - start) / max(1, to - start)
        self.at = max(self.at, to)

    def step(self) -> bool:
        """Go on by one event that shows; False at the end."""
        while (at := self.next_at) is not None:
            event = self._events[self._next]
            self._next += 1
            self.at = at
            if event.code == RESIZE:
                self._resize(event)
                return True
            if event.code == OUTPUT:
                self._stream.feed_text(event.data)
                self.screen.take_replies()
                self.screen.events.clear()
                return True
        return False

    # -- inside ---------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        header = self.recording.header
        self.screen = VTScreen(header.columns, header.rows, history_rows=HISTORY_ROWS)
        self._stream = VTStream(self.screen)
        self._enter(self.recording.start)

    def _enter(self, mark: Mark) -> None:
        self._mark = mark  # the place behind `_events`
        self._events, self._next = [], 0
        self.at = mark.at

    def _go_back(self, to: int) -> None:
        kept = self._before(to)
        if kept is None:
            self._begin()
        else:
            self._restore(kept)

    def _skip_ahead(self, to: int) -> None:
        kept = self._before(to)
        if kept is not None and kept.mark.offset > self._mark.offset:
            self._restore(kept)

    def _before(self, to: int) -> _Kept | None:
        index = bisect_right(self._kept, to, key=lambda kept: kept.mark.at)
        return self._kept[index - 1] if index else None

    def _restore(self, kept: _Kept) -> None:
        self.screen, self._stream = copy.deepcopy((kept.screen, kept.stream))
        self._enter(kept.mark)

    def _fill(self) -> None:
        """The next events; between two batches is the time to keep a screen."""
        self._keep()
        self._events, self._mark = self.recording.batch(self._mark)
        self._next = 0

    def _keep(self) -> None:
        mark = self._mark
        index = bisect_right(self._kept, mark.offset, key=lambda kept: kept.mark.offset)
        before = self._kept[index - 1].mark.offset if index else self.recording.start.offset
        after = self._kept[index].mark.offset if index < len(self._kept) else mark.offset + self._apart
        if mark.offset - before < self._apart or after - mark.offset < self._apart:
            return
        self.screen.actions.clear()  # a cache, full of references to this screen
        screen, stream = copy.deepcopy((self.screen, self._stream))
        insort(self._kept, _Kept(mark, screen, stream), key=lambda kept: kept.mark.offset)

    def _take(self, to: int) -> str | None:
        """The output of the next events up to a time, up to a change of the size; None when there are none."""
        if (at := self.next_at) is None or at > to:
            return None
        events, start = self._events, self._next
        texts: list[str] = []
        for number in range(start, len(events)):
            event = events[number]
            if event.at > to:
                break
            self._next = number + 1
            self.at = event.at
            if event.code == OUTPUT:
                texts.append(event.data)
            elif event.code == RESIZE:
                if texts:
                    self._next = number
                else:
                    self._resize(event)
                break
        return "".join(texts)

    def _resize(self, event: Event) -> None:
        columns, rows = event.size
        self.screen.resize(rows, columns)
