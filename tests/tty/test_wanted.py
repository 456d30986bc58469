"""Drawing cells on the wanted screen beside what Textual writes there."""

from __future__ import annotations

from hopx_tui.tty.wanted import Wanted
from hopx_tui.vt.style import StyleTable


def wanted(columns: int = 10, lines: int = 4) -> Wanted:
    return Wanted(columns, lines, StyleTable())


def test_cells_between_others():
    screen = wanted()
    screen.feed("\x1b[2;1H世世世世世")
    plain, red = screen.style("x"), screen.style("\x1b[31mx\x1b[0m")
    screen.put(3, 1, ["a", "日", ""], [plain, red, red])
    line = screen.line(1)
    assert line.cells == ["世", "", " ", "a", "日", "", "世", "", "世", ""]
    assert [style.fg for style in line.styles[3:6]] == [None, 1, 1]
    screen.put(0, 1, list("0123456789"), [plain] * 10)
    assert "".join(screen.line(1).cells) == "0123456789"
    screen.draw(2, 1, "\x1b[4mxy\x1b[0m")
    assert "".join(screen.line(1).cells) == "01xy456789"


def test_cells_outside_are_ignored():
    screen = wanted()
    style = screen.style("x")
    screen.put(8, 1, list("abc"), [style] * 3)
    screen.put(0, 4, ["a"], [style])
    screen.put(0, -1, ["a"], [style])
    assert screen.screen.display == [" " * 10] * 4


def test_lines_move_where_their_neighbours_are_alike():
    screen = wanted()
    for y in range(4):
        screen.feed(f"\x1b[{y + 1};1H|row {y}  |")
    before = [screen.line(y) for y in range(4)]
    assert screen.scroll(1, 7, 0, 2, 1)
    assert [screen.line(y) for y in (0, 1)] == before[1:3]  # not looked at again
    assert screen.line(3) is before[3]
    assert screen.scroll(1, 7, 0, 3, -2)
    assert [screen.line(y) for y in (2, 3)] == before[1:3]
    screen.feed("\x1b[2;1H!")
    assert not screen.scroll(1, 7, 0, 2, 1)
    screen.feed("\x1b[2;1H\x1b[31m|")
    assert not screen.scroll(1, 7, 0, 2, 1)
    assert screen.scroll(0, 10, 0, 2, 1)
    for top, bottom, count in ((0, 4, 1), (-1, 2, 1), (2, 1, 1), (0, 2, 3), (0, 2, -3)):
        assert not screen.scroll(0, 10, top, bottom, count)


def test_the_style_of_a_sample_ends_with_it():
    screen = wanted()
    assert screen.style("\x1b[1;4:3mx").underline == 3
    assert screen.style("x").look == screen.screen.styles.default.look
    link = screen.style("\x1b]8;id=1;https://e.org/\x1b\\x\x1b]8;;\x1b\\")
    assert link.link == "https://e.org/"
