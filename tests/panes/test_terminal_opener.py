"""How shells are reached: kept ones by name and role, plain ones as they are."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from hopx_tui.api.errors import ApiError, Closed, Unreachable
from hopx_tui.panes.terminal_opener import PREFIX, ShellOpener, left_behind, open_elsewhere


@dataclass
class Session:
    name: str
    clients: int = 0
    title: str = ""
    cols: int = 80
    rows: int = 24
    idle_seconds: float = 0.0


class Link:
    async def connect(self) -> None:
        """Always works."""


@dataclass
class Agent:
    """Notes how it was asked for terminals."""

    keeps: bool = True
    sessions: list[Session] = field(default_factory=list)
    asked: list[tuple[str | None, str]] = field(default_factory=list)
    ended: list[str] = field(default_factory=list)
    refuses: ApiError | None = None

    async def keeps_terminals(self) -> bool:
        return self.keeps

    async def terminal_sessions(self) -> list[Session]:
        return self.sessions

    async def end_terminal_session(self, name: str) -> None:
        if self.refuses is not None:
            raise self.refuses
        self.ended.append(name)

    def terminal(self, cols: int, rows: int, *, session: str | None = None, mode: str = "write") -> Any:
        self.asked.append((session, mode))
        return Link()


async def test_a_kept_shell_is_typed_in_again_after_a_loss() -> None:
    agent = Agent()
    opener = ShellOpener(lambda: agent)
    assert opener.name.startswith(PREFIX)
    await opener(80, 24)
    await opener(80, 24)
    opener.types = False  # somebody took over
    await opener(80, 24)
    opener.take_over()
    await opener(80, 24)
    opener.watches = True
    await opener(80, 24)
    assert [mode for _, mode in agent.asked] == ["write", "take", "write", "take", "watch"]
    assert {name for name, _ in agent.asked} == {opener.name}
    await opener.end()
    assert agent.ended == [opener.name]


async def test_a_session_of_somebody_else_is_not_taken_by_joining() -> None:
    agent = Agent()
    await ShellOpener(lambda: agent, "theirs")(80, 24)
    assert agent.asked == [("theirs", "write")]


async def test_plain_shells() -> None:
    agent = Agent(keeps=False)
    opener = ShellOpener(lambda: agent)
    await opener(80, 24)
    await opener(80, 24)
    assert agent.asked == [(None, "write"), (None, "write")]
    await opener.end()
    assert agent.ended == []
    assert await left_behind(agent) == []
    assert await open_elsewhere(agent, ()) == []


async def test_a_sandbox_that_is_gone() -> None:
    with pytest.raises(Closed, match="gone"):
        await ShellOpener(lambda: None)(80, 24)
    agent = Agent(refuses=Unreachable("no"))
    opener = ShellOpener(lambda: agent)
    await opener(80, 24)
    await opener.end()  # nothing is raised


async def test_what_was_left_and_what_others_have() -> None:
    mine, left, busy, foreign = f"{PREFIX}mine", f"{PREFIX}left", f"{PREFIX}busy", "build"
    agent = Agent(sessions=[Session(mine, 1), Session(left), Session(busy, 2), Session(foreign)])
    assert await left_behind(agent) == [left]
    assert [each.name for each in await open_elsewhere(agent, {mine})] == [left, busy, foreign]
