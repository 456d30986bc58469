"""The local end of downloads and uploads: constant memory, progress, and never half a file left behind."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from hopx_tui.api.errors import LocalFileError

__all__ = ["FileSource", "Progress", "multipart", "save"]

Progress = Callable[[int, int | None], None]
"""Called with the bytes done and the bytes in all (None when the server does not say)."""

_PIECE = 256 * 1024
_NO_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.ENOTSUP}


async def save(
    pieces: AsyncIterable[bytes], to: Path, *, total: int | None, progress: Progress | None, overwrite: bool
) -> None:
    """Write `pieces` beside `to` and rename at the end; an error or a cancellation removes what was written."""
    done = 0
    with _partial(to, overwrite=overwrite) as file:
        if progress:
            progress(0, total)
        async for piece in pieces:
            with _local_errors(to):
                file.write(piece)
            done += len(piece)
            if progress:
                progress(done, total)


@contextmanager
def _partial(to: Path, *, overwrite: bool) -> Iterator[BinaryIO]:
    with _local_errors(to):
        if to.is_dir():
            raise LocalFileError(f"{to} is a directory.", hint="Name a file in it.")
        if not overwrite and os.path.lexists(to):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
        temporary = to.with_name(f".{to.name[:100]}.{secrets.token_hex(4)}.part")
        descriptor = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o666)
        file = open(descriptor, "wb", buffering=_PIECE)  # noqa: SIM115 -- closed on both ways out below
    try:
        yield file
        with _local_errors(to):
            file.close()
            _publish(temporary, to, overwrite=overwrite)
    except BaseException:
        with suppress(OSError):
            file.close()  # tries to flush once more and may fail again; the descriptor is closed all the same
        with suppress(OSError):
            temporary.unlink()
        raise


def _publish(temporary: Path, to: Path, *, overwrite: bool) -> None:
    """Give the finished file its name; without `overwrite` a file that appeared meanwhile is not replaced."""
    if overwrite:
        os.replace(temporary, to)
        return
    try:
        os.link(temporary, to)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        if os.path.lexists(to):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST)) from None
        os.rename(temporary, to)
    else:
        temporary.unlink()


class FileSource:
    """A local file to send: its size is fixed when opened, and a file that shrinks meanwhile is an error."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with _local_errors(path):
            # not blocking: opening a pipe would wait for its writer
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                os.close(descriptor)
                raise LocalFileError(f"{path} is not a regular file.", hint="Only files can be sent.")
        self.size = status.st_size
        self._file = open(descriptor, "rb", buffering=0)  # noqa: SIM115 -- closed by close()

    async def pieces(self, progress: Progress | None) -> AsyncIterator[bytes]:
        done = 0
        if progress:
            progress(0, self.size)
        while done < self.size:
            with _local_errors(self.path):
                piece = self._file.read(min(_PIECE, self.size - done))
            if not piece:
                raise LocalFileError(f"{self.path} became shorter while it was sent.", hint="Try again.")
            yield piece
            done += len(piece)
            if progress:
                progress(done, self.size)

    def close(self) -> None:
        self._file.close()


def multipart(
    fields: Mapping[str, str], name: str, size: int, pieces: AsyncIterable[bytes]
) -> tuple[dict[str, str], AsyncIterator[bytes]]:
    """Headers and body of a form with text `fields` first and then one file of `size` bytes."""
    boundary = secrets.token_hex(16)
    head = "".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n{value}\r\n'
        for field, value in fields.items()
    )
    head += (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{_quoted(name)}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    )
    before = head.encode("utf-8", "surrogateescape")
    after = f"\r\n--{boundary}--\r\n".encode()

    async def body() -> AsyncIterator[bytes]:
        yield before
        async for piece in pieces:
            yield piece
        yield after

    headers = {
        "Content-Type": f"multipart/form-data; boundary={boundary}",
        "Content-Length": str(len(before) + size + len(after)),
    }
    return headers, body()


def _quoted(name: str) -> str:
    return name.replace('"', "%22").replace("\r", "%0D").replace("\n", "%0A")


@contextmanager
def _local_errors(path: Path) -> Iterator[None]:
    """What this machine's disk says, in plain words."""
    try:
        yield
    except LocalFileError:
        raise
    except OSError as error:
        words, hint = _WORDS.get(error.errno or 0, (error.strerror or str(error), ""))
        raise LocalFileError(f"{path}: {words}.", hint=hint, code=errno.errorcode.get(error.errno or 0)) from error
    except ValueError as error:  # a NUL in the name
        raise LocalFileError(f"{str(path)!r} cannot be a file name.") from error


_WORDS: Mapping[int, tuple[str, str]] = {
    errno.ENOSPC: ("the disk is full", "Free some space, or choose another place."),
    errno.EDQUOT: ("the disk quota is used up", "Free some space, or choose another place."),
    errno.EACCES: ("permission denied", "Choose another place."),
    errno.EPERM: ("permission denied", "Choose another place."),
    errno.EROFS: ("the disk is read-only", "Choose another place."),
    errno.EEXIST: ("it already exists", "Choose another name, or allow overwriting."),
    errno.ENOENT: ("no such file or directory", "Check the path."),
    errno.ENOTDIR: ("a part of the path is not a directory", "Check the path."),
    errno.EISDIR: ("it is a directory", "Name a file in it."),
    errno.ENAMETOOLONG: ("the name is too long", "Choose a shorter one."),
    errno.EFBIG: ("the file is too big for this disk", "Choose another place."),
}
