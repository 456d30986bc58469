"""Where the engine keeps things on disk, and the atomic writes everything there goes through."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

RESERVE_BYTES = 256 * 1024
_HALF = re.compile(r"\..+\.[0-9a-f]{12}\.tmp")


class StateError(Exception):
    """The state directory or a file in it cannot be used; the text is a sentence for a person."""


@dataclass(frozen=True)
class StateDir:
    """The layout below one state directory (0700, owned by the user)."""

    root: Path

    @property
    def settings(self) -> Path:
        """Key, signing key and port: what survives restarts (0600)."""
        return self.root / "settings.json"

    @property
    def port_file(self) -> Path:
        """Who runs now: pid, start time, url, key, version (0600). Gone when nobody does."""
        return self.root / "engine.json"

    @property
    def owner_lock(self) -> Path:
        """Held (flock) by the one running engine for as long as it lives."""
        return self.root / "engine.lock"

    @property
    def start_lock(self) -> Path:
        """Held by whoever is starting the engine, so that twenty starters start one."""
        return self.root / "start.lock"

    @property
    def log(self) -> Path:
        return self.root / "engine.log"

    @property
    def events(self) -> Path:
        return self.root / "events.jsonl"

    @property
    def sandboxes(self) -> Path:
        return self.root / "sandboxes"

    @property
    def trash(self) -> Path:
        """Directories of killed sandboxes wait here for the thread that deletes them."""
        return self.root / "trash"

    @property
    def aside(self) -> Path:
        """Sandboxes whose `meta.json` could not be read; kept for the person to look at."""
        return self.root / "set-aside"

    @property
    def templates(self) -> Path:
        """Templates that were built here."""
        return self.root / "templates"

    @property
    def builds(self) -> Path:
        """Status and log of template builds."""
        return self.root / "builds"

    @property
    def workshop(self) -> Path:
        """The sandboxes in which templates are being built; empty when none is."""
        return self.root / "workshop"

    @property
    def uploads(self) -> Path:
        """Archives of files to be copied into templates, by the client's hash."""
        return self.root / "uploads"

    @property
    def layers(self) -> Path:
        """Python environments that sandboxes share, read-only."""
        return self.root / "layers"

    @property
    def cgroups(self) -> Path:
        """The control groups a previous engine made; cleaned up by the next one."""
        return self.root / "cgroups.json"

    @property
    def reserve(self) -> Path:
        """Space given up when the disk is full, so that the few small files of a start can be written."""
        return self.root / "reserve"

    def _hold_reserve(self) -> None:
        if self.reserve.exists():
            return
        try:
            disk = os.statvfs(self.root)
            if disk.f_bavail * disk.f_frsize > 4 * RESERVE_BYTES:
                self.reserve.touch(mode=0o600)
                self.reserve.write_bytes(os.urandom(RESERVE_BYTES))
        except OSError:
            self.reserve.unlink(missing_ok=True)

    def _folders(self) -> tuple[Path, ...]:
        own = (self.sandboxes, self.trash, self.aside)
        return (self.root, *own, self.templates, self.builds, self.workshop, self.uploads, self.layers)

    def prepare(self) -> None:
        """Make the directories. Raises StateError with a sentence when that is impossible."""
        try:
            for folder in self._folders():
                folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            if self.root.stat().st_mode & 0o077:
                self.root.chmod(0o700)
            probe = self.root / f".probe-{os.getpid()}"
            try:
                probe.write_bytes(b"x" * 4096)
            finally:
                probe.unlink(missing_ok=True)
            self._hold_reserve()
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT) and self.settings.exists():
                # an engine that was here starts all the same: sandboxes can be listed and killed
                self.reserve.unlink(missing_ok=True)
                return
            raise StateError(
                f"The state directory {self.root} cannot be used: {error.strerror or error}. "
                "Choose another with --state-dir or HOPX_TUI_STATE_DIR."
            ) from error


def state_dir(option: str | None, environ: Mapping[str, str]) -> StateDir:
    """--state-dir, else HOPX_TUI_STATE_DIR, else $XDG_STATE_HOME/hopx-tui, else ~/.local/state/hopx-tui."""
    chosen = option or environ.get("HOPX_TUI_STATE_DIR")
    if chosen:
        return StateDir(Path(chosen).expanduser().absolute())
    base = environ.get("XDG_STATE_HOME", "")
    if base and os.path.isabs(base):
        return StateDir(Path(base) / "hopx-tui")
    return StateDir(Path(os.path.expanduser("~")) / ".local" / "state" / "hopx-tui")


def write_atomic(path: Path, data: bytes, *, durable: bool = True) -> None:
    """Replace `path` (0600) in one step; a crash leaves the old or the new content, never half of one."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def sweep_halves(folder: Path) -> None:
    """Remove what a `write_atomic` that was killed has left in a folder of the engine's own. Never raises OSError."""
    try:
        left = [path for path in folder.iterdir() if _HALF.fullmatch(path.name)]
    except OSError:
        return
    for path in left:
        with contextlib.suppress(OSError):
            path.unlink()


def write_json(path: Path, value: Mapping[str, Any], *, durable: bool = True) -> None:
    """`write_atomic` of one JSON object."""
    write_atomic(path, json.dumps(value, separators=(",", ":")).encode() + b"\n", durable=durable)


def read_json(path: Path) -> dict[str, Any] | None:
    """The object in `path`; None when there is no such file. Raises StateError when it is broken."""
    try:
        raw = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StateError(f"{path} cannot be read: {error.strerror or error}.") from error
    try:
        value = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise StateError(f"{path} is broken ({error}).") from error
    if not isinstance(value, dict):
        raise StateError(f"{path} is broken (it holds no JSON object).")
    return value
