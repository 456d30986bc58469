"""Roles as styles."""

from __future__ import annotations

from rich.style import Style

from hopx_tui.theme import ANSI, NIGHT, ROLES
from hopx_tui.widgets.palette import Palette, ascii_only
from tests.widgets.hosting import Host

NIGHT_VARIABLES = {**NIGHT.to_color_system().generate(), **NIGHT.variables}


def test_every_role_has_a_style():
    palette = Palette(NIGHT_VARIABLES)
    for role in ROLES:
        assert palette.style(role).color is not None


def test_roles_join_with_attributes():
    palette = Palette(NIGHT_VARIABLES)
    style = palette.style("good italic bold")
    assert style.italic
    assert style.bold
    assert style.color == palette.style("good").color
    assert palette.style(Style(blink=True)) == Style(blink=True)
    assert palette.style("underline").underline


def test_quiet_text_of_the_terminals_own_colours_is_dim():
    palette = Palette({**ANSI.to_color_system().generate(), **ANSI.variables}, ansi=True)
    assert palette.style("muted").dim
    assert palette.style("good").color.number == 2


def test_unknown_and_automatic_variables_fall_back():
    palette = Palette({"foreground": "#ffffff", "success": "#00ff00", "text-muted": "auto 60%"})
    assert palette.color("local").hex == "#00FF00"
    assert palette.color("text-muted").hex == "#FFFFFF"
    assert Palette({}).color("primary").ansi is not None


async def test_the_app_says_whether_only_ascii_is_shown():
    app = Host(ascii_only=True)
    async with app.run_test():
        assert ascii_only(app)
        assert Palette.of(app).style("good").color is not None
