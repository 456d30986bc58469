"""A machine of a person who has nothing yet: a home, a state directory, the commands, and what scripts could do."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx

from tests.journeys.terminal import Terminal, screen_was_restored

ROOT = Path(__file__).parents[2]
PRODUCT = [sys.executable, "-m", "hopx_tui"]
_KEPT = ("PATH", "LD_LIBRARY_PATH", "SSL_CERT_FILE", "TMPDIR")


class Machine:
    """Everything lives below `directory`. What is started is ended by `stop`, and nothing else."""

    def __init__(self, directory: Path, isolation: str | None = None) -> None:
        self.home = directory / "home"
        self.state = directory / "state"
        self.work = directory / "work"
        self.isolation = isolation
        for folder in (self.home, self.work):
            folder.mkdir()
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        self.environment = kept | {
            "HOME": str(self.home),
            "XDG_CONFIG_HOME": str(self.home / ".config"),
            "XDG_STATE_HOME": str(self.home / ".local" / "state"),
            "XDG_DATA_HOME": str(self.home / ".local" / "share"),
            "XDG_CACHE_HOME": str(self.home / ".cache"),
            "HOPX_TUI_STATE_DIR": str(self.state),
            "TERM": "xterm-256color",
            "COLORTERM": "truecolor",
            "LANG": "C.UTF-8",
            "SHELL": "/bin/sh",
            "PYTHONPATH": str(ROOT),
        }
        self._open: list[Terminal] = []
        self._address: dict[str, Any] | None = None

    # -- the dashboard

    def dashboard(
        self,
        *arguments: str,
        columns: int = 80,
        lines: int = 24,
        under: Sequence[str] = (),
        level: bool = True,
        **variables: str,
    ) -> Dashboard:
        """Start it in a terminal of that size; `under` is a command that runs another one.

        Not `level`: without a word on isolation.
        """
        isolation = ["--isolation", self.isolation] if self.isolation is not None and level else []
        terminal = Dashboard(
            [*under, *PRODUCT, *isolation, *arguments],
            self.environment | variables,
            columns=columns,
            lines=lines,
            directory=self.work,
        )
        terminal.log = self.state / "dashboard.log"
        self._open.append(terminal)
        return terminal

    def ends(self, terminal: Terminal) -> None:
        """Close this one too when the machine stops."""
        self._open.append(terminal)

    def run(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        """The command without a terminal."""
        return subprocess.run(
            [*PRODUCT, *arguments],
            env=self.environment | variables,
            cwd=self.work,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )

    def stop(self) -> None:
        """Close all dashboards, then the engine with its sandboxes."""
        for terminal in self._open:
            terminal.close()
        self._open.clear()
        self._address = None
        if self.state.is_dir():
            self.run("engine", "stop", "--force")

    # -- the engine, as scripts see it

    def start_engine(self) -> None:
        """As the dashboard would."""
        level = ["--isolation", self.isolation] if self.isolation is not None else []
        ended = self.run("engine", "start", *level)
        assert ended.returncode == 0, ended.stderr
        self.engine()

    def engine(self) -> dict[str, Any]:
        """What `engine status --json` tells: url, api_key, pid ..."""
        told: dict[str, Any] = json.loads(self.run("engine", "status", "--json").stdout)
        assert told["url"], "no engine answers"
        self._address = told
        return told

    def api(self, method: str, path: str, **body: Any) -> Any:
        """One request to the control plane."""
        engine = self._address or self.engine()
        answer = httpx.request(
            method,
            engine["url"] + path,
            headers={"X-API-Key": engine["api_key"]},
            json=body or None,
            timeout=20,
            trust_env=False,
        )
        assert answer.is_success, (path, answer.status_code, answer.text)
        return answer.json() if answer.content else None

    def create(self, template: str = "base") -> str:
        """A running sandbox made by a script; its id."""
        return str(self.api("POST", "/v1/sandboxes", template_name=template)["id"])

    def kill(self, sandbox_id: str) -> None:
        """Killed by a script."""
        self.api("DELETE", f"/v1/sandboxes/{sandbox_id}")

    def run_in(self, sandbox_id: str, command: str) -> str:
        """What a shell command prints inside; it must succeed."""
        host = self.api("GET", f"/v1/sandboxes/{sandbox_id}")["public_host"]
        token = self.api("POST", f"/v1/sandboxes/{sandbox_id}/token/refresh")["auth_token"]
        answer = httpx.post(
            f"{host}/commands/run",
            headers={"Authorization": f"Bearer {token}"},
            json={"command": command, "timeout": 60},
            timeout=70,
            trust_env=False,
        )
        assert answer.is_success, answer.text
        told = answer.json()
        assert told["exit_code"] == 0, told
        return str(told["stdout"])

    def workspace(self, sandbox_id: str) -> Path:
        """Where the sandbox's /workspace lies on this machine."""
        return self.state / "sandboxes" / sandbox_id / "workspace"


