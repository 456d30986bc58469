"""Control groups where this user may make them: hard limits, the freezer, and the count of memory kills."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from hopx_tui.engine import processes

CPU_PERIOD_US = 100_000
MOST_PROCESSES = 4096  # threads too; a fork bomb ends here
REMOVE_SECONDS = 1.0
SWEEP_SECONDS = 5.0


@dataclass(frozen=True)
class Limits:
    """What one sandbox may use."""

    vcpu: int
    memory_mb: int
    disk_mb: int


@dataclass(frozen=True)
class Controllers:
    """Folders below which a group per sandbox can be made. None: that controller cannot be used here."""

    memory: Path | None = None
    cpu: Path | None = None
    freezer: Path | None = None  # cgroup v2 only: a v1-frozen process survives SIGKILL until thawed
    version: int = 0  # of the memory, cpu and pids controllers
    pids: Path | None = None

    @property
    def folders(self) -> list[Path]:
        """Each folder once."""
        found = [self.memory, self.cpu, self.pids, self.freezer]
        return list(dict.fromkeys(folder for folder in found if folder is not None))


def _mounts(table: str) -> list[tuple[str, str, set[str]]]:
    """(mount point, kind, options) of every cgroup mount in the text of /proc/self/mounts."""
    rows = [line.split() for line in table.splitlines()]
    return [
        (row[1], row[2], set(row[3].split(",")))
        for row in rows
        if len(row) > 3 and row[2].startswith("cgroup")
    ]


def _memberships(text: str) -> dict[str, str]:
    """controller -> path of the text of /proc/self/cgroup; v2 has the key ''."""
    found = {}
    for line in text.splitlines():
        _, names, path = line.split(":", 2)
        for name in names.split(","):
            found[name] = path
    return found


def _writable_v2(mount: Path, path: str) -> list[Path]:
    """The groups, from ours upwards, in which we may make groups and move processes."""
    folder = mount / path.strip("/")
    found = []
    while True:
        if os.access(folder, os.W_OK) and os.access(folder / "cgroup.procs", os.W_OK):
            found.append(folder)
        if folder == mount or mount not in folder.parents:
            return found
        folder = folder.parent


def _words(path: Path) -> set[str]:
    try:
        return set(path.read_text().split())
    except OSError:
        return set()


def candidates(mounts: str, memberships: str, name: str) -> Controllers:
    """Where groups called `name` might be made, from the texts of /proc/self/mounts and /proc/self/cgroup."""
    ours = _memberships(memberships)
    memory = cpu = freezer = pids = None
    version = 0
    for point, kind, options in _mounts(mounts):
        if kind == "cgroup2":
            parents = _writable_v2(Path(point), ours.get("", "/"))
            # limits need a parent that hands its controllers down, freezing works in any group
            limiting = [each for each in parents if "memory" in _words(each / "cgroup.subtree_control")]
            if limiting:
                memory, version = limiting[0] / name, 2
                handed = _words(limiting[0] / "cgroup.subtree_control")
                cpu = memory if "cpu" in handed else None
                pids = memory if "pids" in handed else None
            if parents:
                freezer = (limiting or parents)[0] / name
            continue
        for controller in ("memory", "cpu", "pids"):
            folder = Path(point) / ours.get(controller, "/").strip("/")
            if controller in options and os.access(folder, os.W_OK):
                if controller == "memory" and memory is None:
                    memory, version = folder / name, 1
                elif controller == "cpu" and cpu is None:
                    cpu, version = folder / name, 1
                elif controller == "pids" and pids is None:
                    pids, version = folder / name, 1
    return Controllers(memory, cpu, freezer, version, pids)


@dataclass
class Group:
    """The control groups of one sandbox (empty when none can be made)."""

    controllers: Controllers
    name: str
    folders: list[Path] = field(default_factory=list)

    def make(self, limits: Limits) -> None:
        """Create the groups and write the limits. Raises OSError."""
        for parent in self.controllers.folders:
            folder = parent / self.name
            folder.mkdir(exist_ok=True)
            self.folders.append(folder)
        memory, cpu = self.controllers.memory, self.controllers.cpu
        size, quota = limits.memory_mb << 20, limits.vcpu * CPU_PERIOD_US
        if self.controllers.pids is not None:
            (self.controllers.pids / self.name / "pids.max").write_text(str(MOST_PROCESSES))
        if memory is not None and self.controllers.version == 2:
            (memory / self.name / "memory.max").write_text(str(size))
            with contextlib.suppress(OSError):  # no swap accounting in this kernel
                (memory / self.name / "memory.swap.max").write_text("0")
        elif memory is not None:
            (memory / self.name / "memory.limit_in_bytes").write_text(str(size))
            with contextlib.suppress(OSError):
                (memory / self.name / "memory.memsw.limit_in_bytes").write_text(str(size))
        if cpu is not None and self.controllers.version == 2:
            (cpu / self.name / "cpu.max").write_text(f"{quota} {CPU_PERIOD_US}")
        elif cpu is not None:
            (cpu / self.name / "cpu.cfs_period_us").write_text(str(CPU_PERIOD_US))
            (cpu / self.name / "cpu.cfs_quota_us").write_text(str(quota))

    def add(self, pid: int) -> None:
        """Move a process in, before it has children. Raises OSError."""
        for folder in self.folders:
            (folder / "cgroup.procs").write_text(str(pid))

    @property
    def can_freeze(self) -> bool:
        """Whether `freeze` reaches every process of the sandbox."""
        return self.controllers.freezer is not None and bool(self.folders)

    def freeze(self, frozen: bool) -> None:
        """Freeze or thaw all members at once; returns when the kernel says it is so. Raises OSError."""
        if self.controllers.freezer is None:
            return
        folder = self.controllers.freezer / self.name
        (folder / "cgroup.freeze").write_text("1" if frozen else "0")
        wanted = f"frozen {int(frozen)}"
        deadline = time.monotonic() + REMOVE_SECONDS
        while wanted not in (folder / "cgroup.events").read_text() and time.monotonic() < deadline:
            time.sleep(0.001)

    def memory_kills(self) -> int:
        """How often the kernel ended a process here because memory ran out."""
        if self.controllers.memory is None:
            return 0
        name = "memory.events" if self.controllers.version == 2 else "memory.oom_control"
        try:
            text = (self.controllers.memory / self.name / name).read_text()
        except OSError:
            return 0
        counts = dict(line.split() for line in text.splitlines())
        return int(counts.get("oom_kill", 0))

    def remove(self) -> None:
        """Delete the groups; their processes must be dead. Waits a moment for the kernel to notice."""
        remove(self.folders)
        self.folders = []


def remove(folders: Iterable[Path]) -> None:
    """rmdir each, for at most a second in all; what cannot go stays for the next start of the engine."""
    deadline = time.monotonic() + REMOVE_SECONDS
    for folder in folders:
        while not _gone(folder) and time.monotonic() < deadline:
            time.sleep(0.005)


def _gone(folder: Path) -> bool:
    try:
        folder.rmdir()
    except (FileNotFoundError, PermissionError):  # what we may not remove now we shall not later
        return True
    except OSError:
        return False
    return True


def sweep(parents: Iterable[Path]) -> list[Path]:
    """Clean up what a killed engine left: end what still lives in its groups, then delete them.

    Returns those that are still there after `SWEEP_SECONDS`. Blocks.
    """
    left = list(parents)
    for group in (group for parent in left for group in _groups(parent)):
        for name, text in (("cgroup.kill", "1"), ("pids.max", "0")):  # nothing is born while we look
            if (group / name).exists():
                with contextlib.suppress(OSError):
                    (group / name).write_text(text)
    deadline = time.monotonic() + SWEEP_SECONDS
    while left := [parent for parent in left if not _swept(parent)]:
        if time.monotonic() > deadline:
            break
        time.sleep(0.005)
    return left


def _swept(parent: Path) -> bool:
    for group in _groups(parent):
        for pid in _words(group / "cgroup.procs"):
            row = processes.read(int(pid))
            if row is not None:
                processes.send(row, signal.SIGKILL)
        _gone(group)
    return _gone(parent)


def _groups(parent: Path) -> list[Path]:
    try:
        return [entry for entry in parent.iterdir() if entry.is_dir()]
    except OSError:
        return []


def detect(name: str) -> Controllers:
    """The controllers that work here: each is tried on a process of our own before it is believed."""
    try:
        found = candidates(Path("/proc/self/mounts").read_text(), Path("/proc/self/cgroup").read_text(), name)
    except OSError:
        return Controllers()
    memory = found.memory if _works(Controllers(memory=found.memory, version=found.version)) else None
    cpu = found.cpu if _works(Controllers(cpu=found.cpu, version=found.version)) else None
    freezer = found.freezer if _works(Controllers(freezer=found.freezer)) else None
    pids = found.pids if _works(Controllers(pids=found.pids, version=found.version)) else None
    return Controllers(memory, cpu, freezer, found.version, pids)


def _works(controllers: Controllers) -> bool:
    if not controllers.folders:
        return False
    group = Group(controllers, "probe")
    with subprocess.Popen(["/bin/cat"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as probe:
        try:
            for parent in controllers.folders:
                parent.mkdir(exist_ok=True)
                if controllers.version == 2:
                    handed = "+pids" if controllers.pids is not None else "+memory +cpu"
                    (parent / "cgroup.subtree_control").write_text(handed)
            group.make(Limits(1, 64, 64))
            group.add(probe.pid)
            group.freeze(True)
            group.freeze(False)
        except OSError:
            return False
        finally:
            probe.kill()
            probe.wait()
            group.remove()
    return True
