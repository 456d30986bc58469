"""Starting, finding and ending the engine as a daemon. Light: the dashboard runs this as a child each time."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Any

from hopx_tui.engine import owner, processes
from hopx_tui.engine.owner import Running
from hopx_tui.engine.paths import StateDir, StateError

ANSWER_SECONDS = 2.0
START_SECONDS = 30.0
END_SECONDS = 20.0
LOG_LIMIT = 1 << 20


class DaemonError(Exception):
    """It cannot be done; the text is a sentence, `code` the exit code."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Wish:
    """How a new daemon is to run."""

    port: int | None = None
    isolation: str = "auto"
    extra: tuple[str, ...] = ()


def ask(running: Running, path: str) -> dict[str, Any] | None:
    """GET one JSON object from the engine; None when it does not answer as it should."""
    host, _, port = running.url.removeprefix("http://").partition(":")
    head = f"GET {path} HTTP/1.0\r\nHost: {host}:{port}\r\nX-API-Key: {running.api_key}\r\n\r\n"
    try:
        with socket.create_connection((host, int(port)), ANSWER_SECONDS) as connection:
            connection.sendall(head.encode())
            collected = b""
            while chunk := connection.recv(65536):
                collected += chunk
    except (OSError, ValueError):
        return None
    top, _, body = collected.partition(b"\r\n\r\n")
    if b" 200 " not in top.split(b"\r\n", 1)[0]:
        return None
    try:
        value = json.loads(body)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def answering(state: StateDir) -> Running | None:
    """The engine of this state directory, if it runs and answers with its own key."""
    running = owner.read_running(state)
    if running is None:
        return None
    answer = ask(running, "/v1/engine")
    return running if answer is not None and answer.get("object") == "engine" else None


def start(state: StateDir, wish: Wish) -> tuple[Running, bool]:
    """The running engine, started if need be; True when this call started it. Raises DaemonError."""
    running = answering(state)
    if running is not None:
        return running, False
    state.prepare()
    lock = owner.lock(state.start_lock, wait=True)  # the twenty others wait here and then find it running
    try:
        deadline = time.monotonic() + START_SECONDS
        while True:
            running = answering(state)
            if running is not None:
                return running, False
            started = _spawn(state, wish, deadline)
            if started is not None:
                return started, True
            if time.monotonic() > deadline:
                raise DaemonError(f"The engine does not answer; see {state.log}.", 6)
            time.sleep(0.02)  # an `engine run` elsewhere holds the lock and is about to answer
    finally:
        if lock is not None:
            os.close(lock)


def _spawn(state: StateDir, wish: Wish, deadline: float) -> Running | None:
    """Start the daemon and wait for its line. None when another owner holds the lock."""
    command = [sys.executable, "-m", "hopx_tui.engine", "run", "--daemon", "--state-dir", str(state.root)]
    command += ["--isolation", wish.isolation]
    command += ["--port", str(wish.port)] if wish.port else []
    _rotate(state)
    environment = {name: value for name, value in os.environ.items() if name != "HOPX_API_KEY"}
    with open(state.log, "ab", opener=lambda path, flags: os.open(path, flags, 0o600)) as log_file:
        child = subprocess.Popen(
            [*command, *wish.extra],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log_file,
            start_new_session=True,
            cwd="/",
            env={**environment, "PYTHONPATH": os.pathsep.join(_import_path())},
        )
    line = _first_line(child, deadline)
    if not line:
        raise DaemonError(f"The engine ended while it started; see {state.log}.", 6)
    message = json.loads(line)
    if "error" in message:
        child.wait()
        if message["code"] == 5:
            return None
        raise DaemonError(message["error"], message["code"])
    child.returncode = 0  # it lives on without us; nobody is to warn or to wait
    return owner.read_running(state)


def _import_path() -> list[str]:
    """Where this process found the package, for a child that starts in another directory."""
    package = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    given = os.environ.get("PYTHONPATH", "")
    return [package, *(given.split(os.pathsep) if given else [])]


def _first_line(child: subprocess.Popen[bytes], deadline: float) -> bytes:
    """One line from the child's standard output; empty when it ended or did not speak in time."""
    pipe = child.stdout
    if pipe is None:
        return b""
    collected = b""
    with pipe:
        while not collected.endswith(b"\n"):
            ready, _, _ = select.select([pipe], [], [], max(0.0, deadline - time.monotonic()))
            chunk = os.read(pipe.fileno(), 65536) if ready else b""
            if not chunk:
                if not ready:
                    child.kill()
                child.wait()
                return b""
            collected += chunk
    return collected


def _rotate(state: StateDir) -> None:
    try:
        if state.log.stat().st_size > LOG_LIMIT:
            os.replace(state.log, state.log.with_suffix(".1.log"))
    except FileNotFoundError:
        pass
    except OSError as error:
        raise StateError(f"{state.log} cannot be replaced: {error.strerror}.") from error


def stop(state: StateDir) -> bool:
    """End the engine and wait until it has gone. False when none ran. Raises DaemonError."""
    running = owner.read_running(state)
    if running is None:
        return False
    row = processes.read(running.pid)
    if row is not None and row.start_ticks == running.start_ticks:
        processes.send(row, signal.SIGTERM)
    elif row is None and running.alive:
        os.kill(running.pid, signal.SIGTERM)  # no /proc here
    deadline = time.monotonic() + END_SECONDS
    while running.alive:
        if time.monotonic() > deadline:
            raise DaemonError(f"The engine (process {running.pid}) does not end; see {state.log}.", 6)
        time.sleep(0.01)
    return True


def active_names(running: Running, most: int) -> list[str]:
    """What ending the engine would end, as "id (template, status)"; the first `most` of each status."""
    found = []
    for status in ("running", "paused"):
        page = ask(running, f"/v1/sandboxes?status={status}&limit={most}") or {}
        found += [f"{row.get('id')} ({row.get('template_name')}, {status})" for row in page.get("data") or []]
    return found[:most]


def active_sandboxes(running: Running) -> int:
    """How many sandboxes run, start or are paused: what ending the engine would end."""
    counts = counts_by_status(running)
    return sum(counts.get(status, 0) for status in ("creating", "running", "paused"))


def counts_by_status(running: Running) -> dict[str, int]:
    """How many sandboxes there are in each status; empty when the engine does not say."""
    counts = (ask(running, "/v1/engine") or {}).get("sandboxes")
    if not isinstance(counts, dict):
        return {}
    return {str(status): count for status, count in counts.items() if isinstance(count, int)}
