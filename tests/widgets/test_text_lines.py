"""Many lines of text, drawn one by one."""

from __future__ import annotations

from rich.cells import cell_len
from rich.text import Text
from textual.geometry import Offset
from textual.selection import Selection

from hopx_tui.widgets.text_lines import LONGEST, MOST_MATCHES, TextLines, shown_line
from tests.widgets.hosting import Host, screen_lines


def test_lines_are_made_safe():
    assert shown_line("plain") == "plain"
    assert shown_line("a\tb\x1b[0m\r") == "a   b\\x1b[0m\\r"
    huge = shown_line("x" * (LONGEST + 1_000_000))
    assert huge.endswith("(+1,000,000 characters)")
    assert len(huge) < LONGEST + 40


async def test_numbers_text_and_keys():
    lines = TextLines()
    app = Host(lines)
    async with app.run_test(size=(30, 8)) as pilot:
        lines.set_lines([f"line {i} " + "x" * 60 for i in range(1, 101)])
        lines.focus()
        await pilot.pause()
        assert screen_lines(app, lines)[0].startswith("  1  line 1 xxx")
        await pilot.press("down", "j", "k", "pagedown", "space", "pageup")
        assert lines.scroll_offset.y == 7
        await pilot.press("G")
        await pilot.pause()
        assert screen_lines(app, lines)[-2].startswith("100  line 100")
        await pilot.press("right", "l", "left")
        assert lines.scroll_offset.x == 8
        await pilot.press("dollar_sign")
        await pilot.pause()
        assert screen_lines(app, lines)[0].rstrip(" │┃").endswith("x")
        assert screen_lines(app, lines)[0].startswith(" 9")
        await pilot.press("0", "g", "up")
        assert lines.scroll_offset == (0, 0)
        assert all(cell_len(line) == 30 for line in screen_lines(app))


async def test_wide_characters_and_no_numbers():
    lines = TextLines(numbers=False)
    app = Host(lines)
    async with app.run_test(size=(12, 4)) as pilot:
        lines.set_lines(["日本語日本語日本語", "", "x"])
        await pilot.pause()
        assert screen_lines(app)[0].startswith("日本語日本")
        lines.scroll_to(x=1, animate=False, force=True)
        await pilot.pause()
        assert all(cell_len(line) == 12 for line in screen_lines(app))


async def test_messages():
    lines = TextLines()
    app = Host(lines)
    async with app.run_test(size=(30, 5)) as pilot:
        lines.set_lines(["x"] * 40)
        lines.set_message("Binary file\nD downloads it")
        await pilot.pause()
        assert [line.strip() for line in screen_lines(app)] == ["", "Binary file", "D downloads it", "", ""]
        assert lines.get_selection(Selection(None, None)) is None
        lines.set_lines(["back"])
        await pilot.pause()
        assert screen_lines(app, lines)[0].startswith("1  back")


async def test_search_counts_marks_and_goes_round():
    lines = TextLines()
    app = Host(lines)
    async with app.run_test(size=(40, 6)) as pilot:
        lines.set_lines([f"Value {i}" if i % 10 == 0 else "." for i in range(50)] + ["." * 200 + "far value"])
        await pilot.pause()
        assert lines.search("value") == 6
        assert lines.match_number == 1
        assert lines.search("Value") == 5
        lines.search("value")
        lines.step(-1)
        await pilot.pause()
        assert lines.match_number == 6
        assert any("far value" in line for line in screen_lines(app))
        lines.step(1)
        await pilot.pause()
        assert lines.match_number == 1
        assert "Value 0" in screen_lines(app)[0]
        assert lines.scroll_offset == (0, 0)
        marked = [segment for segment in lines.render_line(0) if segment.text == "Value"]
        assert marked[0].style.bold
        lines.scroll_to(y=25, animate=False, force=True)
        lines.search("value")
        assert lines.match_number == 4
        assert lines.search("nowhere") == 0
        lines.step(1)
        assert lines.match_number == 0
        assert lines.search("") == 0


async def test_matches_are_bounded():
    lines = TextLines()
    app = Host(lines)
    async with app.run_test(size=(40, 6)):
        lines.set_lines(["aaaaaaaaaa"] * 3_000)
        assert lines.search("a") == MOST_MATCHES


async def test_selection_is_drawn_and_extracted():
    lines = TextLines()
    app = Host(lines)
    async with app.run_test(size=(40, 6)) as pilot:
        lines.set_lines(["first line", "second\tline", "third"])
        await pilot.pause()
        assert lines.get_selection(Selection(Offset(6, 0), Offset(3, 1))) == ("line\nsec", "\n")
        assert lines.get_selection(Selection(None, None))[0] == "first line\nsecond  line\nthird"
        assert lines.get_selection(Selection(Offset(0, 2), Offset(99, 9)))[0] == "third"
        app.screen.selections = {lines: Selection(Offset(0, 0), Offset(5, 0))}
        await pilot.pause()
        first = next(segment for segment in lines.render_line(0) if segment.text == "first")
        other = list(lines.render_line(1))[1]
        assert first.style.bgcolor != other.style.bgcolor


async def test_a_drag_selects_text():
    lines = TextLines()
    app = Host(lines)
    async with app.run_test(size=(40, 6)) as pilot:
        lines.set_lines(["first line", "second line"])
        await pilot.pause()
        await pilot.mouse_down(lines, offset=(3, 0))
        await pilot.hover(lines, offset=(7, 1))
        await pilot.mouse_up(lines, offset=(7, 1))
        await pilot.pause()
        assert app.screen.get_selected_text().startswith("first line\nsec")


async def test_styled_lines():
    lines = TextLines()
    app = Host(lines)
    async with app.run_test(size=(40, 4)) as pilot:
        lines.set_lines(["ab"])
        lines.set_styled([Text("ab", spans=[])])
        lines._styled[0].stylize("bold", 0, 1)
        await pilot.pause()
        assert [segment.text for segment in lines.render_line(0)][1] == "a"
        assert lines.line_text(0) == "ab"
