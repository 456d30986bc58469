"""One program run to its end: output captured with a bound, a time limit that ends everything it started."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from hopx_tui.agent.children import Child, Children
from hopx_tui.agent.counters import Counters
from hopx_tui.agent.http import new_id
from hopx_tui.agent.proctable import ProcessStat
from hopx_tui.agent.treekill import kill_until_gone, related, signal_all

OUTPUT_LIMIT = 16 << 20
MARK = "HOPX_EXECUTION_ID"
TIMED_OUT = 124
TERM_GRACE_SECONDS = 0.3
_CHUNK = 256 << 10


class Outcome(NamedTuple):
    """How a program ended; outputs are text already."""

    stdout: str
    stderr: str
    exit_code: int
    seconds: float
    pid: int
    timed_out: bool


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
        try:
            data = os.read(self._descriptor, _CHUNK)
        except BlockingIOError:
            return
        except OSError:
            data = b""
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

    def text(self) -> str:
        """What was kept, with a note where something was dropped."""
        text = self._kept.decode("utf-8", "replace")
        return f"{text}\n[output truncated: {self._dropped} more bytes]\n" if self._dropped else text


class Execution:
    """A started program. `outcome()` waits for it; `kill()` ends it with everything it started."""

    def __init__(
        self, child: Child, out: Capture, err: Capture, mark: bytes, counters: Counters, limit: float | None
    ) -> None:
        self.child = child
        self.pid = child.pid
        self._out = out
        self._err = err
        self._mark = mark
        self._counters = counters
        self._limit = limit
        self._started = time.monotonic()

    async def outcome(self) -> Outcome:
        """To be awaited once, by a task that is not cancelled. Takes at most a second longer than the time
        limit."""
        self._counters.active_executions += 1
        self._counters.executions += 1
        timed_out = False
        try:
            if not await self._exits_within(self._limit):
                timed_out = True
                await self.kill()
        finally:
            self._counters.active_executions -= 1
        self._out.drain()
        self._err.drain()
        seconds = time.monotonic() - self._started
        stdout, stderr = self._out.text(), self._err.text()
        for capture in (self._out, self._err):
            # A server left in the background by `cmd &` holds the pipe; closing our end would kill it at its
            # next line.
            capture.discard()
        code = TIMED_OUT if timed_out else self.child.exited.result()
        if timed_out:
            stderr += f"{'' if not stderr or stderr.endswith(chr(10)) else chr(10)}timed out after {self._limit:g}s\n"
        return Outcome(stdout, stderr, code, seconds, self.pid, timed_out)

    async def _exits_within(self, seconds: float | None) -> bool:
        done, _ = await asyncio.wait((self.child.exited,), timeout=seconds)
        return bool(done)

    async def kill(self) -> None:
        """TERM, a moment to tidy up, KILL; `setsid` children included. Returns when all of it is gone."""
        loop = asyncio.get_running_loop()

        def find() -> list[ProcessStat]:
            return related(self.pid, self.child.start_ticks, self._mark)

        members = await loop.run_in_executor(None, find)
        signal_all(members, signal.SIGTERM)
        signal_all(members, signal.SIGCONT)
        await self._exits_within(TERM_GRACE_SECONDS)
        await loop.run_in_executor(None, lambda: kill_until_gone(find, seconds=3))
        await self._exits_within(1.0)


class Executions:
    """Starts programs whose output is captured."""

    def __init__(self, children: Children, counters: Counters) -> None:
        self._children = children
        self._counters = counters

    def start(
        self,
        argv: Sequence[str],
        *,
        cwd: bytes,
        env: Mapping[str, str],
        timeout: float | None,
        output_limit: int = OUTPUT_LIMIT,
    ) -> Execution:
        """Start `argv` with no input. Raises OSError and ValueError as `Children.spawn`."""
        mark = f"{MARK}={new_id('exec')}"
        name, _, value = mark.partition("=")
        out_read, out_write = os.pipe()
        err_read, err_write = os.pipe()
        try:
            child = self._children.spawn(argv, cwd=cwd, env={**env, name: value}, stdout=out_write, stderr=err_write)
        except (OSError, ValueError):
            os.close(out_read)
            os.close(err_read)
            raise
        finally:
            os.close(out_write)
            os.close(err_write)
        return Execution(
            child,
            Capture(out_read, output_limit),
            Capture(err_read, output_limit),
            mark.encode(),
            self._counters,
            timeout,
        )
