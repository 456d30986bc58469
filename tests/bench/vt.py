"""Parse rates of the terminal core beside stock pyte, on corpora made here: `python -m tests.bench.vt`.

Both run in one process, turn by turn; the ratios are what to look at. `--tmux` also times tmux (a detached pane in
which `cat` runs to its end), `--gate` fails when a ratio is below its gate.
"""

from __future__ import annotations

import argparse
import os
import random
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import pyte

from hopx_tui.vt.screen import VTScreen
from hopx_tui.vt.stream import VTStream

SIZE = (120, 40)
CHUNK = 65_536
WORDS = (
    "request", "worker", "session", "timeout", "accepted", "connection", "closed", "retry", "queue", "sandbox",
    "agent", "token", "user", "path", "value", "handler", "module", "import", "return", "self", "config", "default",
    "update", "status", "running", "paused", "stopped", "error", "warning",
)  # fmt: skip
GATES = {  # corpus: least rate as a multiple of (stock pyte, tmux detached)
    "plain log": (100, 3.0),
    "ls --color": (0, 1.0),
    "git --color": (10, 0.4),
    "recordings": (8, 0.6),
    "cursor motion": (5, 0.4),
    "unicode": (2.5, 0.4),
    "vim session": (0, 0.3),
}
RECORDINGS = (
    "tmux_htop", "vim_simple_edit", "vim_large_window_scroll", "vim_24bitcolors_bce", "tmux_git_log", "fish_cc",
)  # fmt: skip


def sentence(rng: random.Random, least: int, most: int) -> str:
    text = ""
    size = rng.randint(least, most)
    while len(text) < size:
        text += rng.choice(WORDS) + " "
    return text[:size]


def plain_log(rng: random.Random) -> str:
    when = f"2026-01-01T12:30:{second(rng)}.{rng.randint(100, 999)}Z"
    return f"{when} INFO worker[{rng.randint(1, 999)}]: {sentence(rng, 30, 70)}\r\n"


def long_line(rng: random.Random) -> str:
    return sentence(rng, 130, 600) + "\r\n"


def yes(_: random.Random) -> str:
    return "y\r\n" * 100


def ls_line(rng: random.Random) -> str:
    name = sentence(rng, 5, 20).replace(" ", "_")
    colour = rng.choice(("01;34", "01;32", "01;36", "01;31")) if rng.random() < 0.2 else ""
    shown = f"\x1b[0m\x1b[{colour}m{name}\x1b[0m" if colour else name
    size, day = rng.randint(100, 999_999), rng.randint(10, 28)
    return f"-rw-r--r--  1 root root {size:8d} Jan {day} 12:{second(rng)} {shown}\r\n"


def second(rng: random.Random) -> int:
    return rng.randint(10, 59)


def git_line(rng: random.Random) -> str:
    kind = rng.random()
    text = sentence(rng, 5, 70)
    if kind < 0.4:
        return f"     {text}\r\n"
    if kind < 0.65:
        return f"\x1b[32m+\x1b[m\x1b[32m    {text}\x1b[m\r\n"
    if kind < 0.85:
        return f"\x1b[31m-    {text}\x1b[m\r\n"
    if kind < 0.95:
        return f"\x1b[36m@@ -{rng.randint(1, 900)},7 +{rng.randint(1, 900)},9 @@\x1b[m def {rng.choice(WORDS)}():\r\n"
    return f"\x1b[1mdiff --git a/{rng.choice(WORDS)}.py b/{rng.choice(WORDS)}.py\x1b[m\r\n"


def unicode_line(rng: random.Random) -> str:
    kinds = (
        "日本語のテキストです。漢字と仮名。",
        "한국어 텍스트 ",
        "🚀✨🎉😀 ",
        "─│┌┐└┘├┤ ═║ ",
        "Ωμέγα приве́т ",
        "naïve café ",
        "plain ",
    )
    return "".join(rng.choice(kinds) for _ in range(rng.randint(3, 8))) + "\r\n"


