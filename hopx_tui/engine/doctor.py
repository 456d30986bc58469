"""`hopx-tui doctor`: what this machine can do for sandboxes, why not more, and the command that would change it."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import hopx_tui
from hopx_tui.engine import cgroups, daemon, isolation
from hopx_tui.engine.builds import Builds
from hopx_tui.engine.cgroups import Controllers
from hopx_tui.engine.events import EventLog
from hopx_tui.engine.isolation import Isolation
from hopx_tui.engine.layers import PythonLayer
from hopx_tui.engine.paths import StateDir
from hopx_tui.engine.preparation import Preparation
from hopx_tui.engine.runtime import this_runtime
from hopx_tui.engine.saved import SavedTemplates
from hopx_tui.engine.templates import ENVIRONMENT_ID, Catalogue

LOW_BYTES = 5 << 30
LANGUAGES = ("python3", "node", "go", "bash")
USER_NAMESPACES = (  # setting, the value that forbids them, the command that allows them
    ("apparmor_restrict_unprivileged_userns", "1", "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"),
    ("unprivileged_userns_clone", "0", "sysctl -w kernel.unprivileged_userns_clone=1"),
)


@dataclass(frozen=True)
class Finding:
    """One line of the report. `state`: ok | note | problem; `fix`: a command, where one helps."""

    name: str
    state: str
    text: str
    fix: str | None = None


@dataclass(frozen=True)
class Report:
    """All findings. `isolated`: sandboxes of this machine are isolated."""

    isolated: bool
    findings: tuple[Finding, ...]

    def as_json(self) -> dict[str, Any]:
        rows = [asdict(finding) for finding in self.findings]
        return {"version": hopx_tui.__version__, "isolated": self.isolated, "findings": rows}

    def as_text(self) -> str:
        lines = [f"hopx-tui {hopx_tui.__version__}"]
        for finding in self.findings:
            lines.append(f"  {finding.state:<8} {finding.name:<16} {finding.text}")
            if finding.fix:
                lines.append(f"  {'':<8} {'':<16} fix: {finding.fix}")
        last = "run isolated" if self.isolated else "run WITHOUT isolation: their programs run as you"
        return "\n".join([*lines, f"Sandboxes of the local engine {last}."])


def examine(state: StateDir, environ: Mapping[str, str] = os.environ) -> Report:
    """Look at everything; takes about a second, because what can be tried is tried."""
    runtime = this_runtime()
    scratch = [place for place in (state.trash, Path("/dev/shm"), Path(tempfile.gettempdir())) if place.is_dir()]
    level = isolation.decide("auto", runtime, (str(state.root),), scratch)
    name = f"hopx-tui-doctor-{os.getpid()}"
    controllers = cgroups.detect(name)
    cgroups.remove(controllers.folders)
    findings = (
        python(),
        terminal(environ),
        bubblewrap(),
        isolated(level),
        network(level),
        limits(controllers),
        disk(state),
        *languages(),
        *templates(state, level),
        engine(state),
    )
    return Report(level.level == "bwrap", findings)


def python() -> Finding:
    text = f"{platform.python_version()} on {platform.system()} {platform.machine()} ({sys.executable})"
    return Finding("python", "ok", text)


def terminal(environ: Mapping[str, str]) -> Finding:
    """What the dashboard draws on."""
    term = environ.get("TERM", "")
    encoding = (sys.stdout.encoding or "").lower()
    size = shutil.get_terminal_size()
    text = f"TERM={term or '(unset)'} COLORTERM={environ.get('COLORTERM') or '(unset)'} {encoding}"
    if not sys.stdout.isatty():
        return Finding("terminal", "note", f"{text}; standard output is no terminal here")
    text += f" {size.columns}x{size.lines}"
    if term in ("", "dumb"):
        return Finding("terminal", "problem", f"{text}: nothing can be drawn on it", "export TERM=xterm-256color")
    if "utf" not in encoding:
        return Finding("terminal", "note", f"{text}: lines are drawn with ASCII", "export LC_ALL=C.UTF-8")
    if size.columns < 80 or size.lines < 24:
        return Finding("terminal", "note", f"{text}: 80x24 is the least that is comfortable")
    return Finding("terminal", "ok", text)


def bubblewrap() -> Finding:
    program = shutil.which("bwrap")
    if program is None:
        return Finding("bubblewrap", "problem", "not installed", "apt install bubblewrap passt")
    try:
        done = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        fix = "apt install --reinstall bubblewrap"
        return Finding("bubblewrap", "problem", f"{program} does not run ({error})", fix)
    return Finding("bubblewrap", "ok", done.stdout.strip() or program)


def isolated(level: Isolation) -> Finding:
    """The verdict of a full dry run, and what forbids user namespaces if something does."""
    if level.level == "bwrap":
        return Finding("isolation", "ok", "a whole sandbox was made and ended: own files, processes and users")
    return Finding("isolation", "problem", level.reason or "not available", _namespace_fix())


def _namespace_fix() -> str | None:
    if shutil.which("bwrap") is None:
        return "apt install bubblewrap passt"
    for setting, forbidden, command in USER_NAMESPACES:
        try:
            value = Path("/proc/sys/kernel", setting).read_text().strip()
        except OSError:
            continue
        if value == forbidden:
            return command
    if os.path.exists("/.dockerenv"):
        return "docker run --privileged …  (a container must be allowed to make namespaces)"
    return None


def network(level: Isolation) -> Finding:
    if level.level != "bwrap":
        return Finding("network", "note", "this machine's own, shared by all sandboxes")
    if level.network == "own":
        return Finding("network", "ok", "each sandbox has its own, with internet through pasta")
    reason = level.network_reason or "pasta does not work"
    fix = "modprobe tun" if "tun" in reason else "apt install passt" if "pasta" in reason else "apt install util-linux"
    return Finding("network", "note", f"sandboxes share this machine's: {reason}", fix)


def limits(controllers: Controllers) -> Finding:
    """Which limits the kernel holds."""
    held = {"memory": controllers.memory, "cpu": controllers.cpu, "processes": controllers.pids}
    words = [f"{name} {'by the kernel' if folder is not None else 'not enforced'}" for name, folder in held.items()]
    words[0] = words[0].replace("not enforced", "watched (soft)")
    text = ", ".join([*words, "disk measured by the agent"])
    if all(folder is not None for folder in held.values()):
        return Finding("limits", "ok", text)
    fix = "systemd-run --user --scope -p Delegate=yes hopx-tui engine start" if shutil.which("systemd-run") else None
    return Finding("limits", "note", f"{text}: no control groups can be made here", fix)


def disk(state: StateDir) -> Finding:
    place = state.root
    while not place.exists() and place != place.parent:
        place = place.parent
    usage = shutil.disk_usage(place)
    text = f"{usage.free / 2**30:.1f} of {usage.total / 2**30:.0f} GiB free at {state.root}"
    if not os.access(place, os.W_OK):
        return Finding("disk", "problem", f"{place} cannot be written", "export HOPX_TUI_STATE_DIR=/some/other/place")
    return Finding("disk", "ok" if usage.free > LOW_BYTES else "problem", text)


def languages() -> list[Finding]:
    found = {name: shutil.which(name) for name in LANGUAGES}
    missing = [name for name, path in found.items() if path is None]
    text = ", ".join(name for name, path in found.items() if path is not None)
    return [Finding("languages", "ok", text + (f" (not installed: {', '.join(missing)})" if missing else ""))]


def templates(state: StateDir, level: Isolation) -> list[Finding]:
    """Every template: offered, or why not."""
    saved = SavedTemplates(state.templates, lambda _folder: None)
    saved.load()
    layer = PythonLayer(state.layers)
    events = EventLog(state.events, time.time)
    preparation = Preparation(
        layer, level.level, Builds(state.builds, time.time), events, template_id=ENVIRONMENT_ID
    )
    catalogue = Catalogue(level.level, this_runtime(), saved, preparation)
    rows = []
    for template in catalogue.all():
        reason = catalogue.unavailable_reason(template)
        fix = None
        if template.id == ENVIRONMENT_ID and not preparation.ready:
            fix = "apt install python3-venv" if reason else "hopx-tui engine build code-interpreter"
            reason = reason or f"offered. {preparation.note()}"
        rows.append(Finding(template.name[:16], "ok" if reason is None else "note", reason or "offered", fix))
    return rows


def engine(state: StateDir) -> Finding:
    running = daemon.answering(state)
    if running is None:
        return Finding("engine", "note", f"does not run (state: {state.root})", "hopx-tui engine start")
    text = f"version {running.version} runs at {running.url}, isolation {running.isolation} (state: {state.root})"
    if running.version != hopx_tui.__version__:
        fix = "hopx-tui engine stop && hopx-tui engine start"
        return Finding("engine", "note", f"{text}; this is {hopx_tui.__version__}", fix)
    return Finding("engine", "ok", text)
