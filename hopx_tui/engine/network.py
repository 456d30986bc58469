"""A sandbox's own network through pasta: tried once per engine, attached to each sandbox."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import time

from hopx_tui.engine.errors import StartError
from hopx_tui.engine.processes import has_ended

NAMESERVER = "169.254.1.1"  # pasta hands these queries to the host's resolver
LOOPBACK_SECONDS = 2.0
UP_SECONDS = 3.0  # in the trial: what works is up in some 50 ms
BUSY_SECONDS = 15.0  # of a sandbox, on a machine that boots others


def command(pid: int) -> list[str]:
    """pasta for the namespaces of `pid`: no port of either side shows up on the other, nor the host's loopback."""
    forward = ["-t", "none", "-u", "none", "-T", "none", "-U", "none", "--no-map-gw"]
    user = ["--runas", "0"] if os.geteuid() == 0 else []
    names = ["--dns-forward", NAMESERVER]
    # pasta outlives the namespaces it serves, so the kernel is told to end it with the engine
    return [
        "setpriv", "--pdeathsig", "KILL", "pasta", *user,
        "--foreground", "--quiet", "--config-net", *forward, *names, str(pid),
    ]  # fmt: skip


def available() -> str | None:
    """Why pasta cannot be tried at all; None when it can."""
    for program in ("pasta", "setpriv"):
        if shutil.which(program) is None:
            return f"{program} is not installed"
    return None if os.path.exists("/dev/net/tun") else "/dev/net/tun does not exist"


def attach(pid: int) -> subprocess.Popen[bytes]:
    """Start pasta for the (blocked) pid 1 of a sandbox. Raises OSError."""
    return subprocess.Popen(
        command(pid),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
    )


def has_loopback(pid: int) -> bool:
    """Whether the loopback of `pid`'s network has its address and is up."""
    try:
        with open(f"/proc/{pid}/net/fib_trie") as file:
            return "/8 host LOCAL" in file.read()
    except OSError:
        return False


async def wait_loopback(pid: int, parent: subprocess.Popen[bytes]) -> None:
    """Return when bubblewrap is done with the loopback (it then waits for us), or has ended, or takes too long:
    a kernel that tells it otherwise must not keep sandboxes from starting."""
    deadline = time.monotonic() + LOOPBACK_SECONDS
    nap = 0.001
    while not has_loopback(pid) and not has_ended(parent) and time.monotonic() < deadline:
        await asyncio.sleep(nap)
        nap = min(nap * 1.5, 0.01)


def is_up(pid: int) -> bool:
    """Whether the network of `pid` has an interface besides its loopback, with a route."""
    try:
        with open(f"/proc/{pid}/net/route") as file:
            if len(file.readlines()) > 1:
                return True
        with open(f"/proc/{pid}/net/ipv6_route") as file:
            return any(not line.rstrip().endswith(" lo") for line in file)
    except OSError:
        return False


async def wait_up(uplink: subprocess.Popen[bytes], pid: int) -> None:
    """Return when the sandbox is connected. Raises StartError."""
    deadline = time.monotonic() + BUSY_SECONDS
    nap = 0.003
    while not is_up(pid):
        if uplink.poll() is not None:
            raise StartError(f"the sandbox's network could not be set up (pasta ended: {uplink.returncode})")
        if time.monotonic() > deadline:
            raise StartError("the sandbox's network did not come up")
        await asyncio.sleep(nap)
        nap = min(nap * 1.5, 0.03)
