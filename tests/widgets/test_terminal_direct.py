"""What a pane draws past Textual is what Textual would have drawn, cell for cell."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any

import pytest
from textual._compositor import Compositor, CompositorUpdate
from textual._context import visible_screen_stack
from textual._styles_cache import StylesCache
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.pilot import Pilot
from textual.screen import ModalScreen, Screen
from textual.widgets import Label, Static

from hopx_tui.theme import THEMES
from hopx_tui.tty.painter import Painter
from hopx_tui.tty.wanted import Wanted
from hopx_tui.vt.screen import VTScreen
from hopx_tui.vt.stream import VTStream
from tests.tty.test_painter import Shown, looks
from tests.vt import streams
from tests.widgets.terminal_app import TerminalApp, running, say

SIZE = (60, 16)
STEPS = 30


class FakeSurface:
    """A terminal that shows what Textual writes and what is drawn past it; `drawn` counts the latter's frames."""

    def __init__(self) -> None:
        self.painter = Painter(*SIZE)
        self.wanted = self.painter.wanted
        self.terminal = Shown(*SIZE)
        self.drawn = 0
        self.off = False
        self._rng = random.Random(1)

    def paint(self, *, now: bool = False) -> None:
        """What the driver does after each frame, if the terminal has taken the one before."""
        if now or self._rng.random() < 0.6:
            self.terminal.take(self.painter.frame())

    def show(self, owner: object, x: int, y: int, shape: int) -> None:
        pass

    def hide(self, owner: object) -> None:
        pass

    @contextmanager
    def frame(self) -> Iterator[Wanted | None]:
        self.drawn += not self.off
        yield None if self.off else self.wanted
        self.paint()


class Dialog(ModalScreen[None]):
    def compose(self) -> ComposeResult:
        yield Label("really?")


class PaneApp(TerminalApp):
    """A list, and beside it a pane with a border, as in the dashboard."""

    CSS = """
    #list { width: 12; }
    #frame { border: round green; }
    .narrow #list, .whole #list { display: none; }
    .whole #frame { border: none; }
    .odd #frame { padding: 0 1; }
    .lower Terminal { border-top: solid green; }
    """

    def __init__(self, classes: str) -> None:
        self.surface = FakeSurface()
        super().__init__(surface=self.surface, fps=100_000)
        self._classes_wanted = classes

    def compose(self) -> ComposeResult:
        with Horizontal(classes=self._classes_wanted):
            yield Static("\n".join(f"sandbox {row}" for row in range(30)), id="list")
            with Vertical(id="frame"):
                yield from super().compose()

    def on_mount(self) -> None:
        for theme in THEMES:
            self.register_theme(theme)

    def _display(self, screen: Screen[Any], renderable: Any) -> None:
        """Tests have no driver: what would go to it is shown here."""
        if isinstance(renderable, CompositorUpdate):
            self.surface.wanted.feed(renderable.render_segments(self.console))
            self.surface.paint()
        super()._display(screen, renderable)

    def whole(self) -> VTScreen:
        """The screen as Textual draws all of it anew."""
        screen = VTScreen(*SIZE, history_rows=0, styles=self.surface.wanted.screen.styles)
        stream = VTStream(screen)
        stream.feed_text("\x1b[?7l")
        visible_screen_stack.set(self._background_screens)
        for y, strip in enumerate(self.screen._compositor.render_strips(self.size)):
            stream.feed_text(f"\x1b[{y + 1};1H{strip.render(self.console)}")
        return screen


def assert_same(app: PaneApp, when: str) -> None:
    drawn, whole = looks(app.surface.wanted.screen), looks(app.whole())
    app.surface.paint(now=True)
    assert looks(app.surface.terminal.screen) == drawn, when
    for y, (ours, theirs) in enumerate(zip(drawn, whole, strict=True)):
        for x, (cell, other) in enumerate(zip(ours, theirs, strict=True)):
            assert cell == other, f"{when}: column {x} of line {y}, at {app.terminal.content_region}"


