"""Archives of files to be copied into a template: checked before they are kept, unpacked without leaving their root."""

from __future__ import annotations

import glob
import os
import posixpath
import shutil
import stat
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path

MOST_MEMBERS = 200_000
MOST_BYTES = 8 << 30  # unpacked
LONGEST_NAME = 4096


class ArchiveError(Exception):
    """The archive is broken or not safe; the text says how."""


def check(path: Path) -> int:
    """Read a gzip tar from end to end; the bytes it holds unpacked. For a thread. Raises ArchiveError, OSError."""
    total = 0
    try:
        with tarfile.open(path, "r|gz") as archive:
            for count, member in enumerate(archive, 1):
                if count > MOST_MEMBERS:
                    raise ArchiveError(f"the archive holds more than {MOST_MEMBERS} entries")
                _check_member(member)
                total += member.size
                if total > MOST_BYTES:
                    raise ArchiveError(f"the archive holds more than {MOST_BYTES >> 30} GiB")
    except (tarfile.TarError, EOFError, zlib.error, ValueError, UnicodeError) as error:
        raise ArchiveError(f"the archive cannot be read ({error})") from error
    return total


def _check_member(member: tarfile.TarInfo) -> None:
    name = member.name
    if len(name) > LONGEST_NAME or "\0" in name:
        raise ArchiveError("an entry of the archive has no usable name")
    if name.startswith("/") or ".." in name.split("/"):
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
    try:
        with tarfile.open(path, "r:gz") as archive:
            for member in archive:
                _check_member(member)
                _place(archive, member, root)
    except (tarfile.TarError, EOFError, zlib.error, ValueError, UnicodeError) as error:
        raise ArchiveError(f"the archive cannot be read ({error})") from error


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
            shutil.copytree(entry, destination, symlinks=True, dirs_exist_ok=True)
            continue
        target = os.path.join(destination, os.path.basename(entry)) if into else destination
        os.makedirs(os.path.dirname(target) or ".", exist_ok=True)
        if os.path.lexists(target) and not os.path.isdir(target):
            os.unlink(target)
        shutil.copy2(entry, target, follow_symlinks=False)


def _matching(folder: str, source: str) -> list[str]:
    clean = posixpath.normpath(source)
    if clean == ".":
        return [folder]
    if clean.startswith(("/", "../")) or clean == "..":
        # packed relative to the context all the same: what the client put in is all there is
        return [os.path.join(folder, name) for name in roots(folder)]
    return sorted(glob.glob(os.path.join(glob.escape(folder), clean), recursive=True))
