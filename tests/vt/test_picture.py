"""A screen drawn anew is the same screen."""

from __future__ import annotations

import random

import pytest

from hopx_tui.vt.picture import picture
from hopx_tui.vt.screen import VTScreen
from hopx_tui.vt.stream import VTStream

PIECES = [
    "text", "\r\n", "日本", "e\u0301", "\x1b[31;1mred", "\x1b[m", "\x1b[44m\x1b[K", "\x1b[3;4H", "\x1b[2;5r", "w" * 50,
    "\x1b[?25l", "\x1b[?25h", "\x1b[4 q", "\x1b[?5h", "\x1b[?5l", "\x1b[38;2;1;2;3;4:3m", "\x1b[?1049h", "\x1b[2J",
]  # fmt: skip


def look(screen: VTScreen) -> object:
    rows = [(cells, [style.look for style in styles]) for cells, styles in (row.grid() for row in screen.rows)]
    cursor = screen.cursor
    x = min(cursor.x, screen.columns - 1)
    modes = screen.modes.alt_screen, screen.modes.reverse_screen, screen.cursor_visible, screen.cursor_shape
    return rows, x, cursor.y, cursor.style.look, screen.top, screen.bottom, modes


@pytest.mark.parametrize("seed", range(60))
def test_the_picture_is_the_screen(seed):
    chance = random.Random(seed)
    screen, copied = VTScreen(30, 7), VTScreen(30, 7)
    VTStream(screen).feed_text("".join(chance.choices(PIECES, k=chance.randint(0, 40))))
    stream = VTStream(copied)
    stream.feed_text(picture(screen))
    assert look(copied) == look(screen)
