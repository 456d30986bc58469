"""Attributes change with few bytes, and end up as they should."""

from __future__ import annotations

import random

from hopx_tui.tty.pen import Pen
from hopx_tui.vt.screen import VTScreen
from hopx_tui.vt.stream import VTStream
from hopx_tui.vt.style import Colour, Look, StyleTable

COLOURS: tuple[Colour, ...] = (None, 1, 9, 208, (1, 2, 3))


def random_look(rng: random.Random) -> Look:
    return Look(
        fg=rng.choice(COLOURS),
        bg=rng.choice(COLOURS),
        flags=rng.choice((0, 0, 1, 3, 16, 64, 255)),
        underline=rng.choice((0, 0, 1, 2, 3)),
        underline_colour=rng.choice((None, 4, (7, 8, 9))),
        link=rng.choice((None, None, "https://example.org/a")),
    )


def test_every_turn_ends_where_it_should() -> None:
    rng = random.Random(1)
    styles = StyleTable()
    pen = Pen()
    screen = VTScreen(10, 1, styles=styles)
    stream = VTStream(screen)
    for _ in range(3_000):
        style = styles.intern(random_look(rng))
        stream.feed_text(pen.to(style) + "\rx")
        assert screen.rows[0].grid()[1][0].look == style.look
        if rng.random() < 0.05:
            pen.forget()


def test_what_stays_is_not_said_again() -> None:
    styles = StyleTable()
    pen = Pen()
    base = styles.intern(Look(fg=(1, 2, 3), bg=(4, 5, 6)))
    pen.to(base)
    assert pen.to(base) == ""
    assert pen.to(styles.intern(Look(fg=2, bg=(4, 5, 6)))) == "\x1b[32m"
    assert pen.to(styles.intern(Look(fg=2, bg=(4, 5, 6), flags=1))) == "\x1b[1m"
    assert pen.to(styles.default) == "\x1b[m"
