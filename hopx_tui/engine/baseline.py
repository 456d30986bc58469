"""The file in which a sandbox's agent keeps what the sandbox's folders held when it was created.

It lies in the sandbox's directory, next to `meta.json`: no program in an isolated sandbox can name it, and it outlives
stop, start and the engine. The engine knows nothing of its content: it hands the agent a descriptor with the first
line, for writing in the first run (the agent takes it before it says it is ready), for reading ever after. Without
isolation the sandbox's programs run as the user and could change it, as they could change everything here.
"""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

NAME = "baseline"


class Baseline:
    """One run's descriptor of it."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / NAME
        self._new = directory / f"{NAME}.new"
        self._fresh = False
        self.descriptor = -1

    def open(self) -> None:
        """For reading where it is complete, else anew. Where neither works the sandbox runs without."""
        flags = os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            self.descriptor = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK | flags)
            if os.fstat(self.descriptor).st_size:
                return
            self.close()  # the machine went down before it reached the disk
        except FileNotFoundError:
            pass
        except OSError:
            return
        with contextlib.suppress(OSError):
            self._new.unlink(missing_ok=True)
            self.descriptor = os.open(self._new, os.O_RDWR | os.O_CREAT | os.O_EXCL | flags, 0o600)
            self._fresh = True

    def keep(self) -> None:
        """The agent is ready, so it is complete: from the next run on it is only read. One that stayed empty (another
        agent, a full disk) is not kept."""
        if not self._fresh:
            return
        with contextlib.suppress(OSError):
            if os.fstat(self.descriptor).st_size:
                os.replace(self._new, self._path)
            else:
                self._new.unlink(missing_ok=True)
        self._fresh = False

    def close(self) -> None:
        """Idempotent."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1
        if self._fresh:
            with contextlib.suppress(OSError):
                self._new.unlink(missing_ok=True)
            self._fresh = False
