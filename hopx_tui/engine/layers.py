"""A Python environment with packages, built once and then only read: what `code-interpreter` adds to the machine.

Built aside and renamed when it works, keyed by the Python version and the packages. It can be mounted anywhere:
nothing in it depends on its own path.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import platform
import secrets
import select
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from hopx_tui.engine import owner
from hopx_tui.engine.paths import write_json

PACKAGES = ("numpy", "pandas", "matplotlib", "ipykernel", "ipython")
MODULES = ("numpy", "pandas", "matplotlib", "ipykernel", "IPython")
BUILD_SECONDS = 1800.0
NEEDED_BYTES = 1 << 30
MISLEADING = ("VIRTUAL_ENV", "PIP_TARGET", "PIP_PREFIX", "PIP_USER", "PIP_REQUIRE_VIRTUALENV")
READY = "hopx-ready.json"
LAUNCHER = b"#!/bin/sh\n'''exec' \"$(dirname -- \"$(realpath -- \"$0\")\")/python3\" \"$0\" \"$@\"\n' '''\n"
Report = Callable[[str], None]


class LayerError(Exception):
    """It cannot be built, or was cancelled; the text is a sentence's end."""


class PythonLayer:
    """The environment for this very interpreter below `folder`."""

    def __init__(self, folder: Path, packages: Sequence[str] = PACKAGES, modules: Sequence[str] = MODULES) -> None:
        self._folder = folder
        self._packages = tuple(packages)
        self._modules = tuple(modules)
        wanted = "\n".join((sys.version, platform.machine(), sys.base_prefix, *self._packages))
        self.key = f"python-{platform.python_version()}-{hashlib.sha256(wanted.encode()).hexdigest()[:12]}"

    @property
    def path(self) -> Path | None:
        """The directory of the finished environment."""
        place = self._folder / self.key
        return place if (place / READY).is_file() else None

    @property
    def own_modules(self) -> bool:
        """Whether the engine's Python has everything itself."""
        return all(importlib.util.find_spec(name) is not None for name in self._modules)

    def obstacle(self) -> str | None:
        """Why it can never be built on this machine; None when it can be tried."""
        if _has_ensurepip() or importlib.util.find_spec("pip") is not None or shutil.which("uv") is not None:
            return None
        return "there is no pip for this Python (apt install python3-venv, or install uv)"

    def build(self, report: Report, cancelled: threading.Event) -> Path:
        """Return when it is there, whoever built it. Blocks for minutes; for a thread. Raises LayerError."""
        obstacle = self.obstacle()
        if obstacle is not None:
            raise LayerError(obstacle)
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            lock = self._wait_turn(report, cancelled)
        except OSError as error:
            raise LayerError(error.strerror or "the state directory cannot be used") from error
        partial = self._folder / f"{self.key}.partial-{secrets.token_hex(4)}"
        try:
            if (found := self.path) is not None:
                return found
            for left in self._folder.glob(f"{self.key}*partial-*"):
                shutil.rmtree(left, ignore_errors=True)
            self._build_in(partial, report, cancelled)
            target = self._folder / self.key
            shutil.rmtree(target, ignore_errors=True)  # broken: it says not that it is ready
            os.rename(partial, target)
            return target
        except OSError as error:
            raise LayerError(error.strerror or str(error)) from error
        finally:
            shutil.rmtree(partial, ignore_errors=True)
            os.close(lock)

    def _wait_turn(self, report: Report, cancelled: threading.Event) -> int:
        told = False
        while (lock := owner.lock(self._folder / f"{self.key}.lock", wait=False)) is None:
            if not told:
                report("Another process builds it: waiting for that one.")
                told = True
            if cancelled.wait(0.2):
                raise LayerError("it was cancelled")
        return lock

    def _build_in(self, place: Path, report: Report, cancelled: threading.Event) -> None:
        free = shutil.disk_usage(self._folder).free
        if free < NEEDED_BYTES:
            raise LayerError(f"it needs {NEEDED_BYTES >> 30} GiB of disk, and {free >> 20} MiB are free")
        python = str(place / "bin" / "python3")
        report(f"Making an environment with Python {platform.python_version()} …")
        with_pip = _has_ensurepip()
        bare = [] if with_pip else ["--without-pip"]
        _run([sys.executable, "-I", "-m", "venv", *bare, str(place)], report, cancelled)
        report(f"Installing {', '.join(self._packages)} …")
        if with_pip:
            install = [python, "-m", "pip", "install"]
        elif importlib.util.find_spec("pip") is not None:
            install = [sys.executable, "-m", "pip", "--python", python, "install"]
        else:
            install = [shutil.which("uv") or "uv", "pip", "install", "--python", python]
        quiet = ["--disable-pip-version-check", "--progress-bar", "off", "--no-input"] if "-m" in install else []
        _run([*install, *quiet, *self._packages], report, cancelled)
        report("Trying it …")
        _run([python, "-I", "-c", f"import {', '.join(self._modules)}"], report, cancelled)
        _make_movable(place)
        write_json(place / READY, {"packages": self._packages, "python": platform.python_version(), "at": time.time()})


