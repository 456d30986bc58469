"""Paths inside a sandbox: text, or raw bytes where a name is not UTF-8."""

from __future__ import annotations

from hopx_tui.api.models import RemotePath


def raw(path: RemotePath) -> bytes:
    """The path as the sandbox's file system spells it."""
    return path if isinstance(path, bytes) else path.encode("utf-8", "surrogateescape")


def spelled(path: bytes) -> RemotePath:
    """Text where that is possible, else the bytes."""
    try:
        return path.decode()
    except UnicodeDecodeError:
        return path


def parent(path: RemotePath) -> RemotePath:
    """The directory above; `/` is its own parent."""
    head, _, _ = raw(path).rstrip(b"/").rpartition(b"/")
    return spelled(head or b"/")


def join(directory: RemotePath, name: str) -> RemotePath:
    """`name` inside `directory`; an absolute name stands for itself."""
    if name.startswith("/"):
        return name
    return spelled(raw(directory).rstrip(b"/") + b"/" + name.encode("utf-8", "surrogateescape"))


def base_name(path: RemotePath) -> str:
    """The last part, as text."""
    return raw(path).rstrip(b"/").rpartition(b"/")[2].decode("utf-8", "backslashreplace") or "/"


def shown(path: RemotePath) -> str:
    """The path as text; bytes that are not UTF-8 as escapes."""
    return raw(path).decode("utf-8", "backslashreplace")
