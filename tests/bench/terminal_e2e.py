"""The terminal pane as a person meets it, beside tmux: `python -m tests.bench.terminal_e2e`.

The real dashboard with a real sandbox, its terminal over the full width, and a tmux client of the same size run the
same program in pseudo-terminals on this machine. Measured: time from a key to its answer, bytes on the wire, the time
that `cat` of 10 MB takes, idle CPU, memory in a flood. Exits with 1 when a gate is missed. About three minutes.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median, quantiles

from tests.bench.ptyrun import Run
from tests.journeys.machine import PRODUCT, Machine

SIZE = (120, 40)
PROGRAM = Path(__file__).with_name("probe_program.py")
KEYS = "éèàùçñöüßâêîôûåøæëï"
TEN_MEGABYTES = "".join(f"{number:08d} {'0123456789' * 6}\n" for number in range(142_000))
SLOW_TTY = 150_000
FLOOD_SECONDS = 60

WIRE = {"log": 1.5, "htop": 0.5, "redraw": 1.2}
ECHO = {"idle": (15, 3.0), "log": (15, 3.0), "htop": (15, 3.0), "flood5": (30, None), "flood": (80, 1.0)}


class Ours:
    """The dashboard, zoomed into the terminal of a new sandbox."""

    name = "hopx-tui"

    def __init__(self, directory: Path, rate: float | None = None) -> None:
        self._machine = Machine(directory)
        self._machine.start_engine()
        sandbox = self._machine.create()
        shutil.copy(PROGRAM, self._machine.workspace(sandbox) / "probe.py")
        (self._machine.workspace(sandbox) / "big").write_text(TEN_MEGABYTES)
        self.run = Run(PRODUCT, self._machine.environment | extra(), SIZE, rate=rate)
        self.run.until("1 running")
        self.run.type("f")
        self.run.take(0.5, show=True)
        self.run.type("s")
        self.run.until("/workspace#")
        self.folder = "/workspace"

    def pid(self) -> int:
        return self.run.pid

    def close(self) -> None:
        self.run.close()
        self._machine.stop()


class Tmux:
    """A client of a tmux server of our own."""

    name = "tmux"

    def __init__(self, directory: Path, rate: float | None = None) -> None:
        self.folder = str(directory)
        shutil.copy(PROGRAM, directory / "probe.py")
        (directory / "big").write_text(TEN_MEGABYTES)
        self._socket = str(directory / "tmux")
        env = {name: value for name, value in os.environ.items() if not name.startswith("TMUX")} | extra()
        self._env = env
        shell = "env PS1='/workspace# ' bash --norc -i"
        argv = ["tmux", "-S", self._socket, "-f", "/dev/null", "new-session", "-c", str(directory), shell]
        self.run = Run(argv, env, SIZE, rate=rate)
        self.run.until("/workspace#")

    def pid(self) -> int:
        return int(os.popen(f"tmux -S {self._socket} display -p '#{{pid}}'").read())

    def close(self) -> None:
        os.system(f"tmux -S {self._socket} kill-server 2>/dev/null")
        self.run.close()


def extra() -> dict[str, str]:
    return {"TERM": "xterm-256color", "COLORTERM": "truecolor", "LANG": "C.UTF-8", "PATH": os.environ["PATH"]}


def started(peer: Ours | Tmux, mode: str) -> None:
    peer.run.type(f"python3 {peer.folder}/probe.py {mode}\r")
    peer.run.until("READY") if mode == "idle" else peer.run.take(1.5, show=False)


def ended(peer: Ours | Tmux) -> None:
    peer.run.type("\x03")
    peer.run.take(0.7, show=False)
    peer.run.type("clear\r")
    peer.run.take(0.5, show=False)


def echo(peer: Ours | Tmux, mode: str, count: int) -> tuple[float, float, int]:
    """Median and 99th percentile, in ms, of the time from a key to its answer, and how many never came."""
    started(peer, mode)
    took, lost = [], 0
    for turn in range(count):
        key = KEYS[turn % len(KEYS)]
        peer.run.type(key)
        seconds = peer.run.find(key.encode(), 2.0)
        if seconds is None:
            lost += 1
        else:
            took.append(seconds * 1000)
        peer.run.take(0.02 + (turn * 7 % 31) / 1000)
    ended(peer)
    took = took or [2000.0]
    return median(took), quantiles(took, n=100)[98] if len(took) > 1 else took[0], lost


def wire(peer: Ours | Tmux, mode: str, seconds: float) -> float:
    """Bytes per second."""
    started(peer, mode)
    count = peer.run.take(seconds)
    ended(peer)
    return count / seconds


def cat(peer: Ours | Tmux) -> float:
    """Seconds until the words after 10 MB are on the screen."""
    peer.run.take(0.3)
    peer.run.type(f"cat {peer.folder}/big; echo D''ONE\r")
    seconds = peer.run.find(b"DONE", 60)
    peer.run.take(0.5)
    return seconds or 60.0


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def rss_mb(pid: int) -> float:
    found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) / 1024 if found else 0.0


class Report:
    """Prints a line per figure and remembers what missed its gate."""

    def __init__(self) -> None:
        self.missed: list[str] = []

    def line(self, what: str, ours: str, peer: str, gate: str, holds: bool | None) -> None:
        word = {True: "ok", False: "MISSED", None: ""}[holds]
        print(f"{what:<28} {ours:>20} {peer:>20}   {gate:<34} {word}", flush=True)
        if holds is False:
            self.missed.append(what)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keys", type=int, default=200, help="keys per echo figure")
    parser.add_argument("--only", default="", help="a regular expression over the names of the figures")
    options = parser.parse_args()
    wanted: Callable[[str], object] = re.compile(options.only).search
    report = Report()
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
        ours, peer = Ours(Path(one)), Tmux(Path(two))
        report.line("", "hopx-tui", "tmux", "gate", None)
        try:
            measure(ours, peer, report, wanted, options.keys)
        finally:
            ours.close()
            peer.close()
    if wanted("slow"):
        with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
            ours, peer = Ours(Path(one), SLOW_TTY), Tmux(Path(two), SLOW_TTY)
            try:
                for mode in ("log", "flood"):
                    a, b = echo(ours, mode, options.keys // 4), echo(peer, mode, options.keys // 4)
                    holds = a[1] <= 2 * b[1] and not a[2]
                    report.line(f"slow tty echo {mode}, ms", spell(a), spell(b), "p99 <= 2 x tmux", holds)
            finally:
                ours.close()
                peer.close()
    return 1 if report.missed else 0


def spell(figure: tuple[float, float, int]) -> str:
    lost = f" lost {figure[2]}" if figure[2] else ""
    return f"{figure[0]:.1f} / {figure[1]:.1f}{lost}"


def measure(ours: Ours, peer: Tmux, report: Report, wanted: Callable[[str], object], keys: int) -> None:
    for mode, (limit, factor) in ECHO.items():
        if wanted(f"echo {mode}"):
            a, b = echo(ours, mode, keys), echo(peer, mode, keys)
            most = max(limit, b[1]) if mode == "flood" else min(limit, factor * b[1]) if factor else limit
            report.line(
                f"echo {mode}, p50 / p99 ms", spell(a), spell(b), f"p99 <= {most:.0f} ms", a[1] <= most and not a[2]
            )
    for mode, factor in WIRE.items():
        if wanted(f"wire {mode}"):
            x, y = wire(ours, mode, 6), wire(peer, mode, 6)
            report.line(f"wire {mode}, B/s", f"{x:,.0f}", f"{y:,.0f}", f"<= {factor} x tmux", x <= factor * y)
    if wanted("cat"):
        x, y = median(cat(ours) for _ in range(3)), median(cat(peer) for _ in range(3))
        report.line("cat of 10 MB, s", f"{x:.2f}", f"{y:.2f}", "<= 1.5 x tmux", x <= 1.5 * y)
    if wanted("idle CPU"):
        ours.run.take(2)
        before = cpu_seconds(ours.pid())
        ours.run.take(10)
        used = (cpu_seconds(ours.pid()) - before) * 10
        report.line("idle CPU, %", f"{used:.1f}", "", "<= 1 %", used <= 1)
    if wanted("memory"):
        started(ours, "flood")
        ours.run.take(8)
        before = rss_mb(ours.pid())
        ours.run.take(FLOOD_SECONDS)
        grown = rss_mb(ours.pid()) - before
        ended(ours)
        report.line("growth in a flood, MB", f"{grown:.1f}", "", "<= 10 MB in 60 s", grown <= 10)


if __name__ == "__main__":
    sys.exit(main())
