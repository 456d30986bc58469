"""Moves bytes between a link and the emulator without ever holding the event loop or much memory."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable

from hopx_tui.vt.reports import Title
from hopx_tui.vt.screen import VTScreen
from hopx_tui.vt.stream import VTStream
from hopx_tui.widgets.terminal_link import LinkExit, LinkRole, TtyLink

__all__ = ["Pump"]

PENDING_CHARACTERS = 64 * 1024
PIECE_CHARACTERS = 16 * 1024
SLICE_SECONDS = 0.004
UNSENT_CHARACTERS = 4 * 1024 * 1024
# A key press needs several turns of the event loop from the input thread to the link. Giving it that many
# between two slices costs microseconds when nothing waits and saves whole slices when something does.
TURNS_BETWEEN_SLICES = 4
AT_ONCE_CHARACTERS = 1024
"""What is parsed without waking the task for it: the echo of a key."""


class Pump:
    """One connected link and the screen it feeds.

    Args:
        on_output: called after each slice of parsing; must be quick (it asks for a frame, takes events).
        tap: sees every piece of raw output as it arrives (recording).
        room: awaited before more is read, for a tap that cannot take everything at once.
        on_role: told of roles in a kept session; answers how many characters of what follows are known already.

    Three loops run in `run`: the reader stops reading while 64 KB wait to be parsed, which stops the sender;
    the parser works at most 4 ms at a time; the writer keeps typed text, replies and resizes in order.
    """

    def __init__(
        self,
        link: TtyLink,
        screen: VTScreen,
        stream: VTStream,
        *,
        on_output: Callable[[], None],
        tap: Callable[[str], None] | None = None,
        on_role: Callable[[LinkRole], int] = lambda _: 0,
        room: Callable[[], Awaitable[None]] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._link = link
        self._screen = screen
        self._stream = stream
        self._on_output = on_output
        self._tap = tap
        self._on_role = on_role
        self._tap_room = room
        self._known = 0
        self._replayed = 0
        self._clock = clock
        self._pending: deque[str] = deque()
        self._pending_size = 0
        self._changed = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._unsent: deque[str | tuple[int, int]] = deque()
        self._unsent_size = 0
        self._sending = False
        self._to_send = asyncio.Event()
        self._ended = False

    @property
    def pending(self) -> int:
        """Characters read but not yet parsed."""
        return self._pending_size

    async def run(self) -> LinkExit:
        """Work until the shell exits; whatever the link raises comes out of here."""
        reader = asyncio.create_task(self._read())
        workers: set[asyncio.Task[LinkExit] | asyncio.Task[None]] = {
            reader,
            asyncio.create_task(self._parse()),
            asyncio.create_task(self._write()),
        }
        try:
            while True:
                done, _ = await asyncio.wait(workers, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    task.result()
                workers -= done
                if reader in done:
                    break
            await self._drained()
            return reader.result()
        finally:
            for task in workers:
                task.cancel()
            self._finish()
            await asyncio.gather(*workers, return_exceptions=True)

    def send(self, data: str) -> bool:
        """Queue typed text; False (and nothing queued) when 4 MB wait already."""
        if not data:
            return True
        if not self._unsent and not self._sending and self._link.write_now(data):
            return True
        if self._unsent_size + len(data) > UNSENT_CHARACTERS:
            return False
        self._unsent.extend(_pieces(data))
        self._unsent_size += len(data)
        self._to_send.set()
        return True

    def resize(self, columns: int, rows: int) -> None:
        """Queue a new size; of several that wait in a row only the last is sent."""
        if self._unsent and isinstance(self._unsent[-1], tuple):
            self._unsent.pop()
        self._unsent.append((columns, rows))
        self._to_send.set()

    async def close(self) -> None:
        """Hang up the link."""
        await self._link.close()

    async def _read(self) -> LinkExit:
        while True:
            await self._room.wait()
            if self._tap_room is not None:
                await self._tap_room()
            data = await self._link.read()
            if isinstance(data, LinkRole):
                known = self._on_role(data)
                if data.position >= 0:
                    self._known = known
                    self._replayed = data.characters - known
                continue
            if not isinstance(data, str):
                return data
            if self._known:
                known = min(self._known, len(data))
                self._known -= known
                data = data[known:]
            if self._tap is not None:
                self._tap(data)
            at_once = not self._pending and len(data) <= AT_ONCE_CHARACTERS
            self._pending.extend(_pieces(data))
            self._pending_size += len(data)
            if at_once:
                self._slice()
                await asyncio.sleep(0)
            else:
                self._changed.set()
            if self._pending_size >= PENDING_CHARACTERS:
                self._room.clear()

    async def _drained(self) -> None:
        """Show what was read before the exit: the last words matter most."""
        while self._pending:
            self._slice()
            await asyncio.sleep(0)

    def _finish(self) -> None:
        """Parse what was read before the link was lost or given up: the next one does not bring it again."""
        while self._pending:
            self._feed()
        self._screen.take_replies()  # whoever asked is not reached any more

    async def _parse(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            while self._pending:
                self._slice()
                for _ in range(TURNS_BETWEEN_SLICES):
                    await asyncio.sleep(0)

    def _slice(self) -> None:
        until = self._clock() + SLICE_SECONDS
        while self._pending:
            self._feed()
            if self._clock() >= until:
                break
        if self._pending_size < PENDING_CHARACTERS:
            self._room.set()
        replies = self._screen.take_replies()
        if replies:
            self.send(replies.decode("utf-8", "replace"))
        self._on_output()

    def _feed(self) -> None:
        replayed = self._replayed > 0
        self._stream.feed_text(self._next_piece())
        if replayed:
            self._forget_what_was_asked()

    def _forget_what_was_asked(self) -> None:
        """Nobody waits for answers to what a replay asks: they would be typed at whatever listens now. What it rang or
        copied was long ago.
        """
        self._screen.take_replies()
        titles = [event for event in self._screen.take_events() if isinstance(event, Title)]
        self._screen.events.extend(titles)

    def _next_piece(self) -> str:
        """At most 16 KB from the front: small messages are joined, a replay's not with those after it."""
        if self._replayed:
            piece = self._pending.popleft()
            if len(piece) > self._replayed:
                self._pending.appendleft(piece[self._replayed :])
                piece = piece[: self._replayed]
            self._replayed -= len(piece)
            self._pending_size -= len(piece)
            return piece
        pieces = [self._pending.popleft()]
        size = len(pieces[0])
        while self._pending and size + len(self._pending[0]) <= PIECE_CHARACTERS:
            pieces.append(self._pending.popleft())
            size += len(pieces[-1])
        self._pending_size -= size
        return "".join(pieces) if len(pieces) > 1 else pieces[0]

    async def _write(self) -> None:
        while True:
            await self._to_send.wait()
            self._to_send.clear()
            while self._unsent:
                item = self._unsent.popleft()
                self._sending = True
                if isinstance(item, tuple):
                    await self._link.resize(*item)
                else:
                    self._unsent_size -= len(item)
                    await self._link.write(item)
                self._sending = False


def _pieces(data: str) -> list[str]:
    """Cut into parts of at most 16 KB."""
    if len(data) <= PIECE_CHARACTERS:
        return [data] if data else []
    return [data[at : at + PIECE_CHARACTERS] for at in range(0, len(data), PIECE_CHARACTERS)]
