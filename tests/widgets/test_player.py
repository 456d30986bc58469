"""A recording that plays: its picture, its time, its search."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from hopx_tui.vt.recording import Recording
from hopx_tui.widgets import player as module
from hopx_tui.widgets.player import Player
from hopx_tui.widgets.player_line import PlayerLine
from tests.widgets.hosting import Host, screen_lines, until


class Now:
    """A clock that the test moves; it creeps, so that slices of work end."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        self.seconds += 1e-6
        return self.seconds


def cast(*events: list[Any], columns: int = 20, rows: int = 4, **header: Any) -> Recording:
    head = {"version": 2, "width": columns, "height": rows, **header}
    lines = [json.dumps(line).encode() for line in (head, *events)]
    return Recording(io.BytesIO(b"\n".join(lines) + b"\n"))


STORY: tuple[list[Any], ...] = (
    [0.0, "o", "start\r\n"], [1.0, "o", "one Needle\r\n"], [2.0, "m", "half"], [10.0, "o", "two needle\r\n"],
    [20.0, "m", "late"], [20.0, "o", "\x1b[7mthree\x1b[m"],
)  # fmt: skip


class Stage:
    def __init__(self, app: Host, player: Player, line: PlayerLine, now: Now, pilot: Any) -> None:
        self.app, self.player, self.line, self.now, self.pilot = app, player, line, now, pilot

    @property
    def rows(self) -> list[str]:
        return [row.rstrip() for row in screen_lines(self.app, self.player)]

    async def sees(self, *rows: str) -> None:
        await until(lambda: self.rows[: len(rows)] == list(rows))

    async def at(self, seconds: float) -> None:
        """Arrived there."""
        await until(lambda: self.player._target is None and round(self.player.at / 1e6, 2) == seconds)


@asynccontextmanager
async def stage(recording: Recording, size: tuple[int, int] = (40, 8), **options: Any) -> AsyncIterator[Stage]:
    now, line = Now(), PlayerLine()
    player = Player(recording, line, clock=now, **options)
    app = Host(player, line)
    async with app.run_test(size=size) as pilot:
        player.focus()
        await until(lambda: player._playback is not None)
        yield Stage(app, player, line, now, pilot)


async def test_it_plays_to_its_end_and_anew():
    async with stage(cast(*STORY)) as it:
        await it.sees("start", "")
        it.now.seconds += 1.5
        await it.sees("start", "one Needle", "")
        it.now.seconds += 60
        await it.sees("start", "one Needle", "two needle", "three")
        await until(lambda: "ended  0:20 / 0:20" in it.line.text)
        assert not it.player.playing
        it.player.toggle()
        await it.sees("start", "")
        assert it.player.playing


async def test_pausing_stepping_and_seeking():
    async with stage(cast(*STORY)) as it:
        await it.sees("start", "")
        it.player.step()  # not while it plays
        it.player.toggle()
        await until(lambda: "paused" in it.line.text)
        it.now.seconds += 50
        it.player.step()
        await it.sees("start", "one Needle", "")
        await it.at(1)
        it.player.step()
        await it.sees("start", "one Needle", "two needle", "")
        it.player.seek_by(-5)
        await it.at(5)
        await it.sees("start", "one Needle", "")
        it.player.seek_share(1)
        await it.at(20)
        await it.sees("start", "one Needle", "two needle", "three")
        it.player.seek_by(-1000)
        await it.at(0)
        it.player.seek_by(3)
        it.player.seek_by(4)  # from where it is going to
        await it.at(7)


async def test_markers():
    async with stage(cast(*STORY)) as it:
        it.player.toggle()
        it.player.previous_marker()
        it.player.next_marker()
        await it.at(2)
        assert it.line.text.rstrip().endswith("half")
        it.player.next_marker()
        await it.at(20)
        it.player.next_marker()
        it.player.previous_marker()
        await it.at(2)
        it.player.toggle()
        it.now.seconds += 0.5
        it.player.previous_marker()  # it was only just passed
        assert it.player.at >= 2_000_000


async def test_the_idle_limit_and_speed():
    async with stage(cast(*STORY, idle_time_limit=0.5), (90, 8)) as it:
        it.player.toggle_idle_limit()
        it.player.change_speed(1)
        await until(lambda: "2x  pauses <= 0.5s" in it.line.text)
        it.now.seconds += 0.3
        await it.sees("start", "one Needle", "")
        it.now.seconds += 0.3
        await until(lambda: it.player.at >= 2_000_000)
        it.now.seconds += 0.3
        await it.sees("start", "one Needle", "two needle", "")
        it.player.toggle_idle_limit()
        await until(lambda: "pauses" not in it.line.text)


