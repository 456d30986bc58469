"""The one screen: the fleet at the left, the selected sandbox at the right, keys at the bottom."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import ClassVar

from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal
from textual.dom import DOMNode
from textual.message import Message
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Static

from hopx_tui import format as fmt
from hopx_tui.api.errors import ApiError, Unreachable
from hopx_tui.live.fleet import Change, Row
from hopx_tui.live.session import Session
from hopx_tui.panes import PaneContext
from hopx_tui.panes.overview import OverviewPane
from hopx_tui.panes.sandboxes import SandboxesPane
from hopx_tui.panes.terminal import TerminalPane
from hopx_tui.screens.actions import SandboxActions
from hopx_tui.screens.activity import Activity
from hopx_tui.screens.commands import PLAY, Commands, begins_to_say, parse_rate
from hopx_tui.screens.creation import Creation
from hopx_tui.screens.event_lines import event_lines
from hopx_tui.screens.fleet_keys import FLEET_KEYS
from hopx_tui.screens.header import banner_parts, header_parts
from hopx_tui.screens.help import HelpScreen
from hopx_tui.screens.keytable import brief, sections_of, working
from hopx_tui.screens.palette import CommandLine
from hopx_tui.screens.sandbox import GONE, SandboxView
from hopx_tui.widgets.dialogs import ConfirmDialog, MessageDialog
from hopx_tui.widgets.hints import HintBar
from hopx_tui.widgets.keys import is_dangerous
from hopx_tui.widgets.line import Line
from hopx_tui.widgets.terminal import Terminal
from hopx_tui.widgets.terminal_surface import Surface

WIDE = 120
_ABOUT_A_ROW = ("shell", "pause", "start_menu", "extend", "kill", "zoom")
"""Actions that are not worth a hint while there is no sandbox."""
SMALLEST = (60, 15)
_INTRODUCTION = (
    "The same actions are found by name with : (or ctrl+p). The mouse works too: click, double click, wheel."
)


class FleetScreen(Screen[None]):
    """Selection flows from the list to the view; actions flow from here to the fleet."""

    TITLE = "Everywhere"
    HELP = "What these keys do is about the sandbox under the cursor, or about all marked ones."

    BINDINGS: ClassVar[list[BindingType]] = FLEET_KEYS

    DEFAULT_CSS = """
    FleetScreen { layers: base; }
    FleetScreen > #header { background: $surface; padding: 0 1; }
    FleetScreen > #banner { display: none; background: $warning 25%; padding: 0 1; }
    FleetScreen.-banner > #banner { display: block; }
    FleetScreen > #body { height: 1fr; }
    FleetScreen SandboxesPane {
        width: 40%; min-width: 50; max-width: 68; border: round $border-blurred; border-title-color: $text-muted;
    }
    FleetScreen SandboxView { width: 1fr; border: round $border-blurred; }
    FleetScreen SandboxesPane:focus-within, FleetScreen SandboxView:focus-within {
        border: round $primary; border-title-color: $primary;
    }
    FleetScreen.-ascii SandboxesPane, FleetScreen.-ascii SandboxView { border: ascii $border-blurred; }
    FleetScreen.-ascii SandboxesPane:focus-within, FleetScreen.-ascii SandboxView:focus-within {
        border: ascii $primary;
    }
    FleetScreen.-narrow SandboxesPane { width: 1fr; min-width: 0; max-width: 100%; }
    FleetScreen.-narrow SandboxView { display: none; }
    FleetScreen.-narrow.-open SandboxView { display: block; }
    FleetScreen.-narrow.-open SandboxesPane, FleetScreen.-zoomed SandboxesPane { display: none; }
    FleetScreen.-narrow SandboxesPane, FleetScreen.-narrow SandboxView { border: none; }
    FleetScreen.-narrow SandboxesPane:focus-within, FleetScreen.-narrow SandboxView:focus-within { border: none; }
    FleetScreen > #too-small {
        display: none; width: 1fr; height: 1fr; content-align: center middle; text-align: center;
    }
    FleetScreen.-tiny > * { display: none; }
    FleetScreen.-tiny > #too-small { display: block; }
    """

    class EngineWanted(Message):
        """The local engine does not answer and the person pressed for it: it should be started again."""

    def __init__(
        self,
        session: Session,
        *,
        surface: Surface | None,
        chord: str,
        source_name: str,
        name_sandbox: Callable[[str, str | None], Awaitable[None]],
        unisolated_allowed: bool = False,
        allow_unisolated: Callable[[], Awaitable[None]],
        default_template: str | None = None,
        default_timeout: int | None = None,
        terminal_fps: int = 60,
        downloads: Path | None = None,
        readonly: bool = False,
        ascii_only: bool = False,
    ) -> None:
        """`name_sandbox(id, name)` keeps a person's name for a sandbox; None forgets it.

        `unisolated_allowed`: the person said yes before to code that runs as them; `allow_unisolated` keeps that.
        """
        super().__init__()
        self._session = session
        context = PaneContext(
            session, surface, chord, readonly=readonly, terminal_fps=terminal_fps, downloads=downloads
        )
        self._downloads = downloads or Path.home() / "Downloads"
        self._fps = terminal_fps
        self._source_name = source_name
        self._name_sandbox = name_sandbox
        self._readonly = readonly
        self._ascii = ascii_only
        self._chord = chord
        self._sandboxes = SandboxesPane(session, readonly=readonly)
        self._view = SandboxView(context)
        self._header = Line(id="header")
        self._banner = Line(id="banner")
        self._hints = HintBar(id="hints")
        self._actions = SandboxActions(self.app, session, Activity(self._hints.set_note, self.set_interval))
        self._creation = Creation(
            self.app,
            session,
            self._actions,
            template=default_template,
            timeout_seconds=default_timeout,
            unisolated_allowed=unisolated_allowed,
            allow_unisolated=allow_unisolated,
        )
        self._wanted: str | None = None
        self._programs_may_copy: bool | None = None
        self._unfollow: Callable[[], None] | None = None
        self._focused_before: Widget | None = None

    def compose(self) -> ComposeResult:
        yield self._header
        yield self._banner
        with Horizontal(id="body"):
            yield self._sandboxes
            yield self._view
        yield self._hints
        yield Static(f"hopx-tui needs {SMALLEST[0]}x{SMALLEST[1]} cells.\nMake the window larger.", id="too-small")

    def on_mount(self) -> None:
        """Follow the fleet and the clock."""
        self.set_class(self._ascii, "-ascii")
        self._unfollow = self._session.fleet.on_change(self._fleet_changed)
        self.set_interval(1.0, self._tick)
        self.bindings_updated_signal.subscribe(self, lambda _: self._show_hints())
        self._sandboxes.focus_content()
        self._lay_out()
        self._tick()

    def on_unmount(self) -> None:
        """Stop following."""
        if self._unfollow is not None:
            self._unfollow()

    def on_resize(self) -> None:
        """Wide, narrow or too small."""
        self._lay_out()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Read-only mode drops every dangerous action, wherever it is declared; unseen, nothing is done."""
        if self.has_class("-tiny"):
            return False
        return not (self._readonly and is_dangerous(self, action))

    # -- layout and selection

    def _lay_out(self) -> None:
        size = self.app.size
        tiny = size.width < SMALLEST[0] or size.height < SMALLEST[1]
        if size.width < WIDE and not self.has_class("-narrow"):
            # What the person was in stays on the screen; the other side is hidden.
            self.set_class(self._view.has_focus_within, "-open")
        if tiny and not self.has_class("-tiny"):
            self._focused_before = self.focused  # what is hidden loses the keyboard
        self.set_class(tiny, "-tiny")
        self.set_class(size.width < WIDE, "-narrow")
        if not tiny and self._focused_before is not None:
            focused, self._focused_before = self._focused_before, None
            self.call_after_refresh(self.set_focus, focused)
        self.call_after_refresh(self._looked_at)

    def _looked_at(self) -> None:
        self._view.set_looked_at(
            not self.has_class("-tiny") and (not self.has_class("-narrow") or self.has_class("-open"))
        )
        self._sandboxes.measure()

    def _open(self) -> None:
        self.add_class("-open")
        self._looked_at()
        self._show_hints()

    def _close(self) -> None:
        self.remove_class("-open", "-zoomed")
        self._sandboxes.focus_content()
        self._show_row(self._sandboxes.table.cursor_row)
        self.call_after_refresh(self._looked_at)

    def _inside(self) -> bool:
        """The person is in the sandbox, not in the list."""
        return self._view.has_focus_within or (self.has_class("-narrow") and self.has_class("-open"))

    def _show_row(self, row: Row | None) -> None:
        self._view.set_row(row)
        self._mark_tabs()
        self._show_hints()

    def on_sandboxes_pane_picked(self, message: SandboxesPane.Picked) -> None:
        message.stop()
        if not self._inside():
            self._show_row(message.row)

    def on_sandboxes_pane_entered(self, message: SandboxesPane.Entered) -> None:
        message.stop()
        self._show_row(message.row)
        self._open()
        self._view.focus_content()

    def on_sandbox_view_tab_changed(self, message: SandboxView.TabChanged) -> None:
        message.stop()
        self._show_hints()

    def _fleet_changed(self, change: Change) -> None:
        """The sandbox that is looked at may be another object now, or gone: it stays on the screen either way."""
        shown_row = self._view.row
        if shown_row is not None:
            current = self._session.fleet.row(shown_row.id)
            if current is not None:
                self._show_row(current)
            elif self._inside():
                self._tell_gone(shown_row)
            else:
                self._show_row(self._sandboxes.table.cursor_row)
        if self._wanted is not None and self._sandboxes.table.select(self._wanted):
            self._wanted = None
        self._show_header()

    def _tell_gone(self, row: Row) -> None:
        """Its screen stays, with the reason as the log has it."""
        if row.status != GONE:
            reasons = [event for event in self._session.fleet.log.of(row.id) if event.kind in ("expired", "gone")]
            self.app.notify(reasons[-1].text if reasons else f"{row.label} is gone.", severity="warning")
            self._view.show_gone()

    def _row(self) -> Row | None:
        """What single-sandbox keys are about."""
        return self._view.row if self._inside() else self._sandboxes.table.cursor_row

    def _rows(self) -> list[Row]:
        """What actions are about; says so when there is nothing."""
        inner = [self._view.row] if self._view.row is not None else []
        rows = inner if self._inside() else self._sandboxes.targets()
        if not rows:
            self.app.notify("No sandbox is selected. n creates one.")
        return rows

    # -- the clock, the header, the hints

    def _tick(self) -> None:
        self._sandboxes.tick()
        self._view.tick()
        self._show_header()
        self._mark_tabs()

    def _show_header(self) -> None:
        session = self._session
        self._header.set_parts(*header_parts(session, self._source_name, time.time(), ascii_only=self._ascii))
        self._sandboxes.show_count(len(session.fleet.rows))
        banner = banner_parts(session, self._readonly)
        self.set_class(bool(banner), "-banner")
        self._banner.set_parts(banner)

    def _mark_tabs(self) -> None:
        row = self._view.row
        shell = row is not None and self._view.pane_of(TerminalPane).has_shell(row.id)
        self._view.mark_tabs(frozenset({TerminalPane}) if shell else frozenset())

    def on_descendant_focus(self) -> None:
        self._show_hints()
        self._mark_tabs()

    def _show_hints(self) -> None:
        focused = self.focused
        if isinstance(focused, Terminal):
            self._hints.set_hints(
                [(f"{self._chord} esc", "leaves the terminal"), (f"{self._chord} ?", "its other keys")], last=None
            )
            return
        chain = self._focus_chain()
        row = self._row()
        words = {"pause": "resume" if row is not None and row.status == "paused" else "pause"}
        self._hints.set_hints(
            [
                (brief(keys), words.get(key.action, key.description))
                for _, key, keys in working(chain)
                if key.show and (row is not None or key.action not in _ABOUT_A_ROW)
            ]
        )

    def _focus_chain(self) -> list[DOMNode]:
        start: Widget | Screen[None] = self.focused or self
        return [node for node in start.ancestors_with_self if isinstance(node, Widget)]

    # -- keys

    def type_now(self, key: events.Key) -> bool:
        """Give a key to the program in a terminal; False, and nothing done, where it is for anything else."""
        terminal = self.focused
        if not isinstance(terminal, Terminal) or not terminal.type_now(key):
            return False
        self._clear_tooltip()
        return True

    def action_create(self) -> None:
        """The form, then the sandbox."""
        self.run_worker(self._create(), name="create")

    async def _create(self) -> None:
        created = await self._creation.ask_and_create()
        if created is None:
            return
        if created.name:
            await self._rename_to(created.sandbox_id, created.name)
        if not self._sandboxes.table.select(created.sandbox_id):
            self._wanted = created.sandbox_id

    def action_shell(self) -> None:
        """Into the terminal."""
        row = self._row()
        if row is None:
            self.app.notify("There is no sandbox to open a shell in. n creates one.")
            return
        self._show_row(row)
        self._open()
        self._view.show_kind(TerminalPane)
        self.run_worker(self._view.pane_of(TerminalPane).open_shell(), name="shell")

    def action_pause(self) -> None:
        """Pause or resume."""
        self.run_worker(self._actions.pause_or_resume(self._rows()), name="pause")

    def action_start_menu(self) -> None:
        """Start, stop, restart."""
        self.run_worker(self._actions.start_menu(self._rows()), name="start")

    def action_extend(self) -> None:
        """A new time to live."""
        self.run_worker(self._actions.extend(self._rows()), name="extend")

    def action_kill(self) -> None:
        """Kill after a question."""
        self.run_worker(self._kill(), name="kill")

    async def _kill(self) -> None:
        killed = await self._actions.kill(self._rows())
        for sandbox_id in killed:
            await self._view.pane_of(TerminalPane).forget(sandbox_id)
            await self._name_sandbox(sandbox_id, None)
        if self._view.row is not None and self._session.fleet.row(self._view.row.id) is None:
            self._close()
        if killed:
            self._sandboxes.table.set_marks([])

    def action_filter(self) -> None:
        """Type a filter for the list."""
        if self.has_class("-zoomed") or (self.has_class("-narrow") and self.has_class("-open")):
            self._close()
        self._sandboxes.begin_filter()

    def action_zoom(self) -> None:
        """The whole width for the sandbox, or both."""
        if self.has_class("-narrow"):
            self.app.notify("In a window this narrow the sandbox has all of the width already.", timeout=3)
            return
        self.toggle_class("-zoomed")
        if self.has_class("-zoomed") and not self._inside():
            self._view.focus_content()
        self.call_after_refresh(self._looked_at)

    def action_tab(self, number: int) -> None:
        """The tab of that number."""
        self._go_to_tab(number - 1)

    def _go_to_tab(self, index: int) -> None:
        if 0 <= index < len(self._view.panes):
            self._open()
            self._view.show_pane(index)
            self._view.focus_content()

    def action_turn(self, step: int) -> None:
        """The next or the previous tab."""
        self._go_to_tab((self._view.index + step) % len(self._view.panes))

    def action_last_tab(self) -> None:
        """The tab that was shown before."""
        self._go_to_tab(self._view.last_index)

    def action_describe(self) -> None:
        """The overview."""
        self._go_to_tab(self._view.panes.index(self._view.pane_of(OverviewPane)))

    def action_raw(self) -> None:
        """The JSON of the API."""
        if (row := self._row()) is not None:
            self.run_worker(self._raw(row), name="raw")

    async def _raw(self, row: Row) -> None:
        try:
            text = (await self._session.control.raw(row.id)).decode()
        except ApiError as error:
            self._actions.fail(error)
        else:
            await self.app.push_screen(MessageDialog(row.label, text))

    def action_events(self) -> None:
        """What happened."""
        self.app.push_screen(MessageDialog("What happened, newest first", event_lines(self._session.fleet.log)))

    def action_copy(self) -> None:
        """The id, for scripts."""
        if (row := self._row()) is not None:
            self.app.copy_to_clipboard(row.id)

    def action_rename(self) -> None:
        """A name of one's own."""
        if (row := self._row()) is not None:
            self.run_worker(self._rename(row), name="rename")

    async def _rename(self, row: Row) -> None:
        from hopx_tui.widgets.input_dialog import InputDialog

        name = await self.app.push_screen_wait(
            InputDialog(f"Name for {row.id}", value=row.name or "", lines="Kept on this machine; empty forgets it.")
        )
        if name is not None:
            await self._rename_to(row.id, name.strip())

    async def _rename_to(self, sandbox_id: str, name: str) -> None:
        await self._name_sandbox(sandbox_id, name or None)
        self._session.fleet.renamed(sandbox_id)

    def action_refresh(self) -> None:
        """Everything now."""
        self._session.fleet.refresh()
        self._view.pane.refresh_now()
        if self._session.local and isinstance(self._session.fleet.state.error, Unreachable):
            self.post_message(self.EngineWanted())

    def action_command(self) -> None:
        """The command line."""
        self.run_worker(self._command(), name="command")

    async def _command(self) -> None:
        commands = Commands(self._focus_chain(), self._view.panes)
        answer = await self.app.push_screen_wait(CommandLine(commands.listed))
        if answer is None:
            return
        text, command = answer
        word, _, rest = text.partition(" ")
        if word in ("q", "quit", "exit"):
            self.app.exit()
        elif word == "rate":
            self._set_rate(rest)
        elif command is not None and command.name == PLAY and begins_to_say(text, command):
            await self._play("")
        elif word == PLAY:
            await self._play(rest.strip())
        elif (pane := commands.pane(command)) is not None:
            self._go_to_tab(pane)
        elif (found := commands.action(command)) is not None:
            await self.app.run_action(found[0], default_namespace=found[1])
        elif text:
            self.app.notify(f"There is no command {fmt.truncate(word, 30)!r}.", severity="warning")

    async def _play(self, path: str) -> None:
        """A recorded terminal, on a screen of its own."""
        from hopx_tui.screens.player import PlayError, PlayerScreen
        from hopx_tui.widgets.input_dialog import InputDialog, local_paths

        if not path:
            start = f"{self._downloads}/"
            question = InputDialog("Play a recording", value=start, completer=local_paths, confirm="Play")
            answer = await self.app.push_screen_wait(question)
            path = answer or ""
        if path:
            try:
                screen = PlayerScreen(Path(path).expanduser(), fps=self._fps)
            except PlayError as error:
                self.app.notify(str(error), severity="error", timeout=8)
            else:
                self.app.push_screen(screen)

    def _set_rate(self, text: str) -> None:
        seconds = parse_rate(text)
        if seconds is None:
            self.app.notify("rate takes seconds from 0.5 to 3600, like: rate 5s", severity="warning")
            return
        self._session.fleet.every = self._session.fleet.usage_every = seconds
        self.app.notify(f"Asking every {fmt.duration(seconds)} now.")

    def action_help(self) -> None:
        """The keys that work here."""
        self.app.push_screen(HelpScreen(sections_of(self._focus_chain()), _INTRODUCTION))

    def action_back(self) -> None:
        """One level: filter, preview, zoom, sandbox."""
        if self._inside():
            if not self._view.pane.step_back():
                self._close()
        elif self.has_class("-zoomed"):
            self.remove_class("-zoomed")
            self._looked_at()
        else:
            self._sandboxes.end_filter()

    async def action_quit(self) -> None:
        """Back, or out after a question."""
        if self._inside() or self.has_class("-zoomed"):
            self.action_back()
            return
        self.run_worker(self._ask_to_quit(), name="quit")

    async def _ask_to_quit(self) -> None:
        running = self._session.fleet.counts()["running"]
        pane = self._view.pane_of(TerminalPane)
        kept, shells = pane.kept_shells, pane.open_shells - pane.kept_shells
        notes = [f"{fmt.count(running, 'sandbox goes', 'sandboxes go')} on running."] if running else []
        if shells:
            notes.append(f"{fmt.count(shells, 'open shell ends', 'open shells end')}, with what runs in it.")
        if kept:
            back = "it" if kept == 1 else "them"
            notes.append(f"{fmt.count(kept, 'shell goes', 'shells go')} on for ten minutes; s comes back to {back}.")
        if await self.app.push_screen_wait(ConfirmDialog("Leave hopx-tui?", notes, "Leave", focus_confirm=not shells)):
            self.app.exit()

    # -- what the terminal says

    def on_terminal_pane_leave_requested(self, message: TerminalPane.LeaveRequested) -> None:
        message.stop()
        self._close()

    def on_terminal_pane_zoom_requested(self, message: TerminalPane.ZoomRequested) -> None:
        message.stop()
        self.action_zoom()

    def on_terminal_pane_copy_requested(self, message: TerminalPane.CopyRequested) -> None:
        message.stop()
        if message.from_program:
            self.run_worker(self._copy_for_program(message.text), name="copy", group="program copy")
        else:
            self.app.copy_to_clipboard(message.text)

    async def _copy_for_program(self, text: str) -> None:
        """A program inside asked for the person's clipboard: they are asked once, for as long as this runs."""
        if self._programs_may_copy is None:
            self._programs_may_copy = False  # until it is answered, further wishes are dropped
            lines = [f"A program in a sandbox wants to put {len(text):,} characters on your clipboard."]
            lines.append("The answer holds for all programs until you leave.")
            question = ConfirmDialog("Let programs use your clipboard?", lines, "Allow")
            self._programs_may_copy = await self.app.push_screen_wait(question) is True
        if self._programs_may_copy:
            self.app.copy_to_clipboard(text)
