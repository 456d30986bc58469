"""What real programs write to a terminal while keys are typed."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.vt_core import make

QUIET_SECONDS = 0.12
LONGEST_SECONDS = 10.0
ROOT = Path(__file__).parents[2]
BOARD = str(ROOT / "tests" / "tty" / "driver_app.py")
_STARTER = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execvp(sys.argv[1], sys.argv[1:])"
)


@dataclass(frozen=True)
class Program:
    """A command, the tools it needs, keys typed one after the other, and what to run in its folder before and after."""

    command: Sequence[str]
    keys: Sequence[str] = ()
    tools: Sequence[str] = ()
    before: Sequence[str] = ()
    after: Sequence[str] = ()


_GIT = "git -c user.name=One -c user.email=one@example.org -c commit.gpgsign=false"
_COMMITS = (
    f"{_GIT} init -q . && for n in 1 2 3 4 5; do echo line $n >> text; echo $n > file$n;"
    f" {_GIT} add text file$n && {_GIT} commit -q -m \"Change $n: naïve 日本語\"; done"
)
_SOURCE = "printf 'def name(a):\\n    \"\"\"T.\"\"\"\\n    return a + 1  # why\\n\\nclass B:\\n    x = 2\\n' > code.py"
_COLOURED = (
    "for n in $(seq 120); do printf '\\033[1;3%dmbold %d\\033[0m \\033[4;38;5;%dmpalette\\033[24m "
    "\\033[48;2;9;99;%dmrgb"
    "\\033[0m \\033[7mback\\033[27m \\033[3mslanted\\033[0m\\n' $((n % 8)) $n $n $n; done > coloured"
)
PROGRAMS: Mapping[str, Program] = {
    "vim": Program(
        ["vim", "-u", "NONE", "-N", "text"],
        ["\x06", "Go", "new line", "\x1b", "gg", "5dd", ":set nu\r", "/line 4\r"], ["vim"],
    ),
    "vim with colours": Program(
        ["vim", "-u", "NONE", "-N", "+syntax on", "+set termguicolors hlsearch cursorline", "code.py"],
        ["/a\r", ":split\r", "iword \x1b", ":vsplit\r", "V", "j"], ["vim"], ["sh", "-c", _SOURCE],
    ),
    "nvim": Program(["nvim", "-u", "NONE", "code.py"], ["/a\r", ":split\r", "iword \x1b"], ["nvim"],
                    ["sh", "-c", _SOURCE]),
    "less": Program(["less", "text"], [" ", "\x02", "/line 7\r", "G", "5y"], ["less"]),
    "less with colours": Program(
        ["less", "-R", "coloured"], [" ", "j", "j", "/rgb\r", "n", "G", "y"], ["less"], ["sh", "-c", _COLOURED],
    ),
    "nano": Program(["nano", "-I", "text"], ["hello ", "\x16", "\x0b", "\x17line 5\r"], ["nano"]),
    "mc": Program(["mc", "-u", "-x"], ["\x1b[B", "\x1b[B", "\t"], ["mc"]),
    "htop": Program(["htop", "-d", "5"], ["\x1b[B"], ["htop"]),
    "dialog": Program(
        ["dialog", "--menu", "Choose", "15", "50", "5", "a", "one", "b", "two", "c", "three"], ["\x1b[B", "\x1b[B"],
        ["dialog"],
    ),
    "fzf": Program(["sh", "-c", "seq 300 | fzf --multi"], ["1", "\x10", "\t", "2", "\x7f"], ["fzf"]),
    "fzf in place": Program(["sh", "-c", "seq 30; seq 300 | fzf --height 10 --border"], ["1", "\x10"], ["fzf"]),
    "python": Program(
        [sys.executable, "-q"],
        ["1 + 1\r", "for n in range(40): print(n, '日本', '\\033[31mred\\033[m')\r\r", "\x1b[A", "\x01", "1/0 ;", "\r"],
    ),
    "git log": Program(
        ["sh", "-c", "git -c core.pager=cat log --color --graph --stat; git -c core.pager=cat log -p --color -2"], (),
        ["git"], ["sh", "-c", _COMMITS],
    ),
    "an application": Program([sys.executable, BOARD, "plain"], ["d", "d", "x"]),
    "an application on our driver": Program([sys.executable, BOARD, "diff"], ["d", "d", "x"]),
    "tmux": Program(
        ["tmux", "-S", "inner", "-f", "/dev/null", "new-session", "sh"],
        ["seq 50\r", "\x02%", "cat coloured\r", "\x02\"", "ls\r", "\x02c", "\x02p", "\x02[", "\x1b[A"], ["tmux"],
        ["sh", "-c", _COLOURED], ["tmux", "-S", "inner", "kill-server"],
    ),
}  # fmt: skip


def record(program: Program, size: tuple[int, int], folder: Path) -> bytes:
    """What it writes; it is killed before it can clear up. Its questions are answered by our core."""
    text = "".join(f"this is line {number} of the text, with a tab\there\n" for number in range(200))
    (folder / "text").write_text(text)
    environment = {
        "PATH": os.environ.get("PATH", os.defpath), "HOME": str(folder), "TERM": "xterm-256color", "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8", "LESSHISTFILE": "-", "COLORTERM": "truecolor", "PYTHONPATH": str(ROOT), "PS1": "$ ",
        "PYTHON_HISTORY": "/dev/null", "TEXTUAL_ANIMATIONS": "none",
    }  # fmt: skip
    if program.before:
        subprocess.run(program.before, cwd=folder, env=environment, check=True, timeout=20)
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-S", "-c", _STARTER, *program.command],
        stdin=slave, stdout=slave, stderr=slave, cwd=folder, env=environment, start_new_session=True,
    )  # fmt: skip
    os.close(slave)
    try:
        deadline = time.monotonic() + LONGEST_SECONDS
        core = make(size)
        out = b""
        for key in ("", *program.keys):
            os.write(master, key.encode())
            quiet = False
            heard = bool(key)  # the program's first words may take long
            while not quiet and time.monotonic() < deadline:
                data = _read(master)
                core.feed(data)
                replies = core.replies()
                os.write(master, replies)
                out += data
                heard = heard or bool(data)
                quiet = not data and heard and not replies
                if process.poll() is not None and not data:
                    return out
        return out
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        os.close(master)
        if program.after:
            subprocess.run(program.after, cwd=folder, env=environment, check=False, timeout=20, capture_output=True)


def _read(master: int) -> bytes:
    if not select.select([master], [], [], QUIET_SECONDS)[0]:
        return b""
    try:
        return os.read(master, 65_536)
    except OSError:  # the program ended
        return b""
