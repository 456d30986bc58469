"""How files are listed: folders first, then by name; size, time and permissions beside it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from hopx_tui import format as fmt
from hopx_tui.api.models import FileInfo
from hopx_tui.widgets.columns import Column, Run


def in_order(entries: Sequence[FileInfo]) -> list[FileInfo]:
    """Folders first, each by name without regard to case."""
    return sorted(entries, key=_by_name)


def file_columns() -> tuple[Column[FileInfo], ...]:
    """The columns of a folder's table."""
    return (
        Column("name", "NAME", min_width=12, sort=_by_name, cell=_name, letter="n", cut="middle"),
        Column("size", "SIZE", 5, align="right", sort=lambda e: e.size, cell=_size, descending=True, letter="s"),
        Column("modified", "MODIFIED", 10, priority=1, sort=_time, cell=_modified, descending=True, letter="m"),
        Column("permissions", "MODE", 10, priority=2, cell=lambda e: (e.permissions, "faint")),
    )


def _by_name(entry: FileInfo) -> tuple[bool, str, str]:
    return (not entry.is_directory, entry.name.casefold(), entry.name)


def _name(entry: FileInfo) -> Sequence[Run]:
    if entry.is_directory:
        return ((entry.name, "primary"), ("/", "faint"))
    runnable = "x" in entry.permissions
    return ((entry.name, "good" if runnable else ""), ("@" if entry.is_symlink else "", "faint"))


def _size(entry: FileInfo) -> Run:
    return ("" if entry.is_directory else fmt.size(entry.size), "muted")


def _time(entry: FileInfo) -> float | None:
    return entry.modified.timestamp() if entry.modified is not None else None


def _modified(entry: FileInfo) -> Run:
    return (fmt.when(entry.modified, datetime.now().astimezone(), short=True, missing=""), "muted")
