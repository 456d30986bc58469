"""Measures the sandbox: its processes, its CPU (reaped children included), its memory, its network."""

from __future__ import annotations

import asyncio
import os
import pwd
import time
from collections.abc import Callable, Collection
from typing import NamedTuple

from hopx_tui.agent.config import Config
from hopx_tui.agent.proctable import CLOCK_TICKS, ProcessStat, StatReader, boot_time, descendants

BASELINE_SECONDS = 5.0
FRESH_SECONDS = 0.4
SHORTEST_SPAN = 0.2
COMMAND_BYTES = 4096
COMMAND_AGE_SECONDS = 15.0


class Snapshot(NamedTuple):
    """`ticks` is all CPU time ever used, by whoever is left and whoever was reaped."""

    at: float
    processes: dict[int, ProcessStat]
    ticks: int


class Measurement(NamedTuple):
    """One answer. `cpu_percent`: 100 = one core fully used; per process as well."""

    cpu_percent: float
    memory_used: int
    processes: list[ProcessStat]
    process_percent: dict[int, float]


class Identity(NamedTuple):
    """What rarely changes about a process."""

    command: str
    user: str
    read_at: float


class Sampler:
    """Keeps a baseline, so that the first answer is a true rate. The agent's own processes are left out, but
    the time of children they reaped is the sandbox's."""

    def __init__(self, config: Config, *, agent_pids: frozenset[int], root: int, clock: Callable[[], float]) -> None:
        self._isolated = config.isolated
        self._agent_pids = agent_pids
        self._root = root
        self._clock = clock
        self._reader = StatReader()
        self._lock = asyncio.Lock()
        self._baselines: list[Snapshot] = []
        self._last: tuple[float, Measurement] | None = None
        self._identities: dict[tuple[int, int, str], Identity] = {}
        self._boot = boot_time()
        self._users: dict[int, str] = {}

    async def run(self) -> None:
        """Take a baseline now and then, for ever."""
        while True:
            async with self._lock:
                await self._take()
            await asyncio.sleep(BASELINE_SECONDS)

    async def measure(self, showing: Collection[int] = ()) -> Measurement:
        """Rates since a baseline of 0.2 to 5 s ago; answers within 0.4 s of each other are the same, unless
        the last is older than a process that the caller has just started (`showing`: pids)."""
        async with self._lock:
            if self._last is not None and self._clock() - self._last[0] < FRESH_SECONDS:
                shown = {stat.pid for stat in self._last[1].processes} if showing else set()
                if shown.issuperset(showing):
                    return self._last[1]
            base = self._baseline()
            if base is None:
                if not self._baselines:
                    await self._take()
                base = self._baselines[0]
                await asyncio.sleep(max(base.at + SHORTEST_SPAN - self._clock(), 0))
            now = await self._take()
            measurement = _rates(base, now)
            self._last = (now.at, measurement)
            return measurement

    def _baseline(self) -> Snapshot | None:
        """The newest that is old enough for a rate."""
        now = self._clock()
        for snapshot in reversed(self._baselines):
            if now - snapshot.at >= SHORTEST_SPAN:
                return snapshot
        return None

    async def _take(self) -> Snapshot:
        snapshot = await asyncio.get_running_loop().run_in_executor(None, self._snapshot)
        self._baselines = [*self._baselines[-1:], snapshot]
        return snapshot

    def _snapshot(self) -> Snapshot:
        table = self._reader.scan()
        scope = set(table) if self._isolated else descendants(table, self._root) | {self._root}
        own = self._agent_pids
        ticks = sum(table[pid].reaped_ticks for pid in scope)
        ticks += sum(table[pid].user_ticks + table[pid].system_ticks for pid in scope if pid not in own)
        processes = {pid: table[pid] for pid in scope if pid not in own}
        return Snapshot(self._clock(), processes, ticks)

    async def scan(self) -> dict[int, ProcessStat]:
        """The sandbox's processes right now."""
        async with self._lock:
            snapshot = await asyncio.get_running_loop().run_in_executor(None, self._snapshot)
        return snapshot.processes

    def identity(self, stat: ProcessStat) -> Identity:
        """Command line and user; cached, as they cost more than all the rest. For a thread."""
        key = (stat.pid, stat.start_ticks, stat.name)
        known = self._identities.get(key)
        now = self._clock()
        if known is not None and now - known.read_at < COMMAND_AGE_SECONDS:
            return known
        if len(self._identities) > 20_000:
            self._identities.clear()
        command, user = f"[{stat.name}]", ""
        try:
            with open(f"/proc/{stat.pid}/cmdline", "rb", buffering=0) as file:
                raw = file.read(COMMAND_BYTES).rstrip(b"\0")
            if raw:
                command = raw.replace(b"\0", b" ").decode("utf-8", "backslashreplace")
            user = self._user(os.stat(f"/proc/{stat.pid}").st_uid)
        except OSError:
            pass
        found = Identity(command, user, now)
        if self.started_at(stat) < time.time() - 3:
            # A younger process may be between fork and exec still.
            self._identities[key] = found
        return found

    def started_at(self, stat: ProcessStat) -> float:
        """Unix time."""
        return self._boot + stat.start_ticks / CLOCK_TICKS

    def _user(self, uid: int) -> str:
        if uid not in self._users:
            try:
                self._users[uid] = pwd.getpwuid(uid).pw_name
            except KeyError:
                self._users[uid] = str(uid)
        return self._users[uid]

    def close(self) -> None:
        """Close kept descriptors."""
        self._reader.close()


def _rates(base: Snapshot, now: Snapshot) -> Measurement:
    span = max(now.at - base.at, 1e-3) * CLOCK_TICKS
    percent: dict[int, float] = {}
    for pid, stat in now.processes.items():
        before = base.processes.get(pid)
        ticks = stat.user_ticks + stat.system_ticks
        if before is not None and before.start_ticks == stat.start_ticks:
            ticks -= before.user_ticks + before.system_ticks
        percent[pid] = round(100 * max(ticks, 0) / span, 1)
    return Measurement(
        cpu_percent=round(100 * max(now.ticks - base.ticks, 0) / span, 1),
        memory_used=sum(stat.rss_bytes for stat in now.processes.values()),
        processes=sorted(now.processes.values(), key=lambda stat: stat.pid),
        process_percent=percent,
    )


def network_bytes() -> tuple[int, int] | None:
    """(received, sent) over every interface but loopback; None where it cannot be told."""
    try:
        with open("/proc/net/dev", "rb") as file:
            lines = file.read().splitlines()[2:]
    except OSError:
        return None
    received = sent = 0
    for line in lines:
        name, _, counts = line.partition(b":")
        fields = counts.split()
        if name.strip() != b"lo" and len(fields) >= 9:
            received += int(fields[0])
            sent += int(fields[8])
    return received, sent


def host_memory() -> int:
    """Bytes of RAM."""
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
