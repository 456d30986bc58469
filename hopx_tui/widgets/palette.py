"""Role names of the theme turned into Rich styles for widgets that draw their own lines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.color import Color as RichColor
from rich.style import Style
from textual.app import App
from textual.color import Color

from hopx_tui.theme import ROLES, VARIABLE_DEFAULTS

RunStyle = str | Style
"""A role name of `hopx_tui.theme.ROLES` (several joined by spaces), any Rich style text, or a Rich style."""


class Palette:
    """Styles of one theme. Only foregrounds and attributes: the ground is the widget's."""

    def __init__(self, variables: Mapping[str, str], *, ansi: bool = False) -> None:
        """`variables` as in `App.theme_variables`; `ansi` when the theme uses the terminal's own colours."""
        self._variables = variables
        self._ansi = ansi
        self._styles: dict[str, Style] = {}

    @classmethod
    def of(cls, app: App[Any]) -> Palette:
        """The palette of the theme which `app` shows now."""
        return cls(app.theme_variables, ansi=app.native_ansi_color)

    def color(self, variable: str) -> Color:
        """The colour of a theme variable; an unknown or automatic one is the foreground."""
        for name in (variable, VARIABLE_DEFAULTS.get(variable, "foreground"), "foreground"):
            value = self._variables.get(name)
            if value is None or value.startswith(("auto", "initial")):
                continue
            return Color.parse(value.split()[0])
        return Color.parse("ansi_default")

    def style(self, name: RunStyle) -> Style:
        """The style of a role; parts joined by spaces add up, parts that are no role are Rich style words."""
        if isinstance(name, Style):
            return name
        style = self._styles.get(name)
        if style is None:
            style = self._styles[name] = self._compose(name)
        return style

    def _compose(self, name: str) -> Style:
        if name in ROLES:
            return self._role(name)
        style = Style()
        rest: list[str] = []
        for part in name.split():
            if part in ROLES and part != "bold":
                style += self._role(part)
            else:
                rest.append(part)
        return style + Style.parse(" ".join(rest)) if rest else style

    def _role(self, name: str) -> Style:
        role = ROLES[name]
        attributes = Style.parse(role.attributes) if role.attributes else Style()
        if self._ansi and role.variable in {"text-muted", "text-disabled", "ghost"}:
            return attributes + Style(dim=True)
        return Style(color=self._rich(role.variable)) + attributes

    def _rich(self, variable: str) -> RichColor:
        return self.color(variable).rich_color


def ascii_only(app: App[Any]) -> bool:
    """Whether the terminal shows nothing but ASCII: the app says so by an attribute `ascii_only`."""
    return bool(getattr(app, "ascii_only", False))
