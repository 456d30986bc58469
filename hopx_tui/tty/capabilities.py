"""What the person's terminal can do, read from the environment alone (nothing is asked, nothing imported)."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

__all__ = ["Capabilities", "Depth", "detect", "recommended"]

Depth = Literal["none", "16", "256", "truecolor"]
"""How many colours: none at all, the 16 named ones, the palette of 256, or direct colour."""

REMOTE_FPS = 15
ESCAPE_DELAY_MILLISECONDS = 25

_TRUECOLOUR_TERMS = ("alacritty", "contour", "foot", "ghostty", "kitty", "rio", "wezterm", "direct")
_COLOURLESS_TERMS = ("dumb", "unknown", "vt100", "vt102", "vt220", "vt52", "cons25-m", "linux-m")
_TEXTUAL_NAMES: Mapping[Depth, str] = {"16": "standard", "256": "256", "truecolor": "truecolor"}


@dataclass(frozen=True)
class Capabilities:
    """Facts and the decisions that follow from them.

    ``ascii``: draw borders and graphs with ASCII only. ``osc52``: the terminal may take clipboard text
    through OSC 52 (none tells). ``display``: a desktop's own clipboard tool can be asked.
    """

    utf8: bool
    ascii: bool
    depth: Depth
    over_ssh: bool
    multiplexer: Literal["tmux", "screen"] | None
    console: bool
    osc52: bool
    display: bool


def detect(environ: Mapping[str, str], *, platform: str = sys.platform) -> Capabilities:
    """Read the environment of the process."""
    term = environ.get("TERM", "").lower()
    utf8 = _utf8(environ, platform)
    console = term == "linux" or term.startswith("linux-")
    over_ssh = any(environ.get(name) for name in ("SSH_CONNECTION", "SSH_CLIENT", "SSH_TTY"))
    dumb = term in ("", "dumb", "unknown")
    display = not over_ssh and (
        platform == "darwin" or any(environ.get(name) for name in ("WAYLAND_DISPLAY", "DISPLAY"))
    )
    return Capabilities(
        utf8=utf8,
        ascii=not utf8 or console or dumb,
        depth=_depth(environ, term, console=console),
        over_ssh=over_ssh,
        multiplexer="tmux" if environ.get("TMUX") else "screen" if environ.get("STY") else None,
        console=console,
        osc52=not (console or dumb or _without_osc52(environ)),
        display=display,
    )


def recommended(found: Capabilities, environ: Mapping[str, str]) -> dict[str, str]:
    """Environment values to set before textual is imported; what the person set already is left alone.

    Over SSH: no motion and at most 15 frames a second, because each frame crosses the link. On a console:
    no kitty key protocol. Everywhere: a lone escape is told after 25 ms, not 100.
    """
    values = {"ESCDELAY": str(ESCAPE_DELAY_MILLISECONDS), "TEXTUAL_SMOOTH_SCROLL": "0"}
    if found.over_ssh:
        values["TEXTUAL_FPS"] = str(REMOTE_FPS)
    if found.over_ssh or found.console:
        values["TEXTUAL_ANIMATIONS"] = "none"
    if found.console:
        values["TEXTUAL_DISABLE_KITTY_KEY"] = "1"
    if found.depth in _TEXTUAL_NAMES:
        values["TEXTUAL_COLOR_SYSTEM"] = _TEXTUAL_NAMES[found.depth]
    elif "NO_COLOR" not in environ:
        values["NO_COLOR"] = "1"
    return {name: value for name, value in values.items() if not environ.get(name)}


def _utf8(environ: Mapping[str, str], platform: str) -> bool:
    for name in ("LC_ALL", "LC_CTYPE", "LANG"):
        value = environ.get(name)
        if value:
            return value.lower().replace("-", "").partition(".")[2].partition("@")[0] == "utf8" or (
                name == "LC_CTYPE" and value.lower() == "utf-8"  # what macOS hands over SSH
            )
    return platform == "darwin"


def _depth(environ: Mapping[str, str], term: str, *, console: bool) -> Depth:
    if environ.get("NO_COLOR") or term in _COLOURLESS_TERMS or not term:
        return "none"
    if console:
        return "16"
    if environ.get("COLORTERM", "").lower() in ("truecolor", "24bit"):
        return "truecolor"
    if any(name in term for name in _TRUECOLOUR_TERMS):
        return "truecolor"
    return "256" if "256" in term else "16"


def _without_osc52(environ: Mapping[str, str]) -> bool:
    """Apple's Terminal and those of the VTE family (GNOME's and others) ignore it."""
    return environ.get("TERM_PROGRAM") == "Apple_Terminal" or bool(environ.get("VTE_VERSION"))
