"""The attributes that the person's terminal writes with, and the shortest way from one set to the next."""

from __future__ import annotations

from hopx_tui.vt.style import Colour, Look, Style, sgr_parameters

__all__ = ["Pen"]

_CACHE = 8_192


class Pen:
    """Knows the terminal's current attributes; `to` gives the bytes that change them.

    `links`: the terminal takes OSC 8, or at least passes over it (a Linux console may print it).
    """

    def __init__(self, *, links: bool = True) -> None:
        self._links = links
        self.style: Style | None = None
        """What the terminal writes with now; None: unknown."""
        self._turns: dict[tuple[Look, Look], str] = {}

    def forget(self) -> None:
        """Another program wrote: the attributes are unknown."""
        self.style = None

    def to(self, style: Style) -> str:
        """Escape sequences from the current attributes to these; empty if nothing changes."""
        before, self.style = self.style, style
        if before is style:
            return ""
        if before is None:
            return f"\x1b[{style.sgr}m" + (f"\x1b]8;;{style.look.link or ''}\x1b\\" if self._links else "")
        turn = (before.look, style.look)
        text = self._turns.get(turn)
        if text is None:
            if len(self._turns) >= _CACHE:
                self._turns.clear()
            old, new = turn if self._links else (turn[0]._replace(link=None), turn[1]._replace(link=None))
            text = self._turns[turn] = _turn(old, new)
        return text


def _turn(old: Look, new: Look) -> str:
    """The shorter of two spellings: from nothing, or only what differs."""
    whole = sgr_parameters(new)
    if whole == "0":
        whole = ""
    added = new.flags & ~old.flags
    parts: str | None = None
    gone = old.flags & ~new.flags
    if not gone and not (old.underline and old.underline != new.underline):
        lines = new.underline if new.underline != old.underline else 0
        parts = sgr_parameters(Look(flags=added, underline=lines)).removeprefix("0").removeprefix(";")
        for before, after, base in ((old.fg, new.fg, "39"), (old.bg, new.bg, "49")):
            if before != after:
                parts = _join(parts, _colour(after, base))
        if old.underline_colour != new.underline_colour:
            parts = _join(parts, _colour(new.underline_colour, "59"))
    if parts is not None and len(parts) < max(len(whole), 1):
        whole = parts
    changed = new._replace(link=None) != old._replace(link=None)
    return (f"\x1b[{whole}m" if changed else "") + _link(old.link, new.link)


def _join(parts: str, more: str) -> str:
    return f"{parts};{more}" if parts else more


def _colour(colour: Colour, default: str) -> str:
    if colour is None:
        return default
    name = {"39": "fg", "49": "bg", "59": "underline_colour"}[default]
    return sgr_parameters(Look(**{name: colour})).removeprefix("0;")  # type: ignore[arg-type]


def _link(old: str | None, new: str | None) -> str:
    """OSC 8; what is in it was checked when it was read."""
    return "" if old == new else f"\x1b]8;;{new or ''}\x1b\\"
