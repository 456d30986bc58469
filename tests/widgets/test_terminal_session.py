"""A kept session: after a lost link the terminal goes on where it broke off, by itself."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from hopx_tui.vt.screen import VTScreen
from hopx_tui.widgets.terminal import Terminal
from hopx_tui.widgets.terminal_retries import DELAYS, Retries
from hopx_tui.widgets.terminal_session import Session
from hopx_tui.widgets.terminal_state import Connected, Exited, Lost
from tests.widgets.terminal_app import FakeExit, FakeLink, TerminalApp, running, say, until


@dataclass(frozen=True)
class Role:
    writer: bool = True
    created: bool = False
    position: int = -1
    characters: int = 0
    tail: int = 0
    size: tuple[int, int] | None = None


def kept_app(**options: object) -> TerminalApp:
    return TerminalApp(lost_errors=(ConnectionError,), **options)


async def begin(app: TerminalApp, text: str) -> None:
    """A new session that has written this."""
    app.link.say(Role(created=True, position=0))
    await say(app, text)


async def lose(app: TerminalApp) -> None:
    """The link drops; wait for the next one."""
    count = len(app.links)
    app.link.say(ConnectionError("the connection was lost"))
    await until(lambda: len(app.links) > count, "another link")
    await until(lambda: app.terminal.state == Connected(), "connected again")


async def test_it_goes_on_where_it_broke_off():
    async with running(kept_app()) as (app, _):
        await begin(app, "one\r\ntwo\r\n")
        await lose(app)
        app.link.say(Role(position=17, characters=17, tail=17))
        await say(app, "one\r\ntwo\r\nthree\r\n")
        assert [line.rstrip() for line in app.shown()[:4]] == ["one", "two", "three", ""]
        assert len(app.terminal.vt.history) == 0


async def test_a_replay_in_several_pieces():
    async with running(kept_app()) as (app, _):
        await begin(app, "0123456789")
        await lose(app)
        app.link.say(Role(position=16, characters=20, tail=12))  # eight characters of modes come before it
        for piece in ("\x1b[?2004h456", "789", "ABC", "DEF"):
            await say(app, piece)
        assert app.shown()[0].rstrip() == "0123456789ABCDEF"


async def test_what_was_missed_for_too_long_is_drawn_anew():
    async with running(kept_app()) as (app, _):
        await begin(app, "old\r\n" * 30)
        await lose(app)
        app.link.say(Role(position=9_000, characters=6, tail=6))
        await say(app, "newest")
        assert app.shown()[0].rstrip() == "newest"
        assert len(app.terminal.vt.history) == 0


async def test_a_shell_that_is_gone_is_told_from_one_that_is_there():
    async with running(kept_app()) as (app, _):
        await begin(app, "\x1b[?1049hfull screen")
        await lose(app)
        app.link.say(Role(created=True, position=0))
        await say(app, "$ ")
        assert not app.terminal.vt.modes.alt_screen
        assert app.terminal.vt.rows[app.terminal.vt.cursor.y].text().rstrip() == "$"


async def test_the_next_try_is_announced():
    async def connect(cols: int, rows: int):  # type: ignore[no-untyped-def]
        if len(app.links) >= 1:
            raise ConnectionError("refused")
        return await app.connect(cols, rows)

    app = kept_app(connect=connect)
    async with running(app) as (_, pilot):
        await begin(app, "x")
        app.link.say(ConnectionError("lost"))
        second = DELAYS[1]
        await until(lambda: isinstance(app.terminal.state, Lost) and app.terminal.state.retry_in == second, "2nd try")
        assert "else in 1 s" in app.shown()[-1]
        app.terminal.set_obstacle("paused")
        await until(lambda: isinstance(app.terminal.state, Lost) and app.terminal.state.retry_in is None, "given up")
        assert app.shown()[0].rstrip() == "x"
        await pilot.pause()


async def test_a_plain_shell_is_not_opened_again_unasked():
    async with running(kept_app()) as (app, _):
        await say(app, "plain")
        app.link.say(ConnectionError("lost"))
        await until(lambda: app.terminal.state == Lost("lost"), "lost")
        assert not app.terminal.kept


async def test_watching_types_nothing():
    async with running(kept_app()) as (app, pilot):
        app.link.say(Role(writer=False, created=True, position=0))
        await say(app, "shared")
        assert app.terminal.watching
        await pilot.press("x")
        await until(lambda: any("watching only" in line for line in app.shown()), "why")
        assert app.link.typed == ""
        app.link.say(Role(writer=True))
        await until(lambda: not app.terminal.watching, "promoted")
        await pilot.press("y")
        await until(lambda: app.link.typed == "y", "typed")
        assert [message.writer for message in app.of(Terminal.RoleChanged)] == [False, True]


async def test_an_exit_ends_the_session():
    async with running(kept_app()) as (app, _):
        await begin(app, "x")
        app.link.say(FakeExit(0))
        await until(lambda: app.terminal.state == Exited(0), "exit")
        assert not app.terminal.kept


def test_delays_grow_and_begin_anew():
    class Timer:
        def stop(self) -> None:
            pass

    retries = Retries(lambda _seconds, _call: Timer(), lambda: None)  # type: ignore[arg-type,return-value]
    assert [retries.schedule() for _ in range(9)] == [*DELAYS, 30.0, 30.0]
    retries.forget()
    assert retries.schedule() == DELAYS[0]


# -- another one's window


async def test_a_watcher_sees_the_terminal_of_who_types():
    """In that one's size, cut to the pane; what the pane's own size is, the far side learns all the same."""
    async with running(kept_app(), (40, 10)) as (app, pilot):
        app.link.say(Role(writer=False, position=0, size=(60, 20)))
        await say(app, "\x1b[1;1Htop left\x1b[1;50Hunseen\x1b[20;1Hbottom left\x1b[20;60H")
        vt = app.terminal.vt
        assert (vt.columns, vt.lines) == (60, 20)
        await until(lambda: app.shown()[9].startswith("bottom left"), "the cursor's line")
        assert not any("top left" in line or "unseen" in line for line in app.shown())
        await say(app, "\x1b[1;1H")
        await until(lambda: app.shown()[0].startswith("top left"), "the first line")
        assert all(len(line) == 40 for line in app.shown())
        app.link.say(Role(writer=False, size=(20, 5)))
        await say(app, "\x1b[2J\x1b[5;1Hsmaller")
        await until(lambda: app.shown()[4].startswith("smaller"), "the smaller one")
        assert (vt.columns, vt.lines) == (20, 5)
        await pilot.resize_terminal(50, 12)
        await until(lambda: app.link.sizes[-1] == (50, 12), "the far side")
        assert (vt.columns, vt.lines) == (20, 5)
        app.link.say(Role(writer=True, size=(20, 5)))
        await until(lambda: (vt.columns, vt.lines) == (50, 12), "our own window")


async def test_the_history_of_another_ones_window():
    async with running(kept_app(), (40, 10)) as (app, pilot):
        app.link.say(Role(writer=False, position=0, size=(60, 20)))
        await say(app, "".join(f"line {number}\r\n" for number in range(100)))
        await until(lambda: app.shown()[8].startswith("line 99"), "the end")
        await pilot.press("ctrl+right_square_bracket", "left_square_bracket", "g")
        await until(lambda: app.shown()[0].startswith("line 0"), "the beginning")
        await pilot.press("G")
        await until(lambda: app.shown()[8].startswith("line 99"), "the end again")


async def test_what_is_typed_before_there_is_a_size_to_connect_with_is_sent():
    links: list[FakeLink] = []

    async def connect(columns: int, lines: int) -> FakeLink:
        links.append(FakeLink(columns, lines))
        return links[-1]

    session = Session(connect, (), VTScreen(80, 24), on_state=lambda _: None, on_output=lambda: None)
    assert session.send("echo ")
    task = asyncio.create_task(session.run())
    assert session.send("one\r")
    await until(lambda: links and links[0].typed == "echo one\r", "all of it")
    links[0].say(FakeExit(0))
    await task
