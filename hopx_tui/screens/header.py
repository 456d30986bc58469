"""The words of the first lines: which source, how it is doing, how many of what, the time."""

from __future__ import annotations

import time

from hopx_tui import format as fmt
from hopx_tui.live.session import Session
from hopx_tui.theme import source_look, state_look
from hopx_tui.widgets.line import Part


def header_parts(session: Session, name: str, wall: float, *, ascii_only: bool) -> tuple[list[Part], list[Part]]:
    """Left: program, source and its state. Right: counts and the time."""
    fleet = session.fleet
    state = fleet.state
    look = source_look(session.local)
    dot = "*" if ascii_only else "●"
    left: list[Part] = [("hopx-tui  ", "bold"), (f"{name} ", look.style)]
    if state.error is not None:
        word = "key refused" if state.kind == "refused" else "no answer"
        left += [(f"{dot} {word} ", "bad"), (fmt.truncate(state.error.message, 60), "muted")]
    elif state.kind == "loading":
        left.append((f"{dot} loading", "warn"))
    else:
        left.append((f"{dot} live", "good"))
    right: list[Part] = []
    if session.local:
        right.append((f"{session.control.base_url.removeprefix('http://')}  ", "faint"))
    for status, number in sorted(fleet.counts().items(), key=lambda item: _ORDER.get(item[0], 9)):
        right.append((f"{number} {status}  ", state_look(status).style))
    expiring = len(fleet.expiring())
    if expiring:
        right.append((f"{expiring} expiring  ", "warn"))
    # No seconds: a clock that ticks each second costs more bytes over SSH than everything else at rest.
    right.append((time.strftime("%H:%M", time.localtime(wall)), "muted"))
    return left, right


_ORDER = {"running": 0, "creating": 1, "paused": 2, "stopped": 3}


def banner_parts(session: Session, readonly: bool) -> list[Part]:
    """What the person must not overlook; empty when there is nothing."""
    parts: list[Part] = []
    if not session.isolated:
        reason = session.health.isolation_reason if session.health is not None else None
        parts += [("not isolated: commands run as you  ", "warn"), (fmt.printable(reason or ""), "muted")]
    if readonly:
        parts.append(("  read-only: nothing can be changed from here", "warn"))
    return parts
