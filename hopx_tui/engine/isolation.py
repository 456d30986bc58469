"""Which isolation this machine really gives: decided by full dry runs when the engine starts."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import select
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from hopx_tui.engine import network
from hopx_tui.engine.bubblewrap import Bubblewrap
from hopx_tui.engine.mounts import PlanError
from hopx_tui.engine.outfit import PLAIN
from hopx_tui.engine.runtime import Runtime

TRIAL_SECONDS = 15.0
NO_ROOM = "no space is left for a trial"
TRIAL = "open('/workspace/trial', 'w').close(); import os, ssl; assert not os.path.exists('/run/user')"


@dataclass(frozen=True)
class Isolation:
    """The level, why it is not better, and what network sandboxes get."""

    level: str  # bwrap | none
    reason: str | None
    network: str  # own | host
    network_reason: str | None
    bubblewrap: Bubblewrap | None


class IsolationError(Exception):
    """Isolation was demanded and cannot be had; the text is a sentence."""


def decide(wanted: str, runtime: Runtime, hidden: tuple[str, ...], scratch: Sequence[Path]) -> Isolation:
    """`wanted`: auto | bwrap | none; `scratch`: where trials may write, best first. Blocks for some 100 ms.

    Raises IsolationError.
    """
    if wanted == "none":
        return Isolation("none", "Isolation was switched off with --isolation none.", "host", None, None)
    program = shutil.which("bwrap")
    reason = None
    if program is None:
        reason = "bubblewrap is not installed (apt install bubblewrap)."
    else:
        wrapper = Bubblewrap(program, runtime, hidden, os.path.expanduser("~"))
        reason = _try(wrapper, scratch, own_network=False)
        if reason is None:
            missing = network.available() or _try(wrapper, scratch, own_network=True)
            return Isolation("bwrap", None, "host" if missing else "own", missing, wrapper)
        reason = f"bubblewrap does not work here: {reason}"
    if wanted == "bwrap":
        raise IsolationError(reason)
    return Isolation("none", reason, "host", None, None)


def _try(wrapper: Bubblewrap, scratch: Sequence[Path], *, own_network: bool) -> str | None:
    """The trial, in the first place that has room: a full disk says nothing about isolation."""
    reason: str | None = "there is no room for a trial"
    for place in scratch:
        try:
            reason = _try_in(wrapper, place, own_network=own_network)
        except OSError as error:
            reason = error.strerror or "no place for a trial"
            continue
        if reason != NO_ROOM:
            break
    return reason


def _try_in(wrapper: Bubblewrap, scratch: Path, *, own_network: bool) -> str | None:
    """Set a whole sandbox up and end it. Returns what went wrong, in the program's own words. Raises OSError."""
    with tempfile.TemporaryDirectory(prefix="trial-", dir=scratch) as folder, contextlib.ExitStack() as cleanup:
        try:
            wrapper.prepare(Path(folder), "trial", None)
            child, info, block = _begin(wrapper, Path(folder), cleanup)
            answer = _read_info(info)
            if answer is not None and own_network:
                reason = _connect(int(answer["child-pid"]), child, cleanup)
                if reason is not None:
                    return reason
            with contextlib.suppress(BrokenPipeError):
                os.write(block, b"x")
            _, said = child.communicate(timeout=TRIAL_SECONDS)
        except OSError as error:
            return NO_ROOM if error.errno in (errno.ENOSPC, errno.EDQUOT) else str(error)
        except (PlanError, ValueError) as error:
            return str(error)
        except subprocess.TimeoutExpired:
            return "it did not answer"
        if child.returncode == 0:
            return None
        lines = said.decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else f"it ended with {child.returncode}"


def _begin(
    wrapper: Bubblewrap, folder: Path, cleanup: contextlib.ExitStack
) -> tuple[subprocess.Popen[bytes], int, int]:
    """Start bubblewrap; where it tells of its namespaces, and where it waits for a byte. Raises OSError, PlanError."""
    # files, not numbers: they can be closed twice
    info_read, info_write, block_read, block_write = (cleanup.enter_context(end) for end in (*_pipe(), *_pipe()))
    options = wrapper.options(
        folder, "trial", PLAIN, share=False, info=info_write.fileno(), block=block_read.fileno()
    )
    cleanup.callback(os.close, options)
    command = [wrapper.program, "--args", str(options), "--", wrapper.runtime.interpreter, "-I", "-c", TRIAL]
    child = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        pass_fds=(options, info_write.fileno(), block_read.fileno()),
        cwd="/",
        env={"PATH": os.defpath},
    )
    cleanup.callback(_end, child)
    # a blocked pid 1 does not die with its parent yet: when this pipe closes (before the rest) it goes on and ends
    cleanup.callback(block_write.close)
    info_write.close()
    return child, info_read.fileno(), block_write.fileno()


def _pipe() -> tuple[BinaryIO, BinaryIO]:
    reading, writing = os.pipe()
    return open(reading, "rb", buffering=0), open(writing, "wb", buffering=0)


def _end(program: subprocess.Popen[bytes]) -> None:
    program.kill()
    program.wait()
    if program.stderr is not None:
        program.stderr.close()


def _connect(pid: int, child: subprocess.Popen[bytes], cleanup: contextlib.ExitStack) -> str | None:
    """Give the blocked sandbox a network. Returns why that failed. Raises OSError."""
    deadline = time.monotonic() + network.UP_SECONDS
    while not network.has_loopback(pid) and child.poll() is None and time.monotonic() < deadline:
        time.sleep(0.001)
    uplink = network.attach(pid)
    cleanup.callback(_end, uplink)
    while not network.is_up(pid):
        if uplink.poll() is not None or time.monotonic() > deadline:
            return "pasta could not set a network up"
        time.sleep(0.003)
    return None


def _read_info(descriptor: int) -> dict[str, int] | None:
    """What bubblewrap tells, which comes in pieces. None when it ended instead."""
    collected = b""
    while not collected.rstrip().endswith(b"}"):
        ready, _, _ = select.select([descriptor], [], [], TRIAL_SECONDS)
        chunk = os.read(descriptor, 4096) if ready else b""
        if not chunk:
            return None
        collected += chunk
    parsed: dict[str, int] = json.loads(collected)
    return parsed