def full_screen(rng: random.Random) -> str:
    """One refresh of a process list, as htop sends it: rows partly rewritten, colours, cursor addressing."""
    out = ["\x1b[?25l"]
    for row in range(1, SIZE[1]):
        out.append(f"\x1b[{row};1H\x1b[39;49m{rng.randint(1, 99999):6d} \x1b[32mroot \x1b[m{rng.randint(0, 99):3d}")
        if rng.random() < 0.6:
            out.append(f"\x1b[{row};30H\x1b[1m\x1b[36m{rng.random() * 100:5.1f}\x1b[m \x1b[K{sentence(rng, 8, 20)}")
        if rng.random() < 0.3:
            out.append(f"\x1b[{row};70H\x1b[7m{sentence(rng, 5, 30)}\x1b[27m\x1b[5C|")
    return "".join(out) + "\x1b[?25h"


def vim_session(rng: random.Random) -> str:
    """Scrolling and editing highlighted text: a scroll region, short coloured words, cursor moves."""
    out = [f"\x1b[1;{SIZE[1] - 2}r\x1b[{SIZE[1] - 2};1H\n\x1b[1;{SIZE[1]}r\x1b[{SIZE[1] - 2};1H"]
    for _ in range(rng.randint(3, 9)):
        colour = rng.choice((1, 33, 34, 35, 36, 130, 224))
        out.append(f"\x1b[38;5;{colour}m{rng.choice(WORDS)}\x1b[m {rng.choice(WORDS)[:4]}(")
    out.append(f"\x1b[K\x1b[{SIZE[1]};{rng.randint(90, 110)}H{rng.randint(1, 999)},{rng.randint(1, 80)}")
    out.append(f"\x1b[{rng.randint(1, 38)};{rng.randint(1, 99)}H")
    return "".join(out)


def cursor_motion(rng: random.Random) -> str:
    return "".join(f"\x1b[{rng.randint(1, SIZE[1])};{rng.randint(1, SIZE[0])}H{rng.choice('abc')}" for _ in range(50))


def region_scroll(_: random.Random) -> str:
    return "\x1b[5;30r\x1b[30;1H" + "scrolled line\r\n" * 200 + "\x1b[r"


def sgr_cells(rng: random.Random) -> str:
    cells = (f"\x1b[38;5;{16 + index * 5 % 200};48;5;{index % 200};1mA" for index in range(SIZE[0]))
    return "".join(cells) + f"\x1b[{rng.randint(1, SIZE[1])};1H"


def build(make: Callable[[random.Random], str], size: int) -> bytes:
    rng = random.Random(1)
    out: list[str] = []
    total = 0
    while total < size:
        piece = make(rng)
        out.append(piece)
        total += len(piece)
    return "".join(out).encode()


