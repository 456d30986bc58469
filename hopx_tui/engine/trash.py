"""Deleting directories without making anyone wait: renamed at once, removed by one thread."""

from __future__ import annotations

import itertools
import logging
import os
import queue
import secrets
import stat
import threading
from collections.abc import Callable
from pathlib import Path

from hopx_tui.engine import ground

log = logging.getLogger(__name__)
BATCH = 4096


class Trash:
    """One folder whose contents a daemon thread deletes. What a crash leaves goes at the next start.

    `report(name, reason)` hears, from that thread, of what cannot be deleted.
    """

    def __init__(self, folder: Path, report: Callable[[str, str], None] | None = None) -> None:
        self._folder = folder
        self._report = report
        self._queue: queue.SimpleQueue[Path] = queue.SimpleQueue()
        for left in folder.iterdir():
            self._queue.put(left)
        threading.Thread(target=self._work, name="trash", daemon=True).start()

    def throw(self, directory: Path) -> None:
        """Out of sight at once. A directory that is gone already is fine."""
        target = self._folder / f"{directory.name}-{secrets.token_hex(4)}"
        try:
            os.replace(directory, target)
        except FileNotFoundError:
            return
        self._queue.put(target)

    def _work(self) -> None:
        while True:
            item = self._queue.get()
            try:
                left = delete(item)
            except (OSError, ValueError, MemoryError, RecursionError) as error:  # the next item has its chance
                left = [str(error) or type(error).__name__]
            if left:
                log.warning("cannot delete all of %s: %s", item, left[0])
                if self._report is not None:
                    self._report(item.name, left[0])


def delete(path: Path) -> list[str]:
    """Remove a file or a tree of any depth, folders without permissions included, following no link.

    Folders inside are first moved up beside `path`, so that neither a stack nor a path name grows with the depth.
    Returns what resisted, in words. Raises OSError when the folder that holds `path` cannot be opened.
    """
    failures: list[str] = []
    parent = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        waiting = [path.name]
        while waiting:
            name = waiting.pop()
            try:
                if ground.kind(name, parent) != stat.S_IFDIR:
                    _unlink(name, parent, failures)
                    continue
                waiting += _empty(name, parent, failures)
                os.rmdir(name, dir_fd=parent)
            except FileNotFoundError:
                continue
            except OSError as error:
                failures.append(f"{name!r}: {error.strerror}")
    finally:
        os.close(parent)
    return failures


def _empty(name: str, parent: int, failures: list[str]) -> list[str]:
    """Unlink all files of a folder and move its folders up to the parent; their new names there. Raises OSError."""
    moved: list[str] = []
    folder = ground.open_folder(name, parent)
    try:
        while True:
            with os.scandir(folder) as entries:
                rows = [(row.name, row.is_dir(follow_symlinks=False)) for row in itertools.islice(entries, BATCH)]
            gone = 0
            for inner, is_folder in rows:
                if not is_folder:
                    gone += _unlink(inner, folder, failures)
                    continue
                up = f".{secrets.token_hex(12)}"
                try:
                    ground.unlock(inner, folder)  # a folder without rights cannot get another parent
                    os.rename(inner, up, src_dir_fd=folder, dst_dir_fd=parent)
                except OSError as error:
                    failures.append(f"{inner!r}: {error.strerror}")
                else:
                    moved.append(up)
                    gone += 1
            if not gone:
                return moved
    finally:
        os.close(folder)


def _unlink(name: str, parent: int, failures: list[str]) -> int:
    try:
        os.unlink(name, dir_fd=parent)
    except FileNotFoundError:
        return 0
    except OSError as error:
        failures.append(f"{name!r}: {error.strerror}")
        return 0
    return 1