def piece(rng: random.Random) -> str:
    """Output of a program: logs, full screens, scrolling both ways, anything at all."""
    match rng.randrange(8):
        case 0:
            lines = (f"\r\nline {rng.randrange(1000)} {'x' * rng.randrange(30)}" for _ in range(9))
            return "".join(list(lines)[: rng.randrange(1, 9)])
        case 1:
            cells = (f"\x1b[{rng.randrange(1, 16)};{rng.randrange(1, 50)}H\x1b[3{row}mcell\x1b[0m" for row in range(6))
            return "".join(cells)
        case 2:
            region = f"\x1b[{rng.randrange(1, 5)};{rng.randrange(6, 14)}r"
            return f"{region}\x1b[{rng.randrange(1, 4)}{rng.choice('ST')}\x1b[r"
        case 3:
            return "\r\n世界 👍🏽 🇩🇪 e\u0301 👩\u200d👧 \u3000\u00a0\ue0b0\u00ad| \x1b[8mhidden\x1b[28m \x1b]8;;https://e.org/\x1b\\link\x1b]8;;\x1b\\"
        case 4:
            modes = ["\x1b[?5h", "\x1b[?5l", "\x1b[?1049h", "\x1b[?1049l", "\x1b[2J", "\x1b[3J", "\x1b[H\x1bM"]
            return rng.choice(modes)
        case 5:
            return "\r\n\x1b[7;1mhead\x1b[0;4:3;58:5:1m wave \x1b[0;38;2;1;2;3;48;5;22m deep \x1b[K\x1b[0m"
        case _:
            return streams.stream(rng).decode(errors="replace")


async def disturb(app: PaneApp, pilot: Pilot[None], rng: random.Random) -> None:
    """Something that lies over the pane, changes its colours or its size, or is in its way; sometimes gone again."""
    terminal = app.terminal
    match rng.randrange(9):
        case 0:
            app.notify("over the pane", timeout=30)
        case 1:
            app.clear_notifications()
        case 2:
            app.theme = rng.choice([theme.name for theme in THEMES])
        case 3:
            terminal.hint("a note")
        case 4:
            terminal.leave_scroll_mode() if terminal.scrolling else terminal.enter_scroll_mode()
        case 5:
            await pilot.mouse_down(terminal, offset=(2, 2))
            await pilot.mouse_up(terminal, offset=(rng.randrange(3, 20), rng.randrange(2, 8)))
        case 6:
            app.query_one("#frame").styles.margin = (0, rng.choice([0, 3]), rng.choice([0, 2]), 0)
        case 7:
            terminal.viewport.scroll(rng.choice([-3, 3, 1000]))
            terminal._repaint()
        case _:
            await app.push_screen(Dialog())
            await say(app, "\r\nunder a dialog")
            await pilot.pause()
            assert_same(app, "under a dialog")
            app.pop_screen()


@pytest.mark.parametrize("classes", ["", "narrow", "whole", "odd", "lower"])
@pytest.mark.parametrize("seed", range(1))
async def test_random_output_and_disturbance(classes: str, seed: int):
    rng = random.Random(f"{classes} {seed}")
    app = PaneApp(classes)
    async with running(app, SIZE) as (_, pilot):
        await pilot.pause()
        for step in range(STEPS):
            for _ in range(rng.randrange(1, 4)):
                await say(app, piece(rng))
            await pilot.pause()
            app.terminal._paint()  # the program may have asked to hold the frame
            assert_same(app, f"step {step}")
            if rng.random() < 0.3:
                await disturb(app, pilot, rng)
                await pilot.pause()
                app.terminal._paint()
                assert_same(app, f"disturbed in step {step}")
        assert app.surface.drawn > STEPS / 2


async def test_lines_that_only_moved_are_not_drawn_again(monkeypatch: pytest.MonkeyPatch):
    app = PaneApp("narrow")
    async with running(app, SIZE) as (_, pilot):
        await say(app, "".join(f"line {row}\r\n" for row in range(30)))
        await pilot.pause()
        lines: list[int] = []
        put = Wanted.put

        def counted(self: Wanted, x: int, y: int, *cells: Any) -> None:
            lines.append(y)
            put(self, x, y, *cells)

        monkeypatch.setattr(Wanted, "put", counted)
        await say(app, "one more\r\n")
        assert lines == [13, 14]  # its line, and the empty one below it
        lines.clear()
        await say(app, "\x1b[H\x1bM")
        assert lines == [1]


async def test_nothing_is_drawn_over_a_dialog():
    app = PaneApp("")
    async with running(app, SIZE) as (_, pilot):
        await pilot.pause()
        await say(app, "hello")
        before = app.surface.drawn
        assert before
        await app.push_screen(Dialog())
        await say(app, "under it")
        await pilot.pause()
        assert app.surface.drawn == before
        assert_same(app, "under a dialog")


async def test_textual_draws_where_nothing_else_can():
    app = PaneApp("")
    async with running(app, SIZE) as (_, pilot):
        app.surface.off = True
        await say(app, "hello")
        await pilot.pause()
        assert "hello" in app.surface.wanted.screen.display[1]


def test_the_names_of_textual_that_are_used_here():
    assert version("textual") == "8.2.8"
    assert isinstance(Compositor.visible_widgets, property)
    assert callable(StylesCache.set_dirty)
    assert "_layout_required" in Screen.__dict__ or hasattr(Screen(), "_layout_required")
