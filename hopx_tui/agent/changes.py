"""`GET /changes`: what was added, modified and deleted since the sandbox was created, and how a text file changed.

An extension (`changes` in /info). Counted is everything below `roots`: /workspace and /root, and /usr/local, /opt
and others where they are the sandbox's own (own_trees.py). Nothing is left out but what is mounted there from outside.
A file counts as modified when its type, size, times, inode or permissions differ, unless its content was kept and is
the same still.
`GET /changes` -> {"added","modified","deleted": [{"path","type","size","modified_time",...}],"count","truncated",
"unreadable","since","roots"}, `unreadable` being paths that could not be looked at (deeper than a path can say).
`GET /changes?path=P&diff=1` -> {"path","status","diff","truncated","binary","reason"}.
"""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import msgspec
from aiohttp.web_response import Response

from hopx_tui.agent import difftext
from hopx_tui.agent.errors import AgentError, invalid_path
from hopx_tui.agent.http import Call, Route, answer, timestamp
from hopx_tui.agent.manifest import (
    ENTRY_LIMIT,
    Entry,
    Manifest,
    ManifestError,
    Root,
    describe,
    is_binary,
    load,
    read_file,
    take,
    walk,
)
from hopx_tui.agent.paths import Location, PathMap, display, encoded, requested, within

DIFF_LIMIT = 512 << 10
"""Characters of a diff."""
SIDE_LIMIT = 1 << 20
"""Bytes of the present content that are compared."""
PATH_BYTES = 32 << 20
"""Of the paths of all rows together: deep trees have long ones."""
UNREADABLE_LIMIT = 100
VISIT_LIMIT = 4 * ENTRY_LIMIT
_TYPES = {"f": "file", "d": "directory", "l": "symlink", "o": "other"}


class Findings:
    """The rows of one comparison."""

    def __init__(self) -> None:
        self.added: list[dict[str, Any]] = []
        self.modified: list[dict[str, Any]] = []
        self.deleted: list[dict[str, Any]] = []
        self.unreadable: list[str] = []
        self.truncated = False
        self._path_bytes = 0

    def fits(self, path: bytes) -> bool:
        """Whether there is room for one more row; `truncated` from then on."""
        self._path_bytes += len(path)
        self.truncated |= self.count >= ENTRY_LIMIT or self._path_bytes > PATH_BYTES
        return not self.truncated

    def note_unreadable(self, path: bytes) -> None:
        """Something of which nobody knows."""
        if len(self.unreadable) < UNREADABLE_LIMIT:
            self.unreadable.append(display(path))

    @property
    def count(self) -> int:
        return len(self.added) + len(self.modified) + len(self.deleted)


def compare(manifest: Manifest, roots: Sequence[Root]) -> Findings:
    """What differs now. For a thread."""
    found = Findings()
    left = dict(manifest.entries)
    for visited, (spelled, real, status) in enumerate(walk(roots, found.note_unreadable)):
        if visited >= VISIT_LIMIT:
            found.truncated = True
            break
        before, now = left.pop(spelled, None), describe(status)
        # Of a tree too large for the manifest nobody knows what was there: what is older than it, was.
        added = before is None and (not manifest.truncated or now.ctime_ns > manifest.taken_ns)
        if not added and (before is None or not differs(manifest, before, now, real)):
            continue
        if not found.fits(spelled):
            break
        row = _row(spelled, now)
        if before is None:
            found.added.append(row)
        else:
            found.modified.append({**row, "previous_size": before.size})
    for spelled, before in left.items():
        if not _is_gone(spelled, roots):
            continue
        if not found.fits(spelled):
            break
        found.deleted.append(_row(spelled, before))
    found.truncated |= manifest.truncated
    for rows in (found.added, found.modified, found.deleted):
        rows.sort(key=lambda row: str(row["path"]))
    return found


def differs(manifest: Manifest, before: Entry, now: Entry, real: bytes) -> bool:
    """Whether it counts as modified. For a thread."""
    if before.kind != now.kind or before.mode != now.mode:
        return True
    if before.kind == "d" or before[:5] == now[:5]:
        return False
    if before.kind == "o" or before.size != now.size:
        return True
    kept = manifest.content(before)
    return kept is None or kept != _content(real, now)


def _content(real: bytes, now: Entry, limit: int = SIDE_LIMIT) -> bytes | None:
    if now.kind == "l":
        try:
            return os.readlink(real)
        except OSError:
            return None
    return read_file(real, limit) if now.kind == "f" else None


def _is_gone(spelled: bytes, roots: Sequence[Root]) -> bool:
    """Not merely beyond the walk's limit or in a directory that cannot be read."""
    root = next((each for each in roots if within(spelled, each.spelled)), None)
    if root is None:
        return False  # the tree is not the sandbox's own in this run
    try:
        os.lstat(root.real + spelled[len(root.spelled) :])
    except OSError as error:
        return error.errno in (errno.ENOENT, errno.ENOTDIR)
    return False


def _row(path: bytes, entry: Entry) -> dict[str, Any]:
    row = {
        "path": display(path),
        "type": _TYPES[entry.kind],
        "size": entry.size,
        "modified_time": timestamp(entry.mtime_ns / 1e9),
    }
    raw = encoded(path)
    return row if raw is None else {**row, "path_b64": raw}


