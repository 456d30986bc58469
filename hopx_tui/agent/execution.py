"""One program run to its end: output captured with a bound or streamed, a time limit that ends everything it
started."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

from hopx_tui.agent.children import Child, Children
from hopx_tui.agent.counters import Counters
from hopx_tui.agent.http import new_id
from hopx_tui.agent.pipes import Capture, Flow
from hopx_tui.agent.proctable import ProcessStat
from hopx_tui.agent.treekill import kill_until_gone, related, signal_all

OUTPUT_LIMIT = 16 << 20
# Figures, tables and results of one execution; the program that sends them keeps to 32 MiB itself.
RICH_LIMIT = 33 << 20
MARK = "HOPX_EXECUTION_ID"
TIMED_OUT = 124
TERM_GRACE_SECONDS = 0.3

P = TypeVar("P", bound=Capture | Flow)


class Ending(NamedTuple):
    """How a program ended; `note` is what the agent adds to its stderr."""

    exit_code: int
    seconds: float
    timed_out: bool
    note: str = ""


class Outcome(NamedTuple):
    """How a program ended, with its outputs: text, and the frames of its rich output (rich.py)."""

    stdout: str
    stderr: str
    exit_code: int
    seconds: float
    pid: int
    timed_out: bool
    rich: bytes = b""


class Running(Generic[P]):
    """Something under way with two outputs, and a third for rich ones."""

    def __init__(self, pid: int, out: P, err: P, rich: Capture | None) -> None:
        self.pid = pid
        self.out = out
        self.err = err
        self.rich = rich

    async def ended(self) -> Ending:
        """To be awaited once, by a task that is not cancelled. Never raises."""
        raise NotImplementedError

    async def kill(self) -> None:
        """End it with everything it started."""
        raise NotImplementedError

    def rich_frames(self) -> bytes:
        """What was displayed; for use after `ended`. What still comes is forgotten."""
        if self.rich is None:
            return b""
        self.rich.drain()
        frames = self.rich.raw()
        self.rich.discard()
        return frames


def with_note(text: str, note: str) -> str:
    """`note` on a line of its own at the end of `text`."""
    if not note:
        return text
    return f"{text}{'' if not text or text.endswith(chr(10)) else chr(10)}{note}\n"


async def collect(running: Running[Capture]) -> Outcome:
    """Wait for the end and gather all output. Takes at most a second longer than the time limit."""
    ending = await running.ended()
    running.out.drain()
    running.err.drain()
    stdout, stderr = running.out.text(), with_note(running.err.text(), ending.note)
    for capture in (running.out, running.err):
        # A server left in the background by `cmd &` holds the pipe; closing our end would kill it at its
        # next line.
        capture.discard()
    return Outcome(
        stdout, stderr, ending.exit_code, ending.seconds, running.pid, ending.timed_out, running.rich_frames()
    )


async def first_of(
    futures: Iterable[asyncio.Future[Any]], seconds: float | None, clock: Callable[[], float]
) -> bool:
    """True once one of them is done; False after `seconds` of `clock`, which may stand still (a paused sandbox's time
    is not its programs' time)."""
    waiting = set(futures)
    deadline = None if seconds is None else clock() + seconds
    left = seconds
    while True:
        done, _ = await asyncio.wait(waiting, timeout=left, return_when=asyncio.FIRST_COMPLETED)
        if done:
            return True
        if deadline is None or (left := deadline - clock()) <= 0:
            return False


async def exits_within(child: Child, seconds: float | None) -> bool:
    """True once it has ended; False after `seconds`."""
    done, _ = await asyncio.wait((child.exited,), timeout=seconds)
    return bool(done)


async def end_tree(child: Child, mark: bytes) -> None:
    """TERM, a moment to tidy up, KILL; `setsid` children included, known by `mark` (b"NAME=value") in their
    environment. Returns when all of it is gone."""
    loop = asyncio.get_running_loop()

    def find() -> list[ProcessStat]:
        return related(child.pid, child.start_ticks, mark)

    members = await loop.run_in_executor(None, find)
    signal_all(members, signal.SIGTERM)
    signal_all(members, signal.SIGCONT)
    await exits_within(child, TERM_GRACE_SECONDS)
    await loop.run_in_executor(None, lambda: kill_until_gone(find, seconds=3))
    await exits_within(child, 1.0)


class Execution(Running[P]):
    """A started program."""

    def __init__(
        self,
        child: Child,
        out: P,
        err: P,
        rich: Capture | None,
        *,
        mark: bytes,
        counters: Counters,
        limit: float | None,
        clock: Callable[[], float],
    ) -> None:
        super().__init__(child.pid, out, err, rich)
        self.child = child
        self._mark = mark
        self._counters = counters
        self._limit = limit
        self._clock = clock
        self._started = clock()

    async def ended(self) -> Ending:
        """At most a second after the time limit."""
        self._counters.active_executions += 1
        self._counters.executions += 1
        timed_out = False
        try:
            if not await first_of((self.child.exited,), self._limit, self._clock):
                timed_out = True
                await self.kill()
        finally:
            self._counters.active_executions -= 1
        seconds = self._clock() - self._started
        if timed_out:
            return Ending(TIMED_OUT, seconds, True, f"timed out after {self._limit:g}s")
        return Ending(self.child.exited.result(), seconds, False)

    async def kill(self) -> None:
        """Returns when all of it is gone."""
        await end_tree(self.child, self._mark)


class Executions:
    """Starts programs whose output is read here. Time limits are measured by `clock`."""

    def __init__(self, children: Children, counters: Counters, clock: Callable[[], float]) -> None:
        self.children = children
        self.counters = counters
        self.clock = clock

    def start(
        self,
        argv: Sequence[str],
        *,
        cwd: bytes,
        env: Mapping[str, str],
        timeout: float | None,
        pipe: Callable[[int], P],
        rich_at: int | None = None,
    ) -> Execution[P]:
        """Start `argv` with no input; `pipe` makes a reader of each output's descriptor. The word at `rich_at` is
        replaced by the number of a descriptor for rich output. Raises OSError and ValueError as `Children.spawn`."""
        name, value = MARK, new_id("exec")
        pipes = [os.pipe() for _ in range(2 if rich_at is None else 3)]
        words = list(argv)
        passed: tuple[int, ...] = ()
        if rich_at is not None:
            passed = (pipes[2][1],)
            words[rich_at] = str(pipes[2][1])
        try:
            child = self.children.spawn(
                words, cwd=cwd, env={**env, name: value}, stdout=pipes[0][1], stderr=pipes[1][1], pass_fds=passed
            )
        except (OSError, ValueError):
            for ours, _ in pipes:
                os.close(ours)
            raise
        finally:
            for _, theirs in pipes:
                os.close(theirs)
        return Execution(
            child,
            pipe(pipes[0][0]),
            pipe(pipes[1][0]),
            None if rich_at is None else Capture(pipes[2][0], RICH_LIMIT),
            mark=f"{name}={value}".encode(),
            counters=self.counters,
            limit=timeout,
            clock=self.clock,
        )


def captured(limit: int) -> Callable[[int], Capture]:
    """A reader that keeps at most `limit` bytes."""
    return lambda descriptor: Capture(descriptor, limit)
