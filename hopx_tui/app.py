"""The application: opens the source, shows the fleet, closes everything; and what holds for all screens."""

from __future__ import annotations

import asyncio
import gc
import os
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, ClassVar, Protocol

from textual import events
from textual.binding import Binding, BindingType
from textual.message_pump import MessagePump
from textual.screen import ModalScreen
from textual.worker import Worker

from hopx_tui import format as fmt
from hopx_tui.api.control import ControlPlane
from hopx_tui.api.errors import ApiError
from hopx_tui.front import Front
from hopx_tui.live.events import EventLog
from hopx_tui.live.session import Session
from hopx_tui.preferences import Preferences, PreferencesError
from hopx_tui.screens.fleet import FleetScreen
from hopx_tui.screens.start import StartScreen
from hopx_tui.screens.upgrade import upgrade_dialog
from hopx_tui.settings import Settings
from hopx_tui.tty.attach import Attached, chord_character, drawn, plain_again
from hopx_tui.tty.capabilities import detect
from hopx_tui.tty.clipboard import Clipboard
from hopx_tui.tty.driver import DiffDriver
from hopx_tui.tty.surface import DriverSurface

_UNISOLATED = "unisolated_allowed"

_KEY_PATIENCE = 0.5
"""Seconds that one key may hold up the next."""
_LOOK_AGAIN_SECONDS = 0.002
_MOVES_THE_KEYBOARD = frozenset(
    {"shell", "terminal pane", "create", "start", "extend", "kill", "raw", "rename", "command", "quit"}
)
"""Workers that a key starts and that open a shell or a dialog."""
_REMOTE_FPS = 15
_SETTLED_SECONDS = 1.0
_LOOK_SECONDS = 0.1

OpenSource = Callable[[], Awaitable[tuple[str, str]]]
"""Gives base URL and API key, starting what must be started; raises ApiError with words for the person."""


class Upgrade(Protocol):
    """A local engine that may be older than this program."""

    async def offer(self) -> tuple[str, str, int] | None:
        """Its version, this version, and how many sandboxes a restart would stop; None when there is no reason."""

    async def restart(self) -> None:
        """Stop it and start this version. Raises ApiError with words for the person."""


