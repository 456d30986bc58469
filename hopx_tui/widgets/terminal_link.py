"""What the terminal widget asks of a connection to a remote shell."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol, runtime_checkable

__all__ = ["Connect", "LinkExit", "LinkLost", "LinkRole", "TtyLink"]


class LinkLost(Exception):  # noqa: N818  (it names what happened, as the states do)
    """The connection was refused or dropped; ``reason`` is one line of plain words for the person."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class LinkExit(Protocol):
    """What ``read`` answers once the shell has ended."""

    @property
    def code(self) -> int | None:
        """The shell's exit code, None where the far side did not tell."""


@runtime_checkable
class LinkRole(Protocol):
    """What ``read`` answers when a kept session tells whether this side may type, first of all after connecting."""

    @property
    def writer(self) -> bool:
        """Whether what is typed here reaches the program."""

    @property
    def created(self) -> bool:
        """Whether the session began with this connection."""

    @property
    def position(self) -> int:
        """Characters of output since the session began, the replay included; negative: only the role changed."""

    @property
    def characters(self) -> int:
        """How many of what is read next are a replay."""

    @property
    def tail(self) -> int:
        """How many of those, at their end, are output as the program wrote it."""

    @property
    def size(self) -> tuple[int, int] | None:
        """Columns and lines of the program's terminal, which are its writer's; None: not told."""


class TtyLink(Protocol):
    """One remote pseudo terminal. All methods may raise `LinkLost` (or the errors the owner declared)."""

    async def read(self) -> str | LinkExit | LinkRole:
        """The next piece of output (best <= 32 KB), the exit, or a role. Not reading must stop the sender."""

    async def write(self, data: str) -> None:
        """Send typed text."""

    def write_now(self, data: str) -> bool:
        """Send typed text if that takes no waiting; False, and nothing sent, where `write` is to be used."""

    async def resize(self, cols: int, rows: int) -> None:
        """Tell the far side the new size in cells."""

    async def close(self) -> None:
        """Hang up. Never raises for a link that is gone already."""


Connect = Callable[[int, int], Awaitable[TtyLink]]
"""Opens a link: ``await connect(columns, rows)``."""
