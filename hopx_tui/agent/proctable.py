"""Reads the process table: /proc where it exists, `ps` elsewhere."""

from __future__ import annotations

import os
import resource
import time
from typing import NamedTuple

CLOCK_TICKS = os.sysconf("SC_CLK_TCK")
PAGE_SIZE = os.sysconf("SC_PAGE_SIZE")
KEPT_DESCRIPTORS = 2048  # where a process may have many; of a small limit no more than a quarter
_STAT_BYTES = 1024


class ProcessStat(NamedTuple):
    """One row. Times are in clock ticks, `start_ticks` counts from boot; (pid, start_ticks) is an
    identity."""

    pid: int
    name: str
    state: str
    ppid: int
    group: int
    session: int
    user_ticks: int
    system_ticks: int
    reaped_ticks: int
    nice: int
    threads: int
    start_ticks: int
    rss_bytes: int


def parse_stat(data: bytes) -> ProcessStat:
    """`/proc/PID/stat`; the name may itself hold blanks and brackets. Raises ValueError or IndexError on
    other input."""
    opening, closing = data.index(b"("), data.rindex(b")")
    # by position and with the fields behind left in one piece: this runs for every process at every look
    rest = data[closing + 2 :].split(None, 22)
    return ProcessStat(
        int(data[:opening]),
        data[opening + 1 : closing].decode("utf-8", "backslashreplace"),
        rest[0].decode("ascii", "replace"),
        int(rest[1]),  # ppid
        int(rest[2]),  # group
        int(rest[3]),  # session
        int(rest[11]),  # user_ticks
        int(rest[12]),  # system_ticks
        int(rest[13]) + int(rest[14]),  # reaped_ticks
        int(rest[16]),  # nice
        int(rest[17]),  # threads
        int(rest[19]),  # start_ticks
        int(rest[21]) * PAGE_SIZE,
    )


def read_stat(pid: int) -> ProcessStat | None:
    """One process, None where it is gone."""
    if not os.path.exists("/proc/self/stat"):
        return scan().get(pid)
    try:
        with open(f"/proc/{pid}/stat", "rb", buffering=0) as file:
            return parse_stat(file.read(_STAT_BYTES))
    except (OSError, ValueError, IndexError):
        return None


def scan() -> dict[int, ProcessStat]:
    """The whole table by pid."""
    reader = StatReader(keep=0)
    return reader.scan()


class StatReader:
    """Scans the table again and again, keeping descriptors open: half the cost of opening each file anew."""

    def __init__(self, *, keep: int = KEPT_DESCRIPTORS) -> None:
        limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        self._keep = keep if limit == resource.RLIM_INFINITY else min(keep, limit // 4)
        self._kept: dict[int, int] = {}

    def scan(self) -> dict[int, ProcessStat]:
        """The whole table by pid; not to be called from two threads at once."""
        try:
            pids = {int(name) for name in os.listdir("/proc") if name.isdecimal()}
        except FileNotFoundError:
            return _scan_with_ps()
        for gone in self._kept.keys() - pids:
            os.close(self._kept.pop(gone))
        table: dict[int, ProcessStat] = {}
        kept, read = self._kept, self._read
        for pid in pids:
            descriptor = kept.get(pid)
            if descriptor is not None:
                try:
                    table[pid] = parse_stat(os.pread(descriptor, _STAT_BYTES, 0))
                    continue
                except (OSError, ValueError, IndexError):
                    # The process this descriptor stood for is gone; its number may be in use again.
                    os.close(kept.pop(pid))
            stat = read(pid)
            if stat is not None:
                table[pid] = stat
        return table

    def _read(self, pid: int) -> ProcessStat | None:
        try:
            descriptor = os.open(f"/proc/{pid}/stat", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            stat = parse_stat(os.pread(descriptor, _STAT_BYTES, 0))
        except (OSError, ValueError, IndexError):
            os.close(descriptor)
            return None
        if len(self._kept) < self._keep:
            self._kept[pid] = descriptor
        else:
            os.close(descriptor)
        return stat

    def close(self) -> None:
        """Close what is kept."""
        while self._kept:
            os.close(self._kept.popitem()[1])


def descendants(table: dict[int, ProcessStat], root: int) -> set[int]:
    """Every pid below `root`, without it."""
    children: dict[int, list[int]] = {}
    for stat in table.values():
        children.setdefault(stat.ppid, []).append(stat.pid)
    found: set[int] = set()
    pending = list(children.get(root, ()))
    while pending:
        pid = pending.pop()
        if pid not in found and pid != root:
            found.add(pid)
            pending += children.get(pid, ())
    return found


def boot_time() -> float:
    """Unix time that `start_ticks` counts from; 0 where start_ticks is a Unix time itself (no /proc)."""
    try:
        with open("/proc/stat", "rb") as file:
            for line in file:
                if line.startswith(b"btime "):
                    return float(line.split()[1])
    except OSError:
        pass
    return 0.0


def read_environment(pid: int) -> bytes:
    """The NUL-separated environment a process was started with; empty where it may not be read."""
    try:
        with open(f"/proc/{pid}/environ", "rb", buffering=0) as file:
            return file.read(1 << 20)
    except OSError:
        return b""


def parse_ps(text: str) -> dict[int, ProcessStat]:
    """Rows of `ps -axo pid=,ppid=,pgid=,state=,nice=,rss=,time=,lstart=,comm=` (BSD and macOS)."""
    table: dict[int, ProcessStat] = {}
    for line in text.splitlines():
        parts = line.split(None, 12)
        if len(parts) < 13:
            continue
        try:
            days, _, clock = parts[6].rpartition("-")
            seconds = 0.0
            for piece in clock.split(":"):
                seconds = seconds * 60 + float(piece)
            seconds += float(days or 0) * 86400
            started = time.mktime(time.strptime(" ".join(parts[7:12]), "%a %b %d %H:%M:%S %Y"))
            pid, ppid, group = int(parts[0]), int(parts[1]), int(parts[2])
            nice, rss = int(float(parts[4])), int(parts[5]) * 1024
        except ValueError:
            continue
        name = os.path.basename(parts[12])
        ticks = int(seconds * CLOCK_TICKS)
        table[pid] = ProcessStat(
            pid, name, parts[3][:1], ppid, group, group, ticks, 0, 0, nice, 1, int(started * CLOCK_TICKS), rss
        )
    return table


def _scan_with_ps() -> dict[int, ProcessStat]:
    import subprocess

    columns = "pid=,ppid=,pgid=,state=,nice=,rss=,time=,lstart=,comm="
    listing = subprocess.run(
        ["ps", "-axo", columns],
        capture_output=True,
        check=False,
        env={"PATH": "/bin:/usr/bin", "LC_ALL": "C"},
    )
    return parse_ps(listing.stdout.decode("utf-8", "backslashreplace"))
