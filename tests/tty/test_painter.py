"""What the painter writes brings a terminal to the wanted screen, cell for cell, whatever was shown before."""

from __future__ import annotations

import random

import pytest

from hopx_tui.tty import painter as painter_module
from hopx_tui.tty.painter import Painter
from hopx_tui.tty.wanted import Wanted
from hopx_tui.vt.screen import VTScreen
from hopx_tui.vt.stream import VTStream
from hopx_tui.vt.style import BLINK, OVERLINE, REVERSE, STRIKE, Look

TEXTS = ("a", "log line 12", "│", "─" * 7, "世界", "é", "e\u0301", "👍🏽", "🇩🇪", "    ", " " * 30, "x" * 40, "▁▂▃█")
COLOURS = ("0", "1", "31", "38;5;208", "48;2;10;20;30", "38;2;1;2;3;48;2;9;9;9", "4", "7", "4:3", "9", "1;3;44", "53")


def random_frame(rng: random.Random, columns: int, lines: int) -> str:
    """What an application might write: absolute motion, attributes, text; sometimes a line moved."""
    out = []
    for _ in range(rng.randint(1, 2 * lines)):
        out.append(f"\x1b[{rng.randint(1, lines)};{rng.randint(1, columns)}H\x1b[0;{rng.choice(COLOURS)}m")
        out.extend(rng.choice(TEXTS) for _ in range(rng.randint(1, 4)))
    if rng.random() < 0.3:
        out.append(f"\x1b[{rng.randint(1, lines)};1H\x1b[{rng.choice('LM')}")
    if rng.random() < 0.2:
        out.append("\x1b]8;;https://example.org/\x1b\\link\x1b]8;;\x1b\\")
    out.append(f"\x1b[0m\x1b[{rng.randint(1, lines)};{rng.randint(1, columns)}H\x1b[?25{rng.choice('hl')}")
    if rng.random() < 0.1:
        out.append(f"\x1b[{rng.randint(0, 6)} q")
    return "".join(out)


def draw_at_random(wanted: Wanted, rng: random.Random, columns: int, lines: int) -> None:
    """What is drawn past Textual: lines that moved, and cells."""
    if rng.random() < 0.5:
        top, bottom = sorted((rng.randrange(lines), rng.randrange(lines)))
        wanted.scroll(0, columns, top, bottom, rng.choice([-2, -1, 1, 2, 3]))
    for _ in range(rng.randrange(4)):
        style = wanted.style(f"\x1b[{rng.choice(COLOURS)}mx")
        cells = rng.choice([["a"], ["x", " ", "│"], ["世", "", "e\u0301"], [" "] * 5])
        if len(cells) <= columns:
            wanted.put(rng.randrange(columns - len(cells) + 1), rng.randrange(lines), cells, [style] * len(cells))


class Shown:
    """A terminal that gets what the painter writes."""

    def __init__(self, columns: int, lines: int) -> None:
        self.screen = VTScreen(columns, lines, history_rows=0)
        self._stream = VTStream(self.screen)
        self._stream.feed_text("\x1b[?7l")

    def take(self, text: str) -> None:
        self._stream.feed_text(text)


def looks(screen: VTScreen) -> list[list[tuple[str, object]]]:
    """Cells and what is seen of their styles: of a blank neither the text's colour nor its weight."""
    rows = []
    for row in screen.rows:
        cells, styles = row.grid()
        rows.append([(cell, seen(cell, style.look)) for cell, style in zip(cells, styles, strict=True)])
    return rows


def seen(cell: str, look: Look) -> object:
    if cell != " " or look.underline or look.link or look.flags & (BLINK | OVERLINE | REVERSE | STRIKE):
        return look
    return look.bg


def assert_same(painter: Painter, shown: Shown) -> None:
    assert looks(shown.screen) == looks(painter.wanted.screen)
    wanted, cursor = painter.wanted.screen.cursor, shown.screen.cursor
    assert shown.screen.cursor_visible == painter.wanted.screen.cursor_visible
    assert shown.screen.cursor_shape == painter.wanted.screen.cursor_shape
    if painter.wanted.screen.cursor_visible:
        assert (cursor.x, cursor.y) == (min(wanted.x, painter.wanted.screen.columns - 1), wanted.y)