class Dashboard(Terminal):
    """The dashboard in a terminal, and the steps that many journeys share."""

    log: Path | None = None

    def picture(self) -> str:
        """The screen, and what the dashboard wrote down when it met a fault of its own."""
        crash = self.log.read_text(errors="replace")[-4000:] if self.log is not None and self.log.exists() else ""
        return super().picture() + (f"\n{crash}" if crash else "")

    @property
    def wide(self) -> bool:
        """List and sandbox side by side?"""
        return self.columns >= 120

    def wait_list(self, timeout: float = 20.0) -> None:
        """Until the list of sandboxes is there."""
        self.wait(r"local engine ● live", timeout)
        self.wait(r"NAME +.*CPU|creates your first")

    def open_shell(self) -> None:
        """`s`, and a short prompt that no command line contains: `ready>`."""
        self.key("s")
        self.wait(r"ctrl\+\] esc leaves")
        self.wait(r"[#$]\W*$")
        self.type("PS1='rea''dy> '; clear\r")
        self.wait_until(lambda _: self.rows()[:1] == ["ready>"], "a fresh prompt")

    def command(self, text: str) -> None:
        """Type a command line and press enter."""
        self.type(f"{text}\r")

    def wait_prompt(self, timeout: float = 10.0) -> None:
        """Until the shell asks for the next command."""
        self.wait_until(lambda _: self.rows()[-1:] == ["ready>"], "the shell's prompt at the end", timeout)

    def rows(self) -> list[str]:
        """What the open terminal pane shows, without blank lines at its end."""
        lines = [re.sub(r"│$", "", line).rstrip() for line in self.text().split("\n")]
        if self.wide:
            lines = [line.rpartition("││")[2] for line in lines]
        title = next((at for at, line in enumerate(lines) if re.search(r"esc leaves( |$)", line)), None)
        if title is None:
            return []
        rows = lines[title + 1 :]
        end = next((at for at, line in enumerate(rows) if line.startswith(("╰", " ctrl+] esc leaves"))), len(rows))
        rows = rows[:end]
        while rows and not rows[-1]:
            rows.pop()
        return rows

    def leave_shell(self) -> None:
        """Back to the list by the chord."""
        self.key("ctrl+]")
        self.wait(r"/ searches")
        self.key("d")
        self.wait(r"^ n new")

    def into_the_list(self) -> None:
        """Back from a pane of a sandbox to the list."""
        self.key("q")  # as escape, which terminals cannot tell from the start of another key that follows at once
        self.wait_gone(r"1 Overview +2 Terminal") if not self.wide else self.wait(r"^ n new")

    def focused_button(self) -> str | None:
        """The label of the dialog's button that has the keyboard."""
        for y, line in enumerate(self.text().split("\n")):
            for button in re.finditer(r"\[ (\w+) \]", line):
                if self.is_bold(button.start(1), y):
                    return button[1]
        return None

    def wait_question(self, pattern: str, focused: str = "Cancel") -> None:
        """Until a dialog with that text is there, and that button has the keyboard."""
        self.wait(pattern)
        self.wait_until(lambda _: self.focused_button() == focused, f"[ {focused} ] focused")

    def press(self, label: str, gone: str | None = None) -> None:
        """Go to a dialog's button, and press it; then the button (or what the pattern says) goes away."""
        self.wait(rf"\[ {label} \]")
        for _ in range(8):  # a dialog's first frame may show another focus than its second
            with contextlib.suppress(AssertionError):
                self.wait_until(lambda _: self.focused_button() == label, f"[ {label} ] focused", 0.7)
                break
            self.key("right")
        self.key("enter")
        self.wait_gone(gone or rf"\[ {label} \]")

    def leave(self) -> None:
        """Leave at once; the terminal is as it was before."""
        self.key("ctrl+q")
        self.ended()

    def ended(self, status: int = 0) -> None:
        """The program has ended with that status, said no traceback and left nothing switched on."""
        assert self.wait_exit() == status, self.picture()
        assert b"Traceback (most" not in self.raw, self.picture()
        assert screen_was_restored(bytes(self.raw)) == []


def wait_for(condition: Callable[[], Any], what: str, timeout: float = 10.0) -> Any:
    """Until the condition holds, for things that are not on a screen; its (true) value."""
    deadline = time.monotonic() + timeout
    while not (value := condition()):
        assert time.monotonic() < deadline, f"{timeout:g} seconds have passed without {what}"
        time.sleep(0.02)
    return value


@contextlib.contextmanager
def machine_in(directory: Path, isolation: str | None = None) -> Iterator[Machine]:
    """A machine, and its end."""
    machine = Machine(directory, isolation)
    try:
        yield machine
    finally:
        machine.stop()
