"""The life of one pane's connection: opened, worked, ended or lost, and opened again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from hopx_tui.vt.screen import VTScreen
from hopx_tui.vt.stream import VTStream
from hopx_tui.widgets.terminal_link import Connect, LinkLost, LinkRole
from hopx_tui.widgets.terminal_pump import Pump
from hopx_tui.widgets.terminal_state import Connected, Connecting, Exited, Lost, TerminalState

__all__ = ["Borrower", "Session"]

TYPED_AHEAD_CHARACTERS = 4096
# Brings the emulator back to a plain shell screen after a program that will never undo its modes: CAN ends
# a half-received sequence, then main screen, soft reset, no mouse, no focus events, no paste brackets.
_SHELL_AGAIN = (
    "\x18\x1b[?1049l\x1b[!p\x1b[?5l\x1b[?9l\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1004l\x1b[?1006l"
    "\x1b[?2004l\x1b[?2026l\x1b[=0u\x1b[0 q\x1b[m\x1b[999;1H\r\n"
)


class Borrower(Protocol):
    """Somewhere else that the raw output goes to as well."""

    def show(self, text: str) -> None:
        """Take it, at once."""

    async def room(self) -> None:
        """Wait until more of it can be taken."""


class Session:
    """Connects an emulator to a shell.

    Args:
        connect: opens a link for the emulator's size.
        lost_errors: exceptions of the link that mean "refused or dropped", besides `LinkLost`.
        on_state: told each new state.
        on_output: called after each slice of parsing.
        on_role: told whether what is typed reaches the program, and the size of the terminal that is watched.

    A link to a kept session (`LinkRole`) goes on where the last one broke off; what was missed meanwhile follows.
    """

    def __init__(
        self,
        connect: Connect,
        lost_errors: tuple[type[Exception], ...],
        screen: VTScreen,
        *,
        on_state: Callable[[TerminalState], None],
        on_output: Callable[[], None],
        on_role: Callable[[LinkRole], None] = lambda _: None,
    ) -> None:
        self._connect = connect
        self._lost_errors: tuple[type[Exception], ...] = (LinkLost, *lost_errors)
        self._screen = screen
        self._stream = VTStream(screen)
        self._on_state = on_state
        self._on_output = on_output
        self._pump: Pump | None = None
        self._typed_ahead: str | None = ""
        self._used = False
        self._on_role = on_role
        self._position = -1
        self.borrower: Borrower | None = None
        """Who shows the raw output elsewhere for now."""
        self.tap: Callable[[str], None] | None = None

    @property
    def pending(self) -> int:
        """Characters read from the link but not yet parsed."""
        return 0 if self._pump is None else self._pump.pending

    async def run(self) -> None:
        """One connection from its opening to its end; states tell how it goes."""
        if self._used and not self.kept:
            self._stream.feed_text(_SHELL_AGAIN)
        self._used = True
        if self._typed_ahead is None:  # else it is what was typed before there was a size to connect with
            self._typed_ahead = ""
        self._on_state(Connecting())
        screen = self._screen
        size = screen.columns, screen.lines
        try:
            link = await self._connect(*size)
        except self._lost_errors as error:
            self._typed_ahead = None
            self._on_state(Lost(_reason(error)))
            return
        pump = Pump(
            link,
            screen,
            self._stream,
            on_output=self._on_output,
            tap=self._tapped,
            on_role=self._role,
            room=self._room,
        )
        self._pump = pump
        if (screen.columns, screen.lines) != size:
            pump.resize(screen.columns, screen.lines)
        pump.send(self._typed_ahead)
        self._typed_ahead = None
        self._on_state(Connected())
        ended: TerminalState
        try:
            ended = Exited((await pump.run()).code)
            self._position = -1
        except self._lost_errors as error:
            ended = Lost(_reason(error))
        finally:
            if self._pump is pump:  # not so when `run` was started anew meanwhile
                self._pump = None
            await pump.close()
        self._on_state(ended)

    def send(self, text: str) -> bool:
        """Send typed text, or keep it while the link is being opened; False where there is no room."""
        if self._pump is not None:
            return self._pump.send(text)
        if self._typed_ahead is None:
            return True
        fits = len(self._typed_ahead) + len(text) <= TYPED_AHEAD_CHARACTERS
        if fits:
            self._typed_ahead += text
        return fits

    def resize(self, columns: int, lines: int) -> None:
        """Tell the far side the emulator's new size."""
        if self._pump is not None:
            self._pump.resize(columns, lines)

    @property
    def kept(self) -> bool:
        """Whether the shell outlives the link, so that connecting again finds it."""
        return self._position >= 0

    def _role(self, role: LinkRole) -> int:
        """A kept session says who types, and at first what it replays: take from that what is not here yet."""
        self._on_role(role)
        if role.position < 0:
            return 0
        had, self._position = self._position, role.position - role.characters
        missed = role.position - had
        if role.created:
            if had >= 0:
                self._stream.feed_text(_SHELL_AGAIN)  # the shell that was here is gone
        elif had >= 0 and 0 <= missed <= role.tail:
            self._position = had
            return role.characters - missed
        else:
            self._stream.feed_text("\x1bc\x1b[3J")
        return 0

    def _tapped(self, data: str) -> None:
        if self._position >= 0:
            self._position += len(data)
        if self.tap is not None:
            self.tap(data)
        if self.borrower is not None:
            self.borrower.show(data)

    async def _room(self) -> None:
        if self.borrower is not None:
            await self.borrower.room()


def _reason(error: Exception) -> str:
    """The first line of an error, as plain text."""
    lines = str(error).splitlines()
    return lines[0] if lines else type(error).__name__
