"""Who owns a state directory: the lock, the port file, and what of the engine outlives restarts."""

from __future__ import annotations

import errno
import fcntl
import json
import logging
import os
import secrets
from dataclasses import asdict, dataclass
from typing import Any

from hopx_tui.engine import processes
from hopx_tui.engine.paths import StateDir, StateError, read_json, write_json

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Settings:
    """Key, signing key (hex) and port; kept 0600 over restarts, so that `engine env` stays true."""

    api_key: str
    signing_key: str
    port: int | None = None


def load_settings(state: StateDir) -> Settings:
    """Read them, or make them at the first start. Raises StateError when the file is broken."""
    raw = read_json(state.settings)
    if raw is None:
        fresh = Settings(f"hopx_local_{secrets.token_hex(32)}", secrets.token_hex(32))
        save_settings(state, fresh)
        return fresh
    key, signing, port = raw.get("api_key"), raw.get("signing_key"), raw.get("port")
    usable = isinstance(key, str) and len(key) >= 16 and isinstance(signing, str) and len(signing) >= 32
    if port is not None and not _is_port(port):
        log.warning("%s names no usable port; the engine takes another one.", state.settings)
        port = None
    if not usable:
        raise StateError(
            f"{state.settings} is broken (its keys are missing). Move it away to start with a new key."
        )
    try:
        bytes.fromhex(str(signing))
    except ValueError as error:
        raise StateError(f"{state.settings} is broken (signing_key is not hexadecimal).") from error
    return Settings(str(key), str(signing), port)


def save_settings(state: StateDir, settings: Settings) -> None:
    """Raises StateError with a sentence."""
    try:
        write_json(state.settings, asdict(settings))
    except OSError as error:
        raise StateError(f"{state.settings} cannot be written: {error.strerror}.") from error


@dataclass(frozen=True)
class Running:
    """The port file: the engine that runs now."""

    pid: int
    start_ticks: int | None
    url: str
    api_key: str
    version: str
    isolation: str
    reason: str | None

    @property
    def alive(self) -> bool:
        """Whether exactly that process still runs."""
        return processes.is_alive(self.pid, self.start_ticks)

    def public(self) -> dict[str, Any]:
        """What `start --json` and `status --json` print."""
        return {
            "url": self.url,
            "api_key": self.api_key,
            "pid": self.pid,
            "version": self.version,
            "isolation": self.isolation,
            "reason": self.reason,
        }


def read_running(state: StateDir) -> Running | None:
    """The engine the port file names, if that process still lives; a broken file counts as none."""
    try:
        raw = read_json(state.port_file)
        running = Running(**raw) if raw is not None else None
    except (StateError, TypeError):
        return None
    if running is None or not _is_whole(running):
        return None
    return running if running.alive else None


def _is_whole(running: Running) -> bool:
    """Whether the file says all that is needed to know the process again: a bare pid could be anyone's."""
    texts = (running.url, running.api_key, running.version, running.isolation)
    ticks = running.start_ticks
    known = type(ticks) is int or (ticks is None and not os.path.isdir("/proc/self"))
    return type(running.pid) is int and 0 < running.pid < 2**31 and known and all(type(text) is str for text in texts)


def _is_port(value: object) -> bool:
    return type(value) is int and 0 < value < 65536


def write_running(state: StateDir, running: Running) -> None:
    """Announce the engine; on a full disk in the blocks that the file of a killed engine has. Raises OSError."""
    try:
        write_json(state.port_file, asdict(running), durable=False)
    except OSError as error:
        if error.errno not in (errno.ENOSPC, errno.EDQUOT) or not state.port_file.exists():
            raise
        text = json.dumps(asdict(running)).encode()
        with open(state.port_file, "r+b") as file:
            file.write(text + b"\n")
            file.truncate()


def lock(path: os.PathLike[str], *, wait: bool) -> int | None:
    """An exclusive flock; its descriptor holds it. None when someone else has it and `wait` is off."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        os.close(descriptor)
        return None
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor
