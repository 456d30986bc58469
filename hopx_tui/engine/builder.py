"""The program that builds a template, inside the sandbox whose folders become it.

`python -m hopx_tui.engine.builder --control-fd C --listen-fd L`. It speaks the agent's side of the control line: the
first line says what to build, events tell how it goes (`step`, `output`, then `built` or `build_failed`), `stop` or
the end of the line ends it. Standard library only.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from typing import Any

from hopx_tui.engine import archives, readiness

OUTPUT_BYTES = 4 << 20  # of all steps together; what is more is left out
CHUNK = 1 << 15
DRAIN_SECONDS = 0.5
VARIABLES_BYTES = 64 * 1024  # as in requests.py, which needs more than the standard library
FORWARDED = ("pip", "pip3", "npm")  # official builders call them there
FORWARD_TO = "/usr/local/bin"
_REFERENCE = re.compile(r"\$(?:\{([A-Za-z_]\w*)\}|([A-Za-z_]\w*))")


class StepError(Exception):
    """A step failed; the text is for a person."""


class Line:
    """Our end of the control line."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._lock = threading.Lock()
        self._left = OUTPUT_BYTES
        self._reader = connection.makefile("rb")

    def close(self) -> None:
        """Read no more."""
        self._reader.close()

    def read(self) -> dict[str, Any] | None:
        """One line; None at the end."""
        raw = self._reader.readline()
        value = json.loads(raw) if raw else None
        return value if isinstance(value, dict) else None

    def send(self, message: Mapping[str, Any]) -> None:
        with self._lock:
            self._connection.sendall(json.dumps(message).encode() + b"\n")

    def event(self, name: str, **fields: Any) -> None:
        self.send({"op": "event", "event": name, **fields})

    def output(self, data: bytes) -> None:
        """Pass on what a step printed, within bounds."""
        kept = data[: max(0, self._left)]
        if self._left > 0:
            self.event("output", data=kept.decode(errors="replace"))
        if 0 < self._left <= len(data):
            self.event("output", data="\n(more output is left out)\n")
        self._left -= len(data)


class Builder:
    """Runs the steps of one recipe."""

    def __init__(self, line: Line, config: Mapping[str, Any]) -> None:
        build = config["build"]
        self._line = line
        self._isolated = config["isolation"] == "bwrap"
        self._places: dict[str, str] = (
            {} if self._isolated else {"/workspace": config["workspace"], "/root": config["home"]}
        )
        self._uploads = str(build["uploads"])
        self._steps: list[dict[str, Any]] = build["steps"]
        self._start: str | None = build["start_command"]
        self._ready: dict[str, Any] | None = build["ready"]
        self._workdir: str = build["workdir"]
        self._variables: dict[str, str] = dict(build["environment"])

    def run(self) -> None:
        """All of it; the result goes up the line, whatever happens: the engine waits for it."""
        moves = {
            "RUN": self._run, "COPY": self._copy, "ENV": self._env, "WORKDIR": self._enter, "USER": self._user,
        }  # fmt: skip
        result: dict[str, Any] | None = None
        shown = "the beginning"
        try:
            if self._isolated:
                self._forward()
            for number, step in enumerate(self._steps, 1):
                shown = " ".join([step["type"], *step["args"]])[:200]
                self._line.event("step", number=number, total=len(self._steps), text=shown)
                moves[step["type"]](step)
            if self._start and self._ready is not None:
                shown = "startCmd"
                self._wait_ready(self._start, self._ready)
            result = {"event": "built", "environment": self._variables, "workdir": self._workdir}
        except (StepError, archives.ArchiveError) as error:
            result = _failed(str(error))
        except OSError as error:
            result = _failed(_words(error))
        except RecursionError:
            result = _failed(f"{shown}: folders in it lie too deep in each other")
        except MemoryError:
            result = _failed(f"{shown}: there was too little memory for it")
        finally:
            self._line.send({"op": "event", **(result or _failed(f"{shown}: the builder itself failed"))})

    # steps

    def _run(self, step: Mapping[str, Any]) -> None:
        command = " ".join(step["args"])
        child = self._spawn(command)
        code = child.wait()
        self._drain(child)
        if code != 0:
            raise StepError(f"RUN {command[:300]}: it ended with {code if code > 0 else f'signal {-code}'}")

    def _copy(self, step: Mapping[str, Any]) -> None:
        sources, target = step["args"][0].split(","), self._real(step["args"][1])
        with tempfile.TemporaryDirectory(prefix="copy-", dir=self._real("/workspace")) as folder:
            archives.unpack(os.path.join(self._uploads, f"{step['files']}.tar.gz"), folder)
            archives.copy_into(folder, sources, target)

    def _env(self, step: Mapping[str, Any]) -> None:
        name, value = step["args"][0], step["args"][1]
        known = self._environment()
        others = sum(_size(*pair) for pair in self._variables.items() if pair[0] != name)
        put = 0

        def replace(match: re.Match[str]) -> str:
            nonlocal put
            text = known.get(match[1] or match[2], "")
            put += len(text)
            if put > VARIABLES_BYTES:  # not to be put together at all
                raise StepError(_too_much(name))
            return text

        value = _REFERENCE.sub(replace, value)
        if others + _size(name, value) > VARIABLES_BYTES:
            raise StepError(_too_much(name))
        self._variables[name] = value

    def _enter(self, step: Mapping[str, Any]) -> None:
        path = step["args"][0]
        self._workdir = path if path.startswith("/") else os.path.normpath(os.path.join(self._workdir, path))
        os.makedirs(self._real(self._workdir), exist_ok=True)

    def _user(self, step: Mapping[str, Any]) -> None:
        if step["args"][0].strip() not in ("root", "0"):
            self._line.output(f"WARN USER {step['args'][0]} is ignored: a local sandbox has one user.\n".encode())

    # the parts of steps

    def _spawn(self, command: str) -> subprocess.Popen[bytes]:
        shell = shutil.which("bash") or "/bin/sh"
        child = subprocess.Popen(
            [shell, "-c", command],
            cwd=self._real(self._workdir),
            env=self._environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        threading.Thread(target=self._pump, args=(child,), name=f"pump-{child.pid}", daemon=True).start()
        return child

    def _pump(self, child: subprocess.Popen[bytes]) -> None:
        if child.stdout is None:
            return
        with child.stdout, contextlib.suppress(OSError):  # the engine hung up: the end is near
            while data := os.read(child.stdout.fileno(), CHUNK):
                self._line.output(data)

    @staticmethod
    def _drain(child: subprocess.Popen[bytes]) -> None:
        """Let the last words through; a daemon of the step may hold the pipe for ever."""
        for thread in threading.enumerate():
            if thread.name == f"pump-{child.pid}":
                thread.join(DRAIN_SECONDS)

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "DEBIAN_FRONTEND": "noninteractive", **self._variables}

    def _real(self, path: str) -> str:
        full = path if path.startswith("/") else os.path.join(self._workdir, path)
        clean = os.path.normpath(full) + ("/" if path.endswith("/") else "")
        for inside, real in self._places.items():
            if clean == inside or clean.startswith(inside + "/"):
                return str(real) + clean[len(inside) :]
        return clean

    @staticmethod
    def _forward() -> None:
        for name in FORWARDED:
            target = f"{FORWARD_TO}/{name}"
            call = f"{shutil.which(name)}" if name == "npm" else "python3 -m pip"
            if os.path.lexists(target) or call == "None":
                continue
            with contextlib.suppress(OSError):  # read-only here: an interpreter of ours lies there
                os.makedirs(os.path.dirname(target), exist_ok=True)
                with open(target, "x") as file:
                    file.write(f'#!/bin/sh\nexec {call} "$@"\n')
                os.chmod(target, 0o755)

    def _wait_ready(self, command: str, ready: Mapping[str, Any]) -> None:
        self._line.event("step", number=len(self._steps), total=len(self._steps), text="waiting until it is ready")
        child = self._spawn(command)
        check = readiness.check(ready, self._real, self._environment())
        deadline = time.monotonic() + ready["timeout"] / 1000
        try:
            while not check():
                if child.poll() not in (None, 0):
                    self._drain(child)
                    raise StepError(f"startCmd ended with {child.returncode} before it was ready")
                if time.monotonic() > deadline:
                    raise StepError(f"startCmd was not ready within {ready['timeout'] / 1000:g} seconds")
                time.sleep(min(ready["interval"] / 1000, max(0.01, deadline - time.monotonic())))
        finally:
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
            self._drain(child)


def _failed(text: str) -> dict[str, Any]:
    return {"event": "build_failed", "message": text[:2000]}


def _words(error: OSError) -> str:
    if error.strerror is None:  # shutil's own
        return str(error) or type(error).__name__
    return f"{error.strerror}: {str(error.filename)[:300]}" if error.filename is not None else error.strerror


def _size(name: str, value: str) -> int:
    return len(os.fsencode(name)) + len(os.fsencode(value)) + 2


def _too_much(name: str) -> str:
    return f"ENV {name[:100]}: with it the template's variables hold more than the {VARIABLES_BYTES} bytes they can"


def main(arguments: list[str]) -> int:
    """Build until done, then wait to be told to end."""
    values = dict(zip(arguments[::2], arguments[1::2], strict=True))
    connection = socket.socket(fileno=int(values["--control-fd"]))
    os.set_inheritable(connection.fileno(), False)
    os.close(int(values["--listen-fd"]))  # a build serves nobody
    line = Line(connection)
    config = line.read()
    if config is None:
        line.close()
        connection.close()
        return 1
    line.send({"op": "ready", "pid": os.getpid()})
    threading.Thread(target=Builder(line, config).run, daemon=True).start()
    while (message := line.read()) is not None:
        line.send({"op": message.get("op"), "ok": True})
        if message.get("op") == "stop":
            break
    return 0


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stdout.flush()
    os._exit(code)  # a thread may be in the middle of a step; whoever started us ends what is left