def _has_ensurepip() -> bool:
    return importlib.util.find_spec("ensurepip") is not None


def _run(command: list[str], report: Report, cancelled: threading.Event) -> None:
    """Run one tool with the person's own configuration, line by line to `report`. Raises LayerError, OSError."""
    tie = shutil.which("setpriv")  # the kernel ends it with us, whatever ends us
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("HOPX_", "PYTHON")) and name not in MISLEADING
    }
    with subprocess.Popen(
        [*([tie, "--pdeathsig", "KILL", "--"] if tie else []), *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env={**environment, "MPLCONFIGDIR": "/nonexistent"} if "-c" in command else environment,
        cwd="/",
        start_new_session=True,
    ) as child:
        try:
            last = _follow(child, report, cancelled)
            code = child.wait(5)
        except BaseException:
            _end(child)
            raise
    if code != 0:
        raise LayerError(last or f"{os.path.basename(command[0])} ended with {code}")


def _follow(child: subprocess.Popen[bytes], report: Report, cancelled: threading.Event) -> str:
    """Report what it says until it ends; its last line that tells of an error, or the last at all."""
    deadline = time.monotonic() + BUILD_SECONDS
    last = wrong = ""
    pending = b""
    if child.stdout is None:
        return ""
    while True:
        if cancelled.is_set():
            raise LayerError("it was cancelled")
        if time.monotonic() > deadline:
            raise LayerError(f"it took longer than {BUILD_SECONDS / 60:.0f} minutes")
        if not select.select([child.stdout], [], [], 0.2)[0]:
            continue
        chunk = os.read(child.stdout.fileno(), 65536)
        *lines, pending = (pending + chunk).split(b"\n")
        for raw in [*lines, *([pending] if not chunk else [])]:
            line = raw.decode(errors="replace").strip()[:500]
            if line:
                report(line)
                last = line
                wrong = line if line.startswith("ERROR") else wrong
        pending = pending[-65536:]
        if not chunk:
            return wrong or last


def _end(child: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(child.pid, signal.SIGKILL)  # not reaped yet: the id is still its own
    except ProcessLookupError:
        pass
    child.wait()


def _make_movable(place: Path) -> None:
    """Let it work under any path, and let sandboxes add packages of their own beside it."""
    config = place / "pyvenv.cfg"
    lines = [line for line in config.read_text().splitlines() if not line.startswith(("command", "include-system"))]
    # with this a sandbox's own `pip install` goes to its home, and is found there
    config.write_text("\n".join([*lines, "include-system-site-packages = true", ""]))
    for script in (place / "bin").iterdir():
        if script.name.lower().startswith("activate"):
            script.unlink()
            continue
        if script.is_symlink() or not script.is_file():
            continue
        data = script.read_bytes()
        if data.startswith(b"#!" + os.fsencode(place)):
            script.write_bytes(LAUNCHER + data.split(b"\n", 1)[1])
        elif data.startswith(b"#!/bin/sh\n'''exec' "):  # what pip writes where the path is long
            script.write_bytes(LAUNCHER + data.split(b"\n", 3)[3])
    _repair_kernel(place)


def _repair_kernel(place: Path) -> None:
    """The kernel's description names the Python to start: the one that is first on PATH."""
    file = place / "share" / "jupyter" / "kernels" / "python3" / "kernel.json"
    if file.is_file():
        kernel = json.loads(file.read_text())
        kernel["argv"] = ["python3", *kernel["argv"][1:]]
        file.write_text(json.dumps(kernel))
