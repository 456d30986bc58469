"""Builds of templates as clients see them: status, progress and log, kept over restarts of the engine."""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hopx_tui.engine.errors import ControlError
from hopx_tui.engine.paths import StateError, read_json, write_atomic, write_json
from hopx_tui.engine.tokens import rfc3339

log = logging.getLogger(__name__)
LOG_CHARACTERS = 5 << 20
KEPT_BUILDS = 100
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


@dataclass
class Build:
    """One build. Times are unix seconds; `status`: building | active | failed."""

    id: str
    template_id: str
    name: str
    started_at: float
    status: str = "building"
    progress: int = 0
    current_step: str | None = None
    completed_at: float | None = None
    error_message: str | None = None
    log: str = field(default="", repr=False)

    @property
    def complete(self) -> bool:
        return self.status != "building"

    def say(self, text: str) -> None:
        """Add to the log: without control characters, and not without end."""
        clean = _ESCAPES.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))
        self.log += clean[: max(0, LOG_CHARACTERS - len(self.log))]

    def line(self, text: str) -> None:
        """A line of its own."""
        self.say(("" if not self.log or self.log.endswith("\n") else "\n") + text + "\n")

    def advance(self, step: str, progress: int) -> None:
        """Tell what is done now; progress in percent."""
        self.current_step, self.progress = step, max(self.progress, min(progress, 99))

    def finish(self, at: float, error: str | None = None) -> None:
        """The end, good or bad."""
        if self.complete:
            return
        self.completed_at, self.error_message = at, error
        self.status = "active" if error is None else "failed"
        self.progress = 100 if error is None else self.progress
        self.line("Done." if error is None else f"ERROR {error}")

    def describe(self) -> dict[str, Any]:
        """The status object, with exactly the keys that official clients accept."""
        done = self.completed_at
        return {
            "build_id": self.id,
            "template_id": self.template_id,
            "status": self.status,
            "progress": self.progress,
            "started_at": rfc3339(self.started_at),
            "current_step": self.current_step,
            "completed_at": rfc3339(done) if done is not None else None,
            "error_message": self.error_message,
            "build_duration_ms": round((done - self.started_at) * 1000) if done is not None else None,
        }

    def logs(self, offset: int) -> dict[str, Any]:
        """What was said from `offset` (in characters) on; `offset` of the answer is where to go on."""
        return {
            "logs": self.log[offset:],
            "offset": max(offset, len(self.log)),
            "status": self.status,
            "complete": self.complete,
        }


class Builds:
    """All builds this engine knows of, the newest `KEPT_BUILDS` of them."""

    def __init__(self, folder: Path, clock: Callable[[], float]) -> None:
        self._folder = folder
        self._clock = clock
        self._all: dict[str, Build] = {}

    def load(self) -> None:
        """Read what earlier engines left; a build that one of them did not finish has failed."""
        for file in sorted(self._folder.glob("*.json")):
            try:
                build = _read(file)
            except (StateError, OSError) as error:
                log.warning("%s", error)
                continue
            self._all[build.id] = build
            if not build.complete:
                build.finish(self._clock(), "The engine ended before the build did")
                self.save(build)
        self._all = dict(sorted(self._all.items(), key=lambda item: item[1].started_at))

    def begin(self, template_id: str, name: str) -> Build:
        """A new build, kept from now on."""
        build = Build(f"build_{secrets.token_hex(8)}", template_id, name, self._clock())
        self._all[build.id] = build
        for each in [each for each in self._all.values() if each.complete][: max(0, len(self._all) - KEPT_BUILDS)]:
            self._forget(each)
        self.save(build)
        return build

    def save(self, build: Build) -> None:
        """Best effort: a full disk must not end a build."""
        value = build.describe() | {
            "name": build.name,
            "started": build.started_at,
            "completed": build.completed_at,
        }
        try:
            write_json(self._folder / f"{build.id}.json", value, durable=False)
            write_atomic(self._folder / f"{build.id}.log", build.log.encode(errors="replace"), durable=False)
        except OSError as error:
            log.warning("build %s cannot be written down: %s", build.id, error)

    def finish(self, build: Build, error: str | None = None) -> None:
        """The end of a build, written down."""
        build.finish(self._clock(), error)
        self.save(build)

    def find(self, key: str) -> Build:
        """By its own id, or the newest build of a template's id or name. Raises ControlError 404."""
        if key in self._all:
            return self._all[key]
        found = [each for each in self._all.values() if key in (each.template_id, each.name)]
        if not found:
            raise ControlError(404, "NOT_FOUND", f"Build {key[:100]} not found", {"build": key[:100]})
        return found[-1]

    def _forget(self, build: Build) -> None:
        del self._all[build.id]
        for suffix in ("json", "log"):
            (self._folder / f"{build.id}.{suffix}").unlink(missing_ok=True)


def _read(file: Path) -> Build:
    raw = read_json(file) or {}
    try:
        with open(file.with_suffix(".log"), encoding="utf-8", errors="replace") as text:
            said = text.read(LOG_CHARACTERS)
    except FileNotFoundError:
        said = ""
    completed = raw.get("completed")
    try:
        return Build(
            id=file.stem,
            template_id=str(raw["template_id"]),
            name=str(raw["name"]),
            started_at=float(raw["started"]),
            status=str(raw["status"]),
            progress=int(raw["progress"]),
            current_step=raw.get("current_step"),
            completed_at=float(completed) if completed is not None else None,
            error_message=raw.get("error_message"),
            log=said,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise StateError(f"{file} is broken ({error!r}).") from error
