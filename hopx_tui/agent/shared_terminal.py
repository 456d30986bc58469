"""One shell that outlives its clients: several watch, one writes, the newest output is replayed to who comes later."""

from __future__ import annotations

import asyncio
import codecs
import time
from collections import deque
from collections.abc import Callable
from typing import Literal

from aiohttp.web_ws import WebSocketResponse

from hopx_tui.agent.pty import PtySession
from hopx_tui.agent.replay import Replay
from hopx_tui.agent.terminal_frames import encode_frame

BEHIND_LIMIT = 1 << 20
"""Characters a client may be behind before it is cut."""
WRITER_AHEAD = 128 << 10
"""Characters the program may be ahead of the writer's client before it has to wait."""
END_SECONDS = 30.0
EXIT_SECONDS = 3.0
REPLAY_FRAME = 64 << 10

Mode = Literal["write", "watch", "take"]
Role = Literal["writer", "watcher"]


class Member:
    """One attached client and the frames it has not got yet."""

    def __init__(self, mode: Mode, size: tuple[int, int] | None) -> None:
        self.watches_only = mode == "watch"
        self.role: Role = "watcher"
        self.size = size
        self.behind = 0
        self.too_slow = asyncio.Event()
        self.moved = asyncio.Event()
        self._frames: deque[str] = deque()
        self._wake = asyncio.Event()
        self._finished = False
        self._at_once: Callable[[str], bool] | None = None

    def push(self, frame: str) -> None:
        """Queue a frame, or give the client up."""
        if self.too_slow.is_set():
            return
        if not self.behind and self._at_once is not None and self._at_once(frame):
            return
        if self.behind > BEHIND_LIMIT:
            self._frames.clear()
            self.too_slow.set()
            return
        self._frames.append(frame)
        self.behind += len(frame)
        self._wake.set()

    def become(self, role: Role, size: tuple[int, int]) -> None:
        """Change roles and tell the client."""
        self.role = role
        self.tell(size)
        self.moved.set()

    def tell(self, size: tuple[int, int]) -> None:
        """Its role, and the size of the terminal that it sees."""
        self.push(encode_frame({"type": "role", "role": self.role, "cols": size[0], "rows": size[1]}))

    def finish(self) -> None:
        """Nothing follows; a client that does not take what is queued in time is cut."""
        self._finished = True
        self._wake.set()
        asyncio.get_running_loop().call_later(END_SECONDS, self.too_slow.set)

    async def send_to(self, websocket: WebSocketResponse, at_once: Callable[[str], bool]) -> None:
        """Send what is queued until the shell has ended. `at_once` may take a frame while nothing is."""
        self._at_once = at_once
        try:
            while True:
                while self._frames:
                    frame = self._frames.popleft()
                    await websocket.send_str(frame)
                    self.behind -= len(frame)
                    self.moved.set()
                if self._finished:
                    return
                self._wake.clear()
                await self._wake.wait()
        finally:
            self._at_once = None


