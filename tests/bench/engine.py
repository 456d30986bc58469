"""The local engine beside what it is built of: `python -m tests.bench.engine` (about a minute, loopback only).

A real engine with real sandboxes at the level that this machine has; `bwrap`, `cp` through a pipe and the gates of the
design as peers, measured in the same run. What counts is the ratio. Exits with 1 when a gate is missed; `--rough`
prints the table only (a machine that does other work as well says little about the absolute gates).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import websockets

from hopx_tui.agent.proctable import StatReader
from tests.engine.driver import Engine, tree

CREATES = 12
MANY = 50
RUNS = 150
FILE_BYTES = 1 << 30
TERMINAL_BYTES = 200_000_000
PROCESSES = 1000
IDLE_SECONDS = 10
IDLE_SANDBOXES = 20
BWRAP = ("bwrap", "--unshare-all", "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "--die-with-parent")


class Table:
    """One line a figure."""

    def __init__(self) -> None:
        self.missed: list[str] = []
        print(f"{'figure':<38} {'ours':>12} {'peer / gate':>14} {'ratio':>7}")

    def line(self, what: str, ours: float, gate: float, *, unit: str = "", at_least: bool = False) -> None:
        """`gate` is the most that is allowed, or the least."""
        holds = ours >= gate if at_least else ours <= gate
        word = "ok" if holds else "MISSED"
        print(f"{what:<38} {ours:>12.2f} {gate:>14.2f} {ours / gate if gate else 0:>7.2f} {unit:<5} {word}", flush=True)
        if not holds:
            self.missed.append(what)

    def note(self, what: str, ours: float, unit: str = "") -> None:
        """A figure without a gate."""
        print(f"{what:<38} {ours:>12.2f} {'':>14} {'':>7} {unit}", flush=True)


def cpu_ms(pid: int) -> float:
    """CPU time of a process and of its threads, in ms, without that of its children."""
    total = 0
    for thread in os.listdir(f"/proc/{pid}/task"):
        total += int(Path(f"/proc/{pid}/task/{thread}/schedstat").read_text().split()[0])
    return total / 1e6


def family_ms(engine: Engine) -> tuple[float, float]:
    """CPU time in ms: of the engine, of the engine with all that lives below it."""
    own = cpu_ms(engine.process.pid)
    below = 0.0
    for pid in tree(engine.process.pid):
        try:
            below += cpu_ms(pid)
        except OSError:
            continue
    return own, own + below


def timed(work: Callable[[], Any]) -> float:
    """Milliseconds."""
    begun = time.perf_counter()
    work()
    return (time.perf_counter() - begun) * 1000


def agent(sandbox: dict[str, Any]) -> httpx.Client:
    headers = {"Authorization": f"Bearer {sandbox['auth_token']}"}
    return httpx.Client(base_url=sandbox["public_host"], headers=headers, timeout=60, trust_env=False)


def healthy(engine: Engine) -> dict[str, Any]:
    """Create, and wait for the first healthy answer, as clients do."""
    sandbox = engine.create()
    httpx.get(sandbox["public_host"] + "/health", trust_env=False).raise_for_status()
    return sandbox


def creations(engine: Engine, table: Table) -> None:
    engine.kill(healthy(engine))
    own, family = family_ms(engine)
    made: list[dict[str, Any]] = []
    took = [timed(lambda: made.append(healthy(engine))) for _ in range(CREATES)]
    own_after, family_after = family_ms(engine)
    table.line("create to healthy, p50", statistics.median(took), 300, unit="ms")
    table.note("  CPU of a create, all processes", (family_after - family) / CREATES, "ms")
    table.note("  CPU of a create, the engine alone", (own_after - own) / CREATES, "ms")
    for each in made:
        engine.kill(each)


def many(engine: Engine, table: Table) -> None:
    with ThreadPoolExecutor(MANY) as pool:
        made: list[dict[str, Any]] = []
        took = timed(lambda: made.extend(pool.map(lambda _: engine.create(), range(MANY))))
        table.line(f"{MANY} sandboxes at once", took / 1000, 8, unit="s")
        sizes = [
            pss(pid) / 1024
            for pid in tree(engine.process.pid)
            if Path(f"/proc/{pid}/comm").read_text().strip() in ("hopx-agent", "hopx-supervisor")
        ]
        table.line("PSS of an agent, mean", sum(sizes) / MANY, 25, unit="MiB")
        list(pool.map(engine.kill, made[IDLE_SANDBOXES:]))
    time.sleep(2)  # what starting has left to do
    before = cpu_ms(engine.process.pid)
    time.sleep(IDLE_SECONDS)
    used = cpu_ms(engine.process.pid) - before
    table.line(f"idle engine, {IDLE_SANDBOXES} sandboxes", used / IDLE_SECONDS / 10, 0.2, unit="%")
    for each in made[:IDLE_SANDBOXES]:
        engine.kill(each)


def pss(pid: int) -> int:
    """KiB."""
    found = re.search(r"Pss:\s+(\d+)", Path(f"/proc/{pid}/smaps_rollup").read_text())
    return int(found[1]) if found else 0


def commands(sandbox: dict[str, Any], table: Table) -> None:
    with agent(sandbox) as client:
        body = {"command": "sh", "args": ["-c", "true"]}
        ours, peers = [], []
        direct = [*(BWRAP if shutil.which("bwrap") else ()), "sh", "-c", "true"]
        for _ in range(RUNS):  # in turn: what else runs on this machine meets both
            ours.append(timed(lambda: client.post("/commands/run", json=body).raise_for_status()))
            peers.append(timed(lambda: subprocess.run(direct, check=True, capture_output=True)))
    table.line("commands.run, p50", statistics.median(ours), 6, unit="ms")
    table.line("  beside bwrap + sh -c, 1.5 x", statistics.median(ours), 1.5 * statistics.median(peers), unit="ms")


def download(engine: Engine, sandbox: dict[str, Any], table: Table) -> None:
    file = engine.state / "sandboxes" / sandbox["id"] / "workspace" / "big"
    with open(file, "wb") as out:
        for _ in range(FILE_BYTES >> 20):
            out.write(os.urandom(4096) * 256)
    port = int(sandbox["public_host"].rpartition(":")[2])
    head = (
        f"GET /files/download?path=big HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
        f"Authorization: Bearer {sandbox['auth_token']}\r\nConnection: close\r\n\r\n"
    )

    def fetch() -> None:
        count, buffer = 0, bytearray(1 << 20)
        with socket.create_connection(("127.0.0.1", port)) as link:
            link.sendall(head.encode())
            while size := link.recv_into(buffer):
                count += size
        assert count > FILE_BYTES

    def copy() -> None:
        subprocess.run(f"cat '{file}' | cp /dev/stdin /dev/null", shell=True, check=True)

    copy()
    ours, peer = [], []
    for _ in range(3):
        ours.append(timed(fetch))
        peer.append(timed(copy))
    table.line("download of 1 GiB, 2 x cp of a pipe", statistics.median(ours) / 1000,
               2 * statistics.median(peer) / 1000, unit="s")  # fmt: skip
    file.unlink()


async def terminal(sandbox: dict[str, Any]) -> float:
    """MB/s from a program's output to the text in a client."""
    url = sandbox["public_host"].replace("http", "ws") + "/terminal?cols=200&rows=50"
    headers = {"Authorization": f"Bearer {sandbox['auth_token']}"}
    async with websockets.connect(
        url, additional_headers=headers, proxy=None, compression=None, max_queue=4
    ) as connection:
        line = f"stty -opost; head -c {TERMINAL_BYTES} /dev/zero | tr '\\0' x; echo; echo E''ND\n"
        await connection.send(json.dumps({"type": "input", "data": line}))
        count, begun = 0, 0.0
        while True:
            frame = json.loads(await connection.recv())
            text = frame.get("data", "")
            if "xxxx" in text and not begun:
                begun = time.perf_counter()
            count += len(text)
            if "END" in text:
                return count / 1e6 / (time.perf_counter() - begun)


