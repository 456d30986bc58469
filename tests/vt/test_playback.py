"""A recording on a screen: every way to a time gives the same screen."""

from __future__ import annotations

import io
import random

import pytest

from hopx_tui.vt import playback as module
from hopx_tui.vt import recording as recording_module
from hopx_tui.vt.cast import CastWriter, Header
from hopx_tui.vt.playback import Playback
from hopx_tui.vt.recording import Recording

PIECES = [
    "plain text", "\r\n", "line\r\n" * 7, "\x1b[31mred\x1b[0m", "\x1b[5;5H", "\x1b[?1049h", "\x1b[?1049l", "日本\u0301",
    "\x1b7", "\x1b8", "\x1b[2;4r", "\x1b[r", "\x1b[", "1mbold", "\x1b]0;title\x07", "\x1b[6n",
    "\x1b[?25l", "\x1b[38;2;1;2;3m",
    "\x1b(0qqq\x1b(B", "\x1b[2J", "w" * 90, "\x07", "\x1b]52;c;aGk=\x07",
]  # fmt: skip


def made(seed: int, count: int = 300) -> Recording:
    chance = random.Random(seed)
    file = io.BytesIO()
    writer = CastWriter(file, Header(40, 8))
    now = 0.0
    for _ in range(count):
        now += chance.choice([0, 0.01, 1])
        if chance.random() < 0.05:
            writer.resize(chance.randint(2, 60), chance.randint(1, 12), now)
        else:
            writer.output(chance.choice(PIECES), now)
    recording = Recording(file)
    list(recording.scan())
    return recording


def go(playback: Playback, to: int) -> None:
    for _ in playback.go(to):
        pass


def state(playback: Playback) -> object:
    screen = playback.screen
    rows = [(cells, [style.look for style in styles]) for cells, styles in (row.grid() for row in screen.rows)]
    return rows, screen.cursor.x, screen.cursor.y, screen.cursor.style.look, screen.modes, screen.columns, screen.lines


@pytest.mark.parametrize("seed", range(6))
def test_every_way_leads_to_the_same_screen(seed, monkeypatch):
    monkeypatch.setattr(recording_module, "CHUNK", 500)
    monkeypatch.setattr(module, "MIN_APART", 1500)
    recording = made(seed)
    jumping = Playback(recording)
    chance = random.Random(seed)
    for _ in range(25):
        to = chance.randint(0, recording.duration)
        go(jumping, to)
        straight = Playback(recording)
        go(straight, to)
        assert state(jumping) == state(straight)
        assert jumping.at == straight.at == to
        assert not jumping.screen.take_replies()
        assert not jumping.screen.take_events()
    assert jumping._kept
    go(jumping, recording.duration)
    assert jumping.next_at is None


def test_stepping_and_leaving_early():
    recording = made(9)
    stepping, straight = Playback(recording), Playback(recording)
    steps = 0
    while stepping.step():
        steps += 1
    go(straight, recording.duration)
    assert state(stepping) == state(straight)
    assert 200 < steps <= 300
    assert not stepping.step()
    left = Playback(recording)
    next(left.go(recording.duration))
    go(left, recording.duration)
    assert state(left) == state(straight)


def test_the_next_event_and_what_is_not_shown():
    file = io.BytesIO()
    writer = CastWriter(file, Header(20, 3))
    writer.input("typed", 1)
    writer.output("shown", 2)
    writer.marker("m", 3)
    recording = Recording(file)
    list(recording.scan())
    playback = Playback(recording)
    assert playback.next_at == 1_000_000
    assert playback.step()
    assert playback.at == 2_000_000
    assert playback.screen.display[0].rstrip() == "shown"
    assert not playback.step()
    assert playback.at == 3_000_000
    go(playback, 0)
    assert playback.screen.display[0].rstrip() == ""


def test_kept_screens_are_bounded(monkeypatch):
    monkeypatch.setattr(recording_module, "CHUNK", 200)
    monkeypatch.setattr(module, "MIN_APART", 1)
    monkeypatch.setattr(module, "MAX_KEPT", 5)
    recording = made(3, 600)
    playback = Playback(recording)
    for to in (recording.duration, 0, recording.duration, recording.duration // 2, recording.duration):
        go(playback, to)
        assert 1 <= len(playback._kept) <= 5
