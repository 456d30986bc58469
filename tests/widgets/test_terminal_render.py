"""Rows as strips."""

from __future__ import annotations

import pytest
from rich.color import Color, ColorSystem
from rich.style import Style as RichStyle
from textual.strip import Strip

from hopx_tui.vt.screen import VTScreen
from hopx_tui.vt.stream import VTStream
from hopx_tui.widgets.terminal_render import StyleBook, note, overlay, printable, swapped

BASE = RichStyle(color=Color.from_rgb(200, 200, 200), bgcolor=Color.from_rgb(10, 10, 10))


def strip_of(text: str, columns: int = 20, book: StyleBook | None = None) -> Strip:
    screen = VTScreen(columns, 2)
    VTStream(screen).feed_text(text)
    return (book or StyleBook(BASE)).strip(screen.rows[0], columns)


def style_of(sgr: str) -> RichStyle:
    style = next(iter(strip_of(f"\x1b[{sgr}mx"))).style
    assert style is not None
    return style


@pytest.mark.parametrize(
    ("sgr", "attribute"),
    [
        ("1", "bold"), ("2", "dim"), ("3", "italic"), ("4", "underline"), ("4:3", "underline"),
        ("21", "underline2"), ("5", "blink"), ("7", "reverse"), ("9", "strike"), ("53", "overline"),
    ],
)  # fmt: skip
def test_attributes(sgr: str, attribute: str):
    assert getattr(style_of(sgr), attribute)
    assert not getattr(style_of(f"{sgr};0"), attribute)


def test_colours():
    assert style_of("31;42").color == Color.from_ansi(1)
    assert style_of("31;42").bgcolor == Color.from_ansi(2)
    assert style_of("95").color == Color.from_ansi(13)
    assert style_of("38;5;208").color == Color.from_ansi(208)
    assert style_of("48;2;1;2;3").bgcolor == Color.from_rgb(1, 2, 3)
    assert style_of("0") == BASE


def test_hidden_text_is_blank():
    assert strip_of("a\x1b[8msecret日\x1b[0mb").text.rstrip() == "a        b"


def test_strips_are_kept_until_the_row_or_the_colours_change():
    screen = VTScreen(20, 2)
    stream = VTStream(screen)
    stream.feed_text("one")
    book = StyleBook(BASE)
    row = screen.rows[0]
    first = book.strip(row, 20)
    assert book.strip(row, 20) is first
    stream.feed_text("!")
    assert book.strip(row, 20).text.rstrip() == "one!"
    other = StyleBook(swapped(BASE))
    assert next(iter(other.strip(row, 20))).style == swapped(BASE)


def test_lines_of_the_history_fit_the_pane():
    book = StyleBook(BASE)
    assert book.fresh_strip("short", 10).cell_length == 10
    assert book.fresh_strip("a long line here", 5).text == "a lon"
    screen = VTScreen(30, 1)
    VTStream(screen).feed_text("x" * 30)
    assert book.fresh_strip(screen.rows[0], 10).text == "x" * 10


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"), ("日本", "日本"), ("a\x1bb\x9bc", "a\ufffdb\ufffdc"), ("\u202eabc", "abc"),
        ("a\u00a0b\u3000c\u202f", "a b  c "), ("\ue0b0 x\u00ady", "\ue0b0 x-y"), ("\u0378", "\ufffd"),
        ("\u2764\ufe0f", "\u2764"), ("\U0001f468\u200d\U0001f469", "\U0001f468\U0001f469"),
        ("\U0001f1e9\U0001f1ea", "ＤＥ"), ("\U0001f44d\U0001f3fd", "\U0001f44d  "), ("\ud800", "\ufffd"),
    ],
)  # fmt: skip
def test_only_printable_text_of_agreed_width_gets_out(text: str, shown: str):
    assert printable(text) == shown


def test_emoji_sequences_keep_the_width_the_emulator_counted():
    strip = strip_of("x\U0001f468\u200d\U0001f469y\u2764\ufe0fz\U0001f1e9\U0001f1ea|", 24)
    assert len(strip.text) + 2 + 2 == 24  # two wide emoji, two fullwidth letters
    assert strip.cell_length == 24


def test_overlay_restyles_cells_and_keeps_the_text():
    strip = strip_of("ab日本cd")
    ink = RichStyle(bgcolor=Color.from_ansi(5))
    restyled = overlay(strip, 2, 4, ink)
    assert restyled.text == strip.text
    assert restyled.cell_length == 20
    assert [style.bgcolor.number for text, style, _ in restyled if text == "日"] == [5]
    assert overlay(strip, 5, 5, ink) is strip
    assert overlay(strip, 30, 40, ink) is strip
    whole = overlay(strip, -3, 99, ink)
    assert {style.bgcolor.number for _, style, _ in whole} == {5}


def test_notes_are_laid_at_the_right_and_cut():
    assert note(strip_of("text"), " hi ", BASE).text == "text" + " " * 12 + " hi "
    assert note(strip_of("x", 5), " too long ", BASE).text == " too "


def test_the_cursor_swaps_the_default_colours_or_underlines():
    assert StyleBook(BASE).cursor(0).bgcolor == BASE.color
    assert StyleBook(BASE).cursor(4).underline
    assert StyleBook(RichStyle()).cursor(2).reverse
    assert swapped(RichStyle()).reverse


def ansi_of(text: str, *, fine: bool) -> str:
    return Strip.render_style(
        next(iter(strip_of(text, book=StyleBook(BASE, fine_underlines=fine)))).style, "x", ColorSystem.TRUECOLOR
    )


def test_kinds_and_colours_of_underlines_reach_terminals_that_know_them():
    assert ";4:3;58:2::1:2:3m" in ansi_of("\x1b[4:3;58:2::1:2:3mx", fine=True)
    assert ";58:5:9m" in ansi_of("\x1b[4;58:5:9mx", fine=True)
    assert "58:" not in ansi_of("\x1b[4:3;58:5:9mx", fine=False)
    assert ansi_of("\x1b[4mx", fine=True) == ansi_of("\x1b[4mx", fine=False)


def test_links_are_passed_on():
    assert "https://example.org/a" in ansi_of("\x1b]8;;https://example.org/a\x1b\\x", fine=False)
