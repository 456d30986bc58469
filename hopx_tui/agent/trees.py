"""Directory trees of any depth, made and removed without recursion; deeper ones than a path can name included."""

from __future__ import annotations

import errno
import os
import posixpath
import stat

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC


def make_parents(path: bytes) -> None:
    """The directory `path` with all above it; one that exists is fine. Raises OSError, FileExistsError for a file."""
    missing: list[bytes] = []
    here = path
    while here and not _is_directory(here):
        missing.append(here)
        here = posixpath.dirname(here)
    for directory in reversed(missing):
        try:
            os.mkdir(directory)
        except FileExistsError:
            if not os.path.isdir(directory):
                raise


def _is_directory(path: bytes) -> bool:
    """Raises OSError for what can neither be one nor become one."""
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        if os.path.islink(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST)) from None
        return False
    if not stat.S_ISDIR(mode):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
    return True


def remove_tree(path: bytes) -> None:
    """Remove the directory `path` with all that is in it. Raises OSError; some of it may be gone by then.

    Walks by descriptors, one open at a time, and never through a symbolic link. On the way up it makes sure that it
    comes back to where it went down: whoever moves directories meanwhile does not lead it elsewhere.
    """
    parent, name = posixpath.split(path)
    here = os.open(parent, _DIRECTORY)
    above: list[tuple[tuple[int, int], bytes, list[bytes]]] = []
    waiting = [name]
    try:
        while waiting or above:
            if waiting:
                child = waiting.pop()
                inner = os.open(child, _DIRECTORY | os.O_NOFOLLOW, dir_fd=here)
                above.append((_identity(here), child, waiting))
                os.close(here)
                here = inner
                waiting = _remove_files(here)
            else:
                expected, child, waiting = above.pop()
                outer = os.open(b"..", _DIRECTORY, dir_fd=here)
                os.close(here)
                here = outer
                if _identity(here) != expected:
                    raise OSError(errno.EBUSY, "a directory was moved while it was removed")
                os.rmdir(child, dir_fd=here)
    finally:
        os.close(here)


def _identity(descriptor: int) -> tuple[int, int]:
    status = os.fstat(descriptor)
    return status.st_dev, status.st_ino


def _remove_files(directory: int) -> list[bytes]:
    """Remove all but the directories, whose names are returned."""
    with os.scandir(directory) as entries:
        listed = [(os.fsencode(entry.name), entry.is_dir(follow_symlinks=False)) for entry in entries]
    for name, is_directory in listed:
        if not is_directory:
            try:
                os.unlink(name, dir_fd=directory)
            except FileNotFoundError:
                continue
    return [name for name, is_directory in listed if is_directory]
