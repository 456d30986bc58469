"""The button of one line."""

from __future__ import annotations

from textual import on

from hopx_tui.widgets.flat_button import FlatButton
from tests.widgets.hosting import Host, screen_lines


class Buttons(Host):
    @on(FlatButton.Pressed)
    def _pressed(self, event):
        self.heard.append(event.control.id)


async def test_it_is_pressed_by_keys_and_mouse():
    app = Buttons(FlatButton("Go", "primary", id="go"), FlatButton("Off", id="off", disabled=True))
    async with app.run_test(size=(20, 3)) as pilot:
        button = app.query_one("#go", FlatButton)
        button.focus()
        await pilot.press("enter", "space")
        await pilot.click("#go")
        await pilot.click("#off")
        app.query_one("#off", FlatButton).action_press()
        await pilot.pause()
        assert app.heard == ["go"] * 3
        assert "[ Go ]" in screen_lines(app)[0]
