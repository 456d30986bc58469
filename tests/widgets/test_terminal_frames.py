"""When frames are painted."""

from __future__ import annotations

import asyncio
from importlib.metadata import version

from textual.screen import Screen

from hopx_tui.widgets.terminal import Terminal
from hopx_tui.widgets.terminal_frames import BOOSTED_FRAMES, FramePacer
from tests.widgets.terminal_app import TerminalApp, running, until


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


class Stage:
    """A pacer whose frames are counted."""

    def __init__(self, fps: int = 20) -> None:
        self.frames = 0
        self.held = False
        self.clock = Clock()
        self.pacer = FramePacer(self.paint, lambda: self.held, fps=fps, clock=self.clock)

    def paint(self) -> None:
        self.frames += 1


async def test_the_first_frame_is_immediate_and_the_next_waits_for_the_cap():
    stage = Stage()
    for _ in range(5):
        stage.pacer.request()
    assert stage.frames == 1
    stage.clock.now += 0.06
    await until(lambda: stage.frames == 2, "the capped frame")
    await asyncio.sleep(0.06)
    assert stage.frames == 2


async def test_a_key_bypasses_the_cap_a_few_times():
    stage = Stage()
    stage.pacer.request()
    stage.pacer.key_pressed()
    for _ in range(2 * BOOSTED_FRAMES):
        stage.pacer.request()
    assert stage.frames == 1 + BOOSTED_FRAMES
    stage.pacer.cancel()
    stage.pacer.key_pressed()
    stage.clock.now += 1
    stage.pacer.request()  # too late to be the key's answer
    stage.pacer.request()
    assert stage.frames == 2 + BOOSTED_FRAMES
    stage.pacer.cancel()


async def test_what_comes_soon_after_a_key_does_not_wait_but_not_for_long():
    """The first output after a key may be somebody else's: three more frames come at once."""
    stage = Stage()
    stage.pacer.key_pressed()
    for _ in range(10):
        stage.pacer.request()
        stage.clock.now += 0.005
    assert stage.frames == 4
    stage.clock.now += 0.05
    stage.pacer.request()
    assert stage.frames == 5


async def test_a_synchronised_update_is_held_until_its_end():
    stage = Stage()
    stage.held = True
    stage.pacer.key_pressed()
    stage.pacer.request()
    stage.pacer.request()
    assert stage.frames == 0
    stage.held = False
    stage.pacer.request()
    assert stage.frames == 1


async def test_a_synchronised_update_without_end_is_shown_in_time():
    stage = Stage()
    stage.held = True
    stage.pacer.request()
    await until(lambda: stage.frames == 1, "150 ms", 2)
    stage.pacer.request()
    stage.clock.now += 0.2
    stage.pacer.request()
    assert stage.frames == 2


async def test_cancel_forgets_the_frame():
    stage = Stage()
    stage.pacer.request()
    stage.pacer.request()
    stage.pacer.cancel()
    await asyncio.sleep(0.08)
    assert stage.frames == 1


async def test_the_private_hooks_of_textual_are_still_there():
    assert version("textual") == "8.2.8"
    assert callable(Screen._on_timer_update)
    async with running(TerminalApp()) as (app, pilot):
        assert isinstance(app.screen._dirty_widgets, set)
        terminal = app.query_one(Terminal)
        await pilot.pause(0.1)
        painted: list[int] = []
        render = terminal.render_line

        def note(y: int):
            painted.append(y)
            return render(y)

        terminal.render_line = note
        terminal.vt.change_style("31")
        terminal._session._stream.feed_text("key")
        terminal._paint()
        assert painted == [0]  # within the same turn of the loop
        await pilot.pause(0.1)
        assert painted == [0]  # and not once more
