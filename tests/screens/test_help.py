"""The help screen by itself; what it lists is tested with the fleet screen."""

from __future__ import annotations

import pytest
from textual.containers import VerticalScroll

from hopx_tui.screens.help import HelpScreen
from hopx_tui.screens.keytable import KeyLine, Section
from tests.screens.running import plain
from tests.widgets.hosting import Host, until

LONG = "A sentence that is longer than the narrow column can hold in one line, so that it goes on below."
SECTIONS = [
    Section(
        "Place", "About it [b]now[/b].", [KeyLine("ctrl+d F8", "x", LONG, "x"), KeyLine("[", "y", "Second [i].", "y")]
    ),
    Section("Silent", "", [KeyLine(f"k{at}", "z", f"Number {at}.", "z") for at in range(40)]),
]


@pytest.mark.parametrize("size", [(120, 40), (80, 24), (60, 15)])
async def test_sentences_hang_under_each_other(size: tuple[int, int]) -> None:
    app = Host()
    async with app.run_test(size=size) as pilot:
        await app.push_screen(HelpScreen(SECTIONS, "Hello [there]."))
        await until(lambda: "Keys that work here" in plain(app))
        text = plain(app)
        assert "Hello [there]." in text
        assert "About it [b]now[/b]." in text
        first = next(line for line in text.splitlines() if "ctrl+d F8" in line)
        below = text.splitlines()[text.splitlines().index(first) + 1]
        column = first.index("A sentence")
        assert below[column - 1] == " "
        assert below[column] != " "
        scroll = app.screen.query_one(VerticalScroll)
        await pilot.press("j", "j")
        await until(lambda: scroll.scroll_y == 2)
        await pilot.press("k")
        await until(lambda: scroll.scroll_y == 1)
        await pilot.press("end")
        await until(lambda: "Number 39." in plain(app))
        await pilot.press("escape")
        await until(lambda: not isinstance(app.screen, HelpScreen))
