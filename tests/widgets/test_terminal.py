"""The terminal pane with a scripted far side."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from textual import events
from textual.app import App, ComposeResult
from textual.pilot import Pilot
from textual.screen import ModalScreen
from textual.widgets import Input, TabbedContent, TabPane

from hopx_tui.widgets.terminal import Terminal
from hopx_tui.widgets.terminal_link import LinkLost
from hopx_tui.widgets.terminal_state import Connected, Connecting, Exited, Lost
from tests.widgets.terminal_app import FakeExit, FakeLink, TerminalApp, running, say, until

CHORD = "ctrl+right_square_bracket"


async def chord(pilot: Pilot[None], key: str) -> None:
    await pilot.press(CHORD, key)


async def test_connects_with_the_size_of_the_pane_and_shows_output():
    async with running(TerminalApp()) as (app, _):
        assert app.link.sizes == [(40, 10)]
        await say(app, "hello \x1b[31mred\x1b[0m \u65e5\u672c e\u0301")
        assert app.shown()[0].rstrip() == "hello red 日本 e\u0301"
        assert app.style_at(6, 0).color.number == 1
        assert app.style_at(0, 0).color == app.terminal.rich_style.color
        assert app.terminal.state == Connected()


async def test_keys_go_to_the_program_and_nowhere_else():
    async with running(TerminalApp()) as (app, pilot):
        await pilot.press("a", "tab", "escape", "ctrl+c", "ctrl+q", "shift+pageup", "f1", "up", "enter")
        await until(lambda: app.link.typed.endswith("\r"), "keys")
        assert app.link.typed == "a\t\x1b\x03\x11\x1b[5;2~\x1bOP\x1b[A\r"
        assert app.keys_leaked == []
        await say(app, "\x1b[?1h")
        await pilot.press("up")
        await until(lambda: app.link.typed.endswith("\x1bOA"), "application cursor keys")


async def test_chord_twice_sends_it_and_other_keys_mean_things():
    async with running(TerminalApp()) as (app, pilot):
        await pilot.press(CHORD)
        assert app.terminal.chord_pending
        assert "esc leaves" in app.shown()[-1]
        await pilot.press(CHORD)
        await until(lambda: app.link.typed == "\x1d", "the chord itself")
        await chord(pilot, "z")
        await chord(pilot, "escape")
        await chord(pilot, "d")
        await pilot.pause()
        assert [message.key for message in app.of(Terminal.Chord)] == ["z"]
        assert len(app.of(Terminal.Left)) == 2
        assert [message.pending for message in app.of(Terminal.ChordPending)] == [True, False] * 4
        await chord(pilot, "k")
        assert "ctrl+] k does nothing" in app.shown()[-1]
        assert app.link.typed == "\x1d"


async def test_another_chord_can_be_chosen():
    async with running(TerminalApp(chord="ctrl+g", chords={})) as (app, pilot):
        await pilot.press(CHORD, "ctrl+g", "d")
        await pilot.pause()
        assert app.link.typed == "\x1d"
        assert len(app.of(Terminal.Left)) == 1


async def test_paste_is_bracketed_when_asked_for():
    async with running(TerminalApp()) as (app, _):
        app.terminal.post_message(events.Paste("a\nb"))
        await until(lambda: app.link.typed == "a\rb", "plain paste")
        await say(app, "\x1b[?2004h")
        app.terminal.post_message(events.Paste("x\x1b[201~y"))
        await until(lambda: "y" in app.link.typed, "bracketed paste")
        sent = app.link.typed[3:]
        assert sent.startswith("\x1b[200~x")
        assert sent.endswith("y\x1b[201~")
        assert sent.count("\x1b") == 2


async def test_replies_go_back():
    async with running(TerminalApp()) as (app, _):
        await say(app, "\x1b[3;5H\x1b[6n")
        await until(lambda: app.link.typed == "\x1b[3;5R", "cursor report")
        await say(app, "\x1b]11;?\x1b\\")
        await until(lambda: "rgb:1212/1212/1212" in app.link.typed, "the theme's background")


async def test_exit_and_a_new_shell():
    async with running(TerminalApp()) as (app, pilot):
        await say(app, "\x1b[?1049h\x1b[?1002hlast words")
        app.link.say(FakeExit(3))
        await until(lambda: isinstance(app.terminal.state, Exited), "exit")
        assert app.terminal.state == Exited(3)
        assert "enter starts a new shell" in app.shown()[-1]
        assert app.link.closed
        await pilot.press("x")
        await pilot.press("enter")
        await until(lambda: len(app.links) == 2 and app.terminal.state == Connected(), "a second shell")
        assert not app.terminal.vt.modes.alt_screen
        assert not app.terminal.vt.modes.mouse
        await say(app, "new shell")
        assert any("new shell" in line for line in app.shown())


async def test_a_lost_link_keeps_the_screen_and_reconnects():
    async with running(TerminalApp(lost_errors=(ConnectionError,))) as (app, pilot):
        await say(app, "precious text")
        app.link.say(ConnectionError("the far side hung up\nwith details"))
        await until(lambda: isinstance(app.terminal.state, Lost), "lost")
        assert app.terminal.state == Lost("the far side hung up")
        assert app.shown()[0].rstrip() == "precious text"
        assert "enter reconnects" in app.shown()[-1]
        await pilot.press("enter")
        await until(lambda: app.terminal.state == Connected(), "reconnected")
        await pilot.press("a")
        await until(lambda: app.link.typed == "a", "typing works again")


async def test_a_refused_link_says_why():
    async def refuse(cols: int, rows: int) -> FakeLink:
        raise LinkLost("sandbox is paused")

    async with running(TerminalApp(refuse)) as (app, _):
        await until(lambda: isinstance(app.terminal.state, Lost), "refused")
        assert "sandbox is paused" in app.shown()[-1]


async def test_typing_while_connecting_is_not_lost():
    app = TerminalApp()
    gate = asyncio.Event()
    real = app.connect

    async def slow(cols: int, rows: int) -> FakeLink:
        await gate.wait()
        return await real(cols, rows)

    app._connect = slow
    async with running(app, settled=False) as (_, pilot):
        assert app.terminal.state == Connecting()
        assert "connecting" in app.shown()[-1]
        await pilot.press("l", "s")
        app.terminal.send("x" * 5000)
        assert "not sent" in app.shown()[-1]
        gate.set()
        await until(lambda: app.links and app.link.typed == "ls", "typed ahead")


async def test_resize_is_debounced_and_survives_extremes():
    async with running(TerminalApp(), size=(80, 24)) as (app, pilot):
        await say(app, "one\r\ntwo\r\n" + "x" * 100)
        for size in ((70, 20), (60, 20), (20, 5)):
            await pilot.resize_terminal(*size)
        await until(lambda: app.link.sizes[-1] == (20, 5), "told")
        assert (app.terminal.vt.columns, app.terminal.vt.lines) == (20, 5)
        await pilot.resize_terminal(1, 1)
        await until(lambda: app.link.sizes[-1] == (1, 1), "tiny")
        await say(app, "\x1b[2J\x1b[Habc日\r\n")
        app.shown()
        await pilot.resize_terminal(80, 24)
        await until(lambda: app.link.sizes[-1] == (80, 24), "back")
        await say(app, "\x1b[H\x1b[2Jfine")
        assert app.shown()[0].rstrip() == "fine"


async def test_title_bell_and_clipboard_are_told():
    async with running(TerminalApp()) as (app, _):
        await say(app, "\x1b]2;a\x07\x1b]2;my \x9btitle\x07\x07\x07\x07\x1b]52;c;aGVsbG8=\x07")
        await until(lambda: app.of(Terminal.CopyRequested), "copy")
        assert len(app.of(Terminal.Rang)) == 1
        assert [message.title.isprintable() for message in app.of(Terminal.TitleChanged)] == [True]
        copied = app.of(Terminal.CopyRequested)[0]
        assert (copied.text, copied.from_program) == ("hello", True)
        assert copied.control is app.terminal


async def test_scrollback_does_not_jump_and_a_key_returns():
    async with running(TerminalApp()) as (app, pilot):
        await say(app, "".join(f"line {n}\r\n" for n in range(50)))
        for _ in range(2):
            app.terminal.post_message(wheel(up=True))
        await until(lambda: app.terminal.viewport.behind == 6, "scrolled")
        before = app.shown()
        assert "↑ 6 lines" in before[0]
        await say(app, "more\r\nand more\r\n")
        after = app.shown()
        assert "↑ 8 lines" in after[0]
        assert after[1:] == before[1:]
        app.terminal.post_message(wheel(up=False))
        await until(lambda: app.terminal.viewport.behind == 5, "down")
        await pilot.press("a")
        await until(lambda: app.link.typed == "a", "typed")
        assert app.terminal.viewport.behind == 0
        assert app.shown()[8].rstrip() == "and more"


def wheel(*, up: bool, shift: bool = False, x: int = 2, y: int = 3) -> events.MouseEvent:
    kind = events.MouseScrollUp if up else events.MouseScrollDown
    return kind(None, x, y, 0, 0, 0, shift, False, False)


async def test_wheel_sends_arrows_in_the_alternate_screen_and_reports_when_asked():
    async with running(TerminalApp()) as (app, _):
        await say(app, "\x1b[?1049h")
        app.terminal.post_message(wheel(up=True))
        await until(lambda: app.link.typed == "\x1b[A" * 3, "arrows")
        await say(app, "\x1b[?1000h\x1b[?1006h")
        app.terminal.post_message(wheel(up=False))
        await until(lambda: app.link.typed.endswith("\x1b[<65;3;4M"), "report")


async def test_mouse_reports_press_drag_and_release():
    async with running(TerminalApp()) as (app, pilot):
        await say(app, "\x1b[?1002h\x1b[?1006h")
        await pilot.mouse_down(Terminal, offset=(1, 1))
        await pilot.hover(Terminal, offset=(2, 1))
        await pilot.hover(Terminal, offset=(2, 1))
        await pilot.mouse_up(Terminal, offset=(2, 1))
        await until(lambda: app.link.typed.endswith("m"), "release")
        assert app.link.typed == "\x1b[<0;2;2M\x1b[<32;3;2M\x1b[<0;3;2m"
        assert app.of(Terminal.CopyRequested) == []


async def test_shift_keeps_the_mouse_local():
    async with running(TerminalApp()) as (app, pilot):
        await say(app, "pick me\x1b[?1003h\x1b[?1006h")
        await pilot.mouse_down(Terminal, offset=(0, 0), shift=True)
        await pilot.hover(Terminal, offset=(3, 0))
        await pilot.mouse_up(Terminal, offset=(3, 0), shift=True)
        await until(lambda: app.of(Terminal.CopyRequested), "copy")
        assert app.of(Terminal.CopyRequested)[0].text == "pick"
        assert app.link.typed == ""


async def test_drag_selects_and_copies_on_release():
    async with running(TerminalApp()) as (app, pilot):
        await say(app, "alpha beta\r\ngamma delta")
        await pilot.mouse_down(Terminal, offset=(6, 0))
        await pilot.hover(Terminal, offset=(4, 1))
        selection = app.terminal.get_component_rich_style("terminal--selection")
        assert app.style_at(6, 0).bgcolor == selection.bgcolor
        assert app.style_at(5, 0).bgcolor != selection.bgcolor
        await pilot.mouse_up(Terminal, offset=(4, 1))
        await until(lambda: app.of(Terminal.CopyRequested), "copy")
        assert app.of(Terminal.CopyRequested)[0].text == "beta\ngamma"
        await pilot.press("a")
        assert not app.terminal.picked.active


async def test_double_click_takes_a_word_triple_a_line():
    async with running(TerminalApp()) as (app, pilot):
        await say(app, "see /etc/hosts now")
        await pilot.click(Terminal, offset=(6, 0), times=2)
        await until(lambda: app.of(Terminal.CopyRequested), "word")
        await pilot.click(Terminal, offset=(6, 0))
        await until(lambda: len(app.of(Terminal.CopyRequested)) == 2, "line")
        assert [message.text for message in app.of(Terminal.CopyRequested)] == [
            "/etc/hosts",
            "see /etc/hosts now",
        ]


async def test_scroll_mode_searches_and_copies():
    async with running(TerminalApp()) as (app, pilot):
        await say(app, "".join(f"line {n}\r\n" for n in range(50)))
        await chord(pilot, "slash")
        assert app.terminal.scrolling
        await pilot.press("1", "7", "enter")
        assert any("line 17" in line for line in app.shown())
        y = next(y for y, line in enumerate(app.shown()) if "line 17" in line)
        current = app.terminal.get_component_rich_style("terminal--current-match")
        assert app.style_at(6, y).bgcolor == current.bgcolor
        await pilot.press("V", "j", "y")
        await until(lambda: app.of(Terminal.CopyRequested), "copy")
        assert app.of(Terminal.CopyRequested)[0].text == "line 17\nline 18"
        assert not app.terminal.scrolling
        assert app.link.typed == ""
        await chord(pilot, "left_square_bracket")
        app.terminal.post_message(events.Paste("not now"))
        await pilot.press("g", "q")
        assert not app.terminal.scrolling
        assert app.terminal.viewport.behind == 0
        assert app.link.typed == ""


async def test_the_drawn_cursor_follows_and_hides():
    async with running(TerminalApp()) as (app, pilot):
        plain = app.terminal.rich_style
        await say(app, "ab")
        await pilot.pause()
        assert app.style_at(2, 0).bgcolor == plain.color
        await say(app, "\r日\r")
        await pilot.pause()
        assert app.style_at(1, 0).bgcolor == plain.color
        assert app.style_at(2, 0).bgcolor == plain.bgcolor
        await say(app, "\x1b[4 q")
        await pilot.pause()
        assert app.style_at(0, 0).underline
        await say(app, "\x1b[?25l")
        await pilot.pause()
        assert not app.style_at(0, 0).underline
        assert app.cursor_position == (0, 0)


@dataclass
class CursorOnly:
    calls: list[tuple[object, ...]] = field(default_factory=list)

    def show(self, owner: object, x: int, y: int, shape: int) -> None:
        self.calls.append(("show", x, y, shape))

    def hide(self, owner: object) -> None:
        self.calls.append(("hide",))

    @contextmanager
    def frame(self) -> Iterator[bool]:
        yield False

    def draw(self, x: int, y: int, text: str) -> None:
        raise AssertionError("outside a frame")


class Dialog(ModalScreen[None]):
    def compose(self) -> ComposeResult:
        yield Input()


async def test_the_real_cursor_is_placed_shaped_and_hidden_under_a_dialog():
    cursor = CursorOnly()
    async with running(TerminalApp(surface=cursor)) as (app, pilot):
        await say(app, "abc\x1b[5 q")
        await until(lambda: cursor.calls[-1] == ("show", 3, 0, 5), "shown")
        assert app.cursor_position == (3, 0)
        assert app.style_at(3, 0).bgcolor == app.terminal.rich_style.bgcolor
        await app.push_screen(Dialog())
        await until(lambda: cursor.calls[-1] == ("hide",), "hidden under a dialog")
        app.pop_screen()
        await until(lambda: cursor.calls[-1] == ("show", 3, 0, 5), "shown again")
        app.set_focus(None)
        await until(lambda: cursor.calls[-1] == ("hide",), "hidden without focus")
        await pilot.pause()


async def test_keys_given_at_once_are_the_programs_only():
    async with running(TerminalApp()) as (app, pilot):
        terminal = app.terminal
        assert terminal.type_now(events.Key("a", "a"))
        assert not terminal.type_now(events.Key(CHORD, None))
        await pilot.press(CHORD)
        assert not terminal.type_now(events.Key("b", "b"))
        await pilot.press("left_square_bracket")
        assert terminal.scrolling
        assert not terminal.type_now(events.Key("c", "c"))
        terminal.leave_scroll_mode()
        assert terminal.type_now(events.Key("d", "d"))
        await until(lambda: app.link.typed == "ad", "keys")
        app.link.say(FakeExit(0))
        await until(lambda: isinstance(terminal.state, Exited), "exit")
        assert not terminal.type_now(events.Key("enter", "\r"))


async def test_focus_is_reported_when_asked_for():
    async with running(TerminalApp()) as (app, pilot):
        await say(app, "\x1b[?1004h")
        await pilot.press(CHORD)
        app.set_focus(None)
        await until(lambda: app.link.typed == "\x1b[O", "blur")
        assert not app.terminal.chord_pending
        app.set_focus(app.terminal)
        await until(lambda: app.link.typed == "\x1b[O\x1b[I", "focus")


async def test_read_only_sends_nothing():
    async with running(TerminalApp()) as (app, pilot):
        app.terminal.read_only = True
        await pilot.press("a", "enter")
        await pilot.mouse_down(Terminal, offset=(1, 1))
        app.terminal.post_message(events.Paste("x"))
        await pilot.pause()
        assert app.link.typed == ""


async def test_notes_can_be_ascii():
    async with running(TerminalApp(ascii_only=True)) as (app, pilot):
        await pilot.press(CHORD)
        assert app.shown()[-1].isascii()


async def test_the_theme_colours_the_default_and_reverse_video_swaps_it():
    async with running(TerminalApp()) as (app, pilot):
        await say(app, "x")
        app.theme = "textual-light"
        await pilot.pause()
        light = app.terminal.rich_style
        assert app.style_at(5, 5).bgcolor == light.bgcolor
        await say(app, "\x1b[?5h")
        assert app.style_at(5, 5).bgcolor == light.color


async def test_only_changed_lines_are_repainted():
    async with running(TerminalApp()) as (app, pilot):
        await say(app, "one\r\ntwo\r\nthree")
        await pilot.pause(0.1)
        painted: list[int] = []
        render = app.terminal.render_line

        def count(y: int):
            painted.append(y)
            return render(y)

        app.terminal.render_line = count
        await say(app, "\x1b[2;1HTWO")
        await until(lambda: 1 in painted, "painted")
        await pilot.pause(0.1)
        assert set(painted) == {1, 2}  # the line, and the one the cursor left


async def test_rows_in_the_scrollback_keep_no_strips():
    async with running(TerminalApp()) as (app, pilot):
        for n in range(30):
            await say(app, f"\x1b[31mline {n}\x1b[0m\r\n")
            await pilot.pause()
        await until(lambda: "line 29" in app.shown()[8], "shown")
        await say(app, "end")
        await pilot.pause(0.05)
        history = [row for row in app.terminal.vt.history if not isinstance(row, str)]
        assert len(history) == 21
        assert [row for row in history if row.paint is not None] == []


class TabsApp(App[None]):
    def __init__(self) -> None:
        super().__init__()
        self.link: FakeLink | None = None

    async def connect(self, cols: int, rows: int) -> FakeLink:
        self.link = FakeLink(cols, rows)
        return self.link

    def compose(self) -> ComposeResult:
        with TabbedContent():
            with TabPane("one", id="one"):
                yield Input()
            with TabPane("two", id="two"):
                yield Terminal(self.connect)


async def test_hidden_it_parses_and_never_paints():
    app = TabsApp()
    async with app.run_test(size=(40, 12)) as pilot:
        assert app.link is None  # never seen, never connected
        tabs = app.query_one(TabbedContent)
        tabs.active = "two"
        terminal = app.query_one(Terminal)
        await until(lambda: terminal.state == Connected(), "connected")
        assert app.link is not None
        tabs.active = "one"
        await pilot.pause(0.1)
        render, painted = terminal.render_line, []

        def count(y: int):
            painted.append(y)
            return render(y)

        terminal.render_line = count
        app.link.say("background work\r\n" * 100)
        await until(lambda: len(terminal.vt.history) > 80, "parsed")
        await pilot.pause(0.1)
        assert painted == []
        tabs.active = "two"
        await until(lambda: painted, "painted when shown")
        assert terminal.render_line(0).text.startswith("background work")


async def test_closing_the_app_hangs_up():
    app = TerminalApp()
    async with running(app):
        link = app.link
    assert link.closed


@pytest.mark.parametrize("text", ["\x1b]0;\x1b", "\x90q\x9c", "\u202e\u2066abc", "\ud800", "\x1b]8;;javascript:x\x07l"])
async def test_no_remote_byte_acts_on_the_outer_terminal(text: str):
    async with running(TerminalApp()) as (app, _):
        await say(app, text + "done")
        assert all(line.isprintable() for line in app.shown())


async def test_links_are_followed_by_key_and_by_click():
    async with running(TerminalApp()) as (app, pilot):
        await say(app, "see https://example.org/x now\r\n")
        await pilot.click(Terminal, offset=(8, 0), control=True)
        await until(lambda: app.of(Terminal.LinkFollowed), "click")
        await pilot.click(Terminal, offset=(1, 0), control=True)
        await until(lambda: any("no link here" in line for line in app.shown()), "hint")
        await chord(pilot, "left_square_bracket")
        await pilot.press("k", *["l"] * 6, "o")
        await until(lambda: len(app.of(Terminal.LinkFollowed)) == 2, "key")
        assert {message.url for message in app.of(Terminal.LinkFollowed)} == {"https://example.org/x"}
        assert app.terminal.scrolling


async def test_a_pane_that_grows_while_history_is_in_view(monkeypatch):
    """Until the program's screen follows, the pane is the higher one."""
    monkeypatch.setattr("hopx_tui.widgets.terminal.RESIZE_SECONDS", 1.0)  # however slow the machine is
    async with running(TerminalApp(), (40, 10)) as (app, pilot):
        await say(app, "".join(f"line {row}\r\n" for row in range(30)))
        app.terminal.enter_scroll_mode()
        app.terminal.viewport.scroll(-3)
        await pilot.resize_terminal(40, 20)
        assert app.shown()[0].startswith("line 18")
        await until(lambda: app.terminal.vt.lines == 20, "the screen follows")


