"""A real shell on a local pseudo terminal, spoken to as the terminal widget speaks to a remote one."""

from __future__ import annotations

import asyncio
import codecs
import contextlib
import fcntl
import os
import pty
import signal
import struct
import subprocess
import termios
from collections.abc import Sequence
from dataclasses import dataclass

READ_BYTES = 32 * 1024


@dataclass(frozen=True)
class LocalExit:
    code: int | None


class LocalPtyLink:
    """`TtyLink` over openpty."""

    def __init__(self, master: int, process: subprocess.Popen[bytes]) -> None:
        self._master = master
        self.process = process
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self.bytes_read = 0
        self._closed = False

    @classmethod
    async def open(
        cls, cols: int, rows: int, command: Sequence[str] = ("bash", "--norc", "-i"), **env: str
    ) -> LocalPtyLink:
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": "/dev/null",
            "TERM": "xterm-256color",
            "COLORTERM": "truecolor",
            "LANG": "C.UTF-8",
            "PS1": "$ ",
            **env,
        }
        process = subprocess.Popen(  # noqa: ASYNC220
            ["setsid", "--ctty", *command], stdin=slave, stdout=slave, stderr=slave, env=environment
        )
        os.close(slave)
        os.set_blocking(master, False)
        return cls(master, process)

    async def _ready(self, *, to_write: bool = False) -> None:
        loop = asyncio.get_running_loop()
        ready: asyncio.Future[None] = loop.create_future()

        def done() -> None:
            if not ready.done():
                ready.set_result(None)

        add, remove = (loop.add_writer, loop.remove_writer) if to_write else (loop.add_reader, loop.remove_reader)
        add(self._master, done)
        try:
            await ready
        finally:
            remove(self._master)

    async def read(self) -> str | LocalExit:
        while True:
            try:
                data = os.read(self._master, READ_BYTES)
            except BlockingIOError:
                await self._ready()
                continue
            except OSError:
                data = b""
            if not data:
                while (code := self.process.poll()) is None:
                    await asyncio.sleep(0.005)
                return LocalExit(code)
            self.bytes_read += len(data)
            text = self._decoder.decode(data)
            if text:
                return text

    async def write(self, data: str) -> None:
        rest = data.encode()
        while rest:
            try:
                rest = rest[os.write(self._master, rest) :]
            except BlockingIOError:
                await self._ready(to_write=True)
            except OSError:
                return

    def write_now(self, data: str) -> bool:
        return False

    async def resize(self, cols: int, rows: int) -> None:
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGHUP)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(timeout=5)
        os.close(self._master)
