"""How much the sandbox's directories hold, scanned in the background, and whether more may be written."""

from __future__ import annotations

import asyncio
import os
import re
import stat
from collections.abc import Callable, Iterable

from hopx_tui.agent.errors import AgentError, operation_failed

SCAN_SECONDS = 30.0
RESERVE_BYTES = 1 << 30
RESERVE_SHARE = 0.05

_OCTAL = re.compile(rb"\\([0-7]{3})")


def tree_bytes(roots: Iterable[bytes]) -> int:
    """Bytes of disk blocks below `roots`: hard links once, symbolic links and mounts not followed. For a thread.

    What is mounted below a root (the interpreter below the sandbox's home) is not the sandbox's own.
    """
    total = 0
    mounts = mount_points()
    linked: set[tuple[int, int]] = set()
    for root in roots:
        pending = [root]
        while pending:
            try:
                with os.scandir(pending.pop()) as entries:
                    for entry in entries:
                        try:
                            status = entry.stat(follow_symlinks=False)
                        except OSError:
                            continue
                        if status.st_nlink > 1 and not stat.S_ISDIR(status.st_mode):
                            key = (status.st_dev, status.st_ino)
                            if key in linked:
                                continue
                            linked.add(key)
                        path = os.fsencode(entry.path)
                        if path in mounts:
                            continue
                        total += status.st_blocks * 512
                        if stat.S_ISDIR(status.st_mode):
                            pending.append(path)
            except OSError:
                continue
    return total


def mount_points() -> frozenset[bytes]:
    """Where something is mounted, as this process sees it; empty where the system does not tell."""
    try:
        with open("/proc/self/mountinfo", "rb") as file:
            return frozenset(_unescape(line.split(b" ")[4]) for line in file)
    except OSError:
        return frozenset()


def _unescape(path: bytes) -> bytes:
    return _OCTAL.sub(lambda match: bytes([int(match[1], 8)]), path)


class DiskWatch:
    """`used` is at most 30 s old. `limit_bytes` 0 = the whole file system is the sandbox's."""

    def __init__(self, roots: tuple[bytes, ...], limit_bytes: int, *, on_full: Callable[[int, int], None]) -> None:
        self._roots = roots
        self._limit = limit_bytes
        self._on_full = on_full
        self._full = False
        self.used = 0
        self._written = 0

    async def run(self) -> None:
        """Scan for ever."""
        loop = asyncio.get_running_loop()
        while True:
            await self.scan(loop)
            await asyncio.sleep(SCAN_SECONDS)

    async def scan(self, loop: asyncio.AbstractEventLoop) -> None:
        """Measure now; announces once when the quota is reached."""
        self.used = await loop.run_in_executor(None, tree_bytes, self._roots)
        self._written = 0
        was_full, self._full = self._full, bool(self._limit) and self.used >= self._limit
        if self._full and not was_full:
            self._on_full(self.used, self._limit)

    def usage(self) -> tuple[int, int]:
        """(total, used) in bytes. Blocks for one system call."""
        if self._limit:
            return self._limit, self.used
        space = os.statvfs(self._roots[0])
        return space.f_blocks * space.f_frsize, self.used

    def check(self, more: int, directory: bytes, text: str) -> None:
        """Raises AgentError FILE_OPERATION_FAILED where `more` bytes do not fit the quota, or the host would
        be left with less than 1 GiB or 5 %, whichever is less. For a thread."""
        if self._limit and self.used + self._written + more > self._limit and self._counted(directory):
            raise _full(f"The sandbox's disk quota of {self._limit >> 20} MiB is used up", text)
        try:
            space = os.statvfs(directory)
        except OSError:
            return
        free = space.f_bavail * space.f_frsize
        reserve = min(RESERVE_BYTES, int(space.f_blocks * space.f_frsize * RESERVE_SHARE))
        if more > 0 and free - more < reserve:
            raise _full("The disk is full", text)

    def note_written(self, count: int) -> None:
        """Counts what the file routes wrote since the last scan, so that a quota holds between scans."""
        self._written += count

    def _counted(self, directory: bytes) -> bool:
        return any(directory == root or directory.startswith(root + b"/") for root in self._roots)


def _full(reason: str, text: str) -> AgentError:
    return operation_failed(f"{reason}: {text} was not written", text)
