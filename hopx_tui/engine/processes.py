"""Processes by identity: what /proc says, and signals that can only reach the process that was meant."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from dataclasses import dataclass

STOPPED_STATES = frozenset("Tt")
DEAD_STATES = frozenset("ZXx")


@dataclass(frozen=True)
class Process:
    """One row of /proc: pid and start time together are the identity."""

    pid: int
    parent: int
    state: str
    start_ticks: int


def read(pid: int) -> Process | None:
    """The process with this pid now, or None."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            raw = file.read()
    except OSError:
        return None
    fields = raw[raw.rfind(b")") + 2 :].split()
    return Process(pid, int(fields[1]), fields[0].decode(), int(fields[19]))


def start_ticks(pid: int) -> int | None:
    """When the process began, in clock ticks since boot; None when it is gone (or where /proc is missing)."""
    row = read(pid)
    return row.start_ticks if row is not None else None


def is_alive(pid: int, ticks: int | None) -> bool:
    """Whether exactly this process still runs. Zombies do not."""
    if not os.path.isdir("/proc/self"):  # no /proc (macOS): the pid alone has to do
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        return True
    row = read(pid)
    return row is not None and row.state not in DEAD_STATES and (ticks is None or row.start_ticks == ticks)


def every_process() -> dict[int, Process]:
    """All processes one can see, by pid."""
    found = {}
    for name in os.listdir("/proc"):
        if name.isdigit() and (row := read(int(name))) is not None:
            found[row.pid] = row
    return found


def namespace_of(pid: int, kind: str = "pid") -> str | None:
    """The identity of a namespace of a process, such as `pid:[4026532181]`."""
    try:
        return os.readlink(f"/proc/{pid}/ns/{kind}")
    except OSError:
        return None


def innermost_pid(pid: int) -> int | None:
    """The pid a process knows itself by, in the innermost of its pid namespaces."""
    try:
        with open(f"/proc/{pid}/status") as file:
            rows = [line.split() for line in file if line.startswith("NSpid:")]
    except OSError:
        return None
    return int(rows[0][-1]) if rows else pid


def namespace_members(namespace: str) -> list[Process]:
    """Every live process in a pid namespace, oldest pid first."""
    members = []
    for name in os.listdir("/proc"):
        if name.isdigit() and namespace_of(int(name)) == namespace:
            row = read(int(name))
            if row is not None and row.state not in DEAD_STATES:
                members.append(row)
    return sorted(members, key=lambda row: row.pid)


def children(pid: int) -> list[int] | None:
    """The children of a process (of all its threads); None where this kernel does not list them."""
    found: list[int] = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children") as file:
                found += map(int, file.read().split())
    except OSError:
        return None
    return found


def descendants(root: int) -> list[Process]:
    """Every live process below `root` (without it), oldest pid first."""
    table = every_process()
    below = {root}
    grown = True
    while grown:
        grown = False
        for row in table.values():
            if row.parent in below and row.pid not in below:
                below.add(row.pid)
                grown = True
    return sorted(
        (table[pid] for pid in below if pid != root and table[pid].state not in DEAD_STATES),
        key=lambda row: row.pid,
    )


def marked(name: str, value: str) -> list[Process]:
    """Every live process whose environment holds `name=value`: the ones that slipped out of their family."""
    wanted = f"{name}={value}".encode()
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/environ", "rb") as file:
                environment = file.read()
        except OSError:
            continue
        if wanted in environment.split(b"\0"):
            row = read(int(entry))
            if row is not None and row.state not in DEAD_STATES and row.pid != os.getpid():
                found.append(row)
    return found


def send(process: Process, number: signal.Signals) -> bool:
    """Signal exactly this process: a pidfd pins the pid while the start time is compared."""
    if not hasattr(os, "pidfd_open"):
        return False
    try:
        handle = os.pidfd_open(process.pid)
    except OSError:
        return False
    try:
        if start_ticks(process.pid) != process.start_ticks:
            return False
        signal.pidfd_send_signal(handle, number)
    except OSError:
        return False
    finally:
        os.close(handle)
    return True


def uptime_ticks() -> int:
    """Now, on the scale of `start_ticks`."""
    return int(time.clock_gettime(time.CLOCK_BOOTTIME) * os.sysconf("SC_CLK_TCK"))


def has_ended(child: subprocess.Popen[bytes]) -> bool:
    """Whether a child of ours is dead; it is not reaped, so that its number and its group's stay its own."""
    if child.returncode is not None:
        return True
    try:
        return os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None
    except ChildProcessError:
        return True
