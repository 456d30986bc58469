"""The picture of a recorded terminal: only what changed is drawn anew, and the cursor stays in view."""

from __future__ import annotations

from rich.style import Style
from textual.geometry import Region, Size

from hopx_tui.vt.screen import VTScreen
from hopx_tui.vt.stream import VTStream
from hopx_tui.widgets.player_picture import Inks, Picture

BASE = Style.parse("white on black")
INKS = Inks(BASE, Style.parse("on blue"), Style.parse("bold"))
WINDOW = Size(12, 3)


def lines(picture: Picture, screen: VTScreen) -> list[str]:
    return [picture.line(y, screen, WINDOW.width, INKS).text for y in range(WINDOW.height)]


def test_only_what_changed():
    screen, picture = VTScreen(10, 3), Picture()
    stream = VTStream(screen)
    stream.feed_text("one\r\ntwo")
    assert picture.changes(screen, WINDOW, BASE) is None
    assert lines(picture, screen) == ["one         ", "two         ", "            "]
    assert picture.changes(screen, WINDOW, BASE) == []
    stream.feed_text("!")
    assert picture.changes(screen, WINDOW, BASE) == [Region(0, 1, 12, 1)]
    lines(picture, screen)
    stream.feed_text("\x1b[H")  # the cursor leaves one line for another
    assert picture.changes(screen, WINDOW, BASE) == [Region(0, 0, 12, 1), Region(0, 1, 12, 1)]
    lines(picture, screen)
    stream.feed_text("\x1b[?5h")
    assert picture.changes(screen, WINDOW, BASE) is None
    screen.resize(3, 5)
    assert picture.changes(screen, WINDOW, BASE) is None
    picture.forget()
    assert picture.changes(screen, WINDOW, BASE) is None


def test_the_row_of_the_cursor_is_in_view():
    screen, picture = VTScreen(20, 6), Picture()
    stream = VTStream(screen)
    stream.feed_text("\r\n".join(f"row{number} and more text" for number in range(6)))
    picture.changes(screen, WINDOW, BASE)
    assert lines(picture, screen) == ["row3 and mor", "row4 and mor", "row5 and mor"]
    stream.feed_text("\x1b[2;1H")
    assert picture.changes(screen, WINDOW, BASE) is None
    assert lines(picture, screen)[0] == "row1 and mor"
    screen.resize(3, 20)
    picture.changes(screen, WINDOW, BASE)
    assert lines(picture, screen)[0].startswith("row")


def test_what_is_searched_for_stands_out():
    screen, picture = VTScreen(12, 1), Picture()
    VTStream(screen).feed_text("\x1b[?25l日AbabA")
    picture.changes(screen, WINDOW, BASE)
    for needle, found in (("ab", ["Ab", "ab"]), ("Ab", ["Ab"]), ("zz", []), ("", [])):
        picture.needle = needle
        strip = picture.line(0, screen, 12, INKS)
        assert [part.text for part in strip if part.style and part.style.bold] == found
    assert picture.line(1, screen, 12, INKS).text == " " * 12
    assert picture.line(0, None, 12, INKS).text == " " * 12
