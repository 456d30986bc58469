"""What lies below one watched path, entry by entry, so that a rescan can tell what changed."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from typing import NamedTuple

from hopx_tui.agent.paths import KERNEL_TREES

ENTRY_LIMIT = 200_000
PATH_BYTES = 64 << 20
"""Of all known paths together: deep trees have long ones."""


class Facts(NamedTuple):
    """Equal facts: nothing to tell. A directory's size and times change with its content, so they are 0."""

    directory: bool
    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int
    mode: int


def facts_of(status: os.stat_result) -> Facts:
    """Of one entry."""
    if stat.S_ISDIR(status.st_mode):
        return Facts(True, status.st_ino, 0, 0, 0, status.st_mode)
    return Facts(False, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_mode)


def look(path: bytes) -> Facts | None:
    """Of `path` now; None where there is nothing."""
    try:
        return facts_of(os.lstat(path))
    except OSError:
        return None


def entries(directory: bytes) -> Iterator[tuple[bytes, Facts]]:
    """Path and facts of everything in one directory; nothing where it cannot be read."""
    try:
        with os.scandir(directory) as found:
            for entry in found:
                try:
                    yield os.path.join(directory, entry.name), facts_of(entry.stat(follow_symlinks=False))
                except OSError:
                    continue
    except OSError:
        return


class Snapshot:
    """Facts by path, children by directory, of at most `limit` entries with 64 MiB of paths."""

    def __init__(self, limit: int = ENTRY_LIMIT) -> None:
        self._limit = limit
        self._bytes = 0
        self._facts: dict[bytes, Facts] = {}
        self._children: dict[bytes, set[bytes]] = {}

    def __len__(self) -> int:
        return len(self._facts)

    @property
    def full(self) -> bool:
        """Whether there may be more than is known."""
        return len(self._facts) >= self._limit or self._bytes >= PATH_BYTES

    def may_have(self, path: bytes) -> bool:
        """Whether it was there, as far as there was room to know."""
        return path in self._facts or self.full

    def get(self, path: bytes) -> Facts | None:
        """What is known of it."""
        return self._facts.get(path)

    def put(self, path: bytes, facts: Facts) -> bool:
        """Know it; False where there is no room."""
        if path not in self._facts:
            if self.full:
                return False
            self._bytes += len(path)
        self._facts[path] = facts
        self._children.setdefault(os.path.dirname(path), set()).add(path)
        return True

    def drop(self, path: bytes) -> list[bytes]:
        """Forget it with all below; what was known, the innermost last."""
        dropped = []
        pending = [path]
        while pending:
            each = pending.pop()
            pending += self._children.pop(each, ())
            if self._facts.pop(each, None) is not None:
                self._bytes -= len(each)
                dropped.append(each)
        siblings = self._children.get(os.path.dirname(path))
        if siblings is not None:
            siblings.discard(path)
            if not siblings:
                del self._children[os.path.dirname(path)]
        return dropped

    def children(self, directory: bytes) -> set[bytes]:
        """The known entries of a directory."""
        return self._children.get(directory, set())


def worth_watching(directory: bytes) -> bool:
    """The kernel's own trees change by themselves, without telling."""
    return directory not in KERNEL_TREES
