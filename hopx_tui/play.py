"""The application that plays one recording: no source, no engine, no key."""

from __future__ import annotations

import os
import traceback
from pathlib import Path
from typing import Any

from textual import events
from textual.app import App

from hopx_tui.format import printable
from hopx_tui.preferences import Preferences
from hopx_tui.screens.player import PlayerScreen
from hopx_tui.settings import Settings
from hopx_tui.theme import ANSI_THEME, THEMES, start_theme
from hopx_tui.tty.driver import DiffDriver

_REMOTE_FPS = 15


class PlayApp(App[None], inherit_bindings=False):
    """One player; leaving it ends the program. Raises PlayError when it is made of something else."""

    CSS_PATH = "app.tcss"
    TITLE = "hopx-tui play"
    ENABLE_COMMAND_PALETTE = False
    ESCAPE_TO_MINIMIZE = False

    def __init__(self, path: Path, settings: Settings, preferences: Preferences) -> None:
        self._start_theme = start_theme(settings.theme or preferences.theme, os.environ.get("TERM", ""))
        plain_driver = os.environ.get("HOPX_TUI_PLAIN_DRIVER")
        super().__init__(
            driver_class=None if plain_driver else DiffDriver,
            ansi_color=True if self._start_theme == ANSI_THEME else None,
        )
        self.ascii_only = settings.ascii
        self._player = PlayerScreen(path, fps=_REMOTE_FPS if settings.ssh else 60)
        self.crash: str | None = None

    async def on_mount(self) -> None:
        """Play."""
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = self._start_theme
        await self.push_screen(self._player, lambda _: self.exit())

    def notify(self, message: str, **options: Any) -> None:
        """Say something in a corner; nothing in it is taken for markup."""
        options["markup"] = False
        super().notify(printable(message, ascii_only=self.ascii_only), **options)

    def on_key(self, event: events.Key) -> None:
        """ctrl+q leaves from the help too: the search for bindings ends there, but the key comes up to here."""
        if event.key == "ctrl+q":
            event.stop()
            self.exit()

    def action_redraw(self) -> None:
        """Something else wrote on the terminal: draw all of it anew."""
        if isinstance(self._driver, DiffDriver):
            self._driver.redraw()
        self.refresh(repaint=True)

    def _fatal_error(self) -> None:
        """As in the dashboard: a sentence for the person, the traceback into a file."""
        self.crash = traceback.format_exc()
        self._close_messages_no_wait()

    def panic(self, *renderables: Any) -> None:
        """As above, for errors that know how to draw themselves."""
        self.crash = traceback.format_exc()
        self._close_messages_no_wait()
