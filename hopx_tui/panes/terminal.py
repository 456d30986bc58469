"""The shells of the sandboxes: one terminal each, alive while other things are looked at."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Coroutine
from pathlib import Path
from typing import Any, ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.message import Message
from textual.widget import Widget
from textual.widgets import ContentSwitcher, Static

from hopx_tui import format as fmt
from hopx_tui.api.errors import ApiError
from hopx_tui.panes.base import Pane, PaneContext
from hopx_tui.panes.terminal_chords import ChordAnswers
from hopx_tui.panes.terminal_opener import ShellAgent, ShellOpener, left_behind
from hopx_tui.panes.terminal_recordings import Recordings
from hopx_tui.panes.terminal_tabs import Tab, Tabs
from hopx_tui.widgets.dialogs import ConfirmDialog
from hopx_tui.widgets.keys import Key
from hopx_tui.widgets.line import Line
from hopx_tui.widgets.palette import ascii_only
from hopx_tui.widgets.terminal import Terminal
from hopx_tui.widgets.terminal_chord import CHORDS
from hopx_tui.widgets.terminal_state import Connected, Exited, Lost

_LEAST_COLUMNS, _LEAST_LINES = 20, 4

_MOST_TABS = 9


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

    class AttachRequested(Message):
        """The person wants their whole terminal for the program, with nothing of ours around it."""

        def __init__(self, terminal: Terminal) -> None:
            super().__init__()
            self.terminal = terminal

    class CopyRequested(Message):
        """Text of the terminal is to reach the person's clipboard."""

        def __init__(self, text: str, *, from_program: bool) -> None:
            super().__init__()
            self.text = text
            self.from_program = from_program

    def __init__(self, context: PaneContext) -> None:
        super().__init__(context)
        self._chord = context.chord
        self._tabs: dict[str, Tabs] = {}
        self._openers: dict[Terminal, ShellOpener] = {}
        self._recordings = Recordings(
            self.app,
            self.session.fleet,
            context.downloads or Path.home() / "Downloads",
            changed=self.show_title,
        )
        self._answers = ChordAnswers(self, context.chord)
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
        self._recordings.finish_all()

    def tick(self) -> None:
        super().tick()
        if self._recordings:
            self.show_title()

    def focus_content(self) -> None:
        terminal = self.current
        (terminal if terminal is not None else self._none).focus()

    # -- terminals

    @property
    def current(self) -> Terminal | None:
        """The terminal of the sandbox shown that the keyboard is meant for, if a shell was opened there."""
        tabs = self.shown
        return tabs.active if tabs is not None else None

    @property
    def shown(self) -> Tabs | None:
        """The terminals of the sandbox shown."""
        return self._tabs.get(self.row.id) if self.row is not None else None

    @property
    def agent(self) -> ShellAgent | None:
        """The agent of the sandbox shown, if it has one now."""
        return self.session.fleet.agent(self.row.id) if self.row is not None else None

    @property
    def session_names(self) -> Collection[str]:
        """The kept sessions that are open here."""
        return {opener.name for opener in self._openers.values()}

    def opener(self, terminal: Terminal) -> ShellOpener:
        """How a terminal is connected."""
        return self._openers[terminal]

    def work(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Let something that waits for others go on beside the keys."""
        self.run_worker(coroutine, name="terminal pane")

    async def record(self, terminal: Terminal) -> None:
        """Begin or end a recording."""
        if (owner := self._owner(terminal)) is not None:
            await self._recordings.toggle(terminal, owner[0])

    def zoom(self) -> None:
        """The whole screen for the pane, or not any more."""
        self.post_message(self.ZoomRequested())

    def attach(self, terminal: Terminal) -> None:
        """The whole real terminal for the program."""
        self.post_message(self.AttachRequested(terminal))

    def has_shell(self, sandbox_id: str) -> bool:
        """A terminal exists for it, connected or not."""
        return sandbox_id in self._tabs

    @property
    def kept_shells(self) -> int:
        """How many shells go on for ten minutes after the dashboard was left."""
        every = (terminal for tabs in self._tabs.values() for terminal in tabs.terminals)
        return sum(terminal.kept for terminal in every if not isinstance(terminal.state, Exited))

    @property
    def open_shells(self) -> int:
        """How many terminals have a shell listening."""
        every = (terminal for tabs in self._tabs.values() for terminal in tabs.terminals)
        return sum(isinstance(terminal.state, Connected) for terminal in every)

    async def open_shell(self) -> None:
        """Focus the sandbox's terminal, opening it first where there is none."""
        if self.row is None:
            return
        terminal = self.current
        if terminal is None:
            await self._open_first()
            return
        if isinstance(terminal.state, Exited | Lost) and self.unavailable() is None:
            terminal.reconnect()
        terminal.focus()

    async def _open_first(self) -> None:
        """The shells that an earlier dashboard left, if there are such; else a new one."""
        row = self.row
        agent = self.session.fleet.agent(row.id) if row is not None and self.unavailable() is None else None
        names: list[str] = []
        if agent is not None:
            try:
                names = await left_behind(agent)
            except ApiError:
                pass  # opening one will tell what is wrong
        for name in names[:_MOST_TABS] or (None,):
            await self.open_tab(name)
        if names and self.current is not None:
            self.current.hint("back in the shell that was left")

    async def open_tab(self, name: str | None = None) -> None:
        """One more terminal, behind the one looked at; in a session that exists, if it is named."""
        terminal = self._new_terminal(name)
        if terminal is None or self.row is None:
            return
        tabs = self._tabs.setdefault(self.row.id, Tabs())
        tab = Tab(terminal, id=f"terminal-tab-{next(self._numbers)}")
        tabs.add(tab)
        await self._switch.mount(tab)
        self._show_current()
        terminal.focus()

    async def split(self, *, below: bool) -> None:
        """One more terminal beside the one looked at."""
        tabs = self.shown
        if tabs is None or tabs.current is None or tabs.active is None:
            return
        size, needed = tabs.current.size, _LEAST_LINES if below else _LEAST_COLUMNS
        if tabs.current.is_full:
            tabs.active.hint(f"two at most; {self._chord} c opens another terminal")
        elif (size.height if below else size.width) < 2 * needed:
            tabs.active.hint(f"too small to split; {self._chord} c opens another terminal")
        elif (terminal := self._new_terminal()) is not None:
            await tabs.current.add(terminal, below=below)
            self._show_current()
            terminal.focus()

    def _new_terminal(self, name: str | None = None) -> Terminal | None:
        """A terminal for the sandbox shown; None where there can be none now."""
        row = self.row
        if row is None or self.unavailable() is not None or self.context.readonly:
            self._none.focus() if self.current is None else self.current.hint("no shell can be opened now")
            return None
        sandbox_id = row.id

        opener = ShellOpener(lambda: self.session.fleet.agent(sandbox_id), name)
        terminal = Terminal(
            opener,
            lost_errors=(ApiError,),
            chord=self._chord,
            chords=dict.fromkeys([*(key for key in CHORDS if len(key) == 1), *"123456789"], ""),
            fps=self.context.terminal_fps,
            surface=self.context.surface,
            ascii_only=ascii_only(self.app),
            id=f"terminal-{next(self._numbers)}",
        )
        self._openers[terminal] = opener
        return terminal

    async def forget(self, sandbox_id: str) -> None:
        """Its terminals go, with the shells in them."""
        tabs = self._tabs.pop(sandbox_id, None)
        if tabs is not None:
            for terminal in tabs.terminals:
                self._openers.pop(terminal, None)
                self._recordings.finish(terminal)
            for tab in tabs.all:
                await tab.remove()
            self._show_current()

    def action_open(self) -> None:
        """Open a shell, when the empty pane has the keyboard."""
        if self.current is None:
            self.run_worker(self.open_shell(), name="open shell")

    def _show_current(self) -> None:
        tabs = self.shown
        obstacle = self.unavailable()
        # The ways on that a pane names would be typed into the terminal: leaving comes first.
        first = fmt.printable(obstacle.splitlines()[0]) if obstacle else ""
        for terminal in tabs.terminals if tabs is not None else ():
            terminal.set_obstacle(f"{first} {self._chord} esc leaves" if obstacle else None)
        tab = tabs.current if tabs is not None else None
        self._switch.current = tab.id if tab is not None else "terminal-none"
        self.show_title()

    def show_title(self) -> None:
        """Say again what the terminals are called and how they are."""
        tabs, terminal = self.shown, self.current
        self._title.display = terminal is not None
        if tabs is None or terminal is None:
            return
        if terminal.chord_pending:
            keys = [("esc leaves  c new  n next  z zoom  [ scroll  ? list", "key")]
        else:
            keys = [(f"{self._chord} esc leaves", "key")] if terminal.has_focus else []
        mark = self._recordings.mark(terminal)
        self._title.set_parts([*([(f"{mark}  ", "alert")] if mark else []), *tabs.parts()], keys)

    def _owner(self, terminal: Widget) -> tuple[str, Tabs, Tab] | None:
        """The sandbox, its tabs and the tab that a terminal belongs to; None when it was closed meanwhile."""
        for sandbox_id, tabs in self._tabs.items():
            if isinstance(terminal, Terminal) and (tab := tabs.tab_of(terminal)) is not None:
                return sandbox_id, tabs, tab
        return None

    def _seen(self, terminal: Widget) -> bool:
        """Whether the person sees it now."""
        return self.is_on_screen and terminal.is_on_screen

    # -- what terminals say

    def on_terminal_state_changed(self, message: Terminal.StateChanged) -> None:
        message.stop()
        self.show_title()
        terminal = message.terminal
        if isinstance(terminal, Terminal) and isinstance(message.state, Exited | Lost) and not terminal.kept:
            self._recordings.finish(terminal, message.state.code if isinstance(message.state, Exited) else None)
        if isinstance(message.state, Lost):
            self.session.fleet.refresh_list()  # the sandbox may be gone: the list should say so soon

    def on_terminal_title_changed(self, message: Terminal.TitleChanged) -> None:
        message.stop()
        if (owner := self._owner(message.terminal)) is not None:
            owner[1].label(message.terminal).title = message.title
        self.show_title()

    def on_terminal_stirred(self, message: Terminal.Stirred) -> None:
        message.stop()
        if (owner := self._owner(message.terminal)) is not None:
            owner[1].label(message.terminal).stirred = True
            self.show_title()

    def on_terminal_chord_pending(self, message: Terminal.ChordPending) -> None:
        message.stop()
        self.show_title()

    def on_terminal_left(self, message: Terminal.Left) -> None:
        message.stop()
        self.post_message(self.LeaveRequested())

    async def on_terminal_chord(self, message: Terminal.Chord) -> None:
        message.stop()
        if isinstance(message.terminal, Terminal) and self._owner(message.terminal) is not None:
            await self._answers.answer(message.key, message.terminal)

    def look_at_current(self) -> None:
        """Show the current tab and give it the keyboard."""
        self._show_current()
        if self.current is not None:
            self.current.focus()

    async def hang_up(self, terminal: Terminal) -> None:
        """Asks while a shell listens, as what it runs ends with it."""
        if isinstance(terminal.state, Connected):
            question = ConfirmDialog("Close this terminal?", ["What runs in it ends."], "Close", danger=True)
            if not await self.app.push_screen_wait(question):
                return
        owner = self._owner(terminal)
        if owner is None:
            return
        sandbox_id, tabs, tab = owner
        tabs.forget(terminal)
        self._recordings.finish(terminal)
        self.run_worker(self._openers.pop(terminal).end(), name="end shell")
        if tab.other is not None:
            await tab.take_out(terminal)
        else:
            tabs.remove(tab)
            if not tabs.all:
                del self._tabs[sandbox_id]
            await tab.remove()
        self._show_current()
        self.focus_content()

    def on_terminal_role_changed(self, message: Terminal.RoleChanged) -> None:
        message.stop()
        opener = self._openers.get(message.terminal) if isinstance(message.terminal, Terminal) else None
        if opener is not None:
            opener.types = message.writer
        if opener is not None and not message.writer and not opener.watches and isinstance(message.terminal, Terminal):
            message.terminal.hint(f"somebody else types now; {self._chord} t takes over")
        self.show_title()

    def on_terminal_rang(self, message: Terminal.Rang) -> None:
        message.stop()
        owner = self._owner(message.terminal)
        if owner is not None and not self._seen(message.terminal):
            owner[1].label(message.terminal).rang = True
            self.show_title()
        self.app.bell()

    def on_terminal_link_followed(self, message: Terminal.LinkFollowed) -> None:
        message.stop()
        self.app.open_url(message.url)

    def on_terminal_copy_requested(self, message: Terminal.CopyRequested) -> None:
        message.stop()
        self.post_message(self.CopyRequested(message.text, from_program=message.from_program))

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        owner = self._owner(event.widget)
        if owner is not None and isinstance(event.widget, Terminal):
            owner[2].active = event.widget
        self.show_title()

    def on_descendant_blur(self) -> None:
        self.show_title()


class NoShell(Static, can_focus=True):
    """What the pane shows before a shell is opened; it takes the keyboard so that keys work here too."""
