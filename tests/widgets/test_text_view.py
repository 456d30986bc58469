"""Highlighting, search and copy."""

from __future__ import annotations

from hopx_tui.theme import NIGHT
from hopx_tui.widgets.highlight import highlight
from hopx_tui.widgets.palette import Palette
from hopx_tui.widgets.text_view import HIGHLIGHT_LIMIT, TextView, lexer_for
from tests.widgets.hosting import Host, screen_lines, until

CODE = '\n\ndef main():\n    """Words."""\n    return 1  # one\n\n'
NIGHT_PALETTE = Palette({**NIGHT.to_color_system().generate(), **NIGHT.variables})


def test_lexers_by_name():
    assert lexer_for("a.py") == "python"
    assert lexer_for("data.json") == "json"
    assert lexer_for("notes.unknown") is None
    assert lexer_for("x", "#!/usr/bin/env python\n") in {"python", None}


def test_highlighting_keeps_every_line():
    lines = CODE.split("\n")
    texts = highlight(lines, "python", NIGHT_PALETTE)
    assert [text.plain for text in texts] == lines
    assert texts[2].spans
    assert highlight(["a", "b"], "no such lexer", NIGHT_PALETTE)[1].plain == "b"
    assert [text.plain for text in highlight(["", ""], "json", NIGHT_PALETTE)] == ["", ""]


async def test_colours_follow_the_text():
    view = TextView()
    app = Host(view)
    async with app.run_test(size=(60, 12)) as pilot:
        view.set_text(CODE, "python")
        await until(lambda: view.body._styled is not None)
        await pilot.pause()
        shown = screen_lines(app, view.body)
        assert shown[2].startswith("3  def main():")
        colours = {str(segment.style.color) for segment in view.body.render_line(2)}
        assert len(colours) > 2
        app.theme = "hopx-paper"
        await until(
            lambda: colours.isdisjoint({str(s.style.color) for s in view.body.render_line(2) if s.text == "def"})
        )
        view.set_message("Loading")
        await pilot.pause()
        assert any(line.strip() == "Loading" for line in screen_lines(app))
        assert view.text == ""


async def test_large_texts_stay_plain_and_crlf_is_a_line_end():
    view = TextView()
    app = Host(view)
    async with app.run_test(size=(40, 6)) as pilot:
        view.set_text("x = 1\r\n" * (HIGHLIGHT_LIMIT // 5), "python")
        await pilot.pause()
        assert screen_lines(app, view.body)[0].rstrip(" │┃").endswith("x = 1")
        assert view.body._styled is None
        assert len(view.body.lines) == HIGHLIGHT_LIMIT // 5


async def test_search_by_keys():
    view = TextView()
    app = Host(view)
    async with app.run_test(size=(60, 8)) as pilot:
        view.set_text("\n".join(f"value {i}" for i in range(100)))
        view.focus()
        await pilot.pause()
        await pilot.press("/", *"value 9")
        await pilot.pause()
        assert view.searching
        assert "1/11" in screen_lines(app)[-1]
        await pilot.press("enter", "n", "n", "N")
        await pilot.pause()
        assert app.focused is view.body
        assert "2/11" in screen_lines(app)[-1]
        assert any("value 90" in line for line in screen_lines(app))
        await pilot.press("/", *"zzz")
        await pilot.pause()
        assert "no match" in screen_lines(app)[-1]
        await pilot.press("ctrl+u")
        await pilot.pause()
        assert "match" not in screen_lines(app)[-1]
        await pilot.press("escape")
        await pilot.pause()
        assert not view.searching
        assert view.body.match_count == 0
        assert view.check_action("step", ()) is False


async def test_copy_takes_all_or_the_selection():
    view = TextView()
    app = Host(view)
    async with app.run_test(size=(60, 8)) as pilot:
        view.focus()
        await pilot.press("c")
        assert app.copied == []
        view.set_text("first\nsecond\n")
        await pilot.press("c")
        assert app.copied == ["first\nsecond\n"]
        await pilot.pause()
        await pilot.mouse_down(view.body, offset=(3, 0))
        await pilot.hover(view.body, offset=(6, 0))
        await pilot.mouse_up(view.body, offset=(6, 0))
        await pilot.pause()
        await pilot.press("c")
        assert app.copied[-1].startswith("fir")
        assert app.copied[-1] != "first\nsecond\n"


async def test_a_text_may_be_set_before_it_is_shown():
    view = TextView(numbers=False)
    view.set_text("early")
    app = Host(view)
    async with app.run_test(size=(20, 4)) as pilot:
        await pilot.pause()
        assert screen_lines(app)[0].startswith("early")
