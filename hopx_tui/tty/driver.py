"""The line to the person's terminal: keys come in without a thread, frames go out as the difference only.

Textual's frames are fed into an emulated screen, the wanted one. What the terminal lacks of it is written as fast as
the terminal takes it; frames for which it has no time are never written at all (mosh and tmux work the same way).
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import select
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from textual import events
from textual.drivers.linux_driver import LinuxDriver
from textual.message import Message
from textual.messages import TerminalSupportsSynchronizedOutput

from hopx_tui.tty.inlet import read_now
from hopx_tui.tty.keyboard import Answer, Keyboard
from hopx_tui.tty.outlet import Outlet
from hopx_tui.tty.painter import Painter
from hopx_tui.tty.wanted import Wanted

if TYPE_CHECKING:
    from textual.app import App

__all__ = ["DiffDriver"]

_LEAVE_SECONDS = 1.0
_SYNCHRONISED = 2026
# What is no part of a frame: it reaches the terminal as it is. Frames consist of text, motion, colours, links
# (OSC 8), the cursor (mode 25) and the marks of their beginning and end (mode 2026).
_VERBATIM = re.compile(
    r"(\x1b\](?!8;)[^\x07\x1b]*(?:\x07|\x1b\\)|\x1bP(?:[^\x1b]|\x1b[^\\])*\x1b\\"
    r"|\x1b\[(?!\?25[hl]|\?2026[hl])[<>=?][0-9;]*\$?[a-zA-Z]|\x07)"
)
_BEGINS, _ENDS = "\x1b[?2026h", "\x1b[?2026l"


class DiffDriver(LinuxDriver):
    """A driver for Linux and macOS. Give it to the app as `driver_class`."""

    def __init__(
        self, app: App[object], *, debug: bool = False, mouse: bool = True, size: tuple[int, int] | None = None
    ) -> None:
        super().__init__(app, debug=debug, mouse=mouse, size=size)
        term = os.environ.get("TERM", "")
        self._console = term.startswith("linux")
        self._painter = Painter(1, 1, erases_in_colour=not term.startswith("screen"), links=not self._console)
        self._painting = False
        self._in_frame = False
        self._outlet: Outlet | None = None
        self._keyboard = Keyboard(console=self._console)
        self._patience: asyncio.TimerHandle | None = None
        self.first: Callable[[events.Key], bool] = lambda _: False
        """Asked about each key as it comes; True: it is dealt with, and Textual does not see it."""

    @property
    def output(self) -> int:
        """The terminal's descriptor, for writing while the app is suspended."""
        assert self._file is not None
        return self._file.fileno()

    # -- out

    def write(self, data: str) -> None:
        """Take what Textual or we have for the terminal: frames are compared, all else goes out as it is."""
        outlet = self._outlet
        if outlet is None:
            return
        if not self._painting:
            outlet.write(data)
            return
        for at, piece in enumerate(_VERBATIM.split(data)):
            if at % 2:
                outlet.write(piece)
            elif piece:
                self._draw(piece)
        if not self._in_frame:
            self._paint()

    @contextlib.contextmanager
    def frame(self) -> Iterator[Wanted | None]:
        """What is written inside, or drawn on the wanted screen, goes out together; None: no terminal now."""
        outer, self._in_frame = self._in_frame, True
        self._fit()
        try:
            yield self._painter.wanted if self._painting else None
        finally:
            self._in_frame = outer
            if not outer:
                self._paint()

    def _draw(self, piece: str) -> None:
        if piece == _BEGINS:
            self._in_frame = True
        elif piece == _ENDS:
            self._in_frame = False
        else:
            self._fit()
            self._painter.wanted.feed(piece)

    def _fit(self) -> None:
        size = self._app.size
        if (size.width, size.height) != self._painter.size and size.area:
            self._painter.resize(size.width, size.height)

    def _paint(self) -> None:
        """Write what is missing, if the terminal has taken what it got before."""
        if self._outlet is not None and self._painting and not self._outlet.busy:
            frame = self._painter.frame()
            if frame:
                self._outlet.write(frame)

    def redraw(self) -> None:
        """Something else has written on the terminal: take nothing of it as known and draw all of it again."""
        self._painter.forget()
        self._paint()

    # -- life

    def start_application_mode(self) -> None:
        """Take the terminal."""
        assert self._file is not None  # the dashboard starts on terminals only
        self._outlet = Outlet(self._file.fileno(), asyncio.get_running_loop(), on_idle=self._paint)
        self._painting = False
        self._in_frame = False
        super().start_application_mode()  # type: ignore[no-untyped-call]
        self._painter.forget()
        self._painting = True
        # Frames are ours to show at once or not: Textual shall always mark them.
        self.send_message(TerminalSupportsSynchronizedOutput())
        with contextlib.suppress(PermissionError, ValueError):  # a plain file as input never has more to say
            self._loop.add_reader(self.fileno, self._readable)

    def disable_input(self) -> None:
        """Stop listening."""
        self._loop.remove_reader(self.fileno)
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
        super().disable_input()

    def stop_application_mode(self) -> None:
        """Give the terminal back as it was."""
        if self._painting:
            self._painting = False
            if self._outlet is not None:
                self._outlet.write(self._painter.leave())
        super().stop_application_mode()
        if self._outlet is not None:
            self._outlet.close(_LEAVE_SECONDS)
            self._outlet = None

    # -- in

    def _run_input_thread(self) -> None:
        """Textual's thread has nothing to do here: the event loop reads, with no thread to wait for."""

    def _query_in_band_window_resize(self) -> None:
        """Sizes come by signal."""

    def _readable(self) -> None:
        data = read_now(self.fileno)
        if data is None:
            return
        if not data:  # the terminal is gone
            self._loop.remove_reader(self.fileno)
            self._app.exit()
            return
        self._tell(self._keyboard.feed(data))
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
        patience = self._keyboard.patience
        if patience is not None:
            self._patience = self._loop.call_later(patience, self._nothing_more)

    def _nothing_more(self) -> None:
        self._patience = None
        if select.select([self.fileno], [], [], 0)[0]:
            self._readable()  # the rest came while we were busy
        else:
            self._tell(self._keyboard.flush())

    def _tell(self, told: list[Message | Answer]) -> None:
        for event in told:
            if isinstance(event, Answer):
                if event.mode == _SYNCHRONISED:
                    self._painter.synchronised = event.setting in (1, 2)
            elif not (isinstance(event, events.Key) and self.first(event)):
                self.process_message(event)

    def send_message(self, message: Message) -> None:
        """Hand an event to the app; we are on its loop already."""
        self._app.post_message(message)
