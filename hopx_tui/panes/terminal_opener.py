"""How a terminal pane reaches a shell of its sandbox: kept by the agent where it can be, plain where not."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Sequence
from typing import Protocol

from hopx_tui.api.errors import ApiError, Closed
from hopx_tui.widgets.terminal_link import TtyLink

__all__ = ["PREFIX", "ShellOpener", "left_behind", "open_elsewhere"]

PREFIX = "hopx-tui."
"""The names of the sessions that dashboards make."""


class KeptSession(Protocol):
    """A terminal that the agent keeps."""

    @property
    def name(self) -> str:
        """What it is joined by."""

    @property
    def clients(self) -> int:
        """How many are connected to it."""

    @property
    def title(self) -> str:
        """What its program says it is."""

    @property
    def idle_seconds(self) -> float:
        """Since something was typed or written there."""

    @property
    def cols(self) -> int:
        """Its width in cells."""

    @property
    def rows(self) -> int:
        """Its height in cells."""


class ShellLink(TtyLink, Protocol):
    """A link that is to be connected first."""

    async def connect(self) -> None:
        """Open it."""


class ShellAgent(Protocol):
    """What of a sandbox's agent is needed here; everything may raise ApiError."""

    async def keeps_terminals(self) -> bool:
        """Whether a terminal can be come back to."""

    async def terminal_sessions(self) -> Sequence[KeptSession]:
        """The kept ones."""

    async def end_terminal_session(self, name: str) -> None:
        """End one with the shell in it."""

    def terminal(self, cols: int, rows: int, *, session: str | None = None, mode: str = "write") -> ShellLink:
        """A terminal, not connected yet."""


FindAgent = Callable[[], ShellAgent | None]


class ShellOpener:
    """Opens links to one shell, again and again.

    Args:
        find: the sandbox's agent, None once the sandbox is gone.
        name: the session to join; a new one without it.
    """

    def __init__(self, find: FindAgent, name: str | None = None) -> None:
        self._find = find
        self.name = name or PREFIX + secrets.token_hex(4)
        self.watches = False
        self.types = True
        """Whether what is typed reached the program last: then it shall again, whoever has stepped in meanwhile."""
        self._joined = False
        self._takes = False
        self._kept = False

    def take_over(self) -> None:
        """The next link shall type, whoever does so now."""
        self.watches, self._takes = False, True

    async def __call__(self, columns: int, lines: int) -> TtyLink:
        """A connected link of that size. Raises ApiError."""
        agent = self._find()
        if agent is None:
            raise Closed("the sandbox is gone")
        self._kept = await agent.keeps_terminals()
        if self._kept:
            # The server may not know yet that our last connection is dead, and still take it for the one that types.
            takes = self._takes or (self._joined and self.types)
            mode = "watch" if self.watches else "take" if takes else "write"
            link = agent.terminal(columns, lines, session=self.name, mode=mode)
        else:
            link = agent.terminal(columns, lines)
        await link.connect()
        self._takes, self._joined = False, True
        return link

    async def end(self) -> None:
        """End the shell itself where hanging up does not. Nothing is raised: a sandbox that is gone has no shell."""
        agent = self._find()
        if self._kept and agent is not None:
            try:
                await agent.end_terminal_session(self.name)
            except ApiError:
                pass  # it ends by itself ten minutes after the last client left


async def open_elsewhere(agent: ShellAgent, mine: Collection[str]) -> list[KeptSession]:
    """The sessions that this dashboard has not opened; empty where the agent keeps none. Raises ApiError."""
    if not await agent.keeps_terminals():
        return []
    return [each for each in await agent.terminal_sessions() if each.name not in mine]


async def left_behind(agent: ShellAgent) -> list[str]:
    """The sessions of earlier dashboards to which nobody is connected; empty where the agent keeps none.

    Raises ApiError.
    """
    if not await agent.keeps_terminals():
        return []
    sessions = await agent.terminal_sessions()
    return [each.name for each in sessions if each.name.startswith(PREFIX) and not each.clients]
