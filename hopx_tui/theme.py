"""How the dashboard looks: colour themes, named text roles, and the shape, word and colour of every state."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from textual.theme import Theme

DEFAULT_THEME = "hopx-night"
ANSI_THEME = "hopx-ansi"


_FEW_COLORS = ("", "linux", "screen", "dumb", "vt100")
"""Terminals whose own sixteen colours are all there is."""


class StateLook(NamedTuple):
    """One state, told three times: by shape, by word and by colour (a role of `ROLES`)."""

    glyph: str
    ascii: str
    word: str
    style: str

    def mark(self, ascii_only: bool = False) -> str:
        """The one-cell shape for this terminal."""
        return self.ascii if ascii_only else self.glyph


class Role(NamedTuple):
    """A meaning of text: the theme variable of its colour, and attributes that carry it without colour."""

    variable: str
    attributes: str = ""


ROLES: Mapping[str, Role] = MappingProxyType(
    {
        "": Role("foreground"),
        "text": Role("foreground"),
        "bold": Role("foreground", "bold"),
        "muted": Role("text-muted"),
        "faint": Role("text-disabled"),
        "primary": Role("primary"),
        "secondary": Role("secondary"),
        "accent": Role("accent"),
        "key": Role("accent", "bold"),
        "title": Role("primary", "bold"),
        "good": Role("success"),
        "warn": Role("warning"),
        "bad": Role("error"),
        "alert": Role("error", "bold"),
        "local": Role("local"),
        "cloud": Role("cloud"),
        "running": Role("success"),
        "paused": Role("warning"),
        "stopped": Role("text-muted"),
        "creating": Role("secondary"),
        "failed": Role("error", "bold"),
        "unknown": Role("text-muted"),
        "spark": Role("spark"),
        "ghost": Role("ghost"),
    }
)
"""Style names which widgets accept; several may be joined by spaces (`bold good`)."""

VARIABLE_DEFAULTS: Mapping[str, str] = MappingProxyType(
    {"local": "success", "cloud": "primary", "spark": "primary", "ghost": "text-disabled"}
)
"""Own theme variables, and the standard one that stands in where a theme does not know them."""

_RUNNING = StateLook("●", "*", "running", "running")
_ERROR = StateLook("▲", "!", "error", "failed")
_STATES: Mapping[str, StateLook] = MappingProxyType(
    {
        "running": _RUNNING,
        "active": _RUNNING._replace(word="active"),
        "ready": _RUNNING._replace(word="ready"),
        "paused": StateLook("‖", "=", "paused", "paused"),
        "pausing": StateLook("‖", "=", "pausing", "creating"),
        "resuming": StateLook("◌", "o", "resuming", "creating"),
        "starting": StateLook("◌", "o", "starting", "creating"),
        "creating": StateLook("◌", "o", "creating", "creating"),
        "pending": StateLook("◌", "o", "pending", "creating"),
        "building": StateLook("◌", "o", "building", "creating"),
        "publishing": StateLook("◌", "o", "publishing", "creating"),
        "stopping": StateLook("■", "#", "stopping", "creating"),
        "stopped": StateLook("■", "#", "stopped", "stopped"),
        "archived": StateLook("■", "#", "archived", "stopped"),
        "gone": StateLook("×", "x", "gone", "stopped"),
        "killed": StateLook("×", "x", "killed", "stopped"),
        "error": _ERROR,
        "failed": _ERROR._replace(word="failed"),
    }
)


def state_look(state: str | None) -> StateLook:
    """How a sandbox's or template's state is shown; a state nobody knows keeps its own word."""
    name = (state or "").strip().lower()
    return _STATES.get(name) or StateLook("?", "?", name[:12] or "unknown", "unknown")


class SourceLook(NamedTuple):
    """Where sandboxes come from, as a word and a role."""

    word: str
    style: str


def source_look(local: bool) -> SourceLook:
    """The engine on this machine or the cloud: both have a colour of their own everywhere."""
    return SourceLook("local", "local") if local else SourceLook("cloud", "cloud")


def level_role(value: float | None, *, warn: float = 70.0, bad: float = 90.0) -> str:
    """The role for a percentage: plain, `warn` from 70, `bad` from 90."""
    if value is None:
        return "muted"
    return "bad" if value >= bad else "warn" if value >= warn else ""


def _variables(
    *,
    muted: str,
    faint: str,
    line: str,
    cursor: str,
    cursor_blurred: str,
    track: str,
    thumb: str,
    footer: str,
    on_button: str,
    selection: str,
    local: str,
    cloud: str,
    foreground: str,
    spark: str,
    ghost: str,
) -> dict[str, str]:
    """The variables in which the themes differ from what Textual would derive."""
    return {
        "text-muted": muted,
        "text-disabled": faint,
        "foreground-muted": muted,
        "foreground-disabled": faint,
        "border-blurred": line,
        "block-cursor-background": cursor,
        "block-cursor-foreground": foreground,
        "block-cursor-text-style": "bold",
        "block-cursor-blurred-background": cursor_blurred,
        "block-cursor-blurred-foreground": foreground,
        "scrollbar": thumb,
        "scrollbar-hover": muted,
        "scrollbar-background": track,
        "scrollbar-background-hover": track,
        "scrollbar-background-active": track,
        "scrollbar-corner-color": track,
        "footer-background": footer,
        "footer-description-foreground": muted,
        "button-color-foreground": on_button,
        "input-selection-background": selection,
        "screen-selection-background": selection,
        "local": local,
        "cloud": cloud,
        "spark": spark,
        "ghost": ghost,
    }


NIGHT = Theme(
    name="hopx-night",
    primary="#74b2f0",
    secondary="#a99bf0",
    accent="#e6b673",
    success="#86cf8d",
    warning="#e8c15f",
    error="#f2807f",
    foreground="#d7dce4",
    background="#12151b",
    surface="#191d25",
    panel="#232936",
    dark=True,
    variables=_variables(
        muted="#949eae",
        faint="#6c7686",
        line="#3a4252",
        cursor="#2b4263",
        cursor_blurred="#283040",
        track="#12151b",
        thumb="#4a5468",
        footer="#191d25",
        on_button="#12151b",
        selection="#34517a",
        local="#62c7b0",
        cloud="#b79bf2",
        foreground="#f0f3f8",
        spark="#5a8cc4",
        ghost="#444d5e",
    ),
)
"""Cool ink: blue-grey ground, soft blue focus, amber keys."""

EMBER = Theme(
    name="hopx-ember",
    primary="#e8a36a",
    secondary="#8fbfb0",
    accent="#dfc98a",
    success="#a9c77d",
    warning="#e9bd5c",
    error="#ee8070",
    foreground="#e4dcd0",
    background="#181512",
    surface="#211d19",
    panel="#2e2823",
    dark=True,
    variables=_variables(
        muted="#a89d8e",
        faint="#7e7467",
        line="#4a4138",
        cursor="#553c28",
        cursor_blurred="#372f28",
        track="#181512",
        thumb="#5c5145",
        footer="#211d19",
        on_button="#181512",
        selection="#6a4a30",
        local="#8fc9a8",
        cloud="#c9a7e0",
        foreground="#fbf5ec",
        spark="#b98556",
        ghost="#554b41",
    ),
)
"""Warm charcoal: copper focus, sand text, easy on the eyes at night."""

PAPER = Theme(
    name="hopx-paper",
    primary="#1a5fa8",
    secondary="#6a4ba3",
    accent="#8a5200",
    success="#1f7034",
    warning="#8a5a00",
    error="#b3261e",
    foreground="#23262d",
    background="#faf9f5",
    surface="#f1efe8",
    panel="#e4e1d7",
    dark=False,
    variables=_variables(
        muted="#5a6069",
        faint="#7b818a",
        line="#c5c1b4",
        cursor="#c9dcf2",
        cursor_blurred="#e0ddd3",
        track="#faf9f5",
        thumb="#b4b0a3",
        footer="#f1efe8",
        on_button="#ffffff",
        selection="#b5d0f0",
        local="#0f6e5c",
        cloud="#6a3fb0",
        foreground="#14161a",
        spark="#4a84bd",
        ghost="#b9b5a8",
    ),
)
"""Warm paper for bright rooms: dark ink, every colour readable as text."""

ANSI = Theme(
    name=ANSI_THEME,
    ansi=True,
    primary="ansi_cyan",
    secondary="ansi_blue",
    accent="ansi_yellow",
    success="ansi_green",
    warning="ansi_yellow",
    error="ansi_red",
    foreground="ansi_default",
    background="ansi_default",
    surface="ansi_default",
    panel="ansi_default",
    boost="ansi_default",
    dark=True,
    variables={
        "ansi-background": "ansi_default",
        "ansi-foreground": "ansi_default",
        "border": "ansi_cyan",
        "border-blurred": "ansi_default",
        "block-cursor-foreground": "ansi_default",
        "block-cursor-background": "ansi_default",
        "block-cursor-text-style": "reverse",
        "block-cursor-blurred-text-style": "none",
        "scrollbar": "ansi_cyan",
        "scrollbar-hover": "ansi_cyan",
        "scrollbar-active": "ansi_cyan",
        "scrollbar-background": "ansi_default",
        "scrollbar-background-hover": "ansi_default",
        "scrollbar-background-active": "ansi_default",
        "footer-key-foreground": "ansi_yellow",
        "input-cursor-text-style": "reverse",
        "input-selection-background": "ansi_cyan",
        "input-selection-foreground": "ansi_black",
        "screen-selection-background": "ansi_cyan",
        "screen-selection-foreground": "ansi_black",
        "local": "ansi_green",
        "cloud": "ansi_magenta",
        "spark": "ansi_cyan",
        "ghost": "ansi_default",
    },
)
"""The terminal's own sixteen colours and ground: for consoles, `TERM=linux|screen`, and the fewest bytes."""

