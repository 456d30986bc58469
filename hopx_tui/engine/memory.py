"""Memory of sandboxes over time: kills by the kernel become visible, and where no control group sets a limit we do.

Without a control group the limit is soft: a program may pass it for about a second. What is killed is the largest
process of the sandbox, never its agent.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import Callable

from hopx_tui.engine import processes
from hopx_tui.engine.processes import Process
from hopx_tui.engine.sandbox import Sandbox
from hopx_tui.engine.session import Session

log = logging.getLogger(__name__)
COUNT_SECONDS = 2.0  # between two looks at the kernel's counters
LOOK_SECONDS = 1.0  # between two looks at the machine's free memory
RESCAN_LOOKS = 10  # a look at every process at least so often
GROWTH_BYTES = 32 << 20  # less cannot have filled a sandbox since the last look
PAGE = os.sysconf("SC_PAGE_SIZE")


class MemoryWatch:
    """`limited`: the kernel holds the limits, and only its kills are counted."""

    def __init__(
        self,
        running: Callable[[], list[Sandbox]],
        *,
        limited: bool,
        free: Callable[[], int | None] | None = None,
    ) -> None:
        self._running = running
        self._limited = limited
        self._free = free or free_bytes
        self._looks = RESCAN_LOOKS
        self._free_before = 0

    async def run(self) -> None:
        """For ever."""
        while True:
            sandboxes = self._running()
            if self._limited:
                for sandbox in sandboxes:
                    count_kills(sandbox)
            elif sandboxes and self._may_have_grown():
                await asyncio.to_thread(self._table_and_police, sandboxes)
            await asyncio.sleep(COUNT_SECONDS if self._limited else LOOK_SECONDS)

    def _may_have_grown(self) -> bool:
        """Cheap: one file for the whole machine. True when processes must be looked at one by one."""
        free = self._free()
        self._looks += 1
        grown = free is None or free < self._free_before - GROWTH_BYTES
        if not grown and self._looks < RESCAN_LOOKS:
            self._free_before = max(self._free_before, free or 0)
            return False
        self._looks, self._free_before = 0, free or 0
        return True

    def _table_and_police(self, sandboxes: list[Sandbox]) -> None:
        children: dict[int, list[Process]] = {}
        for row in processes.every_process().values():
            if row.state not in processes.DEAD_STATES:
                children.setdefault(row.parent, []).append(row)
        for sandbox in sandboxes:
            session = sandbox.session
            if session is not None and session.alive and session.root is not None:
                self._police(sandbox, session, _below(session.root.pid, children))

    def _police(self, sandbox: Sandbox, session: Session, members: list[Process]) -> None:
        limit = sandbox.record.memory_mb << 20
        sizes = {row: resident_bytes(row.pid) for row in members}
        if sum(sizes.values()) <= limit:
            return
        # shared pages count once for each who has them: only now is the exact, slow figure worth it
        sizes = {row: proportional_bytes(row.pid, size) for row, size in sizes.items()}
        if sum(sizes.values()) <= limit:
            return
        victims = [row for row in sizes if row.pid not in session.agent_pids]
        if not victims:
            return
        victim = max(victims, key=lambda row: sizes[row])
        self._looks = RESCAN_LOOKS  # and look again soon, whatever the machine's figures say
        if processes.send(victim, signal.SIGKILL):
            sandbox.lost_to_memory(sandbox.memory_kills + 1, used_mb=sum(sizes.values()) >> 20)
            log.info("sandbox %s passed its memory limit: its largest process was killed", sandbox.record.id)


def count_kills(sandbox: Sandbox) -> None:
    """Tell of kills by the kernel since the last look."""
    session = sandbox.session
    kills = session.group.memory_kills() if session is not None and session.alive else 0
    if kills > sandbox.memory_kills:
        sandbox.lost_to_memory(kills)


def _below(root: int, children: dict[int, list[Process]]) -> list[Process]:
    waiting, found = [root], []
    while waiting:
        rows = children.get(waiting.pop(), [])
        found += rows
        waiting += [row.pid for row in rows]
    return found


def resident_bytes(pid: int) -> int:
    """The resident set; 0 when the process is gone."""
    try:
        with open(f"/proc/{pid}/statm", "rb") as file:
            return int(file.read().split()[1]) * PAGE
    except (OSError, IndexError, ValueError):
        return 0


def proportional_bytes(pid: int, otherwise: int) -> int:
    """The proportional set size; `otherwise` where one may not look."""
    try:
        with open(f"/proc/{pid}/smaps_rollup", "rb") as file:
            for line in file:
                if line.startswith(b"Pss:"):
                    return int(line.split()[1]) * 1024
    except (OSError, IndexError, ValueError):
        pass
    return otherwise


def free_bytes() -> int | None:
    """Memory that new programs could have on this machine; None where nobody tells."""
    try:
        with open("/proc/meminfo", "rb") as file:
            for line in file:
                if line.startswith(b"MemAvailable:"):
                    return int(line.split()[1]) * 1024
    except (OSError, IndexError, ValueError):
        pass
    return None
