"""What the sandbox's folders hold at one moment: every path with its facts, and the content of small text files.

One file: a magic word, the length of the index, the index (msgpack), then the kept contents one after another. It is
written once, by descriptor, and read by descriptor ever after; paths are the API's spelling.
"""

from __future__ import annotations

import os
import stat
import struct
import time
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import msgspec

from hopx_tui.agent.disk import mount_points

ENTRY_LIMIT = 100_000
TEXT_LIMIT = 256 << 10
"""Bytes of a text file whose content is kept."""
KEPT_LIMIT = 16 << 20
"""Bytes of all kept contents."""
READ_LIMIT = 64 << 20
"""Bytes read to find out which files are text."""
SNIFF_BYTES = 8 << 10
INDEX_LIMIT = 256 << 20
_MAGIC = b"HOPXBL01"
_HEAD = struct.Struct("<8sQ")
_OPEN = os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC


class Root(NamedTuple):
    """A tree of the sandbox's own: what the API calls it, and where it is."""

    spelled: bytes
    real: bytes


class Entry(NamedTuple):
    """`kind`: f, d, l (symbolic link) or o (socket, FIFO, device). `offset` >= 0: `length` bytes of content are kept
    (of a link its target). `binary`: a small file that is no text."""

    kind: str
    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    mode: int
    offset: int = -1
    length: int = 0
    binary: bool = False


class _Index(msgspec.Struct, array_like=True):
    taken_ns: int
    truncated: bool
    entries: dict[bytes, Entry]


class ManifestError(Exception):
    """What the descriptor holds is no manifest."""


def kind_of(mode: int) -> str:
    """The letter of a file type."""
    if stat.S_ISREG(mode):
        return "f"
    if stat.S_ISDIR(mode):
        return "d"
    return "l" if stat.S_ISLNK(mode) else "o"


def describe(status: os.stat_result) -> Entry:
    """The facts that tell whether something changed; a directory's size and times change with its content."""
    kind = kind_of(status.st_mode)
    size = 0 if kind == "d" else status.st_size
    mode = stat.S_IMODE(status.st_mode)
    return Entry(kind, size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, mode)


def walk(
    roots: Sequence[Root], unreadable: Callable[[bytes], None] = lambda _path: None
) -> Iterator[tuple[bytes, bytes, os.stat_result]]:
    """Everything below the roots (spelled, real, status), never through links, never into what is mounted there.
    `unreadable` is told of what cannot be looked at: not ours to, or deeper than a path can say."""
    mounts = mount_points()
    for root in roots:
        pending = [b""]
        while pending:
            below = pending.pop()
            try:
                with os.scandir(root.real + below) as entries:
                    for entry in entries:
                        path = below + b"/" + entry.name
                        try:
                            status = entry.stat(follow_symlinks=False)
                        except FileNotFoundError:
                            continue
                        except OSError:
                            unreadable(root.spelled + path)
                            continue
                        if stat.S_ISDIR(status.st_mode):
                            if root.real + path in mounts:
                                continue
                            pending.append(path)
                        yield root.spelled + path, root.real + path, status
            except FileNotFoundError:
                continue
            except OSError:
                unreadable(root.spelled + below)


def take(roots: Sequence[Root], descriptor: int) -> None:
    """Write the manifest of what is there now. For a thread. Raises OSError."""
    index = _Index(time.time_ns(), False, {})
    kept: list[bytes] = []
    size = read = 0
    for spelled, real, status in walk(roots):
        if len(index.entries) >= ENTRY_LIMIT:
            index.truncated = True
            break
        entry = describe(status)
        content: bytes | None = None
        if entry.kind == "l":
            content = _target(real)
        elif entry.kind == "f" and entry.size <= min(TEXT_LIMIT, KEPT_LIMIT - size) and read < READ_LIMIT:
            content = read_file(real, TEXT_LIMIT)
            read += len(content or b"")
            if content is not None and is_binary(content):
                content, entry = None, entry._replace(binary=True)
        if content is not None:
            entry = entry._replace(offset=size, length=len(content))
            kept.append(content)
            size += len(content)
        index.entries[spelled] = entry
    encoded = msgspec.msgpack.encode(index)
    for piece in (_HEAD.pack(_MAGIC, len(encoded)), encoded, *kept):
        _write(descriptor, piece)


def _write(descriptor: int, piece: bytes) -> None:
    rest = memoryview(piece)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def _target(real: bytes) -> bytes | None:
    try:
        return os.readlink(real)
    except OSError:
        return None


def read_file(real: bytes, limit: int) -> bytes | None:
    """At most `limit` bytes of a regular file, only the first ones of a binary; None where it cannot be read."""
    try:
        descriptor = os.open(real, _OPEN)
    except OSError:
        return None
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return None
        content = os.read(descriptor, min(SNIFF_BYTES, limit))
        while content and len(content) < limit and b"\0" not in content[:SNIFF_BYTES]:
            piece = os.read(descriptor, limit - len(content))
            if not piece:
                break
            content += piece
        return content
    except OSError:
        return None
    finally:
        os.close(descriptor)


def is_binary(content: bytes, *, cut: bool = False) -> bool:
    """A NUL byte, or not UTF-8. `cut`: the content may end within a character."""
    if b"\0" in content:
        return True
    try:
        content.decode()
    except UnicodeDecodeError as error:
        return not (cut and error.end == len(content) and len(content) - error.start < 4)
    return False


class Manifest(NamedTuple):
    """A manifest that was read. `taken_at` is Unix time."""

    taken_ns: int
    truncated: bool
    entries: dict[bytes, Entry]
    descriptor: int
    contents: int

    @property
    def taken_at(self) -> float:
        return self.taken_ns / 1e9

    def content(self, entry: Entry) -> bytes | None:
        """What was kept of it. For a thread."""
        if entry.offset < 0:
            return None
        found = os.pread(self.descriptor, entry.length, self.contents + entry.offset)
        return found if len(found) == entry.length else None


def load(descriptor: int) -> Manifest:
    """For a thread. Raises ManifestError."""
    try:
        head = os.pread(descriptor, _HEAD.size, 0)
        magic, length = _HEAD.unpack(head)
        if magic != _MAGIC or length > INDEX_LIMIT:
            raise ManifestError("it begins with something else")
        encoded = os.pread(descriptor, length, _HEAD.size)
        index = msgspec.msgpack.decode(encoded, type=_Index)
    except (OSError, struct.error, msgspec.DecodeError) as error:
        raise ManifestError(str(error)) from error
    return Manifest(index.taken_ns, index.truncated, index.entries, descriptor, _HEAD.size + length)