async def test_a_program_that_asks_learns_the_sixteen_colours():
    async with running(TerminalApp()) as (app, _):
        await say(app, "\x1b]4;4;?\x07")
        blue = app.ansi_theme.ansi_colors[4]
        await until(lambda: "rgb:" + "/".join(f"{part * 257:04x}" for part in blue) in app.link.typed, "an answer")


@pytest.mark.parametrize("size", [(30, 10), (40, 6), (40, 20), (75, 12), (13, 7)])
@pytest.mark.parametrize("mode", ["wheel", "scroll mode"])
async def test_the_view_stays_where_it_is_when_the_window_changes(size, mode):
    """At the same text, whatever is wrapped above and below it; and with the search at the same line."""
    async with running(TerminalApp(), (40, 10)) as (app, pilot):
        await say(app, "".join(f"row {row} " + "word " * (row % 23) + "\r\n" for row in range(200)))
        if mode == "scroll mode":
            await chord(pilot, "slash")
            await pilot.press(*"row", "space", *"95", "space", "enter")
        else:
            app.terminal.viewport.scroll(-250)
        view = app.terminal.viewport
        start = next(number for number in range(view.top, view.end) if view.text(number).startswith("row"))
        view.show_at(start)
        top = view.text(start).split()[1]
        await pilot.resize_terminal(*size)
        await until(lambda: (app.terminal.vt.columns, app.terminal.vt.lines) == size, "the screen follows")
        assert view.text(view.top).split()[1] == top
        assert view.behind
        if mode == "scroll mode":
            scroll = app.terminal._scroll
            assert view.top <= scroll.at.line < view.top + size[1]
            await pilot.press("n")
            assert "not found" not in scroll.note


async def test_the_view_in_the_middle_of_a_long_line():
    async with running(TerminalApp(), (40, 10)) as (app, pilot):
        await say(app, "".join(f"<{number:06d}>" for number in range(500)) + "\r\n" * 20)
        view = app.terminal.viewport
        view.show_at(view.first + 50)
        shown = view.text(view.top)[1:7]
        await pilot.resize_terminal(80, 10)
        await until(lambda: app.terminal.vt.columns == 80, "the screen follows")
        assert shown in view.text(view.top)