class HopxApp(Front, inherit_bindings=False):
    """One source, one fleet screen."""

    TITLE = "hopx-tui"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+c", "copy_or_cancel", "copy", show=False, system=True),
    ]

    def __init__(
        self,
        settings: Settings,
        preferences: Preferences,
        open_source: OpenSource,
        *,
        upgrade: Upgrade | None = None,
    ) -> None:
        super().__init__(settings, preferences)
        self.settings = settings
        self._preferences = preferences
        self._open_source = open_source
        self._upgrade = upgrade
        self._session: Session | None = None
        self._events = EventLog()
        self._has_display = detect(os.environ).display
        self._roads = Clipboard(self._write_to_terminal, os.environ)
        self._typed: deque[events.Key | events.Paste] = deque()
        self._typing: asyncio.Task[None] | None = None

    async def on_mount(self) -> None:
        """Show something at once; everything that waits for others goes on behind it."""
        self.take_terminal()
        if isinstance(self._driver, DiffDriver):
            self._driver.first = self._type_now
        source = self.settings.source
        words = "Starting the local engine …" if source.kind == "local" else f"Opening {source.base_url} …"
        await self.push_screen(StartScreen(self._source_name, words, local=source.kind == "local"))
        for warning in (*self.settings.warnings, *filter(None, [self._preferences.warning])):
            self.notify(warning, severity="warning", markup=False, timeout=12)
        self.run_worker(self._open(), name="open", exclusive=True)

    @property
    def _source_name(self) -> str:
        source = self.settings.source
        if source.kind == "local":
            return "local engine"
        return f"{source.name} {(source.base_url or '').removeprefix('https://')}"

    async def on_start_screen_retried(self) -> None:
        """The person wants another try."""
        self.run_worker(self._open(), name="open", exclusive=True)

    async def on_fleet_screen_engine_wanted(self) -> None:
        """The engine ended while we looked: start it again; address and key are the same as before."""
        self.notify("Starting the local engine again …", timeout=3)
        self.run_worker(self._start_engine_again(), name="engine", exclusive=True, group="engine")

    async def _start_engine_again(self) -> None:
        try:
            await self._open_source()
        except ApiError as error:
            self.notify(str(error), severity="error", timeout=10)
        else:
            if self._session is not None:
                self._session.fleet.refresh()

    async def _open(self) -> None:
        try:
            base_url, api_key = await self._open_source()
            control = ControlPlane(base_url, api_key)
        except ApiError as error:
            if isinstance(self.screen, StartScreen):
                self.screen.fail(str(error))
            return
        session = Session(
            control, local=self.settings.source.kind == "local", name_of=self._preferences.name, log=self._events
        )
        self._session = session
        screen = FleetScreen(
            session,
            surface=DriverSurface(lambda: self._driver),
            chord=self._preferences.leave_terminal,
            source_name=self._source_name,
            name_sandbox=self._name_sandbox,
            unisolated_allowed=self._preferences.get(_UNISOLATED) is True,
            allow_unisolated=self._remember_unisolated,
            default_template=self.settings.default_template,
            default_timeout=self.settings.default_timeout,
            terminal_fps=_REMOTE_FPS if self.settings.ssh else 60,
            downloads=self._preferences.downloads,
            readonly=self.settings.readonly,
            ascii_only=self.settings.ascii,
        )
        await self.switch_screen(screen)
        self.run_worker(session.run(), name="session")
        self.set_timer(_SETTLED_SECONDS, _settle)
        if self._upgrade is not None and not self.settings.readonly:
            self.run_worker(self._offer_upgrade(self._upgrade), name="upgrade")

    async def _offer_upgrade(self, upgrade: Upgrade) -> None:
        """Ask whether an older engine is to be restarted; it never is without a yes."""
        offer = await upgrade.offer()
        if offer is None or not await self.push_screen_wait(upgrade_dialog(*offer)):
            return
        self.notify("Restarting the local engine …", timeout=5)
        try:
            await upgrade.restart()
        except ApiError as error:
            self.notify(str(error), severity="error", timeout=10)
            return
        self.notify(f"The local engine is {offer[1]} now. Stopped sandboxes start again with r.", timeout=8)
        if self._session is not None:
            self._session.fleet.refresh()

    async def on_unmount(self) -> None:
        """Close connections; sandboxes go on."""
        self._typed.clear()
        if self._session is not None:
            await self._session.close()

    async def on_event(self, event: events.Event) -> None:
        """Keys and pastes are worked off one after the other: what follows a tab goes to where the tab went.

        A slow link delivers several keys in one piece, and Textual would send them all to the widget that had the
        focus when the first one came. While the window is too small to show anything, keys do nothing at all.
        """
        if not isinstance(event, events.Key | events.Paste) or event.is_forwarded:
            await super().on_event(event)
        elif not self.screen.has_class("-tiny") or getattr(event, "key", "") == "ctrl+q":
            self._typed.append(event)
            if self._typing is None:
                self._typing = asyncio.create_task(self._work_off(super().on_event))
                self._typing.add_done_callback(self._worked_off)

    def _type_now(self, key: events.Key) -> bool:
        """Whether this key was for the program in a terminal, and nothing waits that came before it.

        Textual's way to the pane leads through two queues and takes longer than the one from there to the shell.
        """
        waits = self._typed or self._typing is not None or self.message_queue_size
        if waits or not self.app_focus or self.screen.has_class("-tiny"):
            return False
        return isinstance(self.screen, FleetScreen) and self.screen.type_now(key)

    async def _work_off(self, dispatch: Callable[[events.Event], Awaitable[None]]) -> None:
        """One input event after the other, each until all who may answer it have had it."""
        while self._typed:
            event = self._typed.popleft()
            start: MessagePump = self.focused or self.screen
            workers, screens = set(self.workers), len(self.screen_stack)
            await dispatch(event)
            try:
                async with asyncio.timeout(_KEY_PATIENCE):
                    # An unwanted key goes up from parent to parent; the app looks for its binding last of all. So does
                    # what a widget says of a key that it took, and what its parents say of that.
                    for _ in range(2):
                        await _through(start)
                    while len(self.screen_stack) == screens and self._moves(set(self.workers) - workers):
                        await asyncio.sleep(_LOOK_AGAIN_SECONDS)
                    await _through(self.screen)  # the focus moves by a message, too
            except TimeoutError:
                pass  # somebody is busy; the next key must not wait for it
        self._typing = None  # in the same breath as the look at the queue: a key that comes now starts anew

    def _moves(self, workers: set[Worker[Any]]) -> bool:
        """Whether one of these is about to give the keyboard to something else, which the next key is for."""
        return any(worker.name in _MOVES_THE_KEYBOARD and not worker.is_finished for worker in workers)

    def _worked_off(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._handle_exception(error)  # type: ignore[arg-type]

    async def push_screen_wait(self, screen: Any, **options: Any) -> Any:
        """One dialog at a time: a key that asks for a second one is taken as not pressed (None: cancelled)."""
        if isinstance(self.screen, ModalScreen):
            return None
        return await super().push_screen_wait(screen, **options)

    def on_app_focus(self) -> None:
        """The terminal window is looked at again."""
        if self._session is not None:
            self._session.fleet.set_focused(True)

    def on_app_blur(self) -> None:
        """Nobody looks: ask less often."""
        if self._session is not None:
            self._session.fleet.set_focused(False)

    async def _name_sandbox(self, sandbox_id: str, name: str | None) -> None:
        if name is None:
            await self._keep(lambda: self._preferences.forget(sandbox_id))
        else:
            await self._keep(lambda: self._preferences.set_name(sandbox_id, name))

    async def _remember_unisolated(self) -> None:
        await self._keep(lambda: self._preferences.set(_UNISOLATED, True))

    async def _keep(self, save: Callable[[], None]) -> None:
        """Save a preference without holding the screen up; what cannot be saved holds for this run."""
        try:
            await asyncio.to_thread(save)
        except PreferencesError as error:
            self.notify(str(error), severity="error", markup=False, timeout=10)

    async def on_terminal_pane_attach_requested(self, message: Any) -> None:
        """Leave the screen to one program, and come back when it ends or the chord is pressed."""
        message.stop()
        if isinstance(self._driver, DiffDriver):
            self.run_worker(self._attach_to(message.terminal), name="attach", exclusive=True, group="attach")

    async def _attach_to(self, terminal: Any) -> None:
        """`terminal`: a `widgets.terminal.Terminal`."""
        assert isinstance(self._driver, DiffDriver)
        chord = self._preferences.leave_terminal
        typed = chord_character(chord)
        if typed is None:
            self.notify(f"{chord} is no single byte on a plain terminal; set another chord to attach.", timeout=6)
            return
        with self.suspend():
            attached = Attached(
                self._driver.fileno,
                self._driver.output,
                chord=(chord, typed),
                send=terminal.send,
                resize=terminal.resize_program,
            )
            with attached:
                terminal.lend(attached, *attached.size)
                attached.show("\x1b[2J" + drawn(terminal.vt))
                while terminal.is_connected and not attached.left.is_set():
                    with suppress(TimeoutError):
                        await asyncio.wait_for(attached.left.wait(), _LOOK_SECONDS)
                attached.show(plain_again(terminal.vt) + "\x1b[2J\x1b[H")
            terminal.give_back()

    # -- clipboard and cursor

    def copy_to_clipboard(self, text: str) -> None:
        """Take every road to the person's clipboard that is known to work, and say which one it was."""
        self.run_worker(self._copy(text), name="copy")

    async def _copy(self, text: str) -> None:
        result = await self._roads.copy(text)
        copied = fmt.count(len(text), "character")
        self.notify(
            f"{copied} {result.how}" if result.ok else f"Not copied: {result.how}",
            severity="information" if result.ok else "warning",
            markup=False,
            timeout=3 if result.ok else 8,
        )

    def open_url(self, url: str, *, new_tab: bool = True) -> None:
        """Open a link in a browser beside us; where there is no desktop, a browser would take the terminal: copy it."""
        if self._has_display and url.startswith(("http://", "https://")):
            super().open_url(url, new_tab=new_tab)
            self.notify(f"Opened {url}", timeout=3)
        else:
            self.copy_to_clipboard(url)

    def action_copy_or_cancel(self) -> None:
        """ctrl+c never quits: it copies what is selected."""
        if text := self.screen.get_selected_text():
            self.copy_to_clipboard(text)
        else:
            self.notify("Nothing is selected. q leaves, ctrl+q leaves at once.", timeout=3)

    def _write_to_terminal(self, text: str) -> None:
        if self._driver is not None:
            self._driver.write(text)


async def _through(node: MessagePump | None) -> None:
    """Until a node and all above it have done what is in their queues."""
    while node is not None and node.is_running:
        handled = asyncio.Event()
        node.call_later(handled.set)
        await handled.wait()
        node = node._parent


def _settle() -> None:
    """What is in memory now stays there: going through it again and again held keys up for 50 ms at a time.

    To go through it once more before would take as long, and find half a megabyte.
    """
    gc.freeze()
    gc.set_threshold(20_000, 20, 50)
