"""Deleting directories without making anyone wait: renamed at once, removed by one thread."""

from __future__ import annotations

import logging
import os
import queue
import secrets
import shutil
import stat
import sys
import threading
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)


class Trash:
    """One folder whose contents a daemon thread deletes. What a crash leaves goes at the next start."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
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
            delete(self._queue.get())


def delete(path: Path) -> None:
    """Remove a tree, directories without permissions included; what resists is logged and left."""

    def insist(function: Any, name: str, error: Any) -> None:
        try:
            os.chmod(os.path.dirname(name), stat.S_IRWXU)
            if os.path.isdir(name) and not os.path.islink(name):
                os.chmod(name, stat.S_IRWXU)
                shutil.rmtree(name, ignore_errors=True)
            else:
                os.unlink(name)
        except FileNotFoundError:
            pass
        except OSError as failure:
            log.warning("cannot delete %s: %s", name, failure)

    if path.is_dir() and not path.is_symlink():
        if sys.version_info >= (3, 12):
            shutil.rmtree(path, onexc=insist)
        else:
            shutil.rmtree(path, onerror=insist)
    else:
        path.unlink(missing_ok=True)
