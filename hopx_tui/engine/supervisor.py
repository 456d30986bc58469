"""The parent of an agent at level none: keeps every descendant within reach, ends all with the engine.

A program of its own (stdlib only, run by path): `supervisor.py LIFELINE KEEP,KEEP -- COMMAND...`. It waits for
one byte on the lifeline (the engine is done with control groups), starts the command, reaps, and when the
lifeline closes, for whatever reason, kills everything below it: as subreaper it inherits double-forked daemons.
"""

from __future__ import annotations

import ctypes
import os
import select
import signal
import sys
import time

PR_SET_CHILD_SUBREAPER = 36
PR_SET_NAME = 15
NAME = b"hopx-supervisor"


def _children() -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                with open(f"/proc/{name}/stat", "rb") as file:
                    raw = file.read()
            except OSError:
                continue
            fields = raw[raw.rfind(b")") + 2 :].split()
            if fields[0] not in (b"Z", b"X"):
                found.setdefault(int(fields[1]), []).append(int(name))
    return found


def descendants() -> list[int]:
    """Pids of all live processes below this one. Nothing here can be another's: we are their reaper."""
    table = _children()
    queue, below = [os.getpid()], []
    while queue:
        for child in table.get(queue.pop(), []):
            below.append(child)
            queue.append(child)
    return below


def _reap() -> None:
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def end_everything() -> None:
    """SIGKILL all descendants, again and again until a look finds none (forks race with us)."""
    deadline = time.monotonic() + 10
    while (below := descendants()) and time.monotonic() < deadline:
        for pid in below:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        _reap()
        time.sleep(0.002)


def main(arguments: list[str]) -> int:
    """Run the command until it ends or the lifeline closes. Returns its exit code."""
    split = arguments.index("--")
    lifeline = int(arguments[0])
    kept = tuple(int(number) for number in arguments[1].split(",") if number)
    command = arguments[split + 1 :]
    libc = ctypes.CDLL(None)
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    libc.prctl(PR_SET_NAME, NAME, 0, 0, 0)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # only the engine ends us, by the lifeline
    if not os.read(lifeline, 1):
        return 0
    os.set_inheritable(lifeline, False)
    wake_read, wake_write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    for descriptor in kept:
        os.set_inheritable(descriptor, True)
    defaults = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    child = os.posix_spawn(command[0], command, os.environ, setsigdef=defaults)
    for descriptor in kept:
        os.close(descriptor)
    code = 0
    while True:
        ready, _, _ = select.select([lifeline, wake_read], [], [])
        if lifeline in ready:
            break
        os.read(wake_read, 4096)
        ended = False
        try:
            while (status := os.waitpid(-1, os.WNOHANG))[0]:
                if status[0] == child:
                    ended, code = True, os.waitstatus_to_exitcode(status[1])
        except ChildProcessError:
            break
        if ended:
            break
    end_everything()
    _reap()
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