async def test_search():
    async with stage(cast(*STORY)) as it:
        it.player.begin_search()
        await it.pilot.press("x", "backspace", "n", "e", "e", "d", "l")
        await it.pilot.press("e", "enter")
        await it.at(1)
        assert not it.player.playing
        assert "match 1 of 2" in it.line.text
        it.player.next_match()
        await it.at(10)
        it.player.next_match()
        await it.at(1)
        it.player.previous_match()
        await it.at(10)
        strip = it.player.render_line(1)
        marked = it.player.get_component_rich_style("player--match").bgcolor
        assert [segment.text for segment in strip if segment.style and segment.style.bgcolor == marked] == ["Needle"]
        it.player.begin_search()
        await it.pilot.press(*"Zz", "enter")
        await until(lambda: "not found: Zz" in it.line.text)
        it.player.begin_search()
        await it.pilot.press("escape")
        assert not it.player.typing


async def test_a_larger_terminal_is_clipped_and_a_smaller_one_stands_alone():
    tall = cast([0.0, "o", "".join(f"row{number} {'x' * 60}\x1b[K\r\n" for number in range(30))], [1.0, "r", "10x2"],
                [1.0, "o", "small"], columns=80, rows=31)  # fmt: skip
    async with stage(tall) as it:
        await until(lambda: it.rows[-2].startswith("row29"))
        assert it.player.note == "clipped to 40x7"
        assert len(it.rows[0]) == 40
        it.now.seconds += 2
        await until(lambda: it.player.screen_size == (10, 2))
        await until(lambda: it.player.note == "")
        await until(lambda: any("small" in row for row in it.rows))
        await it.pilot.resize_terminal(8, 2)
        await until(lambda: it.player.note.startswith("clipped to 8x"))


async def test_nothing_of_it_gets_out(monkeypatch: pytest.MonkeyPatch):
    evil = "\x1b]0;title\x07\x1b]52;c;aGk=\x07\x1b[c\x1b[6n\x07\x1b]8;;http://x.invalid\x07link\x1b]8;;\x07\u202e\x9b31m."
    async with stage(cast([0.0, "o", evil], [0.0, "i", "rm -rf /\r"], [5.0, "o", "end"])) as it:
        written: list[str] = []
        monkeypatch.setattr(it.app._driver, "write", written.append)
        it.player.seek(5_000_000)
        await it.sees("link.end")
        it.app.refresh(repaint=True)
        await it.pilot.pause()
        text = "".join(written)
        assert not any(bad in text for bad in ("\x1b]", "\x07", "\u202e", "\x1b[c", "\x1b[6n"))
        assert it.app.copied == []


async def test_a_damaged_one_ends_early():
    recording = Recording(io.BytesIO(b'{"version":2,"width":20,"height":4}\n[0.0,"o","fine"]\n[9.0,"o","\\q"]\n'))
    async with stage(recording) as it:
        it.now.seconds += 60
        await until(lambda: "paused  0:00 / 0:00" in it.line.text)
        assert "ends early: line 3: it is no valid JSON" in it.player.note
        assert it.rows[0] == "fine"


async def test_long_ways_are_worked_off_in_slices(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "SLICE_SECONDS", 0.0)
    monkeypatch.setattr("hopx_tui.vt.recording.CHUNK", 300)
    events = [[number / 10, "o", f"line {number}\r\n"] for number in range(300)]
    async with stage(cast(*events)) as it:
        said: list[str] = []
        show = it.line.set_state
        monkeypatch.setattr(it.line, "set_state", lambda state, typed: (said.append(state.busy), show(state, typed)))
        it.player.toggle()
        it.player.seek_share(1)
        await until(lambda: any(text.startswith("going there") for text in said))
        it.player.seek(5_000_000)  # another wish on the way
        await it.at(5)
        await it.sees("line 48")
        it.player.begin_search()
        await it.pilot.press(*"line 299", "enter")
        await it.at(29.9)
        assert any(text.startswith("searching") for text in said)


async def test_the_cursor_and_a_reversed_screen():
    async with stage(cast([0.0, "o", "ab\x1b[?5h"], [1.0, "o", "\x1b[?25l"])) as it:
        await it.sees("ab")
        styles = [segment.style for segment in it.player.render_line(0)]
        it.now.seconds += 2
        await until(lambda: [segment.style for segment in it.player.render_line(0)] != styles)
