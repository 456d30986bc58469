"""What every program of ours on a person's terminal shares: driver, theme, notices, ending, and faults of our own."""

from __future__ import annotations

import asyncio
import os
import signal
import traceback
from typing import Any

from rich.terminal_theme import TerminalTheme
from textual import events
from textual.app import App
from textual.color import Color
from textual.notifications import Notify

from hopx_tui.format import printable
from hopx_tui.preferences import Preferences
from hopx_tui.settings import Settings
from hopx_tui.theme import ANSI_THEME, DARK_PALETTE, LIGHT_PALETTE, THEMES, start_theme
from hopx_tui.tty.driver import DiffDriver

__all__ = ["Front"]

_PLAIN_DRIVER = "HOPX_TUI_PLAIN_DRIVER"
"""An environment variable that brings Textual's own driver back, should ours misjudge a terminal."""
_LONGEST_NOTICE = 600
_MOST_NOTICES = 4
"""At a time: more would hide what they are about."""


class Front(App[None], inherit_bindings=False):
    """An app whose subclasses say what is on the screen; they call `take_terminal` when they are mounted."""

    CSS_PATH = "app.tcss"
    ENABLE_COMMAND_PALETTE = False
    ESCAPE_TO_MINIMIZE = False

    def __init__(self, settings: Settings, preferences: Preferences) -> None:
        self._start_theme = start_theme(settings.theme or preferences.theme, os.environ.get("TERM", ""))
        # Textual picks its filter for NO_COLOR now, before any theme is set.
        super().__init__(
            driver_class=None if os.environ.get(_PLAIN_DRIVER) else DiffDriver,
            ansi_color=True if self._start_theme == ANSI_THEME else None,
        )
        self.ascii_only = settings.ascii
        self.crash: str | None = None
        """The traceback of a fault of our own; whoever ran the app writes it down."""

    def take_terminal(self) -> None:
        """Set the theme, and leave in order when told to."""
        if not self.is_headless:
            # the default would end us without giving the terminal back
            for number in (signal.SIGTERM, signal.SIGHUP):
                asyncio.get_running_loop().add_signal_handler(number, self.exit)
        for theme in THEMES:
            self.register_theme(theme)
        self.ansi_theme_dark, self.ansi_theme_light = _palette(DARK_PALETTE), _palette(LIGHT_PALETTE)
        self.theme = self._start_theme

    def notify(self, message: str, **options: Any) -> None:
        """Say something in a corner, with whatever a server said made safe for the person's terminal."""
        lines = message[:_LONGEST_NOTICE].split("\n")
        options["markup"] = False
        super().notify("\n".join(printable(line, ascii_only=self.ascii_only) for line in lines), **options)

    def on_notify(self, event: Notify) -> None:
        """Make room, before Textual shows it: what is said again is shown once, and the oldest ones go."""
        said = list(self._notifications)
        kept = [each for each in said if each.message != event.notification.message][1 - _MOST_NOTICES :]
        for each in said:
            if each not in kept:
                del self._notifications[each]

    def on_key(self, event: events.Key) -> None:
        """ctrl+q leaves from a dialog too: the search for bindings ends there, but the key comes up to here."""
        if event.key == "ctrl+q":
            event.stop()
            self.exit()

    def action_redraw(self) -> None:
        """Something else wrote on the terminal: draw all of it anew."""
        if isinstance(self._driver, DiffDriver):
            self._driver.redraw()
        self.refresh(repaint=True)

    # -- a crash of ours

    def _fatal_error(self) -> None:
        """Textual would print its traceback; a person gets a sentence and the name of the file that has it."""
        self.crash = traceback.format_exc()
        self._close_messages_no_wait()

    def panic(self, *renderables: Any) -> None:
        """As above, for errors that know how to draw themselves."""
        self.crash = traceback.format_exc()
        self._close_messages_no_wait()


def _palette(colours: tuple[str, ...]) -> TerminalTheme:
    """Textual's form of a palette; it asks for grounds too, which ours come without."""
    rgb = [Color.parse(colour).rgb for colour in colours]
    return TerminalTheme(rgb[0], rgb[7], rgb[:8], rgb[8:])
