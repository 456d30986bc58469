"""Where a replay begins, and what it says again."""

from __future__ import annotations

import pytest

from hopx_tui.agent.replay import PIECE_BYTES, Boundary, Replay

SEQUENCES = [
    "\x1b[38;5;196m",
    "\x1b[?1049h",
    "\x1b[ q",
    "\x1b]0;a title\x07",
    "\x1b]8;;http://x\x1b\\",
    "\x1bP1$r0m\x1b\\",
    "\x1b_Gf=24;AAAA\x1b\\",
    "\x1b(B",
    "\x1b7",
    "\x1b[1;\n2H",
    "\x1b]52;c;stop\x18",
]


@pytest.mark.parametrize("sequence", SEQUENCES)
def test_no_boundary_within_a_sequence(sequence):
    for at in range(len(sequence) + 1):
        boundary = Boundary()
        boundary.feed("text " + sequence[:at])
        assert boundary.safe is (at in (0, len(sequence))), (sequence, at)
        boundary.feed(sequence[at:])
        assert boundary.safe, (sequence, at)
        boundary.feed(" more")
        assert boundary.safe


def test_character_by_character():
    boundary = Boundary()
    text = "".join(f"x{sequence}" for sequence in SEQUENCES)
    inside = set()
    at = 0
    for sequence in SEQUENCES:
        at += 1
        inside.update(range(at + 1, at + len(sequence)))
        at += len(sequence)
    for position, character in enumerate(text, 1):
        boundary.feed(character)
        assert boundary.safe is (position not in inside), (position, text[:position])


def test_a_sequence_that_never_ends_is_given_up():
    boundary = Boundary()
    boundary.feed("\x1b[" + "1" * 100)
    assert not boundary.safe
    boundary.feed("1" * 200)
    assert boundary.safe


def test_all_is_kept_below_the_limit():
    replay = Replay(1000)
    for text in ("hello ", "\x1b[1", "mworld"):
        replay.add(text, len(text))
    assert replay.text() == "hello \x1b[1mworld"


def test_what_is_kept_is_bounded_and_begins_at_a_boundary():
    replay = Replay(10 * PIECE_BYTES)
    body = "y" * PIECE_BYTES
    for number in range(200):
        # Two of three pieces end within a sequence; the next one brings its end.
        begins = "" if number % 3 == 1 else "1m"
        ends = "" if number % 3 == 0 else "\x1b[3"
        text = f"{begins}<{number}>{body}{ends}"
        replay.add(text, len(text))
        kept = replay.text()
        assert len(kept) <= 10 * PIECE_BYTES
        assert kept.startswith(("<", "1m<0>")), kept[:20]
        assert kept.endswith(text), "the newest is there"


def test_one_endless_picture_leaves_nothing_until_it_ends():
    replay = Replay(PIECE_BYTES)
    replay.add("\x1b[?1049h\x1bPq", 12)
    for _ in range(5):
        replay.add("#" * PIECE_BYTES, PIECE_BYTES)
    assert replay.text() == "\x1b[?1049h"
    replay.add("##\x1b\\", 4)
    assert replay.text() == "\x1b[?1049h"
    replay.add("after", 5)
    assert replay.text() == "\x1b[?1049hafter"


def test_modes_that_fell_out_are_said_again():
    replay = Replay(PIECE_BYTES)
    modes = "\x1b[?1049;2004h\x1b[?25l\x1b[?1000h\x1b[?1000l\x1b[?9999h"
    replay.add(modes + "x" * PIECE_BYTES, PIECE_BYTES + len(modes))
    replay.add("y" * PIECE_BYTES, PIECE_BYTES)
    assert replay.text() == "\x1b[?1049h\x1b[?2004h\x1b[?25l" + "y" * PIECE_BYTES
    replay.add("\x1b[?25h\x1b[?2004l" + "z" * PIECE_BYTES, PIECE_BYTES)
    replay.add("w" * PIECE_BYTES, PIECE_BYTES)
    assert replay.text() == "\x1b[?1049h" + "w" * PIECE_BYTES


def test_the_title():
    replay = Replay()
    replay.add("\x1b]0;one\x07\x1b]2;two\x1b\\ \x1b]7;file://x\x07", 30)
    assert replay.title == "two"
