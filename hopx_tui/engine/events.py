"""The engine's own diary: one JSON line per event, bounded, best effort."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hopx_tui.engine.tokens import rfc3339

log = logging.getLogger(__name__)


class EventLog:
    """Appends to `events.jsonl`; at `limit` bytes the file becomes `events.1.jsonl` and a new one begins."""

    def __init__(self, path: Path, clock: Callable[[], float], limit: int = 1 << 20) -> None:
        self._path = path
        self._clock = clock
        self._limit = limit

    def record(self, event: str, sandbox_id: str | None = None, **details: Any) -> None:
        """Write one line. A full disk loses the line, never the operation."""
        line = {"at": rfc3339(self._clock()), "event": event, "sandbox_id": sandbox_id, **details}
        try:
            if self._path.exists() and self._path.stat().st_size > self._limit:
                os.replace(self._path, self._path.with_suffix(".1.jsonl"))
            with open(self._path, "a", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
                file.write(json.dumps(line) + "\n")
        except OSError as error:
            log.warning("event %s could not be written: %s", event, error)
