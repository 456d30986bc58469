"""A kept session: after a lost link the terminal goes on where it broke off, by itself."""

from __future__ import annotations

from dataclasses import dataclass

from hopx_tui.widgets.terminal import Terminal
from hopx_tui.widgets.terminal_retries import DELAYS, Retries
from hopx_tui.widgets.terminal_state import Connected, Exited, Lost
from tests.widgets.terminal_app import FakeExit, TerminalApp, running, say, until


@dataclass(frozen=True)
class Role:
    writer: bool = True
    created: bool = False
    position: int = -1
    characters: int = 0
    tail: int = 0


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