class Changes:
    """`baseline` is the engine's descriptor for the manifest: written in the sandbox's first run, then read. Without
    one the manifest lives in memory and counts from the agent's start."""

    def __init__(self, paths: PathMap, roots: Callable[[], tuple[Root, ...]], baseline: int | None) -> None:
        self._paths = paths
        self._find_roots = roots
        self._roots: tuple[Root, ...] = ()
        self._descriptor = baseline
        self._lock = asyncio.Lock()

    def routes(self) -> Iterable[Route]:
        """The one route."""
        return (Route("GET", "/changes", self._changes),)

    async def prepare(self) -> None:
        """Take the manifest unless there is one; before anything can change."""
        await asyncio.get_running_loop().run_in_executor(None, self._prepare)

    def _prepare(self) -> None:
        self._roots = self._find_roots()
        if self._descriptor is not None:
            try:
                if os.fstat(self._descriptor).st_size:
                    load(self._descriptor)
                else:
                    take(self._roots, self._descriptor)
                return
            except (ManifestError, OSError):
                # Broken, or no space: as if there were none.
                self.close()
        try:
            self._descriptor = _nameless_file()
            take(self._roots, self._descriptor)
        except OSError:
            self.close()

    def close(self) -> None:
        """Idempotent."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    async def _changes(self, request: Call) -> Response:
        path, path_b64 = request.query.get("path"), request.query.get("path_b64")
        loop = asyncio.get_running_loop()
        async with self._lock:  # one at a time: each may take a second of a core
            if not path and not path_b64:
                body = await loop.run_in_executor(None, self._list)
                return Response(body=body, content_type="application/json")
            raw = requested(path, path_b64)
            with_diff = request.query.get("diff", "0") not in ("", "0", "false")
            return answer(await loop.run_in_executor(None, self._one, raw, with_diff))

    def _manifest(self) -> Manifest:
        if self._descriptor is None:
            raise AgentError(400, "FILE_OPERATION_FAILED", "What this sandbox held at its start could not be kept")
        try:
            return load(self._descriptor)
        except ManifestError as error:
            raise AgentError(400, "FILE_OPERATION_FAILED", "What was kept of this sandbox's start is broken") from error

    def _list(self) -> bytes:
        manifest = self._manifest()
        found = compare(manifest, self._roots)
        return msgspec.json.encode(
            {
                "added": found.added,
                "modified": found.modified,
                "deleted": found.deleted,
                "count": found.count,
                "truncated": found.truncated,
                "unreadable": found.unreadable,
                "since": timestamp(manifest.taken_at),
                "roots": [display(root.spelled) for root in self._roots],
            }
        )

    def _one(self, raw: bytes, with_diff: bool) -> dict[str, Any]:
        location = self._paths.locate(raw, follow=False)
        key = self._key(location)
        manifest = self._manifest()
        before = manifest.entries.get(key)
        try:
            now: Entry | None = describe(os.lstat(location.real))
        except OSError:
            now = None
        if before is None and now is None:
            raise AgentError(404, "FILE_NOT_FOUND", f"File not found: {location.text}", path=location.text)
        if before is None:
            status = "added"
        elif now is None:
            status = "deleted"
        else:
            status = "modified" if differs(manifest, before, now, location.real) else "unchanged"
        result: dict[str, Any] = {"path": location.text, "status": status}
        if with_diff:
            result |= _diff(manifest, before, now, location)
        return result

    def _key(self, location: Location) -> bytes:
        for root in self._roots:
            if within(location.real, root.real):
                return root.spelled + location.real[len(root.real) :]
        known = ", ".join(display(root.spelled) for root in self._roots)
        raise invalid_path(f"Changes are only known of {known}: {location.text}", location.text)


def _diff(manifest: Manifest, before: Entry | None, now: Entry | None, location: Location) -> dict[str, Any]:
    """`reason` says in words why there is no (whole) diff."""
    old = None if before is None or before.kind not in "fl" else manifest.content(before)
    new = None if now is None or now.kind not in "fl" else _content(location.real, now)
    cut = now is not None and now.kind == "f" and now.size > SIDE_LIMIT
    if (before is not None and before.binary) or (new is not None and is_binary(new, cut=cut)):
        return {"diff": "", "truncated": False, "binary": True, "reason": "it is not text"}
    reason = ""
    if before is not None and before.kind in "fl" and old is None:
        reason = "its first content was not kept: larger than 256 KiB, or more than 16 MiB in all"
    elif now is not None and now.kind in "fl" and new is None:
        reason = "it cannot be read"
    elif cut and old is not None:
        reason = "it is larger than 1 MiB now"
    if reason:
        return {"diff": "", "truncated": True, "binary": False, "reason": reason}
    name = location.text
    old_name = "/dev/null" if before is None else f"a{name}"
    new_name = "/dev/null" if now is None else f"b{name}"
    text, truncated = difftext.unified(old or b"", new or b"", old_name, new_name, limit=DIFF_LIMIT)
    if truncated or cut:
        reason = "the diff is longer than 512 KiB" if truncated else "only the first 1 MiB is shown"
    return {"diff": text, "truncated": truncated or cut, "binary": False, "reason": reason}


def _nameless_file() -> int:
    if hasattr(os, "memfd_create"):
        return os.memfd_create("baseline")
    import tempfile

    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())
