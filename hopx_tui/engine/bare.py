"""Isolation level `none`: one run of a sandbox as plain processes below a supervisor, with directories only."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hopx_tui.engine import processes, supervisor
from hopx_tui.engine.runtime import AGENT, Runtime
from hopx_tui.engine.session import Run, Session, spawn

MARK = "HOPX_SANDBOX_ID"
SUPERVISED = "--supervised"  # the agent has a parent that ends everything: it needs none of its own
INHERITED = ("PATH", "TZ", "SSL_CERT_FILE", "SSL_CERT_DIR", "LD_LIBRARY_PATH")


class BareSession(Session):
    """The supervisor, the agent and everything below; nothing is isolated."""

    def __init__(self, run: Run, runtime: Runtime) -> None:
        super().__init__(run)
        self._runtime = runtime
        self._lifeline = -1
        self._supervisor: processes.Process | None = None

    @property
    def isolation(self) -> str:
        return "none"

    @property
    def root(self) -> processes.Process | None:
        return self._supervisor

    def _configuration(self) -> dict[str, Any]:
        own = self.launch.directory
        return self.launch.config(
            isolation="none",
            workspace=str(own / "workspace"),
            home=str(own / "root"),
            state=str(own / "agent"),
        )

    async def _spawn(self, control: socket.socket, log_file: int) -> subprocess.Popen[bytes]:
        launch = self.launch
        for name in ("workspace", "root", "agent", *launch.outfit.folders.values()):
            (launch.directory / name).mkdir(exist_ok=True)
        listener = launch.listener
        reading, self._lifeline = os.pipe()
        kept = f"{control.fileno()},{listener.fileno()}"
        agent = self._runtime.command(
            "--control-fd",
            str(control.fileno()),
            "--listen-fd",
            str(listener.fileno()),
            *((SUPERVISED,) if launch.program == AGENT else ()),
            program=launch.program,
        )
        try:
            child = spawn(
                [
                    self._runtime.interpreter,
                    "-I",
                    "-S",
                    supervisor.__file__,
                    str(reading),
                    kept,
                    "--",
                    *agent,
                ],
                (reading, control.fileno(), listener.fileno()),
                log_file,
                str(launch.directory / "workspace"),
                bare_environment(launch.sandbox_id, launch.directory / "root", launch.outfit.path),
            )
        finally:
            os.close(reading)
        self._supervisor = processes.read(child.pid)
        try:
            self.group.add(child.pid)
            os.write(self._lifeline, b"x")
        except BaseException:
            self._cut()
            child.kill()
            child.wait()
            raise
        return child

    async def _settle(self) -> None:
        """Nothing besides the agent has to come up."""

    def _agent_process(self, pid: int) -> processes.Process | None:
        return next((row for row in self._family() if row.pid == pid), None)

    def freeze(self) -> None:
        # never the control group: a frozen supervisor could not end its family with the engine
        self._stop_all(self._family)

    def _family(self) -> list[processes.Process]:
        return processes.descendants(self._supervisor.pid) if self._supervisor is not None else []

    def _kill(self) -> None:
        self._cut()

    def _cut(self) -> None:
        if self._lifeline >= 0:
            os.close(self._lifeline)
            self._lifeline = -1

    def _after_end(self) -> None:
        self._cut()
        # someone may have killed the supervisor: its orphans still carry the mark
        for row in processes.marked(MARK, self.launch.sandbox_id):
            processes.send(row, signal.SIGKILL)


def bare_environment(sandbox_id: str, home: Path, first: Sequence[str] = ()) -> dict[str, str]:
    """The agent's environment: the host's PATH, a home of its own, and none of the engine's secrets."""
    kept = {name: os.environ[name] for name in INHERITED if name in os.environ}
    return {
        **kept,
        "PATH": os.pathsep.join((*first, kept.get("PATH", os.defpath))),
        "HOME": str(home),
        "USER": os.environ.get("USER", "user"),
        "LOGNAME": os.environ.get("LOGNAME", os.environ.get("USER", "user")),
        "SHELL": "/bin/bash" if os.path.exists("/bin/bash") else "/bin/sh",
        "LANG": "C.UTF-8",
        "TERM": "xterm-256color",
        MARK: sandbox_id,
    }
