from __future__ import annotations

import pyte

from hopx_tui.vt.screen import VTScreen
from hopx_tui.vt.stream import VTStream
from hopx_tui.vt.style import StyleTable
from tests.vt.term import Term


def test_it_is_a_pyte_screen_that_pytes_own_stream_can_drive():
    text = "hello\r\n\x1b[1;31mred\x1b[0m\x1b[2;6Hx\x1b[3;1Hab\x1b[1D\x1b[K"
    text += "\x1b[1L\x1b[5n\x1b[c\x1b(0\x0e\x0f\x1b7\x1b8\x1b[?25l\x1b[4h\x1b]0;t\x07"
    ours, stock = VTScreen(10, 4), pyte.Screen(10, 4)
    pyte.Stream(ours).feed(text)
    pyte.Stream(stock).feed(text)
    assert isinstance(ours, pyte.Screen)
    assert ours.display == stock.display
    assert (ours.cursor.x, ours.cursor.y) == (stock.cursor.x, stock.cursor.y)
    assert ours.title == stock.title == "t"
    assert repr(ours) == "VTScreen(10, 4)"


def test_the_buffer_reads_like_pytes():
    screen = VTScreen(4, 1)
    VTStream(screen).feed(b"\x1b[1;4;33;105ma\x1b[0;38;5;208;48;2;1;2;3mb\xe6\x97\xa5")
    first, second, wide, right = (screen.buffer[0][x] for x in range(4))
    assert (first.data, first.fg, first.bg, first.bold, first.underscore) == ("a", "brown", "brightmagenta", True, True)
    assert (second.fg, second.bg) == ("208", "010203")
    assert (wide.data, right.data) == ("日", "")


def test_screens_may_share_styles():
    table = StyleTable()
    one, two = Term(styles=table).feed("\x1b[31ma"), Term(styles=table).feed("\x1b[31ma")
    assert one.style(0) is two.style(0)


def test_sgr_by_numbers():
    term = Term()
    term.screen.select_graphic_rendition(1, 31)
    term.screen.select_graphic_rendition(4, private=True)
    assert term.screen.cursor.style.sgr == "0;1;31"


def test_any_size_is_made_possible():
    assert (VTScreen(0, -1).columns, VTScreen(0, -1).lines) == (1, 1)


def test_history_keeps_what_scrolled_off():
    term = Term(10, 2, history_rows=3).feed("".join(f"{index}\r\n" for index in range(9)))
    assert term.history == ["5", "6", "7"]
    assert term.rows == ["8", ""]
    assert term.screen.history.dropped == 5
