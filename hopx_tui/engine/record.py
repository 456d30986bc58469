"""What is kept on disk of one sandbox: `meta.json`, with keys of other versions carried along."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from hopx_tui.engine.paths import StateError, read_json, write_json

STATUSES = ("creating", "running", "paused", "stopped")


@dataclass
class Record:
    """One sandbox's lasting facts. Times are unix seconds."""

    id: str
    sequence: int  # order of creation; what cursors are made of
    template_id: str
    template_name: str
    status: str
    port: int
    vcpu: int
    memory_mb: int
    disk_mb: int
    created_at: float
    internet_access: bool = True
    timeout_seconds: int | None = None
    expires_at: float | None = None
    status_reason: str | None = None
    env_vars: dict[str, str] = field(default_factory=dict)
    base: str = ""  # the built-in template that its own template stands on; empty: its own
    workdir: str | None = None  # where the start command runs
    start_command: str | None = None  # run at each start
    folders: dict[str, str] = field(default_factory=dict)  # more folders of its own: path inside -> directory name
    unknown: dict[str, Any] = field(default_factory=dict)  # keys of another version

    def save(self, file: Path) -> None:
        """Write it, durably and in one step. Raises OSError."""
        own = asdict(self)
        unknown = own.pop("unknown")
        write_json(file, {**unknown, **own})


_TYPES: dict[str, tuple[type, ...]] = {
    "id": (str,),
    "sequence": (int,),
    "template_id": (str,),
    "template_name": (str,),
    "status": (str,),
    "port": (int,),
    "vcpu": (int,),
    "memory_mb": (int,),
    "disk_mb": (int,),
    "created_at": (int, float),
    "internet_access": (bool,),
    "timeout_seconds": (int, type(None)),
    "expires_at": (int, float, type(None)),
    "status_reason": (str, type(None)),
    "env_vars": (dict,),
    "base": (str,),
    "workdir": (str, type(None)),
    "start_command": (str, type(None)),
    "folders": (dict,),
}
_FOLDER = re.compile(r"/[a-zA-Z0-9][a-zA-Z0-9._-]{0,62}")
_LAST_MOMENT = 253_402_300_799.0  # the end of the year 9999: what a date can be written for
_LARGEST = 2**53  # what every JSON reader keeps exactly
_RANGES: dict[str, tuple[float, float]] = {  # NaN lies in none
    "sequence": (0, _LARGEST),
    "port": (1, 65535),
    "vcpu": (1, 4096),
    "memory_mb": (1, _LARGEST),
    "disk_mb": (1, _LARGEST),
    "created_at": (0, _LAST_MOMENT),
    "timeout_seconds": (0, _LAST_MOMENT),
    "expires_at": (0, _LAST_MOMENT),
}


def _is_sound(name: str, value: Any) -> bool:
    fits = isinstance(value, _TYPES[name]) and isinstance(value, bool) == (name == "internet_access")
    if fits and name in _RANGES and value is not None:
        lowest, highest = _RANGES[name]
        return bool(lowest <= value <= highest)
    if fits and name == "env_vars":
        return all(isinstance(each, str) and "\0" not in key + each for key, each in value.items())
    if fits and name == "folders":
        return all(_FOLDER.fullmatch(key) and each == f"own-{key[1:]}" for key, each in value.items())
    return fits


def load(file: Path) -> Record:
    """Read one `meta.json`. Raises StateError when it cannot be trusted."""
    raw = read_json(file)
    if raw is None:
        raise StateError(f"{file} is missing.")
    names = {each.name for each in fields(Record)} - {"unknown"}
    known = {name: value for name, value in raw.items() if name in names}
    for name, value in known.items():
        if not _is_sound(name, value):
            raise StateError(f"{file} is broken ({name} is {repr(value)[:100]}).")
    try:
        record = Record(**known, unknown={name: raw[name] for name in raw.keys() - names})
    except TypeError as error:
        raise StateError(f"{file} is broken ({error}).") from error
    if record.status not in STATUSES or record.id != file.parent.name:
        raise StateError(f"{file} is broken (id or status make no sense).")
    return record
