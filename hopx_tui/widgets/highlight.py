"""Source code coloured in the roles of the theme, whatever the theme is."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from rich.style import Style
from rich.syntax import Syntax, SyntaxTheme
from rich.text import Text

from hopx_tui.widgets.palette import Palette

# Longest prefix of the token's type wins.
_TOKEN_ROLES: Mapping[tuple[str, ...], str] = MappingProxyType(
    {
        ("Comment",): "muted italic",
        ("Keyword",): "primary",
        ("Keyword", "Constant"): "warn",
        ("Operator", "Word"): "primary",
        ("Literal", "String"): "good",
        ("Literal", "Number"): "warn",
        ("Literal", "Date"): "warn",
        ("Name", "Function"): "secondary",
        ("Name", "Class"): "secondary bold",
        ("Name", "Decorator"): "accent",
        ("Name", "Tag"): "primary",
        ("Name", "Attribute"): "accent",
        ("Name", "Builtin"): "secondary",
        ("Name", "Constant"): "warn",
        ("Name", "Namespace"): "accent",
        ("Generic", "Heading"): "title",
        ("Generic", "Subheading"): "title",
        ("Generic", "Inserted"): "good",
        ("Generic", "Deleted"): "bad",
        ("Generic", "Strong"): "bold",
        ("Generic", "Emph"): "italic",
        ("Generic", "Error"): "bad",
    }
)


class RoleTheme(SyntaxTheme):
    """Token types as roles of a palette."""

    def __init__(self, palette: Palette) -> None:
        self._palette = palette

    def get_style_for_token(self, token_type: tuple[str, ...]) -> Style:
        """The role of the nearest known ancestor of the type."""
        parts = tuple(token_type)
        while parts:
            role = _TOKEN_ROLES.get(parts)
            if role is not None:
                return self._palette.style(role)
            parts = parts[:-1]
        return Style.null()

    def get_background_style(self) -> Style:
        """The widget's own ground."""
        return Style.null()


def highlight(lines: list[str], lexer: str, palette: Palette) -> list[Text]:
    """One styled text per line of `lines`, which must be printable. Takes its time: about 1 s per 300 KB."""
    syntax = Syntax("", lexer, theme=RoleTheme(palette))
    styled = syntax.highlight("\n".join(lines)).split("\n", allow_blank=True)
    texts = list(styled)[: len(lines)]
    # Lexers may drop blank lines at an end; what they did not give back stays plain.
    for index in range(len(lines)):
        if index >= len(texts):
            texts.append(Text(lines[index]))
        elif texts[index].plain != lines[index]:
            return [Text(line) for line in lines]
    return texts


def lexer_for(path: str, text: str = "") -> str | None:
    """The name of the lexer for a file by its name (and first text), or None when it is nothing known."""
    name = Syntax.guess_lexer(path, text[:4096] or None)
    return None if name in {"default", "text"} else name
