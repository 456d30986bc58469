"""Draws emulator rows as Textual strips: styles, wide characters, highlights, notes laid over a line."""

from __future__ import annotations

import unicodedata

from rich.cells import cell_len
from rich.color import Color, ColorSystem
from rich.segment import Segment
from rich.style import Style as RichStyle
from textual.strip import Strip

from hopx_tui.vt.row import Row
from hopx_tui.vt.style import Style
from hopx_tui.vt.width import char_width

__all__ = ["StyleBook", "note", "overlay", "printable", "swapped"]

# What makes terminals disagree about the width of the text around it. The emulator counts every character
# for itself, so sequences are drawn as their parts: joiners and variation selectors go, the letters of
# flags become fullwidth letters, skin tones become blanks, each as wide as the emulator counted it.
_REDRAWN: dict[int, str | None] = {
    0x200C: None, 0x200D: None, 0xFE0E: None, 0xFE0F: None,
    **{0x1F1E6 + index: chr(0xFF21 + index) for index in range(26)},
    **dict.fromkeys(range(0x1F3FB, 0x1F400), "  "),
}  # fmt: skip


def printable(text: str) -> str:
    """The text with everything that is not printable replaced, so that no byte can act as a command."""
    if text.isascii() and text.isprintable():
        return text
    text = text.translate(_REDRAWN)
    return text if text.isprintable() else "".join(char if char.isprintable() else _harmless(char) for char in text)


def _harmless(char: str) -> str:
    """What stands for a character that Python does not call printable, as wide as the emulator counted it."""
    category, width = unicodedata.category(char), char_width(char)
    if category == "Co":  # the icons of prompts and editors
        return char
    if category == "Zs":
        return " " * width
    if char == "\u00ad":
        return "-" * width
    return "\ufffd" + " " * (width - 1) if width else ""


class StyleBook:
    """Rich styles for one pair of default colours (those of the theme).

    The Rich style of an emulator style is kept on the style itself together with the base it was made for,
    so that looking it up costs one comparison and a change of theme needs no sweep.
    """

    def __init__(self, base: RichStyle, *, fine_underlines: bool = False) -> None:
        """`fine_underlines`: the person's terminal knows curly, dotted and coloured ones."""
        self.base = base
        self._fine_underlines = fine_underlines

    def rich(self, style: Style) -> RichStyle:
        """The Rich style of an emulator style."""
        slot = style.rich
        if slot is not None and slot[0] is self.base:
            return slot[1]  # type: ignore[no-any-return]
        rich = self.base + RichStyle(
            color=_colour(style.fg),
            bgcolor=_colour(style.bg),
            bold=style.bold or None,
            dim=style.dim or None,
            italic=style.italic or None,
            underline=(style.underline == 1 or style.underline > 2) or None,
            underline2=style.underline == 2 or None,
            blink=style.blink or None,
            reverse=style.reverse or None,
            strike=style.strike or None,
            overline=style.overline or None,
            link=style.link,
        )
        if self._fine_underlines and (style.underline > 2 or style.underline_color is not None):
            rich = _with_underline(rich, style)
        style.rich = (self.base, rich)
        return rich

    def strip(self, row: Row, columns: int) -> Strip:
        """One row as a strip of exactly ``columns`` cells; kept in ``row.paint`` until the row changes."""
        slot = row.paint
        if slot is not None and slot[0] is self.base and slot[1] == columns:
            return slot[2]  # type: ignore[no-any-return]
        strip = self.fresh_strip(row, columns)
        row.paint = (self.base, columns, strip)
        return strip

    def fresh_strip(self, row: Row | str, columns: int) -> Strip:
        """The same without keeping it (scrollback: ten thousand kept strips would weigh 30 MB)."""
        if isinstance(row, str):
            text = printable(row)
            return Strip([Segment(text, self.base)]).adjust_cell_length(columns, self.base)
        segments = []
        for text, style in row.segments():
            text = printable(text)
            if style.hidden:
                text = " " * cell_len(text)
            segments.append(Segment(text, self.rich(style)))
        if row.columns == columns:
            return Strip(segments, columns)
        return Strip(segments).adjust_cell_length(columns, self.base)

    def blank(self, columns: int) -> Strip:
        """An empty line."""
        return Strip.blank(columns, self.base)

    def cursor(self, shape: int) -> RichStyle:
        """How the cell under a drawn cursor looks for a DECSCUSR shape: underlined, else colours swapped."""
        if shape in (3, 4):
            return RichStyle(underline=True)
        colour, bgcolor = self.base.color, self.base.bgcolor
        if colour is None or bgcolor is None or colour.is_default or bgcolor.is_default:
            return RichStyle(reverse=True)
        return RichStyle(color=bgcolor, bgcolor=colour, reverse=False)


def _with_underline(rich: RichStyle, style: Style) -> RichStyle:
    """Rich knows no kinds and colours of underlines; what it says to the terminal is completed by hand."""
    rich = rich.copy()
    extra = f"4:{style.underline}" if style.underline > 2 else ""
    colour = style.underline_color
    if isinstance(colour, int):
        extra += f";58:5:{colour}"
    elif colour is not None:
        extra += ";58:2::{}:{}:{}".format(*colour)
    rich._ansi = f"{Strip.render_ansi(rich, ColorSystem.TRUECOLOR)};{extra.removeprefix(';')}"
    return rich


def _colour(value: int | tuple[int, int, int] | None) -> Color | None:
    if value is None:
        return None
    if isinstance(value, int):
        return Color.from_ansi(value)
    return Color.from_rgb(*value)


def overlay(strip: Strip, start: int, end: int, style: RichStyle) -> Strip:
    """Restyle the cells ``start`` to ``end`` (end excluded)."""
    width = strip.cell_length
    start, end = max(0, start), min(end, width)
    if start >= end:
        return strip
    parts = []
    if start > 0:
        parts.append(strip.crop(0, start))
    middle = strip.crop(start, end)
    segments = Segment.apply_style(middle, post_style=style)
    parts.append(Strip(segments, end - start))
    if end < width:
        parts.append(strip.crop(end, width))
    return Strip.join(parts)


def note(strip: Strip, text: str, style: RichStyle) -> Strip:
    """Lay a short text over the right end of a line, cut to what fits."""
    width = strip.cell_length
    label = Strip([Segment(text, style)])
    if label.cell_length > width:
        label = label.adjust_cell_length(width)
    return Strip.join([strip.crop(0, width - label.cell_length), label])


def swapped(style: RichStyle) -> RichStyle:
    """Foreground and background exchanged (DECSCNM turns the whole screen so)."""
    if style.color is None or style.bgcolor is None:
        return style + RichStyle(reverse=True)
    return style + RichStyle(color=style.bgcolor, bgcolor=style.color)
