"""The words of the first lines."""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from hopx_tui.api.control import ControlPlane
from hopx_tui.api.errors import ApiError, AuthError, Unreachable
from hopx_tui.api.models import EngineHealth, Sandbox
from hopx_tui.live.events import EventLog
from hopx_tui.live.fleet import FleetState
from hopx_tui.live.session import Session
from hopx_tui.screens.header import banner_parts, header_parts


def session(
    *sandboxes: Sandbox,
    kind: str = "ok",
    error: ApiError | None = None,
    health: EngineHealth | None = None,
    local: bool = True,
) -> Session:
    made = Session(ControlPlane("http://127.0.0.1:1", "k"), local=local, name_of=lambda _: None, log=EventLog())
    for sandbox in sandboxes:
        made.fleet._roster.put(sandbox)
    made.fleet._state = FleetState(kind, error, 1.0)  # type: ignore[arg-type]
    made.health = health
    return made


def words(parts: Sequence[tuple[str, str]]) -> str:
    return "".join(text for text, _ in parts)


def test_live() -> None:
    left, right = header_parts(session(), "local engine", time.time(), ascii_only=False)
    assert words(left).startswith("hopx-tui  local engine ")
    assert "● live" in words(left)
    assert words(right).endswith(time.strftime("%H:%M"))
    assert "127.0.0.1:1" in words(right)


def test_ascii() -> None:
    left, _ = header_parts(session(), "local", 0.0, ascii_only=True)
    assert "* live" in words(left)
    assert words(left).isascii()


def test_trouble() -> None:
    left, _ = header_parts(session(kind="failed", error=Unreachable("Nobody.")), "x", 0.0, ascii_only=False)
    assert "no answer" in words(left)
    assert "Nobody." in words(left)
    left, _ = header_parts(session(kind="refused", error=AuthError("No.")), "x", 0.0, ascii_only=False)
    assert "key refused" in words(left)
    left, _ = header_parts(session(kind="loading"), "x", 0.0, ascii_only=False)
    assert "loading" in words(left)


def test_counts_in_order() -> None:
    soon = datetime.now(UTC) + timedelta(seconds=60)
    boxes = [
        Sandbox("a", "stopped"), Sandbox("b", "strange"), Sandbox("c", "running", expires_at=soon),
        Sandbox("d", "paused"),
    ]  # fmt: skip
    _, right = header_parts(session(*boxes), "x", time.time(), ascii_only=False)
    assert "1 running  1 paused  1 stopped  1 strange  1 expiring  " in words(right)


def test_sources_have_colours_of_their_own() -> None:
    roles = [
        header_parts(session(local=local), "name", 0.0, ascii_only=False)[0][1][1] for local in (True, False)
    ]
    assert roles[0] != roles[1]


def test_banner() -> None:
    assert banner_parts(session(), False) == []
    assert "read-only" in words(banner_parts(session(), True))
    health = EngineHealth("healthy", isolation="none", isolation_reason="no\x1b bwrap")
    text = words(banner_parts(session(health=health), False))
    assert "not isolated: commands run as you" in text
    assert "no\\x1b bwrap" in text
    assert banner_parts(session(health=EngineHealth("healthy", isolation="bwrap")), False) == []
