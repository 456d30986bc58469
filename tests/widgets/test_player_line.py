"""The line below a recording."""

from __future__ import annotations

from typing import Any

import pytest

from hopx_tui.widgets.player_line import PlayerLine, PlayState, clock_text
from tests.widgets.hosting import Host, screen_lines


class LineHost(Host):
    def on_player_line_sought(self, message: PlayerLine.Sought) -> None:
        self.heard.append(message.share)


@pytest.mark.parametrize(
    ("at", "text"), [(0, "0:00"), (59_999_999, "0:59"), (65_000_000, "1:05"), (7_265_000_000, "2:01:05")]
)
def test_clock(at: int, text: str):
    assert clock_text(at) == text


async def shown(state: PlayState, typed: str | None = None, *, width: int = 60, markers: Any = (), **host: Any) -> str:
    line = PlayerLine()
    app = Host(line, **host)
    async with app.run_test(size=(width, 3)):
        line.set_markers(markers)
        line.set_state(state, typed)
        assert line.text == screen_lines(app)[0]
        return line.text.rstrip()


async def test_states():
    half = PlayState(30_000_000, 60_000_000, playing=True)
    text = await shown(half, markers=[0, 60_000_000])
    assert text.startswith(" ▸ playing  0:30 / 1:00 ┃━")
    assert text.endswith("─┃ 1x")
    assert "‖ paused" in await shown(PlayState(1, 2, speed=0.25))
    assert "■ ended" in await shown(PlayState(2, 2))
    slow = PlayState(1, 2, False, 0.25, 2.0, "", "lab\x1bel")
    assert "0.25x  pauses <= 2s  lab\\x1bel" in await shown(slow, width=90)
    assert (await shown(PlayState(1, 2, busy="going there 5%"))).endswith(" going there 5%")


async def test_narrow_and_ascii():
    state = PlayState(30_000_000, 60_000_000, True, 1, 2.0, "", "label")
    assert (await shown(state, width=40)).endswith(" 1x")
    text = await shown(state, ascii_only=True, markers=[45_000_000], width=80)
    assert text.isascii()
    assert "###---" in text
    assert "!" in text
    assert (await shown(state, "ab\x07ä", ascii_only=True)).isascii()


async def test_typing():
    assert await shown(PlayState(), "needle") == " /needle▏  enter searches the output  esc stops"


async def test_a_click_seeks():
    line = PlayerLine()
    app = LineHost(line)
    async with app.run_test(size=(60, 3)) as pilot:
        line.set_state(PlayState(0, 60_000_000))
        await pilot.pause()
        start, width = line._bar
        await pilot.click(line, offset=(start + width - 1, 0))
        await pilot.click(line, offset=(2, 0))
        await pilot.pause()
        assert app.heard == [1.0]
