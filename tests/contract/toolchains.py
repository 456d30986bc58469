"""The vendor's other clients, installed once into folders of their own and kept for the next run.

The only tests that need a network need it here, the first time: pip and npm ask the registries they are configured for.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import lacking

CLI = "hopx-cli==0.1.2"  # Python 3.12 or newer
JAVASCRIPT = "@hopx-ai/sdk@0.5.1"
INSTALL_SECONDS = 280


def kept(config: pytest.Config) -> Path:
    """Below pytest's cache; without one, a folder of this user's."""
    cache = getattr(config, "cache", None)
    if cache is not None:
        folder = Path(cache.mkdir("clients"))
    else:
        folder = Path(tempfile.gettempdir()) / f"hopx-tui-clients-{os.getuid()}"
        folder.mkdir(mode=0o700, exist_ok=True)
        assert folder.stat().st_uid == os.getuid(), f"{folder} is somebody else's"
    return folder


def installed(config: pytest.Config, name: str, install: Callable[[Path], None]) -> Path:
    """The folder that `install` has filled, by whichever worker and run came first. Skips the test where it fails."""
    root = kept(config)
    folder, complete = root / name, root / name / ".complete"
    with (root / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not complete.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            try:
                install(folder)
            except subprocess.CalledProcessError as error:
                lacking(f"{name} could not be installed: {(error.stderr or error.stdout or '').strip()[-400:]}")
            except subprocess.TimeoutExpired:
                lacking(f"{name} could not be installed in {INSTALL_SECONDS} s")
            complete.touch()
    return folder


def run(command: list[str], folder: Path) -> None:
    """Raises CalledProcessError with what was said, or TimeoutExpired."""
    closed = subprocess.DEVNULL
    subprocess.run(
        command, cwd=folder, check=True, capture_output=True, text=True, timeout=INSTALL_SECONDS, stdin=closed
    )


def newer_python() -> str | None:
    """A Python 3.12 or 3.13 that can make environments: ours, one of the PATH, or one of pyenv's."""
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    named = (shutil.which(name) for name in ("python3.12", "python3.13", "python3"))
    pyenv = (str(path) for path in sorted(versions.glob("3.1[23].*/bin/python3")))
    question = "import sys, venv, ensurepip; sys.exit(not (3, 12) <= sys.version_info[:2] <= (3, 13))"
    for candidate in (sys.executable, *named, *pyenv):
        # a shim of pyenv may exist for a version that is not active
        if candidate and not subprocess.run([candidate, "-c", question], capture_output=True, check=False).returncode:
            return candidate
    return None


def command_line(config: pytest.Config) -> Path:
    """The `bin` of an environment with the CLI."""
    python = newer_python()
    if python is None:
        pytest.skip(f"{CLI} needs Python 3.12 or 3.13, and there is none here")

    def install(folder: Path) -> None:
        run([python, "-m", "venv", "."], folder)
        run([str(folder / "bin" / "pip"), "install", "-q", "--disable-pip-version-check", CLI], folder)

    return installed(config, CLI, install) / "bin"


def javascript(config: pytest.Config) -> Path:
    """A folder in which node finds the JavaScript SDK."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("node and npm are not installed here")

    def install(folder: Path) -> None:
        run([npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", JAVASCRIPT], folder)

    return installed(config, "hopx-ai-sdk-0.5.1", install)
