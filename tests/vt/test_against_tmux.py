"""Streams of real programs, fed to our core and to tmux: both show the same text and cursor."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import shlex
import shutil
import signal
import struct
import subprocess
import sys
import termios
import time

import pytest

from hopx_tui.vt.charset import charset
from tests.vt.invariants import check
from tests.vt_core import make

# Their modules are measured by tests of their own; tracing would double the longest tests here.
pytestmark = pytest.mark.no_cover

COLUMNS, LINES = 80, 24
QUIET_SECONDS = 0.2
LONGEST_SECONDS = 4.0

# program -> (command, keys to type one after the other)
PROGRAMS = {
    "vim": (
        ["vim", "-u", "NONE", "-N", "text"],
        ["\x06", "Go", "new line", "\x1b", "gg", "5dd", ":set nu\r", "/line 4\r"],
    ),
    "less": (["less", "text"], [" ", "\x02", "/line 7\r", "G", "5y"]),
    "nano": (["nano", "-I", "text"], ["hello ", "\x16", "\x0b", "\x17line 5\r"]),
    "mc": (["mc", "-u", "-x"], ["\x1b[B", "\x1b[B", "\t"]),
    "htop": (["htop", "-d", "5"], ["\x1b[B"]),
    "dialog": (
        ["dialog", "--menu", "Choose", "15", "50", "5", "a", "one", "b", "two", "c", "three"],
        ["\x1b[B", "\x1b[B"],
    ),
}

needs_tmux = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")


def read_until_quiet(master: int, deadline: float) -> bytes:
    out = b""
    while time.monotonic() < deadline:
        ready, _, _ = select.select([master], [], [], QUIET_SECONDS)
        if not ready:
            if out:
                break
            continue
        try:
            data = os.read(master, 65_536)
        except OSError:  # the program ended
            break
        if not data:
            break
        out += data
    return out


def record(command: list[str], keys: list[str], folder) -> bytes:
    """What a program writes to a terminal while `keys` are typed; it is killed before it can clear up."""
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
    environment = {
        "PATH": os.environ.get("PATH", os.defpath), "HOME": str(folder), "TERM": "xterm-256color", "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8", "LESSHISTFILE": "-",
    }  # fmt: skip
    starter = "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); "
    starter += "os.execvp(sys.argv[1], sys.argv[1:])"
    process = subprocess.Popen(
        [sys.executable, "-c", starter, *command],
        stdin=slave, stdout=slave, stderr=slave, cwd=folder, env=environment, start_new_session=True,
    )  # fmt: skip
    os.close(slave)
    try:
        deadline = time.monotonic() + LONGEST_SECONDS
        out = read_until_quiet(master, deadline)
        for key in keys:
            os.write(master, key.encode())
            out += read_until_quiet(master, deadline)
        return out
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        os.close(master)


def text_of(capture: str) -> str:
    """The characters of a capture with attributes: tmux keeps line graphics as letters between SO and SI."""
    plain = re.sub(r"\x1b\[[0-9;:]*m|\x1b\]8;[^\x1b]*\x1b\\\\", "", capture)
    return re.sub("\x0e([^\x0f]*)\x0f?", lambda match: match[1].translate(dict(charset("0") or {})), plain)


def in_tmux(data: bytes, folder) -> tuple[list[str], tuple[int, int]]:
    """(rows, (row, column) of the cursor) of a tmux pane that has read `data`."""
    (folder / "stream").write_bytes(data)
    (folder / "conf").write_text(
        f"set -g status off\nset -g default-size {COLUMNS}x{LINES}\nset -g allow-rename off\nset -s escape-time 0\n"
    )
    socket = folder / "socket"
    base = ["tmux", "-S", str(socket), "-f", str(folder / "conf")]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("TMUX")}
    environment |= {"LC_ALL": "C.UTF-8", "TERM": "xterm-256color"}

    def tmux(*arguments: str) -> str:
        done = subprocess.run([*base, *arguments], env=environment, capture_output=True, check=True, timeout=20)
        return done.stdout.decode(errors="replace")

    stream = shlex.quote(str(folder / "stream"))
    # The answer to the status query at the end tells that tmux has read everything before it.
    script = f"stty raw -echo; cat {stream}; printf '\\033[5n'; cat > {stream}.end"
    try:
        tmux("-u", "new-session", "-d", "-x", str(COLUMNS), "-y", str(LINES), script)
        deadline = time.monotonic() + 10
        end = folder / "stream.end"
        while not (end.exists() and b"\x1b[0n" in end.read_bytes()):
            assert time.monotonic() < deadline, "tmux has not read the stream"
            time.sleep(0.02)
        rows = text_of(tmux("capture-pane", "-p", "-e")).split("\n")[:LINES]
        x, y = tmux("display-message", "-p", "#{cursor_x} #{cursor_y}").split()
    finally:
        subprocess.run([*base, "kill-server"], env=environment, capture_output=True, check=False, timeout=20)
    return [row.rstrip() for row in rows], (int(y), min(int(x), COLUMNS - 1))


@needs_tmux
@pytest.mark.parametrize("name", PROGRAMS)
def test_the_same_picture_as_tmux(name, tmp_path):
    command, keys = PROGRAMS[name]
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    text = "".join(f"this is line {number} of the text, with a tab\there\n" for number in range(200))
    (tmp_path / "text").write_text(text)
    data = record(command, keys, tmp_path)
    assert len(data) > 300
    core = make((COLUMNS, LINES))
    core.feed(data)
    check(core.screen, core.stream)
    rows, cursor = in_tmux(data, tmp_path)
    assert [line.rstrip() for line in core.lines()] == rows
    assert core.cursor() == cursor


@needs_tmux
def test_plain_output_too(tmp_path):
    text = "wide 日本語 and e\u0301 marks\r\n" + "long " * 40 + "\r\n\x1b[31mred\x1b[0m\ttab\r\n"
    data = text.encode() * 12 + b"$ "
    core = make((COLUMNS, LINES))
    core.feed(data)
    rows, cursor = in_tmux(data, tmp_path)
    assert [line.rstrip() for line in core.lines()] == rows
    assert core.cursor() == cursor
