"""What goes wrong, as the agent's error body spells it (contract 2.3)."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class AgentError(Exception):
    """An answer other than success. `code` is the contract's upper-case word, `message` plain words for a
    person."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        path: str | None = None,
        details: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.path = path
        self.details = {**({"path": path} if path is not None else {}), **(details or {})}


def invalid_request(message: str) -> AgentError:
    """400 INVALID_REQUEST."""
    return AgentError(400, "INVALID_REQUEST", message)


def missing_parameter(name: str) -> AgentError:
    """400 MISSING_PARAMETER."""
    return AgentError(400, "MISSING_PARAMETER", f"Missing parameter: {name}", details={"parameter": name})


def invalid_path(message: str, path: str) -> AgentError:
    """400 INVALID_PATH."""
    return AgentError(400, "INVALID_PATH", message, path=path)


def path_not_allowed(path: str, why: str) -> AgentError:
    """403 PATH_NOT_ALLOWED."""
    return AgentError(403, "PATH_NOT_ALLOWED", f"Path not allowed: {path} ({why})", path=path)


def operation_failed(message: str, path: str) -> AgentError:
    """400 FILE_OPERATION_FAILED: a 5xx would make clients repeat what cannot succeed."""
    return AgentError(400, "FILE_OPERATION_FAILED", message, path=path)


_INVALID = {errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.ELOOP, errno.EINVAL, errno.ENXIO}
_DENIED = {errno.EACCES, errno.EPERM, errno.EROFS}
_FULL = {errno.ENOSPC, errno.EDQUOT}


def from_os_error(error: OSError, path: str) -> AgentError:
    """The answer for a failed system call on `path`."""
    number = error.errno or 0
    reason = os.strerror(number)
    if number == errno.ENOENT:
        return AgentError(404, "FILE_NOT_FOUND", f"File not found: {path}", path=path)
    if number == errno.EEXIST:
        return AgentError(409, "FILE_ALREADY_EXISTS", f"File already exists: {path}", path=path)
    if number in _DENIED:
        return AgentError(403, "PERMISSION_DENIED", f"Permission denied: {path} ({reason})", path=path)
    if number in _INVALID:
        return invalid_path(f"{reason}: {path}", path)
    if number in _FULL:
        return operation_failed(f"The disk is full: {path} was not written ({reason})", path)
    return operation_failed(f"{path}: {reason}", path)


@contextmanager
def os_errors(path: str) -> Iterator[None]:
    """Turns an OSError about `path` into its AgentError."""
    try:
        yield
    except OSError as error:
        raise from_os_error(error, path) from error