THEMES: tuple[Theme, ...] = (NIGHT, EMBER, PAPER, ANSI)

# What a program in a terminal means by the sixteen colours, on our grounds: the hues that every terminal gives them, so
# that mc is blue here as well, each readable as text, and as a ground for black or white text.
DARK_PALETTE = (
    "#14171c", "#cd4a4a", "#57a857", "#c9a13b", "#2f74d0", "#b065c8", "#35a3b3", "#d3d8e0",
    "#737c8a", "#f07878", "#8fd48a", "#efcf7a", "#6aa8f5", "#d69ae6", "#76d4df", "#ffffff",
)  # fmt: skip
LIGHT_PALETTE = (
    "#1c1c1c", "#b3261e", "#2e7d32", "#8a6400", "#1f57b5", "#8e3aa8", "#0f7480", "#d0ccc2",
    "#77726a", "#cc3b33", "#3f9142", "#a97c00", "#3a74d6", "#a653c0", "#16899a", "#ffffff",
)  # fmt: skip


def start_theme(wanted: str | None, term: str) -> str:
    """The theme that was asked for, else one that the terminal (its TERM) can show."""
    if wanted in {theme.name for theme in THEMES}:
        return str(wanted)
    return ANSI_THEME if term in _FEW_COLORS else DEFAULT_THEME
