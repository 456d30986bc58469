"""What the keys after the chord do in a terminal pane."""

from __future__ import annotations

from collections.abc import Collection, Coroutine
from typing import Any, Protocol

from textual.app import App

from hopx_tui import format as fmt
from hopx_tui.api.errors import ApiError
from hopx_tui.panes.terminal_opener import PREFIX, ShellAgent, ShellOpener, open_elsewhere
from hopx_tui.panes.terminal_tabs import PLAIN_NAME, Tab, Tabs
from hopx_tui.widgets.dialogs import ChoiceDialog, MessageDialog
from hopx_tui.widgets.input_dialog import InputDialog
from hopx_tui.widgets.terminal import Terminal
from hopx_tui.widgets.terminal_chord import CHORDS
from hopx_tui.widgets.terminal_scroll import SCROLL_KEYS
from hopx_tui.widgets.terminal_state import Connected

__all__ = ["ChordAnswers", "chord_table"]

_NAME_CHARACTERS = 40


def chord_table(chord: str) -> dict[str, str]:
    """What every key after the chord does, for people."""
    own = {"esc d": "leave the terminal", "[": "scroll, select and copy", "/": "search"}
    return {**own, **CHORDS, chord: "send it to the program"}


class Shells(Protocol):
    """What of the terminal pane is needed here."""

    @property
    def app(self) -> App[Any]:
        """Where dialogs go."""

    @property
    def shown(self) -> Tabs | None:
        """The terminals of the sandbox shown."""

    @property
    def agent(self) -> ShellAgent | None:
        """The agent of the sandbox shown, if it has one now."""

    @property
    def session_names(self) -> Collection[str]:
        """The kept sessions that are open here."""

    def opener(self, terminal: Terminal) -> ShellOpener:
        """How a terminal is connected."""

    def work(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Let something that waits for others go on beside the keys."""

    async def open_tab(self, name: str | None = None) -> None:
        """One more terminal, in a session that exists if it is named."""

    async def split(self, *, below: bool) -> None:
        """One more terminal beside the one looked at."""

    async def hang_up(self, terminal: Terminal) -> None:
        """Close one, after a question where a shell listens."""

    async def record(self, terminal: Terminal) -> None:
        """Begin or end a recording."""

    def zoom(self) -> None:
        """The whole screen for the pane, or not any more."""

    def attach(self, terminal: Terminal) -> None:
        """The whole real terminal for the program."""

    def look_at_current(self) -> None:
        """Show the current tab and give it the keyboard."""

    def show_title(self) -> None:
        """Say again how the terminals are."""


class ChordAnswers:
    """Acts on the terminals of one pane. `chord`: the key itself, for what is said to the person."""

    def __init__(self, pane: Shells, chord: str) -> None:
        self._pane = pane
        self._chord = chord

    async def answer(self, key: str, terminal: Terminal) -> None:
        """Do what a key after the chord means in that terminal."""
        pane, tabs = self._pane, self._pane.shown
        if tabs is None or tabs.current is None:
            return
        match key:
            case "z":
                pane.zoom()
            case "x":
                pane.work(pane.hang_up(terminal))
            case "c":
                await pane.open_tab()
            case "|" | "-":
                await pane.split(below=key == "-")
            case "a":
                self._ask_to_attach(terminal)
            case "R":
                pane.work(pane.record(terminal))
            case "s":
                pane.work(self._join(terminal))
            case "w":
                await self._watch(terminal)
            case "t":
                self._take_over(terminal)
            case ",":
                pane.work(self._rename(tabs, terminal))
            case "?":
                self._list_chords()
            case _:
                self._go(key, tabs, tabs.current, terminal)

    def _go(self, key: str, tabs: Tabs, tab: Tab, terminal: Terminal) -> None:
        """To another terminal: n, p, o or a number; says so where there is none."""
        if key == "o":
            if tab.other is not None:
                tab.other.focus()
            else:
                terminal.hint(f"not split; {self._chord} | or - splits")
        elif key in ("n", "p"):
            if tabs.step(1 if key == "n" else -1):
                self._pane.look_at_current()
            else:
                terminal.hint(f"the only terminal here; {self._chord} c opens another")
        elif int(key) <= len(tabs.all):
            tabs.look_at(tabs.all[int(key) - 1])
            self._pane.look_at_current()
        else:
            terminal.hint(f"there is no terminal {key}")

    async def _join(self, terminal: Terminal) -> None:
        """Watch, or type in, what another dashboard or a script has opened in this sandbox."""
        agent = self._pane.agent
        try:
            sessions = await open_elsewhere(agent, self._pane.session_names) if agent is not None else []
        except ApiError as error:
            terminal.hint(fmt.printable(error.message))
            return
        if not sessions:
            terminal.hint("no other shell is open in this sandbox")
            return
        options = [
            (
                each.name,
                fmt.printable(each.title or f"{PLAIN_NAME} {each.name.removeprefix(PREFIX)}"),
                f"{each.cols}x{each.rows}, {fmt.count(each.clients, 'client', 'clients')}, "
                f"last used {fmt.duration(each.idle_seconds)} ago",
            )
            for each in sessions
        ]
        chosen = await self._pane.app.push_screen_wait(ChoiceDialog("Join which shell?", options))
        if chosen is not None:
            await self._pane.open_tab(chosen)

    def _ask_to_attach(self, terminal: Terminal) -> None:
        if isinstance(terminal.state, Connected) and not terminal.watching:
            self._pane.attach(terminal)
        else:
            terminal.hint("only a terminal that types can be attached to")

    async def _watch(self, terminal: Terminal) -> None:
        """Type nothing, and type again: both are asked of the agent, so that others may type meanwhile."""
        if not terminal.kept:
            terminal.read_only = not terminal.read_only  # nobody else can be in a plain shell
            terminal.hint("watching only; w types again" if terminal.read_only else "typing again")
        else:
            opener = self._pane.opener(terminal)
            opener.watches = not terminal.watching
            terminal.reconnect()
        self._pane.show_title()

    def _take_over(self, terminal: Terminal) -> None:
        terminal.read_only = False
        if not terminal.watching:
            terminal.hint("this terminal types already")
        else:
            self._pane.opener(terminal).take_over()
            terminal.reconnect()
        self._pane.show_title()

    async def _rename(self, tabs: Tabs, terminal: Terminal) -> None:
        label = tabs.label(terminal)
        name = await self._pane.app.push_screen_wait(InputDialog("Name this terminal", value=label.given or ""))
        if name is not None:
            label.given = name.strip()[:_NAME_CHARACTERS] or None
            self._pane.show_title()

    def _list_chords(self) -> None:
        tables = {f"After {self._chord}": chord_table(self._chord), "While scrolling": SCROLL_KEYS}
        text = "\n\n".join(
            f"{title}\n" + "\n".join(f"  {keys:<11} {what}" for keys, what in table.items())
            for title, table in tables.items()
        )
        self._pane.app.push_screen(MessageDialog("Keys of a terminal", text))
