"""Templates that were built here, on disk: a folder each with `template.json` and the files of its sandboxes."""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hopx_tui.engine.paths import StateError, read_json, write_json

log = logging.getLogger(__name__)
COPY_SECONDS = 600.0
OWN_OF_EACH = ("etc/hosts", "etc/hostname", "etc/resolv.conf")  # every sandbox writes its own


@dataclass(frozen=True)
class Saved:
    """What is known of one. Times are unix seconds; `folders` as in `Outfit`."""

    id: str
    name: str
    base: str  # the built-in template it stands on
    level: str  # the isolation it was built in: paths inside differ
    build_id: str
    created_at: float
    updated_at: float
    vcpu: int
    memory_mb: int
    disk_gb: int
    environment: dict[str, str]
    workdir: str
    start_command: str | None
    folders: dict[str, str]


class SavedTemplates:
    """The saved templates by id. `throw` takes folders that are not wanted any more out of the way."""

    def __init__(self, folder: Path, throw: Callable[[Path], None]) -> None:
        self._folder = folder
        self._throw = throw
        self._all: dict[str, Saved] = {}

    def load(self) -> None:
        """Read them; what is broken stays on disk and is not offered, what is half made goes."""
        if not self._folder.is_dir():  # the disk was full when it was to be made
            return
        for place in sorted(self._folder.iterdir()):
            if not (place / "template.json").exists():  # an engine died while it kept the first build
                self._throw(place)
                continue
            try:
                saved = _load(place)
            except StateError as error:
                log.warning("%s", error)
                continue
            self._all[place.name] = saved
            for left in place.glob("files-*"):
                if left != self.files(saved):  # or while it replaced it
                    self._throw(left)

    def all(self) -> tuple[Saved, ...]:
        """Oldest first."""
        return tuple(sorted(self._all.values(), key=lambda each: each.created_at))

    def find(self, name_or_id: str) -> Saved | None:
        """By id or by name."""
        return self._all.get(name_or_id) or next((each for each in self._all.values() if each.name == name_or_id), None)

    def new_id(self) -> str:
        """An id that none has; digits, as some clients want them."""
        while (made := str(secrets.randbelow(9 * 10**9) + 10**9)) in self._all:
            pass
        return made

    def files(self, saved: Saved) -> Path:
        """The folder whose content each new sandbox begins with."""
        return self._folder / saved.id / f"files-{saved.build_id}"

    def keep(self, saved: Saved, built: Path) -> None:
        """Take the folders of a finished build over; what the name had before goes. For a thread. Raises OSError."""
        place = self._folder / saved.id
        place.mkdir(mode=0o700, exist_ok=True)
        target = self.files(saved)
        target.mkdir(mode=0o700)
        for name in ("workspace", "root", "etc", "local", "opt", *saved.folders.values()):
            if (built / name).is_dir() and not (built / name).is_symlink():
                os.rename(built / name, target / name)
        for name in OWN_OF_EACH:
            if (target / name).is_file() and not (target / "etc").is_symlink():
                (target / name).unlink()
        write_json(place / "template.json", asdict(saved))
        before = self._all.get(saved.id)
        self._all[saved.id] = saved
        if before is not None:
            self._throw(self.files(before))

    def remove(self, saved: Saved) -> None:
        """Forget it; sandboxes made of it have their own copies. Raises OSError."""
        self._throw(self._folder / saved.id)
        self._all.pop(saved.id, None)


def copy_tree(source: Path, target: Path, run: Callable[..., Any] = subprocess.run) -> None:
    """Copy the content of one folder into another: no link followed, blocks shared where the file system can.

    For a thread. Raises OSError.
    """
    share = ["--reflink=auto"] if sys.platform == "linux" else []
    program = shutil.which("cp") or "/bin/cp"
    try:
        done = run(
            [program, "-a", *share, f"{source}/.", str(target)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            timeout=COPY_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise OSError(None, "copying the template's files took too long") from error
    if done.returncode != 0:
        words = done.stderr.decode(errors="replace").strip().splitlines()
        raise OSError(None, f"the template's files cannot be copied ({words[-1].rpartition(': ')[2] if words else ''})")


_KINDS: dict[str, tuple[type, ...]] = {
    "vcpu": (int,), "memory_mb": (int,), "disk_gb": (int,), "created_at": (int, float), "updated_at": (int, float),
    "environment": (dict,), "folders": (dict,), "start_command": (str, type(None)),
}  # fmt: skip


def _load(place: Path) -> Saved:
    file = place / "template.json"
    raw = read_json(file)
    if raw is None:
        raise StateError(f"{file} is missing.")
    known = {name: raw[name] for name in Saved.__dataclass_fields__ if name in raw}
    for name, value in known.items():
        if not isinstance(value, _KINDS.get(name, (str,))) or isinstance(value, bool):
            raise StateError(f"{file} is broken ({name}).")
    try:
        saved = Saved(**known)
    except TypeError as error:
        raise StateError(f"{file} is broken ({error}).") from error
    if saved.id != place.name or os.sep in saved.build_id:
        raise StateError(f"{file} is broken (its id makes no sense).")
    return saved
