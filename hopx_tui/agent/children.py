"""Starts processes and collects every child that ends, adopted ones included."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence

from hopx_tui.agent.proctable import read_stat


class Child:
    """A process started here. `exited` yields its exit code, 128+n for a signal."""

    def __init__(self, process: subprocess.Popen[bytes], exited: asyncio.Future[int]) -> None:
        self.process = process
        self.pid = process.pid
        self.exited = exited
        stat = read_stat(process.pid)
        self.start_ticks = stat.start_ticks if stat is not None else 0


class Children:
    """Use from the event loop's thread only. With `adopt` every child of this process is collected (the agent
    is a subreaper), otherwise only those started here."""

    def __init__(self, *, adopt: bool) -> None:
        # macOS has neither subreapers nor waitid.
        self._adopt = adopt and hasattr(os, "waitid")
        self._running: dict[int, Child] = {}
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self) -> None:
        """Begin to collect; needs the running loop and the main thread."""
        self._loop = asyncio.get_running_loop()
        self._loop.add_signal_handler(signal.SIGCHLD, self.collect)

    def close(self) -> None:
        """Stop collecting."""
        if self._loop is not None:
            self._loop.remove_signal_handler(signal.SIGCHLD)
            self._loop = None

    def spawn(
        self,
        argv: Sequence[str],
        *,
        cwd: bytes,
        env: Mapping[str, str],
        stdin: int = subprocess.DEVNULL,
        stdout: int = subprocess.DEVNULL,
        stderr: int = subprocess.DEVNULL,
        pass_fds: Sequence[int] = (),
    ) -> Child:
        """Start `argv` in a session of its own; it inherits `pass_fds`. Raises OSError as exec and chdir do,
        ValueError for NUL bytes."""
        process = subprocess.Popen(
            argv,
            cwd=cwd,
            env=env,
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            pass_fds=pass_fds,
            start_new_session=True,
        )
        child = Child(process, asyncio.get_running_loop().create_future())
        self._running[child.pid] = child
        return child

    def collect(self) -> None:
        """Wait for whoever has ended."""
        for pid in list(self._running):
            self._wait_for(pid)
        while self._adopt:
            try:
                found = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                return
            if found is None:
                return
            self._wait_for(found.si_pid)

    def _wait_for(self, pid: int) -> None:
        try:
            ended, status = os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            ended, status = pid, 0
        if ended == 0:
            return
        child = self._running.pop(pid, None)
        if child is None:
            return
        code = os.waitstatus_to_exitcode(status)
        # Popen would otherwise wait for this pid again, when it may be another process.
        child.process.returncode = code
        if not child.exited.done():
            child.exited.set_result(code if code >= 0 else 128 - code)
