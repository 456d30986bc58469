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

from hopx_tui.engine import network
from hopx_tui.engine.bubblewrap import Bubblewrap
from hopx_tui.engine.mounts import PlanError
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
    """Set a whole sandbox up and end it. Returns what went wrong, in the program's own words."""
    with tempfile.TemporaryDirectory(prefix="trial-", dir=scratch) as folder:
        info_read, info_write = os.pipe()
        block_read, block_write = os.pipe()
        options = -1
        uplink: subprocess.Popen[bytes] | None = None
        child: subprocess.Popen[bytes] | None = None
        try:
            wrapper.prepare(Path(folder), "trial", None)
            options = wrapper.options(
                Path(folder), "trial", (), share=False, info=info_write, block=block_read
            )
            child = subprocess.Popen(
                [
                    wrapper.program,
                    "--args",
                    str(options),
                    "--",
                    wrapper.runtime.interpreter,
                    "-I",
                    "-c",
                    TRIAL,
                ],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                pass_fds=(options, info_write, block_read),
                cwd="/",
                env={"PATH": os.defpath},
            )
            os.close(info_write)
            info_write = -1
            answer = _read_info(info_read)
            if answer is not None and own_network:
                pid = int(answer["child-pid"])
                uplink = network.attach(pid)
                deadline = time.monotonic() + network.UP_SECONDS
                while not network.is_up(pid):
                    if uplink.poll() is not None or time.monotonic() > deadline:
                        return "pasta could not set a network up"
                    time.sleep(0.003)
            with contextlib.suppress(BrokenPipeError):
                os.write(block_write, b"x")
            _, said = child.communicate(timeout=TRIAL_SECONDS)
            if child.returncode != 0:
                lines = said.decode(errors="replace").strip().splitlines()
                return lines[-1] if lines else f"it ended with {child.returncode}"
        except OSError as error:
            return NO_ROOM if error.errno in (errno.ENOSPC, errno.EDQUOT) else str(error)
        except (PlanError, ValueError) as error:
            return str(error)
        except subprocess.TimeoutExpired:
            return "it did not answer"
        finally:
            # a blocked pid 1 does not die with its parent yet: without these it goes on and ends
            for descriptor in (options, info_read, info_write, block_read, block_write):
                if descriptor >= 0:
                    os.close(descriptor)
            for program in (child, uplink):
                if program is not None:
                    program.kill()
                    program.wait()
            if child is not None and child.stderr is not None:
                child.stderr.close()
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
