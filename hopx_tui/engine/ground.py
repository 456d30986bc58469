"""The folders a sandbox may write, as the engine touches them on the host: never through a link of the sandbox's.

Everything goes by directory descriptors, one component at a time. What does not fit (a link, a FIFO, a file where a
folder must be) is moved aside: it stays the sandbox's, and the sandbox starts.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from collections.abc import Iterator
from pathlib import Path

FOLDER_MODE = 0o755
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def kind(name: str, parent: int) -> int | None:
    """The file type (`stat.S_IFMT`) of an entry itself; None when there is none. Raises OSError."""
    try:
        return stat.S_IFMT(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode)
    except FileNotFoundError:
        return None


def move_aside(name: str, parent: int) -> None:
    """Out of the way, next to where it was. Raises OSError."""
    os.rename(name, f"{name[:200]}.aside-{secrets.token_hex(3)}", src_dir_fd=parent, dst_dir_fd=parent)


def unlock(name: str, parent: int) -> None:
    """Give the owner all rights on a folder that has none. Raises OSError; NotADirectoryError for anything else."""
    if not hasattr(os, "O_PATH"):
        os.chmod(name, stat.S_IRWXU, dir_fd=parent, follow_symlinks=False)
        return
    handle = os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
    try:
        mode = stat.S_IMODE(os.fstat(handle).st_mode)
        if mode & stat.S_IRWXU != stat.S_IRWXU:
            os.chmod(f"/proc/self/fd/{handle}", mode | stat.S_IRWXU)
    finally:
        os.close(handle)


def open_folder(name: str, parent: int) -> int:
    """A descriptor of an existing folder, whatever its mode. Raises OSError: for links and for what is no folder."""
    unlock(name, parent)
    return os.open(name, _FOLDER, dir_fd=parent)


def make_folder(name: str, parent: int) -> int:
    """A descriptor of the folder `name`, made if it is missing; what else bears the name is moved aside."""
    there = kind(name, parent)
    if there is not None and there != stat.S_IFDIR:
        move_aside(name, parent)
        there = None
    if there is not None:
        return open_folder(name, parent)
    os.mkdir(name, FOLDER_MODE, dir_fd=parent)
    made = open_folder(name, parent)
    os.fchmod(made, FOLDER_MODE)  # whatever the umask of the engine
    return made


@contextlib.contextmanager
def folder(root: Path, path: str = "") -> Iterator[int]:
    """A descriptor of `path` below `root`, each component a real folder afterwards. `root` itself is the engine's.

    Raises OSError.
    """
    handle = os.open(root, _FOLDER)
    try:
        for name in path.split("/"):
            if name:
                inner = make_folder(name, handle)
                os.close(handle)
                handle = inner
        yield handle
    finally:
        os.close(handle)


def write_own(parent: int, name: str, text: str, *, keep: bool) -> None:
    """Write a file of the sandbox's anew; with `keep` a regular file that exists stays as it is. Raises OSError."""
    there = kind(name, parent)
    if there == stat.S_IFREG and keep:
        return
    if there == stat.S_IFDIR:
        move_aside(name, parent)
    elif there is not None:
        os.unlink(name, dir_fd=parent)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(name, flags, 0o644, dir_fd=parent)
    with os.fdopen(descriptor, "w") as file:
        os.fchmod(descriptor, 0o644)
        file.write(text)


def is_own(root: Path, path: str) -> bool:
    """Whether the sandbox has something of its own at `path`: a file or folder that is not empty.

    Empty ones are what bubblewrap leaves of the mount points of an earlier run.
    """
    outer, _, name = path.rpartition("/")
    with folder(root, outer) as parent:
        there = kind(name, parent)
        if there == stat.S_IFREG:
            return os.stat(name, dir_fd=parent, follow_symlinks=False).st_size > 0
        if there != stat.S_IFDIR:
            return False
        inner = open_folder(name, parent)
        try:
            with os.scandir(inner) as entries:
                return next(entries, None) is not None
        finally:
            os.close(inner)


def make_point(root: Path, path: str, *, is_folder: bool) -> None:
    """Make sure that something can be mounted on `path` below `root`. Raises OSError."""
    outer, _, name = path.rpartition("/")
    with folder(root, outer) as parent:
        there = kind(name, parent)
        if there == (stat.S_IFDIR if is_folder else stat.S_IFREG):
            return
        if there is not None:
            move_aside(name, parent)
        if is_folder:
            os.mkdir(name, FOLDER_MODE, dir_fd=parent)
        else:
            os.close(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644, dir_fd=parent))
