"""Themes one can read in, and states one can tell apart without colours."""

from __future__ import annotations

import pytest
from rich.color import Color as RichColor
from rich.color import ColorSystem
from textual.color import Color
from textual.theme import Theme

from hopx_tui.theme import (
    ANSI,
    DARK_PALETTE,
    DEFAULT_THEME,
    LIGHT_PALETTE,
    NIGHT,
    PAPER,
    ROLES,
    THEMES,
    VARIABLE_DEFAULTS,
    level_role,
    source_look,
    start_theme,
    state_look,
)

STATES = ["running", "paused", "stopped", "creating", "error", "unknown"]
COLOURED = [theme for theme in THEMES if not theme.ansi]


def variables_of(theme):
    """As the app merges them."""
    return {**theme.to_color_system().generate(), **theme.variables}


def contrast(one: Color, other: Color) -> float:
    def luminance(color: Color) -> float:
        parts = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in color.normalized]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def in_256(value: str) -> Color:
    downgraded = RichColor.parse(Color.parse(value).hex6.lower()).downgrade(ColorSystem.EIGHT_BIT)
    return Color.from_rich_color(RichColor.from_triplet(downgraded.get_truecolor()))


def test_names():
    assert {theme.name for theme in THEMES} == {"hopx-night", "hopx-ember", "hopx-paper", "hopx-ansi"}
    assert DEFAULT_THEME in {theme.name for theme in THEMES}


@pytest.mark.parametrize("theme", THEMES, ids=lambda theme: theme.name)
def test_every_role_has_a_colour(theme):
    variables = variables_of(theme)
    for role in ROLES.values():
        assert role.variable in variables or role.variable in VARIABLE_DEFAULTS


@pytest.mark.parametrize("theme", COLOURED, ids=lambda theme: theme.name)
@pytest.mark.parametrize("convert", [Color.parse, in_256], ids=["truecolor", "256"])
def test_text_is_readable_on_every_ground(theme, convert):
    variables = variables_of(theme)
    grounds = [convert(variables[name]) for name in ("background", "surface")]
    for role in ROLES.values():
        if role.variable == "ghost":  # a ground for plots, never a text
            continue
        least = 3.0 if role.variable in {"text-disabled", "spark"} else 4.5
        ink = convert(variables[role.variable])
        for ground in grounds:
            assert contrast(ink, ground) >= least, (role.variable, ink, ground)


@pytest.mark.parametrize("theme", COLOURED, ids=lambda theme: theme.name)
def test_the_cursor_can_be_read_and_seen_in_256_colours(theme):
    variables = variables_of(theme)
    ground = in_256(variables["background"])
    for name in ("block-cursor", "block-cursor-blurred"):
        cursor = in_256(variables[f"{name}-background"])
        assert cursor != ground
        assert contrast(in_256(variables[f"{name}-foreground"]), cursor) >= 4.5


def test_the_ansi_theme_uses_only_the_sixteen_colours():
    variables = variables_of(ANSI)
    for name in ("primary", "success", "warning", "error", "background", "scrollbar", "border", "local", "cloud"):
        assert variables[name].startswith("ansi_")


def test_states_differ_in_shape_and_word():
    looks = [state_look(state) for state in STATES]
    assert len({look.glyph for look in looks}) == len(STATES)
    assert len({look.ascii for look in looks}) == len(STATES)
    assert len({look.word for look in looks}) == len(STATES)
    assert all(look.style in ROLES and look.ascii.isascii() for look in looks)
    assert state_look("RUNNING ").glyph == "●"
    assert state_look("running").mark(True) == "*"
    assert state_look("running").mark() == "●"


def test_an_unknown_state_keeps_its_word():
    assert state_look("hibernating").word == "hibernating"
    assert state_look(None).word == "unknown"
    assert state_look("").style == "unknown"


def test_sources_and_levels():
    assert source_look(True).word == "local"
    assert source_look(False).style == "cloud"
    assert [level_role(value) for value in (None, 3, 70, 90)] == ["muted", "", "warn", "bad"]


@pytest.mark.parametrize(
    ("wanted", "term", "theme"),
    [("hopx-paper", "linux", "hopx-paper"), ("no such", "xterm", DEFAULT_THEME), (None, "linux", "hopx-ansi")],
)
def test_the_theme_to_begin_with(wanted, term, theme):
    assert start_theme(wanted, term) == theme


@pytest.mark.parametrize(("palette", "ground"), [(DARK_PALETTE, NIGHT), (LIGHT_PALETTE, PAPER)])
def test_a_programs_sixteen_colours_keep_their_hues_and_can_be_read(palette: tuple[str, ...], ground: Theme) -> None:
    assert ground.background is not None
    background = Color.parse(ground.background)
    colours = [Color.parse(colour) for colour in palette]
    for index, hue in ((1, 0), (2, 1), (4, 2)):
        for colour in (colours[index], colours[index + 8]):
            assert max(range(3), key=lambda part, rgb=colour.rgb: rgb[part]) == hue
    for colour in (*colours[1:7], *colours[8:15]):
        assert contrast(colour, background) > 2.5
    for colour in colours[1:7]:  # as a ground of black or white text, whichever programs put there
        assert max(contrast(colour, colours[0]), contrast(colour, colours[15])) > 3.5