@pytest.mark.parametrize("size", [(80, 24), (20, 6), (3, 2), (1, 1)])
@pytest.mark.parametrize("synchronised", [True, False])
@pytest.mark.parametrize("bce", [True, False])
@pytest.mark.parametrize("second_try", [400, 0])
def test_random_frames(
    size: tuple[int, int], synchronised: bool, bce: bool, second_try: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(painter_module, "_TWO_ROUNDS_FROM", second_try)
    for seed in range(12):
        rng = random.Random(seed)
        painter, shown = Painter(*size, erases_in_colour=bce), Shown(*size)
        painter.synchronised = synchronised
        for _ in range(rng.randint(1, 8)):
            painter.wanted.feed(random_frame(rng, *size))
            draw_at_random(painter.wanted, rng, *size)
            if rng.random() < 0.7:  # now and then several frames become one
                shown.take(painter.frame())
                assert_same(painter, shown)
        shown.take(painter.frame())
        assert_same(painter, shown)
        assert painter.frame() == ""


def log_screen(first: int) -> str:
    out = ["\x1b[H\x1b[0;38;2;1;2;3mtitle\x1b[K"]
    for y in range(22):
        out.append(f"\x1b[{y + 2};1H\x1b[38;2;9;9;9;48;2;1;1;1m│{f'{first + y:06d} some words of a log':<78}│")
    return "".join(out) + "\x1b[24;1H\x1b[0mfoot"


def test_a_log_scrolls_instead_of_being_written_again() -> None:
    painter, shown = Painter(80, 24), Shown(80, 24)
    painter.wanted.feed(log_screen(0))
    shown.take(painter.frame())
    for first in (1, 3, 4, 2):  # the last one goes back down
        painter.wanted.feed(log_screen(first))
        text = painter.frame()
        assert len(text) < 330, text
        assert "title" not in text
        assert "foot" not in text
        shown.take(text)
        assert_same(painter, shown)


def test_what_did_not_change_costs_nothing() -> None:
    painter = Painter(80, 24)
    painter.wanted.feed(log_screen(0))
    painter.frame()
    painter.wanted.feed(log_screen(0))
    assert painter.frame() == ""
    painter.wanted.feed("\x1b[5;10HX\x1b[5;20H")
    assert len(painter.frame()) < 40


def test_forgetting_writes_everything_again() -> None:
    painter, shown = Painter(40, 5), Shown(40, 5)
    painter.wanted.feed("\x1b[2;3Hhello")
    painter.frame()
    shown.take("\x1b[41mgarbage everywhere\x1b[5;1Hmore\x1b[?25h\x1b[3 q")
    painter.forget()
    shown.take(painter.frame())
    assert_same(painter, shown)


def test_another_size() -> None:
    painter = Painter(40, 5)
    painter.wanted.feed("hello")
    painter.frame()
    painter.resize(20, 3)
    painter.wanted.feed("\x1b[Hnew")
    shown = Shown(20, 3)
    shown.take(painter.frame())
    assert_same(painter, shown)
    assert painter.size == (20, 3)


def test_another_size_keeps_the_cursor() -> None:
    """Whoever shows it said so once."""
    painter = Painter(20, 4)
    painter.wanted.feed("\x1b[?25h\x1b[6 q\x1b[2;3H")
    painter.frame()
    painter.resize(30, 6)
    shown = Shown(30, 6)
    shown.take(painter.frame())
    assert shown.screen.cursor_visible
    assert shown.screen.cursor_shape == 6
    assert (shown.screen.cursor.x, shown.screen.cursor.y) == (2, 1)


def test_changes_of_several_lines_come_at_once() -> None:
    painter = Painter(20, 4)
    painter.synchronised = True
    painter.wanted.feed("\x1b[Hone\x1b[2Htwo")
    text = painter.frame()
    assert text.startswith("\x1b[?2026h")
    assert text.endswith("\x1b[?2026l")
    painter.wanted.feed("\x1b[3Hx")
    assert "2026" not in painter.frame()


def test_the_pen_is_put_back() -> None:
    painter = Painter(20, 4)
    painter.wanted.feed("\x1b[31;1mred\x1b[4 q")
    painter.frame()
    assert painter.leave() == "\x1b[0m\x1b[0 q"


def test_a_frame_that_changes_back_and_forth_is_written_in_two_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small coloured cells that move over a background in true colour."""
    lengths = []
    for second_try in (1_000_000, 400):
        monkeypatch.setattr(painter_module, "_TWO_ROUNDS_FROM", second_try)
        painter, shown = Painter(80, 24), Shown(80, 24)
        base = "\x1b[0;38;2;1;2;3;48;2;9;8;7m"
        painter.wanted.feed(f"{base}\x1b[2J")
        shown.take(painter.frame())
        for step in range(3):
            for y in range(24):
                place, colour = f"\x1b[{y + 1};{(step + y * 7) % 60 + 1}H{base}", f"\x1b[48;5;{17 + y}m"
                painter.wanted.feed(f"{place}    {colour}01{base}  ")
            frame = painter.frame()
            shown.take(frame)
            assert_same(painter, shown)
        lengths.append(len(frame))
    assert lengths[1] < lengths[0] * 0.9
