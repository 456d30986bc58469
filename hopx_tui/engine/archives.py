"""Archives of files to be copied into a template: checked before they are kept, unpacked without leaving their root."""

from __future__ import annotations

import glob
import gzip
import os
import posixpath
import re
import shutil
import stat
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

MOST_MEMBERS = 200_000
MOST_BYTES = 8 << 30  # unpacked
LONGEST_NAME = 4096  # bytes
LONGEST_PART = 255
DEEPEST = 100  # levels of folders
# headers that say more about the entry that follows, or all: tarfile reads them whole
EXTENSIONS = (tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE)
LONG_NAMES = (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK)
LARGEST_HEADER = 1 << 20
MOST_HEADER_BYTES = 256 << 20  # of all of them together
MOST_FIELDS = 100  # in one
MOST_IN_A_ROW = 8  # before one entry: each takes a level of the stack
MOST_GLOBAL = 8  # all entries are given their fields
MOST_DIGITS = 1 << 28  # squares of the lengths of numbers: older tarfile searches them that long (CVE-2024-6232)
_FIELD = re.compile(rb"([0-9]{1,7}) ([^=\n]{1,1000})=")


class ArchiveError(Exception):
    """The archive is broken or not safe; the text says how."""


class _Reader(gzip.GzipFile):
    """The unpacked stream. It looks at headers before tarfile does, which takes any of them for granted."""

    at_header = False
    in_a_row = 0
    _extension = b""
    _globals = 0
    _header_bytes = 0
    _digits = 0

    def read(self, size: int | None = -1) -> bytes:
        """As any file, but what a header is or what belongs to one is checked."""
        if self.at_header:
            self.at_header = False
            data = super().read(size)
            self._check_header(data)
            return data
        kind, self._extension = self._extension, b""
        if not kind:
            return super().read(size)
        if size is None or not 0 <= size <= LARGEST_HEADER:
            raise ArchiveError(f"a header of the archive is larger than {LARGEST_HEADER >> 10} KiB")
        self._header_bytes += size
        if self._header_bytes > MOST_HEADER_BYTES:
            raise ArchiveError(f"the headers of the archive hold more than {MOST_HEADER_BYTES >> 20} MiB")
        data = super().read(size)
        if len(data) < size:
            raise ArchiveError("the archive ends within a header")
        if kind in EXTENSIONS:
            self._check_fields(data)
        return data

    def _check_header(self, block: bytes) -> None:
        kind = block[156:157]
        if kind == tarfile.GNUTYPE_SPARSE:
            raise ArchiveError("the archive holds a sparse file, which cannot be unpacked here")
        if kind in EXTENSIONS or kind in LONG_NAMES:
            self._extension = kind
        if kind == tarfile.XGLTYPE:
            self._globals += 1
            if self._globals > MOST_GLOBAL:
                raise ArchiveError(f"the archive holds more than {MOST_GLOBAL} global headers")

    def _check_fields(self, body: bytes) -> None:
        self._digits += sum(len(run) ** 2 for run in re.findall(rb"[0-9]+", body))
        if self._digits > MOST_DIGITS:
            raise ArchiveError("a header of the archive holds too many digits in a row")
        position, count = 0, 0
        while position < len(body) and body[position]:
            found = _FIELD.match(body, position)
            end = position + int(found[1]) if found is not None else 0
            if found is None or not found.end() < end <= len(body) or body[end - 1] != ord("\n"):
                raise ArchiveError("a header of the archive is broken")
            if found[2].startswith(b"GNU.sparse"):
                raise ArchiveError("the archive holds a sparse file, which cannot be unpacked here")
            position, count = end, count + 1
            if count > MOST_FIELDS:
                raise ArchiveError(f"a header of the archive holds more than {MOST_FIELDS} fields")


class _Member(tarfile.TarInfo):
    """An entry, or a header that tarfile follows to one."""

    @classmethod
    def fromtarfile(cls, tarfile: tarfile.TarFile) -> _Member:
        reader = tarfile.fileobj
        if not isinstance(reader, _Reader):
            raise TypeError("such members are read by _Reader only")
        if reader.in_a_row == MOST_IN_A_ROW:
            raise ArchiveError(f"the archive holds {MOST_IN_A_ROW} headers in a row that are of no entry")
        reader.at_header = True
        reader.in_a_row += 1
        try:
            return super().fromtarfile(tarfile)
        finally:
            reader.in_a_row -= 1

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> _Member:
        try:
            return super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError as error:
            if any(buf):  # tarfile takes some of these for the end
                raise ArchiveError("the archive holds a broken header") from error
            raise


class _Archive(tarfile.TarFile):
    tarinfo = _Member
    members: list[tarfile.TarInfo]


@contextmanager
def _opened(path: str | Path) -> Iterator[_Archive]:
    """A gzip tar. What is wrong with it becomes an ArchiveError within."""
    try:
        with _Reader(path) as reader, _Archive(fileobj=reader) as archive:
            yield archive
    except (tarfile.TarError, gzip.BadGzipFile, EOFError, zlib.error, ValueError, OverflowError) as error:
        raise ArchiveError(f"the archive cannot be read ({error})") from error


def check(path: Path) -> int:
    """Read a gzip tar from end to end; the bytes it holds unpacked. For a thread. Raises ArchiveError, OSError."""
    total = count = 0
    with _opened(path) as archive:
        while (member := archive.next()) is not None:
            archive.members.clear()  # long names of very many would be a lot
            count += 1
            if count > MOST_MEMBERS:
                raise ArchiveError(f"the archive holds more than {MOST_MEMBERS} entries")
            _check_member(member)
            total += member.size
            if total > MOST_BYTES:
                raise ArchiveError(f"the archive holds more than {MOST_BYTES >> 30} GiB")
    return total


