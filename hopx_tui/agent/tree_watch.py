"""Watches a file or a whole tree: inotify where it can, rescans where it cannot.

Without inotify (another system, the user's limits of instances or watches) everything is a rescan. A queue that
overflowed costs one rescan. Whatever a rescan finds is compared with what was known, so nothing is told twice.
Trees beyond 200,000 entries are watched in part: directories that were found before that number was reached.
Blocks: use it from one thread at a time.
"""

from __future__ import annotations

import os
import stat
from typing import Literal, NamedTuple

from hopx_tui.agent import inotify as kernel
from hopx_tui.agent.inotify import Inotify, InotifyEvent
from hopx_tui.agent.tree_snapshot import ENTRY_LIMIT, Facts, Snapshot, entries, look, worth_watching

WATCH_LIMIT = 16_384
"""Directories watched by one socket; the user's limit is shared with everything else that runs."""
READS_A_STEP = 16

Kind = Literal["created", "modified", "deleted", "renamed"]


class Change(NamedTuple):
    """`path` is real. `other`: of a renamed path its new name, of a created one its old name, where known. `tree`: a
    directory that went with all that was in it, of which nothing more is told."""

    path: bytes
    kind: Kind
    other: bytes | None = None
    tree: bool = False


class TreeWatch:
    """`root` is a real path; a file is watched through its directory. Raises OSError where there is nothing."""

    def __init__(self, root: bytes) -> None:
        self._root = root
        self._directory = stat.S_ISDIR(os.stat(root).st_mode)
        self._base = root if self._directory else os.path.dirname(root)
        self._lost = False
        self._snapshot = Snapshot()
        self._paths: dict[int, bytes] = {}
        self._watches: dict[bytes, int] = {}
        self._leaving: dict[int, bytes] = {}
        self._inotify: Inotify | None = None
        try:
            self._inotify = Inotify()
        except OSError:
            pass
        self._arm()

    @property
    def descriptor(self) -> int | None:
        """Readable when `step` has something to do; None where only rescans tell."""
        return None if self._inotify is None else self._inotify.descriptor

    @property
    def waits(self) -> bool:
        """Whether `step` should be called again soon, whatever the descriptor says."""
        return bool(self._leaving)

    def close(self) -> None:
        """Idempotent."""
        if self._inotify is not None:
            self._inotify.close()
            self._inotify = None

    def _arm(self) -> None:
        """Watch first, look then: what happens in between is told, not missed."""
        if self._directory:
            self._adopt(self._root, None)
        else:
            self._watch(self._base)
            facts = look(self._root)
            if facts is not None:
                self._snapshot.put(self._root, facts)

    def _watch(self, directory: bytes) -> None:
        if self._inotify is None or not worth_watching(directory):
            return
        try:
            if len(self._paths) >= WATCH_LIMIT:
                raise OSError("too many directories")
            watch = self._inotify.add(directory)
        except (FileNotFoundError, NotADirectoryError, PermissionError):
            return
        except OSError:
            self.close()
            return
        former = self._paths.get(watch)
        if former is not None and self._watches.get(former) == watch:
            del self._watches[former]  # the same directory by its new name
        self._paths[watch] = directory
        self._watches[directory] = watch

    def _adopt(self, directory: bytes, changes: list[Change] | None) -> None:
        """Watch a directory with all below it and know what is there; new things go to `changes`."""
        pending = [directory]
        while pending and not self._snapshot.full:
            here = pending.pop()
            self._watch(here)
            if not worth_watching(here):
                continue
            for path, facts in entries(here):
                if changes is not None and self._snapshot.get(path) is None:
                    changes.append(Change(path, "created"))
                self._snapshot.put(path, facts)
                if facts.directory:
                    pending.append(path)

    def step(self) -> list[Change]:
        """What happened since the last step, in order."""
        if self._inotify is None:
            return self.rescan()
        changes: list[Change] = []
        waited = self._leaving
        self._leaving = {}
        for _ in range(READS_A_STEP):
            try:
                events = self._inotify.read()
            except OSError:
                self.close()
                return changes + self.rescan()
            if not events:
                break
            for event in events:
                if event.mask & kernel.IN_Q_OVERFLOW:
                    return changes + self.rescan()
                self._take(event, changes, waited)
                if self._inotify is None:  # at the limit
                    return changes + self.rescan()
        for path in waited.values():
            self._gone(path, changes)
        return changes

    def _take(self, event: InotifyEvent, changes: list[Change], waited: dict[int, bytes]) -> None:
        directory = self._paths.get(event.watch)
        if directory is None:
            return
        if event.mask & (kernel.IN_IGNORED | kernel.IN_UNMOUNT):
            self._forget(event.watch)
            return
        if event.mask & (kernel.IN_DELETE_SELF | kernel.IN_MOVE_SELF):
            if directory == self._base:
                self._restart(changes)
            return
        path = os.path.join(directory, event.name)
        if not event.name or not self._is_ours(path):
            return
        if event.mask & kernel.IN_MOVED_FROM:
            self._leaving[event.cookie] = path
        elif event.mask & kernel.IN_MOVED_TO:
            former = self._leaving.pop(event.cookie, None) or waited.pop(event.cookie, None)
            self._arrived(path, former, changes)
        elif event.mask & kernel.IN_DELETE:
            if event.mask & kernel.IN_ISDIR and self._snapshot.get(path) is not None:
                # A new one may bear its name by now, and even its inode's number.
                changes.append(Change(path, "deleted", tree=True))
                self._drop(path)
                self._touched(path, changes)
            else:
                self._gone(path, changes)
        else:
            self._touched(path, changes, made=bool(event.mask & kernel.IN_CREATE))

    def _is_ours(self, path: bytes) -> bool:
        return self._directory or path == self._root

    def _touched(self, path: bytes, changes: list[Change], *, made: bool = False) -> None:
        """Created or modified; the snapshot knows which, and whether it was told already."""
        known, facts = self._snapshot.get(path), look(path)
        if facts is None or (facts == known and self._watched_if_directory(path, facts)):
            return  # gone again, or told already
        if known is not None and self._replaced(path, known, facts):
            # Another one bears the name: what we watch under it is elsewhere.
            self._drop(path)
            changes.append(Change(path, "deleted", tree=known.directory))
            known = None
        is_known = self._snapshot.put(path, facts)
        changes.append(Change(path, "created" if known is None and (made or is_known) else "modified"))
        if facts.directory and known is None:
            self._adopt(path, changes)

    def _watched_if_directory(self, path: bytes, facts: Facts) -> bool:
        return not facts.directory or self._inotify is None or path in self._watches or not worth_watching(path)

    def _replaced(self, path: bytes, known: Facts, facts: Facts) -> bool:
        """Whether a directory is another one than before, or came, or went. The numbers of inodes are used again; the
        watch ends with its directory."""
        if not known.directory and not facts.directory:
            return False
        return known.inode != facts.inode or not self._watched_if_directory(path, facts)

    def _gone(self, path: bytes, changes: list[Change]) -> None:
        if look(path) is not None:
            self._touched(path, changes)  # there is another one by now
            return
        if self._snapshot.may_have(path):  # else it came and went before anybody looked
            changes.append(Change(path, "deleted", tree=bool(self._snapshot.children(path))))
        self._drop(path)

    def _drop(self, path: bytes) -> list[bytes]:
        """Forget it with all below; what was known, the innermost last."""
        dropped = self._snapshot.drop(path)
        for each in dropped:
            watch = self._watches.get(each)
            if watch is not None:
                self._forget(watch)
                if self._inotify is not None:
                    self._inotify.remove(watch)
        return dropped

    def _forget(self, watch: int) -> None:
        path = self._paths.pop(watch, None)
        if path is not None and self._watches.get(path) == watch:
            del self._watches[path]

    def _arrived(self, path: bytes, former: bytes | None, changes: list[Change]) -> None:
        """Moved here: over something (which is how programs save), from a place we know, or from outside."""
        before = self._snapshot.get(path)
        replaced = before is not None and not before.directory
        if before is not None and before.directory:
            changes.append(Change(path, "deleted", tree=True))
        self._drop(path)
        if former is not None and not self._snapshot.may_have(former):
            former = None  # nobody was told of it, as of the temporary file of a program that saves
        if former is not None:
            known = self._snapshot.get(former)
            self._drop(former)
            changes.append(Change(former, "renamed", path, tree=known is None or known.directory))
        facts = look(path)
        if facts is None:
            if replaced:
                changes.append(Change(path, "deleted"))
            return
        self._snapshot.put(path, facts)
        changes.append(Change(path, "modified" if replaced else "created", former))
        if facts.directory:
            # What came along with a directory that we knew is not new, but bears a new name.
            self._adopt(path, changes)

    def _restart(self, changes: list[Change]) -> None:
        """What is watched was itself moved or deleted: look what bears its name now, and whether it comes back."""
        self.close()
        self._paths.clear()
        self._watches.clear()
        self._lost = True
        if look(self._root) is None:
            self._snapshot.drop(self._root)
            changes.append(Change(self._root, "deleted", tree=self._directory))
        changes += self.rescan()

    def rescan(self) -> list[Change]:
        """Compare everything with what was known, and watch what is not watched yet."""
        changes: list[Change] = []
        self._leaving = {}
        if self._lost and os.path.isdir(self._base):
            self._lost = False
            try:
                self._inotify = Inotify()
            except OSError:
                pass
        if not self._directory:
            self._watch(self._base)
            self._compare(self._root, look(self._root), changes)
            return changes
        pending = [self._root]
        visited = 0
        while pending and visited < 2 * ENTRY_LIMIT:
            here = pending.pop()
            if not worth_watching(here):
                continue
            if here not in self._watches:
                self._watch(here)
            found = dict(entries(here))
            visited += len(found)
            for path in self._snapshot.children(here) - found.keys():
                self._compare(path, None, changes)
            for path, facts in found.items():
                self._compare(path, facts, changes)
                if facts.directory:
                    pending.append(path)
        return changes

    def _compare(self, path: bytes, facts: Facts | None, changes: list[Change]) -> None:
        known = self._snapshot.get(path)
        if facts == known:
            return
        if facts is None:
            changes += [Change(each, "deleted") for each in reversed(self._drop(path))]
            return
        if known is not None and (known.directory or facts.directory) and known.inode != facts.inode:
            self._drop(path)
            changes.append(Change(path, "deleted", tree=known.directory))
            known = None
        if self._snapshot.put(path, facts):
            changes.append(Change(path, "created" if known is None else "modified"))
