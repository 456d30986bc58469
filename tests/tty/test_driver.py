"""The driver in a real pseudo-terminal shows what Textual's own shows, with fewer bytes, and gives everything back."""

from __future__ import annotations

import os
import signal
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.bench.ptyrun import Run

APP = Path(__file__).with_name("driver_app.py")
ROOT = Path(__file__).parents[2]
ENV = {
    "PATH": os.environ["PATH"],
    "TERM": "xterm-256color",
    "COLORTERM": "truecolor",
    "LANG": "C.UTF-8",
    "PYTHONPATH": str(ROOT),
    "ESCDELAY": "25",
    "TEXTUAL_ANIMATIONS": "none",
    "TEXTUAL_SMOOTH_SCROLL": "0",
} | {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")}


@contextmanager
def board(kind: str, size: tuple[int, int] = (60, 16), rate: float | None = None) -> Iterator[Run]:
    run = Run([sys.executable, str(APP), kind], ENV, size, rate=rate)
    try:
        run.until("keys:")
        settle(run)
        yield run
    finally:
        run.close()


def settle(run: Run, quiet: float = 0.25) -> None:
    """Read until nothing comes for a moment."""
    end = time.monotonic() + 10
    while time.monotonic() < end and run.read(quiet):
        pass


def press(run: Run, keys: str, shows: str) -> None:
    run.type(keys)
    run.until(shows)
    settle(run)


def test_the_same_picture_as_textuals_own_driver() -> None:
    pictures = []
    for kind in ("plain", "diff"):
        with board(kind) as run:
            press(run, "ddd", "keys: d d d")
            before = run.bytes
            press(run, "dd", "keys: d d d d d")
            spent = run.bytes - before
            press(run, "\x1b[200~hi\x1b[201~", "paste hi")
            press(run, "\x1b[<0;5;3M", "mouse 4,2")
            press(run, "\x1b[I", "focus")
            pictures.append((run.text(), run.looks()))
            if kind == "plain":
                plain = spent
    assert pictures[0][0] == pictures[1][0]
    assert pictures[0][1] == pictures[1][1]
    assert spent < plain / 3


def test_a_key_that_is_dealt_with_first_goes_no_further() -> None:
    with board("diff") as run:
        press(run, "a!b", "keys: a b")


def test_keys_that_textual_merges() -> None:
    with board("diff") as run:
        press(run, "\x1b\r", "alt+enter")
        press(run, "\x1b\x01", "alt+ctrl+a")
        press(run, "\x1b:", "alt+colon")
        press(run, "\x1b", "escape")


def test_a_resize_draws_everything_anew() -> None:
    with board("diff") as run:
        run.resize(80, 20)
        run.until("0015")
        settle(run)
        assert run.text().split("\n")[0].startswith("keys:")
        run.resize(30, 8)
        settle(run)
        press(run, "d", "keys: d")
        assert "0001" in run.text()


def test_what_others_wrote_is_cured() -> None:
    with board("diff") as run:
        before = run.text()
        run.feed(b"\x1b[H\x1b[41mgarbage from elsewhere\x1b[5;5Hmore")
        assert run.text() != before
        press(run, "r", "keys: r")
        assert run.text() == before.replace("keys:  ", "keys: r", 1)


def test_bell_and_clipboard_go_out_as_they_are() -> None:
    with board("diff") as run:
        run.type("b")
        assert run.find(b"\x07", 5) is not None
        run.type("c")
        assert run.find(b"\x1b]52;c;Y29waWVk\x07", 5) is not None


def test_leaving_gives_the_terminal_back() -> None:
    run = Run([sys.executable, str(APP), "diff"], ENV, (60, 16))
    try:
        before = termios.tcgetattr(run.fd)
        run.until("keys:")
        run.type("q")
        end = time.monotonic() + 10
        raw = b""
        while not run.ended() and time.monotonic() < end:
            raw += run.read(0.05)
        assert run.ended()
        assert termios.tcgetattr(run.fd)[3] == before[3]
        for told in (b"\x1b[?1049l", b"\x1b[?25h", b"\x1b[?2004l", b"\x1b[?1003l", b"\x1b[0m", b"\x1b[<u"):
            assert told in raw, told
        assert raw.rindex(b"\x1b[0m") < raw.rindex(b"\x1b[?1049l")
    finally:
        run.close()


def test_suspending_and_coming_back() -> None:
    with board("diff") as run:
        press(run, "d", "keys: d")
        run.type("s")
        run.until("suspended")
        run.type("\r")
        run.until("keys: d s")
        settle(run)
        assert "suspended" not in run.text()
        press(run, "d", "keys: d s d")


@pytest.mark.parametrize("kind", ["diff"])
def test_a_slow_terminal_skips_frames_but_no_key(kind: str) -> None:
    with board(kind, size=(100, 40), rate=20_000) as run:
        run.type("d" * 60)
        run.until("0060", 20)  # the first line: all of them were worked off
        settle(run)
        assert run.text().split("\n")[2].startswith("│0060")


def test_a_closed_window_ends_the_app() -> None:
    run = Run([sys.executable, str(APP), "diff"], ENV, (60, 16))
    run.until("keys:")
    os.kill(run.pid, signal.SIGCONT)
    run.hang_up()
    assert run.wait(10)
