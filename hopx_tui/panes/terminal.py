"""The shells of the sandboxes: one terminal each, alive while other things are looked at."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.message import Message
from textual.widget import Widget
from textual.widgets import ContentSwitcher, Static

from hopx_tui import format as fmt
from hopx_tui.api.errors import ApiError, Closed
from hopx_tui.panes.base import Pane, PaneContext, sentence
from hopx_tui.widgets.dialogs import ConfirmDialog, MessageDialog
from hopx_tui.widgets.keys import Key
from hopx_tui.widgets.line import Line
from hopx_tui.widgets.palette import ascii_only
from hopx_tui.widgets.terminal import Terminal
from hopx_tui.widgets.terminal_link import TtyLink
from hopx_tui.widgets.terminal_recorder import Recorder, RecorderError, start_recording
from hopx_tui.widgets.terminal_state import Connected, Exited, Lost

CHORDS: Mapping[str, str] = MappingProxyType(
    {
        "z": "zoom the pane",
        "R": "record into a file, or stop that",
        "x": "close the terminal",
        "?": "list these keys",
    }
)
"""Keys after the chord that this pane answers; the terminal itself answers esc, d, [ and /."""


class TerminalPane(Pane):
    """The terminal of the selected sandbox. Looking at it starts nothing: `s` opens a shell."""

    NAME = "Terminal"
    HELP = "A shell in the sandbox. All keys go to it but ctrl+]; after that one, esc leaves and ? lists the others."
    EVERY = None

    BINDINGS: ClassVar[list[BindingType]] = [
        Key("enter", "open", "open shell", id="terminal.open", show=False, dangerous=True,
            tooltip="Open a shell in the sandbox."),
    ]  # fmt: skip

    DEFAULT_CSS = """
    TerminalPane > #terminal-title { padding: 0 1; }
    TerminalPane > ContentSwitcher { height: 1fr; }
    TerminalPane #terminal-none { width: 1fr; height: 1fr; content-align: center middle; color: $text-muted; text-align: center; }
    """  # noqa: E501

    class LeaveRequested(Message):
        """The person left the terminal by its chord."""

    class ZoomRequested(Message):
        """The person asked for the whole screen, or for it back."""

    class CopyRequested(Message):
        """Text of the terminal is to reach the person's clipboard."""

        def __init__(self, text: str, *, from_program: bool) -> None:
            super().__init__()
            self.text = text
            self.from_program = from_program

    def __init__(self, context: PaneContext) -> None:
        super().__init__(context)
        self._chord = context.chord
        self._terminals: dict[str, Terminal] = {}
        self._titles: dict[str, str] = {}
        self._recorders: dict[str, Recorder] = {}
        self._numbers = itertools.count(1)

    def content(self) -> ComposeResult:
        self._title = Line(id="terminal-title")
        self._none = NoShell("", id="terminal-none", markup=False)
        self._switch = ContentSwitcher(self._none, initial="terminal-none")
        yield self._title
        yield self._switch

    # -- the pane's duties

    def say(self, text: str | None) -> None:
        """A terminal keeps its screen whatever happens to its sandbox; only the empty pane speaks."""
        way_on = "This dashboard is read-only." if self.context.readonly else "s opens one"
        lines = text.split("\n") if text else ["No shell is open here.", "", way_on]
        self._none.update("\n".join(map(fmt.printable, lines)))

    def row_changed(self) -> None:
        if self.is_mounted:
            self._show_current()

    def on_mount(self) -> None:
        self._show_current()

    def on_unmount(self) -> None:
        for sandbox_id in list(self._recorders):
            self._finish_recording(sandbox_id)

    def tick(self) -> None:
        super().tick()
        if self._recorders:
            self._show_title()

    def focus_content(self) -> None:
        terminal = self.current
        (terminal if terminal is not None else self._none).focus()

    # -- terminals

    @property
    def current(self) -> Terminal | None:
        """The terminal of the sandbox shown, if a shell was opened there."""
        return self._terminals.get(self.row.id) if self.row is not None else None

    def has_shell(self, sandbox_id: str) -> bool:
        """A terminal exists for it, connected or not."""
        return sandbox_id in self._terminals

    @property
    def open_shells(self) -> int:
        """How many terminals have a shell listening."""
        return sum(isinstance(terminal.state, Connected) for terminal in self._terminals.values())

    async def open_shell(self) -> None:
        """Focus the sandbox's terminal, opening it first where there is none."""
        row = self.row
        if row is None:
            return
        terminal = self._terminals.get(row.id)
        if terminal is None:
            if self.unavailable() is not None:
                self._none.focus()
                return
            sandbox_id = row.id

            async def connect(columns: int, lines: int) -> TtyLink:
                agent = self.session.fleet.agent(sandbox_id)
                if agent is None:
                    raise Closed("the sandbox is gone")
                link = agent.terminal(columns, lines)
                await link.connect()
                return link

            terminal = Terminal(
                connect,
                lost_errors=(ApiError,),
                chord=self._chord,
                chords=CHORDS,
                fps=self.context.terminal_fps,
                cursor=self.context.cursor,
                ascii_only=ascii_only(self.app),
                id=f"terminal-{next(self._numbers)}",
            )
            self._terminals[row.id] = terminal
            self._titles[row.id] = "shell"
            await self._switch.mount(terminal)
            self._show_current()
        elif isinstance(terminal.state, Exited | Lost) and self.unavailable() is None:
            terminal.reconnect()
        terminal.focus()

    async def forget(self, sandbox_id: str) -> None:
        """Its terminal goes, with the shell in it."""
        self._finish_recording(sandbox_id)
        terminal = self._terminals.pop(sandbox_id, None)
        self._titles.pop(sandbox_id, None)
        if terminal is not None:
            await terminal.remove()
            self._show_current()

    def action_open(self) -> None:
        """Open a shell, when the empty pane has the keyboard."""
        if self.current is None:
            self.run_worker(self.open_shell(), name="open shell")

    def _show_current(self) -> None:
        terminal = self.current
        if terminal is not None:
            obstacle = self.unavailable()
            # The ways on that a pane names would be typed into the terminal: leaving comes first.
            first = obstacle.splitlines()[0] if obstacle else ""
            terminal.set_obstacle(f"{fmt.printable(first)} {self._chord} esc leaves" if obstacle else None)
        self._switch.current = terminal.id if terminal is not None else "terminal-none"
        self._show_title()

    def _show_title(self) -> None:
        terminal, row = self.current, self.row
        self._title.display = terminal is not None
        if terminal is None or row is None:
            return
        state = terminal.state
        word = {Connected: "", Exited: " ended", Lost: " lost"}.get(type(state), " connecting")
        name = fmt.printable(self._titles.get(row.id, "shell"))
        if terminal.chord_pending:
            keys = [("esc leaves  z zoom  [ scroll  / search  ? list", "key")]
        else:
            keys = [(f"{self._chord} esc leaves", "key" if terminal.has_focus else "faint")]
        left = [(name, "title")]
        if word:
            left.append((word, "warn"))
        if (recorder := self._recorders.get(row.id)) is not None:
            left.append((f"  ● REC {fmt.countdown(recorder.seconds)}", "alert"))
        self._title.set_parts(left, keys)

    # -- what terminals say

    def on_terminal_state_changed(self, message: Terminal.StateChanged) -> None:
        message.stop()
        if isinstance(message.state, Exited | Lost):
            code = message.state.code if isinstance(message.state, Exited) else None
            self._finish_recording(self._sandbox_of(message.terminal), code)
        self._show_title()
        if isinstance(message.state, Lost):
            self.session.fleet.refresh_list()  # the sandbox may be gone: the list should say so soon

    def on_terminal_title_changed(self, message: Terminal.TitleChanged) -> None:
        message.stop()
        if sandbox_id := self._sandbox_of(message.terminal):
            self._titles[sandbox_id] = message.title or "shell"
        self._show_title()

    def on_terminal_chord_pending(self, message: Terminal.ChordPending) -> None:
        message.stop()
        self._show_title()

    def on_terminal_left(self, message: Terminal.Left) -> None:
        message.stop()
        self.post_message(self.LeaveRequested())

    def on_terminal_chord(self, message: Terminal.Chord) -> None:
        message.stop()
        if message.key == "z":
            self.post_message(self.ZoomRequested())
        elif message.key == "?":
            self._list_chords()
        elif sandbox_id := self._sandbox_of(message.terminal):
            work = self._hang_up(sandbox_id) if message.key == "x" else self._record(sandbox_id)
            self.run_worker(work, name=f"chord {message.key}")

    def _sandbox_of(self, terminal: Widget) -> str:
        """Whose terminal it is; '' when it is nobody's any more."""
        return next((found for found, other in self._terminals.items() if other is terminal), "")

    def _list_chords(self) -> None:
        lines = {"esc, d": "leave the terminal", "[": "scroll, select and copy", "/": "search", **CHORDS}
        lines[self._chord] = "send it to the program"
        text = "\n".join(f"{keys:<8}  {what}" for keys, what in lines.items())
        self.app.push_screen(MessageDialog(f"After {self._chord}", text))

    async def _hang_up(self, sandbox_id: str) -> None:
        """Asks while a shell listens, as what it runs ends with it."""
        if isinstance(self._terminals[sandbox_id].state, Connected):
            question = ConfirmDialog("Close this terminal?", ["What runs in it ends."], "Close", danger=True)
            if not await self.app.push_screen_wait(question):
                return
        await self.forget(sandbox_id)
        self.focus_content()

    # -- recording

    async def _record(self, sandbox_id: str) -> None:
        """Begin a recording, or end the one that runs."""
        if sandbox_id in self._recorders:
            self._finish_recording(sandbox_id)
            return
        fleet, terminal = self.session.fleet, self._terminals[sandbox_id]
        agent, row = fleet.agent(sandbox_id), fleet.row(sandbox_id)
        if agent is None or row is None or not isinstance(terminal.state, Connected):
            terminal.hint("nothing to record: no shell listens")
            return
        try:
            variables = await agent.env()
        except ApiError as error:
            text = f"Not recording: which values are secret, and stay out of the file, is not known. {sentence(error)}"
            self.app.notify(text, severity="error", timeout=10)
            return
        if self._terminals.get(sandbox_id) is not terminal or sandbox_id in self._recorders:
            return  # closed, or begun by a second key, meanwhile

        def failed(why: str) -> None:
            self._recorders.pop(sandbox_id, None)
            terminal.record(None)
            self._show_title()
            self.app.notify(why, severity="error", timeout=10)

        folder = self.context.downloads or Path.home() / "Downloads"
        given = fleet.values_given(sandbox_id)
        try:
            recorder = start_recording(terminal.vt, folder, row.label, variables, given, on_failure=failed)
        except RecorderError as error:
            self.app.notify(str(error), severity="error", timeout=10)
            return
        self._recorders[sandbox_id] = recorder
        terminal.record(recorder.output, recorder.resize)
        self._show_title()

    def _finish_recording(self, sandbox_id: str, exit_code: int | None = None) -> None:
        """End the recording of a terminal, if one runs, and say where it is."""
        recorder = self._recorders.pop(sandbox_id, None)
        if recorder is None:
            return
        self._terminals[sandbox_id].record(None)
        try:
            done = recorder.finish(exit_code)
        except RecorderError as error:
            self.app.notify(str(error), severity="error", timeout=10)
        else:
            self.app.notify(f"Recorded {fmt.duration(done.seconds)}, {fmt.size(done.size)}: {done.path}", timeout=8)
        self._show_title()

    def on_terminal_rang(self, message: Terminal.Rang) -> None:
        message.stop()
        self.app.bell()

    def on_terminal_copy_requested(self, message: Terminal.CopyRequested) -> None:
        message.stop()
        self.post_message(self.CopyRequested(message.text, from_program=message.from_program))

    def on_descendant_focus(self) -> None:
        self._show_title()

    def on_descendant_blur(self) -> None:
        self._show_title()


class NoShell(Static, can_focus=True):
    """What the pane shows before a shell is opened; it takes the keyboard so that keys work here too."""
