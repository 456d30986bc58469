"""Styles: what a cell looks like, interned so that two equal styles of one table are one object."""

from __future__ import annotations

from typing import Any, NamedTuple

Colour = int | tuple[int, int, int] | None
"""None: the default colour; 0..255: the palette; (r, g, b): direct colour."""

BOLD, DIM, ITALIC, BLINK, REVERSE, HIDDEN, STRIKE, OVERLINE = (1 << bit for bit in range(8))

MAX_STYLES = 20_000
MAX_TRANSITIONS = 1_000
MAX_ALL_TRANSITIONS = 65_536

_FLAG_CODES = (
    (BOLD, "1"), (DIM, "2"), (ITALIC, "3"), (BLINK, "5"), (REVERSE, "7"), (HIDDEN, "8"), (STRIKE, "9"),
    (OVERLINE, "53"),
)  # fmt: skip


class Look(NamedTuple):
    """The value of a style; `flags` is a sum of the constants of this module."""

    fg: Colour = None
    bg: Colour = None
    flags: int = 0
    underline: int = 0
    underline_colour: Colour = None
    link: str | None = None


PLAIN = Look()


class Style:
    """One look, with what painters and the parser remember about it.

    `rich` is an opaque slot for the widget; `erase` is the style of cells erased under this one (its
    background alone); `trans` maps a whole SGR token to the style it leads to.
    """

    __slots__ = (
        "_sgr", "bg", "blink", "bold", "dim", "erase", "fg", "hidden", "italic", "link", "look", "overline",
        "reverse", "rich", "strike", "trans", "underline", "underline_color",
    )  # fmt: skip

    erase: Style

    def __init__(self, look: Look) -> None:
        fg, bg, flags, underline, underline_colour, link = look
        self.look = look
        self.fg = fg
        self.bg = bg
        self.bold = flags & BOLD != 0
        self.dim = flags & DIM != 0
        self.italic = flags & ITALIC != 0
        self.blink = flags & BLINK != 0
        self.reverse = flags & REVERSE != 0
        self.hidden = flags & HIDDEN != 0
        self.strike = flags & STRIKE != 0
        self.overline = flags & OVERLINE != 0
        self.underline = underline
        self.underline_color = underline_colour
        self.link = link
        self.rich: Any = None
        self.trans: dict[str, Style] = {}
        self._sgr = ""

    @property
    def sgr(self) -> str:
        """The SGR parameters that lead here from anywhere, beginning with 0: `0;1;38;5;208`."""
        if not self._sgr:
            self._sgr = sgr_parameters(self.look)
        return self._sgr

    def __repr__(self) -> str:
        return f"Style({self.sgr}{' ' + self.link if self.link else ''})"

    def __deepcopy__(self, memo: object) -> Style:
        """Itself: a copy of a screen shares its styles, which are compared by identity."""
        return self


def sgr_parameters(look: Look) -> str:
    """Spell a look as SGR parameters, reset first."""
    codes = ["0", *(code for bit, code in _FLAG_CODES if look.flags & bit)]
    if look.underline:
        codes.append("4" if look.underline == 1 else "21" if look.underline == 2 else f"4:{look.underline}")
    codes += _colour_codes(look.fg, 30)
    codes += _colour_codes(look.bg, 40)
    if isinstance(look.underline_colour, int):
        codes.append(f"58:5:{look.underline_colour}")
    elif look.underline_colour is not None:
        codes.append("58:2::{}:{}:{}".format(*look.underline_colour))
    return ";".join(codes)


def _colour_codes(colour: Colour, base: int) -> list[str]:
    if colour is None:
        return []
    if isinstance(colour, tuple):
        return ["{};2;{};{};{}".format(base + 8, *colour)]
    if colour < 8:
        return [str(base + colour)]
    if colour < 16:
        return [str(base + 52 + colour)]
    return [f"{base + 8};5;{colour}"]


class StyleTable:
    """Interns styles; bounded: a full table forgets everything but the default style.

    Styles that cells still hold stay valid after that; only their identity with new equal ones is lost.
    """

    __slots__ = ("_styles", "_transitions", "default")

    def __init__(self) -> None:
        self._styles: dict[Look, Style] = {}
        self._transitions = 0
        self.default = Style(PLAIN)
        self.default.erase = self.default
        self._styles[PLAIN] = self.default

    def __len__(self) -> int:
        return len(self._styles)

    def __deepcopy__(self, memo: object) -> StyleTable:
        """Itself, as its styles."""
        return self

    def intern(self, look: Look) -> Style:
        style = self._styles.get(look)
        if style is None:
            if len(self._styles) >= MAX_STYLES:
                self._forget()
            style = self._styles[look] = Style(look)
            erase = Look(bg=look.bg)
            style.erase = style if look == erase else self.intern(erase)
        return style

    def remember(self, style: Style, token: str, result: Style) -> None:
        """Cache that `token` turns `style` into `result`."""
        if len(style.trans) >= MAX_TRANSITIONS:
            self._transitions -= len(style.trans)
            style.trans.clear()
        if self._transitions >= MAX_ALL_TRANSITIONS:
            for known in self._styles.values():
                known.trans.clear()
            self._transitions = 0
        style.trans[token] = result
        self._transitions += 1

    def _forget(self) -> None:
        for known in self._styles.values():
            known.trans.clear()  # cells keep old styles alive: these must not keep each other
        self._styles.clear()
        self._styles[PLAIN] = self.default
        self._transitions = 0
