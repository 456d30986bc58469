"""When a started command counts as ready: the checks of a template's readyCmd, as seen from inside the sandbox."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any

TRY_SECONDS = 5.0
Check = Callable[[], bool]


def check(ready: Mapping[str, Any], real: Callable[[str], str], environment: Mapping[str, str]) -> Check:
    """The check that `ready` (`{"type", "port" | "url" | "path" | "process_name" | "command"}`) asks for."""
    kind = ready["type"]
    if kind == "port":
        return lambda: port_open(int(ready["port"]))
    if kind == "url":
        return lambda: url_answers(str(ready["url"]))
    if kind == "file":
        path = real(str(ready["path"]))
        return lambda: os.path.exists(path)
    if kind == "process":
        return lambda: process_runs(str(ready["process_name"]))
    return lambda: command_succeeds(str(ready["command"]), environment)


def port_open(port: int) -> bool:
    """Whether someone listens on the loopback."""
    try:
        with socket.create_connection(("127.0.0.1", port), TRY_SECONDS):
            return True
    except OSError:
        return False


def url_answers(url: str) -> bool:
    """Whether a GET is answered with 200, without any proxy."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=TRY_SECONDS) as answer:
            return bool(answer.status == 200)
    except (OSError, ValueError, urllib.error.URLError):
        return False


def process_runs(name: str) -> bool:
    """Whether a process has this name: its own, or the last part of its program's path."""
    for entry in os.listdir("/proc"):
        with contextlib.suppress(OSError):
            if entry.isdigit():
                with open(f"/proc/{entry}/comm", "rb") as file:
                    comm = file.read().strip().decode(errors="replace")
                with open(f"/proc/{entry}/cmdline", "rb") as file:
                    program = file.read(4096).split(b"\0")[0].decode(errors="replace")
                if name in (comm, os.path.basename(program)):
                    return True
    return False


def command_succeeds(command: str, environment: Mapping[str, str]) -> bool:
    """Whether a shell command ends with 0 in time."""
    shell = shutil.which("bash") or "/bin/sh"
    try:
        done = subprocess.run(
            [shell, "-c", command],
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=TRY_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
