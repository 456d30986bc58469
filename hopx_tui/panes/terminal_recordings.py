"""Which terminals of a pane are being recorded: began by a key, ended by it or with the terminal."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from textual.app import App

from hopx_tui import format as fmt
from hopx_tui.api.errors import ApiError
from hopx_tui.live.fleet import Fleet
from hopx_tui.panes.base import sentence
from hopx_tui.widgets.terminal import Terminal
from hopx_tui.widgets.terminal_recorder import Recorder, RecorderError, start_recording
from hopx_tui.widgets.terminal_state import Connected

__all__ = ["Recordings"]


class Recordings:
    """Begins and ends them, and says so.

    Args:
        app: tells the person.
        folder: where the files go.
        changed: called when a recording began or ended.
    """

    def __init__(self, app: App[Any], fleet: Fleet, folder: Path, *, changed: Callable[[], None]) -> None:
        self._app = app
        self._fleet = fleet
        self._folder = folder
        self._changed = changed
        self._running: dict[Terminal, Recorder] = {}

    def __bool__(self) -> bool:
        return bool(self._running)

    def mark(self, terminal: Terminal) -> str:
        """`● REC 0:00:12` while this one is recorded, else ''."""
        recorder = self._running.get(terminal)
        return f"● REC {fmt.countdown(recorder.seconds)}" if recorder is not None else ""

    async def toggle(self, terminal: Terminal, sandbox_id: str) -> None:
        """Begin a recording, or end the one that runs."""
        if terminal in self._running:
            self.finish(terminal)
            return
        agent, row = self._fleet.agent(sandbox_id), self._fleet.row(sandbox_id)
        if agent is None or row is None or not isinstance(terminal.state, Connected):
            terminal.hint("nothing to record: no shell listens")
            return
        try:
            variables = await agent.env()
        except ApiError as error:
            text = f"Not recording: which values are secret, and stay out of the file, is not known. {sentence(error)}"
            self._app.notify(text, severity="error", timeout=10)
            return
        if not terminal.is_attached or terminal in self._running:
            return  # closed, or begun by a second key, meanwhile

        def failed(why: str) -> None:
            self._running.pop(terminal, None)
            terminal.record(None)
            self._changed()
            self._app.notify(why, severity="error", timeout=10)

        given = self._fleet.values_given(sandbox_id)
        try:
            recorder = start_recording(terminal.vt, self._folder, row.label, variables, given, on_failure=failed)
        except RecorderError as error:
            self._app.notify(str(error), severity="error", timeout=10)
            return
        self._running[terminal] = recorder
        terminal.record(recorder.output, recorder.resize)
        self._changed()

    def finish(self, terminal: Terminal, exit_code: int | None = None) -> None:
        """End the recording of a terminal, if one runs, and say where it is."""
        recorder = self._running.pop(terminal, None)
        if recorder is None:
            return
        terminal.record(None)
        try:
            done = recorder.finish(exit_code)
        except RecorderError as error:
            self._app.notify(str(error), severity="error", timeout=10)
        else:
            self._app.notify(f"Recorded {fmt.duration(done.seconds)}, {fmt.size(done.size)}: {done.path}", timeout=8)
        self._changed()

    def finish_all(self) -> None:
        """The pane goes."""
        for terminal in list(self._running):
            self.finish(terminal)
