"""Changes on disk: atomic file writes, directories, removal. Everything here is for a thread."""

from __future__ import annotations

import errno
import os
import posixpath
import re
import stat
from collections.abc import Iterable

from hopx_tui.agent.disk import DiskWatch, mount_points
from hopx_tui.agent.errors import AgentError, invalid_path, invalid_request, os_errors, path_not_allowed
from hopx_tui.agent.paths import Location, PathMap
from hopx_tui.agent.trees import make_parents, remove_tree

DEFAULT_MODE = 0o644
TEMPORARY = b".hopx-upload-"
_LEFTOVER = re.compile(re.escape(TEMPORARY) + rb"[0-9a-f]{16}\Z")
_COPY_CHUNK = 1 << 20


def parse_mode(mode: str | int | None) -> int | None:
    """`0644`, `0o644`, `644` as octal; None stays None. Raises AgentError INVALID_REQUEST."""
    if mode is None or mode == "":
        return None
    try:
        value = int(str(mode), 8)
    except ValueError as error:
        raise invalid_request(f"Not a file mode: {mode!r} (octal, such as 0644)") from error
    if not 0 <= value <= 0o7777:
        raise invalid_request(f"Not a file mode: {mode!r} (octal, such as 0644)")
    return value


class Draft:
    """A file being written beside its destination; it appears there whole, or not at all."""

    def __init__(self, directory: bytes, text: str, disk: DiskWatch) -> None:
        self._text = text
        self._disk = disk
        self.directory = directory
        self.size = 0
        self._checked = 0
        self._path = posixpath.join(directory, TEMPORARY + os.urandom(8).hex().encode())
        disk.check(0, directory, text)
        with os_errors(text):
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
            self._descriptor = os.open(self._path, flags, 0o600)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Append. Raises AgentError FILE_OPERATION_FAILED on a full disk."""
        self._disk.check(len(data), self.directory, self._text)
        view = memoryview(data)
        with os_errors(self._text):
            while view:
                written = os.write(self._descriptor, view)
                view = view[written:]
                self.size += written

    def commit(self, location: Location, *, mode: int | None, overwrite: bool) -> None:
        """Put it in place. Raises AgentError, FILE_ALREADY_EXISTS without `overwrite`."""
        with os_errors(location.text):
            existing = _existing_mode(location)
            wanted = mode if mode is not None else (existing if existing is not None else DEFAULT_MODE)
            if posixpath.dirname(location.real) != self.directory:
                self._move_beside(location)
            os.fchmod(self._descriptor, wanted)
            if overwrite:
                os.replace(self._path, location.real)
            else:
                _place_new(self._path, location.real)
        self._path = b""
        self._disk.note_written(self.size)

    def _move_beside(self, location: Location) -> None:
        """The destination became known only after the content (clients send the parts in any order)."""
        directory = posixpath.dirname(location.real)
        moved = posixpath.join(directory, posixpath.basename(self._path))
        try:
            os.rename(self._path, moved)
            self._path, self.directory = moved, directory
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            self._copy_to(directory)

    def _copy_to(self, directory: bytes) -> None:
        other = Draft(directory, self._text, self._disk)
        try:
            with open(self._path, "rb", buffering=0) as source:
                while data := source.read(_COPY_CHUNK):
                    other.write(data)
        except (OSError, AgentError):
            other.discard()
            raise
        self.discard()
        self._path, self._descriptor, self.directory = other._path, other._descriptor, directory
        other._path, other._descriptor = b"", -1

    def discard(self) -> None:
        """Close, and leave nothing behind unless committed. Idempotent."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
        if self._path:
            path, self._path = self._path, b""
            try:
                os.unlink(path)
            except FileNotFoundError:
                pass


def _existing_mode(location: Location) -> int | None:
    try:
        mode = os.lstat(location.real).st_mode
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(mode):
        what = "a directory" if stat.S_ISDIR(mode) else "not a regular file"
        raise invalid_path(f"{location.text} is {what}", location.text)
    return stat.S_IMODE(mode)


def _place_new(source: bytes, destination: bytes) -> None:
    """A rename that never replaces."""
    try:
        os.link(source, destination)
    except FileExistsError:
        raise
    except OSError:
        # File systems without hard links.
        if os.path.lexists(destination):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST)) from None
        os.rename(source, destination)
        return
    os.unlink(source)


def prepare_destination(location: Location, *, overwrite: bool) -> bytes:
    """Make the parents; the directory to write in. Fails early on what cannot be replaced. Raises
    AgentError."""
    directory = posixpath.dirname(location.real)
    with os_errors(location.text):
        existing = _existing_mode(location)
        if existing is not None and not overwrite:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
        make_parents(directory)
    return directory


def write_file(location: Location, content: bytes, *, mode: int | None, overwrite: bool, disk: DiskWatch) -> None:
    """Replace or create a file atomically. A symbolic link stays; its target is written."""
    draft = Draft(prepare_destination(location, overwrite=overwrite), location.text, disk)
    try:
        draft.write(content)
        draft.commit(location, mode=mode, overwrite=overwrite)
    finally:
        draft.discard()


def make_directory(location: Location) -> None:
    """With parents; an existing directory is fine."""
    with os_errors(location.text):
        try:
            make_parents(location.real)
        except FileExistsError as error:
            raise invalid_path(f"{location.text} exists and is no directory", location.text) from error


def remove(location: Location, paths: PathMap) -> int:
    """A file, a link itself, or a whole directory; the bytes of the entry. Raises AgentError."""
    if paths.is_root(location):
        raise path_not_allowed(location.text, "the sandbox needs it")
    with os_errors(location.text):
        status = os.lstat(location.real)
        if stat.S_ISDIR(status.st_mode):
            remove_tree(location.real)
        else:
            os.unlink(location.real)
        return status.st_size


def remove_leftovers(roots: Iterable[bytes], *, before: float) -> int:
    """Drafts below `roots` last changed before that Unix time: an agent that was killed left them. For a thread.

    How many were removed. What cannot be read or removed is left alone, symbolic links are not followed, and what is
    mounted there (an interpreter below the sandbox's home has 50,000 files) is not looked at.
    """
    removed = 0
    mounts = mount_points()
    pending = list(roots)
    while pending:
        try:
            with os.scandir(pending.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        if entry.path not in mounts:
                            pending.append(entry.path)
                    elif _LEFTOVER.match(entry.name) and _is_old_file(entry, before):
                        os.unlink(entry.path)
                        removed += 1
        except OSError:
            continue
    return removed


def _is_old_file(entry: os.DirEntry[bytes], before: float) -> bool:
    status = entry.stat(follow_symlinks=False)
    return stat.S_ISREG(status.st_mode) and status.st_ctime < before
