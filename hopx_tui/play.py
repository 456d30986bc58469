"""The application that plays one recording: no source, no engine, no key."""

from __future__ import annotations

from pathlib import Path

from hopx_tui.front import Front
from hopx_tui.preferences import Preferences
from hopx_tui.screens.player import PlayerScreen
from hopx_tui.settings import Settings

_REMOTE_FPS = 15


class PlayApp(Front, inherit_bindings=False):
    """One player; leaving it ends the program. Raises PlayError when it is made of something else."""

    TITLE = "hopx-tui play"

    def __init__(self, path: Path, settings: Settings, preferences: Preferences) -> None:
        super().__init__(settings, preferences)
        self._player = PlayerScreen(path, fps=_REMOTE_FPS if settings.ssh else 60)

    async def on_mount(self) -> None:
        """Play."""
        self.take_terminal()
        await self.push_screen(self._player, lambda _: self.exit())
