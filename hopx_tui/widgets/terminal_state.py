"""What a terminal pane can be in, and the one line that tells the person about it."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Connected", "Connecting", "Exited", "Lost", "TerminalState", "state_note"]


@dataclass(frozen=True)
class Connecting:
    """The link is being opened; typing is kept and sent once it is."""


@dataclass(frozen=True)
class Connected:
    """A shell listens."""


@dataclass(frozen=True)
class Exited:
    """The shell ended; enter starts a new one. ``code`` is None where it was not told."""

    code: int | None


@dataclass(frozen=True)
class Lost:
    """The link was refused or dropped; the screen stays, enter reconnects. ``retry_in``: so does time, in seconds."""

    reason: str
    retry_in: float | None = None


TerminalState = Connecting | Connected | Exited | Lost


def state_note(state: TerminalState) -> str | None:
    """The line shown in the pane, the key first because the end may be cut; None when all is well."""
    match state:
        case Connecting():
            return " connecting… "
        case Exited(code):
            ended = "the shell ended" if not code else f"the shell ended with code {code}"
            return f" enter starts a new shell · {ended} "
        case Lost(reason, None):
            return f" enter reconnects · {reason} "
        case Lost(reason, seconds):
            return f" enter reconnects now, else in {seconds:g} s · {reason} "
        case _:
            return None
