"""Ends processes for certain: by identity (pid and start time), whole trees, fork bombs and session leavers
included."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterable

from hopx_tui.agent.proctable import ProcessStat, descendants, read_environment, read_stat, scan

STOP_ROUNDS = 20


def send_signal(pid: int, start_ticks: int, number: int) -> bool:
    """Signal the process that started at `start_ticks`, never another one that got its pid. False where it is
    gone.

    Raises PermissionError where the process belongs to somebody else.
    """
    if not hasattr(os, "pidfd_open"):
        return _signal_by_pid(pid, start_ticks, number)
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return False
    except OSError:
        # Kernels before 5.3 and some seccomp filters know no pidfd.
        return _signal_by_pid(pid, start_ticks, number)
    try:
        stat = read_stat(pid)
        if stat is None or stat.start_ticks != start_ticks:
            return False
        signal.pidfd_send_signal(descriptor, number)
    except ProcessLookupError:
        return False
    finally:
        os.close(descriptor)
    return True


def _signal_by_pid(pid: int, start_ticks: int, number: int) -> bool:
    stat = read_stat(pid)
    if stat is None or stat.start_ticks != start_ticks:
        return False
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


def signal_all(stats: Iterable[ProcessStat], number: int) -> int:
    """Signal each that is alive and ours to signal; returns how many."""
    count = 0
    for stat in stats:
        if stat.state in "ZX":
            continue
        try:
            count += send_signal(stat.pid, stat.start_ticks, number)
        except PermissionError:
            continue
    return count


def below(root: int) -> list[ProcessStat]:
    """Every living descendant of `root`."""
    table = scan()
    return [table[pid] for pid in descendants(table, root) if table[pid].state not in "ZX"]


def related(root: int, start_ticks: int, mark: bytes) -> list[ProcessStat]:
    """What one execution started: `root` itself (if it is still that process) with its descendants, its
    session and group, and whoever carries `mark` (b"NAME=value") in the environment: a double-forked `setsid`
    child is none of the former."""
    table = scan()
    leader = table.get(root)
    alive = leader is not None and leader.start_ticks == start_ticks
    tree = descendants(table, root) | {root} if alive else set()
    found = []
    for stat in table.values():
        if stat.state in "ZX" or stat.pid == os.getpid():
            continue
        known = stat.pid in tree or root in (stat.session, stat.group)
        if known or mark in read_environment(stat.pid).split(b"\0"):
            found.append(stat)
    return found


def session_members(leader: int) -> list[ProcessStat]:
    """Every living process of the session that `leader` opened."""
    return [stat for stat in scan().values() if stat.session == leader and stat.state not in "ZX"]


def kill_until_gone(find: Callable[[], list[ProcessStat]], *, seconds: float = 10.0) -> bool:
    """SIGKILL what `find` returns until it returns nothing. Processes are stopped first, so that none forks
    away meanwhile. Blocks; False where some remain at the deadline (in an uninterruptible sleep, or not
    ours)."""
    deadline = time.monotonic() + seconds
    pause = 0.001
    while True:
        seen: set[tuple[int, int]] = set()
        for _ in range(STOP_ROUNDS):
            fresh = [stat for stat in find() if (stat.pid, stat.start_ticks) not in seen]
            if not fresh:
                break
            seen.update((stat.pid, stat.start_ticks) for stat in fresh)
            signal_all(fresh, signal.SIGSTOP)
        if not seen:
            return True
        signal_all(find(), signal.SIGKILL)
        if time.monotonic() > deadline:
            return False
        time.sleep(pause)
        pause = min(pause * 2, 0.05)
