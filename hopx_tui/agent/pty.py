"""A shell on a pseudo-terminal: the non-blocking master, its input queue, resize, hang-up and exit code."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import struct
import termios
from collections.abc import Mapping, Sequence

from hopx_tui.agent.children import Child, Children
from hopx_tui.agent.treekill import kill_until_gone, session_members, signal_all

READ_BYTES = 64 << 10
INPUT_LIMIT = 1 << 20
HANGUP_GRACE_SECONDS = 2.0
STUCK_SECONDS = 10.0
# The first terminal that a session's leader opens becomes its controlling one, so this needs no code between
# fork and exec, which a threaded Python cannot run safely. "$0" is the terminal's device; it is opened for reading
# and writing because tmux writes to its standard input.
_LAUNCH = 'exec "$@" <>"$0" >&0 2>&0'


class PtySession:
    """One shell. `read` yields its output; `exited` its exit code, after which `read` yields what is left,
    then b""."""

    def __init__(self, child: Child, master: int) -> None:
        os.set_blocking(master, False)
        self.child = child
        self.exited = child.exited
        self._master = master
        self._loop = asyncio.get_running_loop()
        self._queue = bytearray()
        self._writing = False
        self._room = asyncio.Event()
        self._room.set()
        self._readable: asyncio.Future[None] | None = None
        self._listening = False
        self._open = True
        child.exited.add_done_callback(self._wake)

    @classmethod
    def start(
        cls,
        children: Children,
        argv: Sequence[str],
        *,
        cwd: bytes,
        env: Mapping[str, str],
        columns: int,
        lines: int,
    ) -> PtySession:
        """Raises OSError where no pseudo-terminal or process can be made."""
        master, slave = os.openpty()
        try:
            _set_size(master, columns, lines)
            launcher = ["/bin/sh", "-c", _LAUNCH, os.ttyname(slave), *argv]
            child = children.spawn(launcher, cwd=cwd, env=env, stdin=slave, stdout=slave, stderr=slave)
        except OSError:
            os.close(master)
            raise
        finally:
            os.close(slave)
        return cls(child, master)

    def _wake(self, _exited: asyncio.Future[int] | None = None) -> None:
        if self._readable is not None and not self._readable.done():
            self._readable.set_result(None)
        else:
            self._stop_listening()  # nobody reads now, and the loop would come here again and again

    def _stop_listening(self) -> None:
        if self._listening:
            self._listening = False
            self._loop.remove_reader(self._master)

    async def read(self) -> bytes:
        """The next output, at most 64 KiB; b"" once the shell has ended and nothing is left."""
        while True:
            ended = self.exited.done()
            data, hung_up = self._read_ready()
            if data:
                return data
            if ended or not self._open:
                return b""
            if hung_up:
                # Every program closed the terminal, but the shell has not been waited for yet.
                await asyncio.wait((self.exited,))
                continue
            self._readable = self._loop.create_future()
            if not self._listening:
                self._listening = True
                self._loop.add_reader(self._master, self._wake)
            try:
                await self._readable
            finally:
                self._readable = None

    def _read_ready(self) -> tuple[bytes, bool]:
        """What can be read at once (the kernel hands out 4 KiB at a time), and whether the terminal is hung
        up."""
        if not self._open:
            return b"", True
        pieces: list[bytes] = []
        room = READ_BYTES
        while room > 0:
            try:
                piece = os.read(self._master, room)
            except BlockingIOError:
                break
            except OSError:
                return b"".join(pieces), True
            if not piece:
                return b"".join(pieces), True
            pieces.append(piece)
            room -= len(piece)
        return b"".join(pieces), False

    async def write(self, data: bytes) -> None:
        """Queue input in order; waits while more than 1 MiB is queued. Input that nobody takes for 10 s is
        dropped, as a terminal does, so that a stuck program cannot keep its own hang-up from being heard."""
        if not self._open:
            return
        self._queue += data
        self._flush()
        while len(self._queue) > INPUT_LIMIT and self._open:
            before = len(self._queue)
            self._room.clear()
            try:
                await asyncio.wait_for(self._room.wait(), STUCK_SECONDS)
            except TimeoutError:
                if len(self._queue) >= before:
                    del self._queue[INPUT_LIMIT:]

    def _flush(self) -> None:
        try:
            while self._queue:
                del self._queue[: os.write(self._master, self._queue[:READ_BYTES])]
        except BlockingIOError:
            pass
        except OSError:
            self._queue.clear()
        if bool(self._queue) != self._writing:
            self._writing = bool(self._queue)
            if self._writing:
                self._loop.add_writer(self._master, self._flush)
            else:
                self._loop.remove_writer(self._master)
        if len(self._queue) <= INPUT_LIMIT:
            self._room.set()

    def resize(self, columns: int, lines: int) -> None:
        """The kernel tells the programs (SIGWINCH)."""
        if self._open:
            _set_size(self._master, columns, lines)

    def redraw(self) -> None:
        """Ask the program in the foreground to paint its screen anew."""
        if not self._open:
            return
        try:
            group = os.tcgetpgrp(self._master)
            if group > 1:  # 0, where nobody is in the foreground, would be our own
                os.killpg(group, signal.SIGWINCH)
        except OSError:
            # Gone meanwhile, or not ours to signal.
            pass

    async def hang_up(self) -> None:
        """End the session: SIGHUP, and SIGKILL for whoever stays longer than 2 s. Closes the master.
        Idempotent."""
        loop = self._loop
        leader = self.child.pid
        members = await loop.run_in_executor(None, session_members, leader)
        signal_all(members, signal.SIGHUP)
        signal_all(members, signal.SIGCONT)
        self.close()
        deadline = loop.time() + HANGUP_GRACE_SECONDS
        while members and loop.time() < deadline:
            await asyncio.sleep(0.02)
            members = await loop.run_in_executor(None, session_members, leader)
        if members:
            await loop.run_in_executor(None, lambda: kill_until_gone(lambda: session_members(leader)))

    def close(self) -> None:
        """Close the master: the kernel hangs the terminal up."""
        if not self._open:
            return
        self._open = False
        self._stop_listening()
        self._loop.remove_writer(self._master)
        os.close(self._master)
        self._queue.clear()
        self._room.set()
        self._wake()


def _set_size(descriptor: int, columns: int, lines: int) -> None:
    fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