def sweep(table: Table) -> None:
    """The process table of a sandbox with a thousand processes: the agent's own reader, on a thousand of ours."""
    script = f"i=0; while [ $i -lt {PROCESSES} ]; do sleep 120 & i=$((i+1)); done; echo ready; wait"
    held = subprocess.Popen(["sh", "-c", script], stdout=subprocess.PIPE, start_new_session=True)
    try:
        assert held.stdout is not None
        held.stdout.readline()
        reader = StatReader()
        others = len(reader.scan()) - PROCESSES
        took = []
        for _ in range(15):  # nothing in it waits: its CPU time is what it takes where nobody else wants the core
            begun = time.thread_time()
            reader.scan()
            took.append((time.thread_time() - begun) * 1000)
        reader.close()
        share = PROCESSES / (PROCESSES + others)
        table.line(f"sweep of {PROCESSES} processes, CPU", statistics.median(took) * share, 15, unit="ms")
    finally:
        os.killpg(held.pid, signal.SIGKILL)
        held.communicate()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rough", action="store_true", help="never fail")
    parser.add_argument("--only", default="", help="a regular expression over the names of the parts")
    options = parser.parse_args()
    wanted = re.compile(options.only).search
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    table = Table()
    with tempfile.TemporaryDirectory() as folder:
        engine = Engine(Path(folder) / "state", agent=None)
        try:
            if wanted("create"):
                creations(engine, table)
            if wanted("many"):
                many(engine, table)
            sandbox = engine.create()
            if wanted("commands"):
                commands(sandbox, table)
            if wanted("download"):
                download(engine, sandbox, table)
            if wanted("terminal"):
                speed = max(asyncio.run(terminal(sandbox)) for _ in range(2))
                table.line("terminal, program to client", speed, 50, unit="MB/s", at_least=True)
            if wanted("sweep"):
                sweep(table)
        finally:
            engine.close()
    verdict = f"missed: {', '.join(table.missed)}" if table.missed else "all gates hold"
    print(f"load {os.getloadavg()[0]:.1f}; {verdict}")
    return 1 if table.missed and not options.rough else 0


if __name__ == "__main__":
    sys.exit(main())