class SharedTerminal:
    """A named session. `clock` stands still during pauses; `on_end` is called once, before the clients are told.

    The first attached client writes, others watch. When the writer leaves, the longest attached one that did not
    ask to watch only takes its place. The size follows the writer.
    """

    def __init__(
        self,
        name: str,
        pty: PtySession,
        size: tuple[int, int],
        *,
        clock: Callable[[], float],
        on_end: Callable[[SharedTerminal], None],
    ) -> None:
        self.name = name
        self.pty = pty
        self.size = size
        self.created_at = time.time()
        self.members: list[Member] = []
        self.writer: Member | None = None
        self.detached_since: float | None = clock()
        self.detached_at: float | None = time.time()
        self.replay = Replay()
        self._written = 0
        self._clock = clock
        self._on_end = on_end
        self._active = clock()
        self._pump = asyncio.create_task(self._run())
        pty.exited.add_done_callback(lambda _: self.writer.moved.set() if self.writer is not None else None)

    @property
    def idle_seconds(self) -> float:
        """Since the last input or output, without pauses."""
        return self._clock() - self._active

    def attach(self, mode: Mode, size: tuple[int, int] | None, *, created: bool) -> Member:
        """A new client; its first frame tells its role and how many bytes of replay follow."""
        member = Member(mode, size)
        former = self.writer
        writes = mode == "take" or (mode == "write" and former is None)
        member.role = "writer" if writes else "watcher"
        text = self.replay.text()
        first = {
            "type": "session",
            "name": self.name,
            "role": member.role,
            "created": created,
            "cols": self.size[0],
            "rows": self.size[1],
            "replayed": len(text.encode("utf-8", "replace")),
            # For a client that comes back: what of the replay it has seen already.
            "position": self._written,
            "characters": len(text),
            "tail": self.replay.tail,
        }
        member.push(encode_frame(first))
        for at in range(0, len(text), REPLAY_FRAME):
            member.push(encode_frame({"type": "output", "data": text[at : at + REPLAY_FRAME]}))
        self.members.append(member)
        self.detached_since = self.detached_at = None
        if writes:
            self.writer = member
            self._fit(member)
            if former is not None:
                former.become("watcher", self.size)
            if not created:
                self.pty.redraw()
        return member

    def detach(self, member: Member) -> None:
        """The client is gone. Idempotent."""
        if member not in self.members:
            return
        self.members.remove(member)
        if member is self.writer:
            self.writer = next((each for each in self.members if not each.watches_only), None)
            if self.writer is not None:
                self.writer.become("writer", self.size)
                self._fit(self.writer)
        member.moved.set()
        if not self.members:
            self.detached_since, self.detached_at = self._clock(), time.time()

    async def type(self, member: Member, data: str) -> None:
        """Input; ignored unless it is the writer's."""
        if member is self.writer:
            self._active = self._clock()
            await self.pty.write(data.encode("utf-8", "replace"))

    def resize(self, member: Member, columns: int, lines: int) -> None:
        """The client's size: the terminal's while it writes, else remembered for when it will."""
        member.size = columns, lines
        if member is self.writer:
            self._fit(member)

    def _fit(self, writer: Member) -> None:
        if writer.size is not None and writer.size != self.size:
            self.size = writer.size
            self.pty.resize(*self.size)
            for member in self.members:
                if member.role == "watcher":
                    member.tell(self.size)

    async def end(self) -> None:
        """HUP, then KILL; returns when every client has been told."""
        await self.pty.hang_up()
        await asyncio.shield(self._pump)

    async def _run(self) -> None:
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        while data := await self.pty.read():
            self._publish(decoder.decode(data), len(data))
            await self._wait_for_writer()
            # A send that fits the buffer does not yield; keys must get their turn.
            await asyncio.sleep(0)
        self._publish(decoder.decode(b"", final=True), 0)
        await asyncio.wait((self.pty.exited,), timeout=EXIT_SECONDS)
        code = self.pty.exited.result() if self.pty.exited.done() else 0
        self._on_end(self)
        frame = encode_frame({"type": "exit", "code": code})
        for member in self.members:
            member.push(frame)
            member.finish()
        await self.pty.hang_up()

    def _publish(self, text: str, size: int) -> None:
        if not text:
            return
        self._active = self._clock()
        self._written += len(text)
        self.replay.add(text, size)
        if self.members:
            frame = encode_frame({"type": "output", "data": text})
            for member in self.members:
                member.push(frame)

    async def _wait_for_writer(self) -> None:
        """The program waits for its writer, as it does in a plain terminal; never for a watcher, and not once the
        shell has ended: what is left is little, and its end is to be told.
        """
        while (writer := self.writer) is not None and writer.behind > WRITER_AHEAD and not self.pty.exited.done():
            writer.moved.clear()
            await writer.moved.wait()