def recordings() -> bytes:
    """Real recordings if the shared fixtures are there, else the made-up process list."""
    root = Path(os.environ.get("HOPX_TUI_SHARED", Path(__file__).parents[3] / "shared")) / "vt" / "alacritty"
    found = [root / name / "alacritty.recording" for name in RECORDINGS]
    data = b"\x1bc".join(path.read_bytes() for path in found if path.exists())
    if not data:
        return build(full_screen, 1_000_000)
    return (data + b"\x1bc") * (1 + 1_000_000 // len(data))


def corpora() -> dict[str, bytes]:
    return {
        "plain log": build(plain_log, 8_000_000),
        "long lines": build(long_line, 4_000_000),
        "yes": build(yes, 4_000_000),
        "ls --color": build(ls_line, 4_000_000),
        "git --color": build(git_line, 2_000_000),
        "unicode": build(unicode_line, 400_000),
        "recordings": recordings(),
        "process list": build(full_screen, 1_000_000),
        "vim session": build(vim_session, 1_000_000),
        "cursor motion": build(cursor_motion, 1_000_000),
        "region scroll": build(region_scroll, 2_000_000),
        "SGR per cell": build(sgr_cells, 2_000_000),
    }


def rate(feed: Callable[[bytes], None], data: bytes) -> float:
    """MB/s of one pass."""
    start = time.perf_counter()
    for at in range(0, len(data), CHUNK):
        feed(data[at : at + CHUNK])
    return len(data) / 1e6 / (time.perf_counter() - start)


def stock_rate(data: bytes) -> float:
    """Stock pyte on a sample. It raises on some input: those chunks count as parsed."""
    screen = pyte.Screen(*SIZE)
    stream = pyte.ByteStream(screen)

    def feed(chunk: bytes) -> None:
        for at in range(0, len(chunk), 4096):
            try:
                stream.feed(chunk[at : at + 4096])
            except (TypeError, UnboundLocalError, IndexError, AssertionError):
                continue

    return rate(feed, data[:200_000])


def tmux_rate(data: bytes) -> float:
    """MB/s of `cat` in a detached tmux pane, less the cost of an empty one; 0 if there is no tmux."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "data").write_bytes(data)
        (Path(folder) / "none").write_bytes(b"")
        took = {}
        for name in ("none", "data"):
            base = ["tmux", "-S", f"{folder}/{name}.sock", "-f", "/dev/null"]
            file = shlex.quote(f"{folder}/{name}")
            script = (
                f"stty raw -echo; date +%s%N > {file}.a; cat {file}; printf '\\033[c'; "  # it answers at the end
                f"dd bs=1 count=1 > {file}.c 2>&1; date +%s%N > {file}.b"
            )
            environment = {**os.environ, "LC_ALL": "C.UTF-8"}
            environment.pop("TMUX", None)
            try:
                subprocess.run(
                    [*base, "-u", "new-session", "-d", "-x", str(SIZE[0]), "-y", str(SIZE[1]), script],
                    env=environment, check=True,
                )  # fmt: skip
            except FileNotFoundError:
                return 0.0
            deadline = time.monotonic() + 20
            end = Path(f"{folder}/{name}.b")
            while time.monotonic() < deadline and not (end.exists() and end.read_text().strip()):
                time.sleep(0.01)
            took[name] = int(end.read_text()) - int(Path(f"{folder}/{name}.a").read_text())
            subprocess.run([*base, "kill-server"], env=environment, check=False, capture_output=True)
        return len(data) / 1e6 / max((took["data"] - took["none"]) / 1e9, 1e-6)


def ours_rate(data: bytes) -> float:
    return rate(VTStream(VTScreen(*SIZE)).feed, data)


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--tmux", action="store_true", help="also time tmux")
    options.add_argument("--gate", action="store_true", help="exit 1 if a ratio is below its gate")
    options.add_argument("--only", default="", help="corpora whose name holds this")
    chosen = options.parse_args()
    print(f"{'MB/s':15}{'pyte':>8}{'ours':>9}{'x pyte':>8}{'tmux':>8}{'x tmux':>8}   gate: x pyte, x tmux")
    missed = []
    for name, data in corpora().items():
        if chosen.only not in name:
            continue
        stock = median(stock_rate(data) for _ in range(3))
        ours = median(ours_rate(data) for _ in range(3))
        tmux = median(tmux_rate(data) for _ in range(3)) if chosen.tmux else 0.0
        gates = GATES.get(name, (0, 0))
        ratios = (ours / stock, ours / tmux if tmux else 0.0)
        print(f"{name:15}{stock:8.2f}{ours:9.1f}{ratios[0]:8.1f}{tmux:8.1f}{ratios[1]:8.2f}   {gates[0]}, {gates[1]}")
        if ratios[0] < gates[0] or (tmux and ratios[1] < gates[1]):
            missed.append(name)
    if missed:
        print("below their gate:", ", ".join(missed))
    return 1 if missed and chosen.gate else 0


if __name__ == "__main__":
    sys.exit(main())
