"""The parent of the serving process: holds the engine's lifeline and ends every descendant when either is
gone.

It stays tiny (no asyncio, no aiohttp), and it must never be frozen at isolation level none: it alone notices
there that the engine died while the sandbox was paused.
"""

from __future__ import annotations

import gc
import os
import select
import signal
from collections.abc import Callable
from types import FrameType

from hopx_tui.agent import prctl
from hopx_tui.agent.treekill import below, kill_until_gone

CONTROL_LOST = 0
_WATCHED = (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def _note(_number: int, _frame: FrameType | None) -> None:
    """Signals are read from the wake-up pipe; a handler must exist for that."""


def supervise(control_fd: int, listen_fd: int, serve: Callable[[], int]) -> int:
    """Fork; run `serve` in the child; return its exit status (128+n for a signal) once every descendant is
    gone.

    The control channel is only watched for its hang-up here, never read. SIGTERM, SIGINT and SIGHUP end
    everything as well.
    """
    prctl.hide_memory()
    prctl.forgo_tracing()
    prctl.gather_orphans()
    prctl.set_name("hopx-supervisor")
    wake_read, wake_write = os.pipe()
    os.set_blocking(wake_read, False)
    os.set_blocking(wake_write, False)
    for number in _WATCHED:
        signal.signal(number, _note)
    signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
    supervisor = os.getpid()
    # A collection in either process would touch, and so copy, every page they share.
    gc.freeze()
    server = os.fork()
    if server == 0:
        signal.set_wakeup_fd(-1)
        for number in _WATCHED:
            signal.signal(number, signal.SIG_DFL)
        os.close(wake_read)
        os.close(wake_write)
        prctl.signal_on_parent_death(signal.SIGTERM)
        if os.getppid() != supervisor:
            os._exit(1)
        os._exit(serve())
    os.close(listen_fd)
    status = _watch(server, control_fd, wake_read)
    kill_until_gone(lambda: below(supervisor))
    _reap(server)
    return status


def serve_supervised(serve: Callable[[], int]) -> int:
    """Run `serve` in this process, below a supervisor that the engine has started; return its exit status."""
    prctl.forgo_tracing()
    prctl.signal_on_parent_death(signal.SIGTERM)
    return serve()


def _watch(server: int, control_fd: int, wake_fd: int) -> int:
    poller = select.poll()
    # No event is asked for: a hang-up is always reported, and what the engine writes is the server's to read.
    poller.register(control_fd, 0)
    poller.register(wake_fd, select.POLLIN)
    while True:
        for descriptor, _events in poller.poll():
            if descriptor == control_fd:
                return CONTROL_LOST
            pending = os.read(wake_fd, 512)
            if any(number != signal.SIGCHLD for number in pending):
                return CONTROL_LOST
            status = _reap(server)
            if status is not None:
                return status


def _reap(server: int) -> int | None:
    """Collect every child that ended; the server's exit status if it is among them."""
    found: int | None = None
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return found
        if pid == 0:
            return found
        if pid == server:
            code = os.waitstatus_to_exitcode(status)
            found = code if code >= 0 else 128 - code
