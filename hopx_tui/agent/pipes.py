"""The read ends of a program's output: captured with a bound, or taken piece by piece as fast as a reader wants."""

from __future__ import annotations

import asyncio
import os

CHUNK = 256 << 10
# What a program can have left in its pipe when it ends, with room for a larger pipe than the usual 64 KiB.
REST_BYTES = 1 << 20


class Capture:
    """Reads a pipe to its end, keeps the first `limit` bytes and drops the rest, so that the writer never
    blocks."""

    def __init__(self, descriptor: int, limit: int) -> None:
        os.set_blocking(descriptor, False)
        self._descriptor = descriptor
        self._limit = limit
        self._kept = bytearray()
        self._dropped = 0
        self._loop = asyncio.get_running_loop()
        self.ended: asyncio.Future[None] = self._loop.create_future()
        self._loop.add_reader(descriptor, self._read)

    def _read(self) -> None:
        data = _read(self._descriptor, CHUNK)
        if data is None:
            return
        if not data:
            self.close()
            return
        room = self._limit - len(self._kept)
        self._kept += data[: max(room, 0)]
        self._dropped += max(len(data) - max(room, 0), 0)

    def drain(self) -> None:
        """Take what was written before now; for use after the writer's exit."""
        for _ in range(64):
            before = len(self._kept) + self._dropped
            if self.ended.done():
                return
            self._read()
            if len(self._kept) + self._dropped == before:
                return

    def close(self) -> None:
        """Stop reading; a writer that goes on gets SIGPIPE."""
        if not self.ended.done():
            self._loop.remove_reader(self._descriptor)
            os.close(self._descriptor)
            self.ended.set_result(None)

    def discard(self) -> None:
        """Keep reading for the sake of a background process that still writes, but remember nothing more."""
        self._limit = 0

    def raw(self) -> bytes:
        """What was kept."""
        return bytes(self._kept)

    def text(self) -> str:
        """What was kept, with a note where something was dropped."""
        text = self._kept.decode("utf-8", "replace")
        return f"{text}\n[output truncated: {self._dropped} more bytes]\n" if self._dropped else text


class Flow:
    """Nothing is read before somebody asks: a writer whose reader is slow blocks in its own `write`."""

    def __init__(self, descriptor: int) -> None:
        os.set_blocking(descriptor, False)
        self._descriptor = descriptor
        self._loop = asyncio.get_running_loop()
        self._readable: asyncio.Future[None] | None = None
        self._rest: int | None = None
        self._open = True

    async def read(self) -> bytes:
        """The next output, at most 256 KiB; b"" at its end, and after `finish` once the pipe is empty."""
        while self._open:
            data = self.ready()
            if data:
                return data
            if not self._open or self._rest is not None:
                break
            self._readable = self._loop.create_future()
            self._loop.add_reader(self._descriptor, self._wake)
            try:
                await self._readable
            finally:
                self._readable = None
                if self._open:
                    self._loop.remove_reader(self._descriptor)
        return b""

    def _wake(self) -> None:
        if self._readable is not None and not self._readable.done():
            self._readable.set_result(None)

    def ready(self) -> bytes:
        """What can be read without waiting."""
        pieces: list[bytes] = []
        room = CHUNK if self._rest is None else min(CHUNK, self._rest)
        while room > 0 and self._open:
            piece = _read(self._descriptor, room)
            if piece is None:
                break
            if not piece:
                self.close()
                break
            pieces.append(piece)
            room -= len(piece)
            if self._rest is not None:
                self._rest -= len(piece)
        return b"".join(pieces)

    def finish(self) -> None:
        """The program has ended: only what lies in the pipe now is still its output. A process that it left in the
        background may write on for ever."""
        if self._rest is None:
            self._rest = REST_BYTES
        self._wake()

    def discard(self) -> None:
        """Read on for the sake of a background process that still writes, and forget it."""
        if self._open:
            self._loop.add_reader(self._descriptor, self._drop)

    def _drop(self) -> None:
        data = _read(self._descriptor, CHUNK)
        if data is None:
            return
        if not data:
            self.close()

    def close(self) -> None:
        """Stop reading; a writer that goes on gets SIGPIPE."""
        if self._open:
            self._open = False
            self._loop.remove_reader(self._descriptor)
            os.close(self._descriptor)
            self._wake()


def _read(descriptor: int, size: int) -> bytes | None:
    """What is there; b"" at the end; None if it is nothing yet."""
    try:
        return os.read(descriptor, size)
    except BlockingIOError:
        return None
    except OSError:
        return b""
