"""Directory listings, as JSON bytes in chunks: 50,000 rows must neither take a second nor be held as
objects."""

from __future__ import annotations

import os
import posixpath
import stat
import time
from collections.abc import Iterator
from typing import Any

import msgspec

from hopx_tui.agent.paths import Location, PathMap, display, encoded

ROWS_PER_CHUNK = 1000


class RowMaker:
    """File rows of contract 2.7 with every alias. One per listing: it caches what rows share."""

    def __init__(self) -> None:
        self._modes: dict[int, tuple[str, str]] = {}
        self._times: dict[int, str] = {}

    def row(self, name: bytes, spelled: bytes, real: bytes, status: os.stat_result) -> dict[str, Any]:
        """`status` is the entry's own (lstat). Size and directory-ness of a symbolic link are its
        target's."""
        link = stat.S_ISLNK(status.st_mode)
        target = _target(real) if link else None
        seen = target or status
        permissions, mode = self._mode(status.st_mode)
        modified = self._time(int(status.st_mtime))
        directory = stat.S_ISDIR(seen.st_mode)
        row: dict[str, Any] = {
            "name": display(name),
            "path": display(spelled),
            "size": seen.st_size,
            "is_directory": directory,
            "is_dir": directory,
            "is_symlink": link,
            "modified_time": modified,
            "modified": modified,
            "permissions": permissions,
            "mode": mode,
        }
        if link:
            row["target"] = _link_text(real)
        raw = encoded(spelled)
        if raw is not None:
            row["path_b64"] = raw
        return row

    def _mode(self, mode: int) -> tuple[str, str]:
        if mode not in self._modes:
            self._modes[mode] = (stat.filemode(mode), f"{stat.S_IMODE(mode):04o}")
        return self._modes[mode]

    def _time(self, seconds: int) -> str:
        if seconds not in self._times:
            try:
                self._times[seconds] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
            except (OverflowError, ValueError, OSError):
                self._times[seconds] = "1970-01-01T00:00:00Z"
        return self._times[seconds]


def _target(real: bytes) -> os.stat_result | None:
    try:
        return os.stat(real)
    except OSError:
        return None


def _link_text(real: bytes) -> str:
    try:
        return display(os.readlink(real))
    except OSError:
        return ""


def listing_chunks(location: Location, paths: PathMap) -> Iterator[bytes]:
    """The JSON answer of `/files/list`, rows ordered by name. The first `next` raises OSError where there is
    no such directory. For a thread."""
    rows = _rows(location, paths)
    encode = msgspec.json.encode
    batch: list[bytes] = []
    count = 0
    head = b'{"files":['
    for row in rows:
        batch.append(encode(row))
        count += 1
        if len(batch) == ROWS_PER_CHUNK:
            yield head + b",".join(batch)
            batch.clear()
            head = b","
    if not batch and count:
        head = b""
    tail: dict[str, Any] = {"path": location.text, "count": count}
    raw = encoded(location.spelled)
    if raw is not None:
        tail["path_b64"] = raw
    yield head + b",".join(batch) + b"]," + encode(tail)[1:]


def _rows(location: Location, paths: PathMap) -> Iterator[dict[str, Any]]:
    maker = RowMaker()
    if location.spelled == b"/" and paths.roots():
        for spelled, real in sorted(paths.roots()):
            yield maker.row(spelled[1:], spelled, real, os.lstat(real))
        return
    with os.scandir(location.real) as entries:
        names = sorted(entry.name for entry in entries)
    for name in names:
        real = posixpath.join(location.real, name)
        try:
            status = os.lstat(real)
        except OSError:
            # Removed since; a listing is of one moment anyway.
            continue
        yield maker.row(name, posixpath.join(location.spelled, name), real, status)