def _check_member(member: tarfile.TarInfo) -> None:
    name = member.name
    parts = name.split("/")
    if len(os.fsencode(name)) > LONGEST_NAME or len(os.fsencode(max(parts, key=len))) > LONGEST_PART or "\0" in name:
        raise ArchiveError("an entry of the archive has no usable name")
    if len(parts) > DEEPEST:
        raise ArchiveError(f"{name[:100]!r} lies deeper than {DEEPEST} levels of folders")
    if member.size < 0:
        raise ArchiveError(f"{name[:100]!r} has no usable size")
    if len(os.fsencode(member.linkname)) > LONGEST_NAME or "\0" in member.linkname:
        raise ArchiveError(f"the link {name[:100]!r} has no usable target")
    if name.startswith("/") or ".." in parts:
        raise ArchiveError(f"{name[:100]!r} leads out of the archive")
    if not (member.isreg() or member.isdir() or member.issym() or member.islnk()):
        raise ArchiveError(f"{name[:100]!r} is neither a file, a folder nor a link")
    if member.issym():
        target = posixpath.normpath(posixpath.join(posixpath.dirname(name), member.linkname))
        if member.linkname.startswith("/") or target.split("/")[0] == "..":
            raise ArchiveError(f"the link {name[:100]!r} leads out of the archive")
    if member.islnk() and (member.linkname.startswith("/") or ".." in member.linkname.split("/")):
        raise ArchiveError(f"the link {name[:100]!r} leads out of the archive")


def unpack(path: str, root: str) -> None:
    """Unpack a checked archive into the empty folder `root`. Raises ArchiveError, OSError."""
    with _opened(path) as archive:
        for member in archive:  # not next(): a hard link makes it read on to the end
            _check_member(member)
            _place(archive, member, root)


def _place(archive: tarfile.TarFile, member: tarfile.TarInfo, root: str) -> None:
    name = posixpath.normpath(member.name)
    target = os.path.join(root, name)
    # a link of the archive must never be written through
    expected = os.path.join(os.path.realpath(root), os.path.dirname(name)).rstrip("/")
    if os.path.realpath(os.path.dirname(target)) != expected:
        raise ArchiveError(f"{member.name[:100]!r} lies behind a link")
    if member.isdir():
        if os.path.islink(target):
            raise ArchiveError(f"{member.name[:100]!r} lies behind a link")
        os.makedirs(target, exist_ok=True)
        os.chmod(target, stat.S_IMODE(member.mode) & 0o777 | 0o700)
        return
    os.makedirs(os.path.dirname(target), exist_ok=True)
    if os.path.lexists(target):
        os.unlink(target)
    if member.issym():
        os.symlink(member.linkname, target)
        return
    source = archive.extractfile(member)  # follows hard links within the archive
    if source is None:
        raise ArchiveError(f"{member.name[:100]!r} has no content")
    with source, open(target, "xb") as file:
        shutil.copyfileobj(source, file, 1 << 20)
    os.chmod(target, stat.S_IMODE(member.mode) & 0o777 | 0o600)


def roots(folder: str) -> Iterator[str]:
    """The entries that were named when the archive was made: the outermost ones that are no mere way to others."""
    yield from sorted(os.listdir(folder))


def copy_into(folder: str, sources: list[str], destination: str) -> None:
    """Copy unpacked files as Docker's COPY does: the content of folders, files into a folder or as the name given.

    `sources` are the patterns the client packed (relative to its context). Raises ArchiveError, OSError.
    """
    entries = [entry for source in sources for entry in _matching(folder, source)]
    if not entries:
        raise ArchiveError(f"nothing was uploaded for {', '.join(sources)[:200]}")
    into = destination.endswith("/") or len(entries) > 1 or os.path.isdir(destination)
    for entry in entries:
        if os.path.isdir(entry) and not os.path.islink(entry):
            _merge(entry, destination.rstrip("/") or "/")
        else:
            target = os.path.join(destination, os.path.basename(entry)) if into else destination
            _make_folder(os.path.dirname(target) or ".")
            _replace(entry, target)


def _merge(source: str, target: str) -> None:
    _make_folder(target)
    for entry in sorted(os.scandir(source), key=lambda entry: entry.name):
        place = os.path.join(target, entry.name)
        if entry.is_dir(follow_symlinks=False):
            _merge(entry.path, place)
        else:
            _replace(entry.path, place)
    shutil.copystat(source, target)


def _make_folder(path: str) -> None:
    if os.path.isdir(path):
        return
    if os.path.lexists(path):
        raise ArchiveError(f"{path[:200]!r} is a file, and COPY was to put a folder there")
    try:
        os.makedirs(path)
    except (FileExistsError, NotADirectoryError) as error:
        raise ArchiveError(f"{path[:200]!r} cannot be made: a file is where a folder would have to be") from error


def _replace(source: str, target: str) -> None:
    if os.path.isdir(target) and not os.path.islink(target):
        raise ArchiveError(f"{target[:200]!r} is a folder, and COPY was to put a file there")
    if os.path.lexists(target):
        os.unlink(target)
    shutil.copy2(source, target, follow_symlinks=False)


def _matching(folder: str, source: str) -> list[str]:
    clean = posixpath.normpath(source)
    if clean == ".":
        return [folder]
    if clean.startswith(("/", "../")) or clean == "..":
        # packed relative to the context all the same: what the client put in is all there is
        return [os.path.join(folder, name) for name in roots(folder)]
    return sorted(glob.glob(os.path.join(glob.escape(folder), clean), recursive=True))
