"""The terminal core beside its peers, in one run: `python -m tests.bench.terminal`.

Parse rates on corpora made here, of stock pyte, of our core and of tmux (a detached pane in which `cat` runs to its
end): medians of `--runs` turns, in each of which all three meet the same machine. `--full` adds the public suites
(where their fixtures are: HOPX_TUI_SHARED) and 100,000 random streams. Exits 1 when a gate is missed.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
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
from tests.bench.corpora import SIZE, corpora
from tests.vt.test_conformance import CHUNKS, HARNESS, KNOWN_MISSES, alacritty, xtermjs
from tests.vt.test_fuzz import run_case

CHUNK = 65_536
STOCK_SAMPLE = 100_000
GATES = {  # corpus: least rate as a multiple of (stock pyte, tmux detached)
    "plain log": (100, 3.0),
    "ls --color": (0, 1.0),
    "git --color": (10, 0.4),
    "recordings": (8, 0.6),
    "cursor motion": (5, 0.4),
    "unicode": (2.5, 0.4),
    "vim session": (0, 0.3),
}
FUZZ_CASES = 100_000


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

    return rate(feed, data[:STOCK_SAMPLE])


def ours_rate(data: bytes) -> float:
    return rate(VTStream(VTScreen(*SIZE)).feed, data)


def tmux_rate(data: bytes) -> float:
    """MB/s of `cat` in a detached tmux pane, less the time that an empty file takes."""
    took = _tmux_seconds(data) - _tmux_seconds(b"")
    return len(data) / 1e6 / max(took, 1e-6)


def _tmux_seconds(data: bytes) -> float:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "data").write_bytes(data)
        base = ["tmux", "-S", f"{folder}/sock", "-f", "/dev/null"]
        file = shlex.quote(f"{folder}/data")
        script = (
            f"stty raw -echo; date +%s%N > {file}.a; cat {file}; printf '\\033[c'; "  # it answers at the end
            f"dd bs=1 count=1 > {file}.c 2>&1; date +%s%N > {file}.b"
        )
        environment = {**os.environ, "LC_ALL": "C.UTF-8"}
        environment.pop("TMUX", None)
        subprocess.run(
            [*base, "-u", "new-session", "-d", "-x", str(SIZE[0]), "-y", str(SIZE[1]), script],
            env=environment, check=True,
        )  # fmt: skip
        deadline = time.monotonic() + 30
        end = Path(f"{folder}/data.b")
        while time.monotonic() < deadline and not (end.exists() and end.read_text().strip()):
            time.sleep(0.01)
        subprocess.run([*base, "kill-server"], env=environment, check=False, capture_output=True)
        return (int(end.read_text()) - int(Path(f"{folder}/data.a").read_text())) / 1e9


def parse_rates(only: str, runs: int) -> list[str]:
    """Print the table; returns the gates that were missed."""
    has_tmux = shutil.which("tmux") is not None
    print(f"{'MB/s':15}{'pyte':>8}{'ours':>9}{'x pyte':>8}{'gate':>6}{'tmux':>8}{'x tmux':>8}{'gate':>6}")
    missed = []
    for name, data in corpora().items():
        if only not in name:
            continue
        measured = [
            (stock_rate(data), ours_rate(data), tmux_rate(data) if has_tmux else 0.0) for _ in range(runs)
        ]
        stock, ours, tmux = (median(column) for column in zip(*measured, strict=True))
        # Of each turn by itself: the machine may be another one in the next.
        beside_stock = median(turn[1] / turn[0] for turn in measured)
        beside_tmux = median(turn[1] / turn[2] if has_tmux else 0.0 for turn in measured)
        gates = GATES.get(name, (0, 0))
        told = [f"{gate:6g}" if gate else " " * 6 for gate in gates]
        low = beside_stock < gates[0], has_tmux and beside_tmux < gates[1]
        print(
            f"{name:15}{stock:8.2f}{ours:9.1f}{beside_stock:8.1f}{told[0]}{tmux:8.1f}{beside_tmux:8.2f}{told[1]}"
            + ("   MISSED" if any(low) else ""),
            flush=True,
        )
        missed += [f"{name} beside {peer}" for peer, is_low in zip(("pyte", "tmux"), low, strict=True) if is_low]
    if not has_tmux:
        missed.append("tmux is not installed")
    return missed


def conformance() -> list[str]:
    """Print the counts of the public suites, in pieces of every size; returns what is below its gate."""
    if not HARNESS.exists():
        return ["no fixtures of the public suites (HOPX_TUI_SHARED)"]
    missed = []
    for chunk in CHUNKS:
        count, wrong_text, wrong_look = alacritty(chunk)
        files, wrong = xtermjs(chunk)
        print(
            f"pieces of {chunk or 'all'}: alacritty text {count - len(wrong_text)}/{count},"
            f" attributes {count - len(wrong_look)}/{count}; xterm.js {files - len(wrong)}/{files}"
        )
        missed += sorted(wrong_text - KNOWN_MISSES | wrong_look | wrong)
    return missed


def fuzz(cases: int) -> list[str]:
    """Random streams, whole and split; returns those that raised or differed."""
    missed = []
    for seed in range(cases):
        try:
            run_case(seed)
        except Exception as error:  # noqa: BLE001  whatever it is, it is what is counted
            missed.append(f"stream {seed}: {type(error).__name__}")
    print(f"random streams: {cases - len(missed)}/{cases} without an exception or a difference between splits")
    return missed


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--only", default="", metavar="TEXT", help="corpora whose name holds this")
    options.add_argument("--runs", type=int, default=3, help="passes to take the median of (3)")
    options.add_argument("--full", action="store_true", help="also the public suites and random streams")
    options.add_argument("--cases", type=int, default=FUZZ_CASES, help=f"random streams of --full ({FUZZ_CASES})")
    chosen = options.parse_args()
    missed = parse_rates(chosen.only, chosen.runs)
    if chosen.full:
        missed += conformance()
        missed += fuzz(chosen.cases)
    if missed:
        print("missed:", "; ".join(missed[:20]))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
