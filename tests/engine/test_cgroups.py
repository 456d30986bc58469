"""Control groups: found in the texts of /proc, and, where this user may make them, really limiting."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from hopx_tui.engine import cgroups
from hopx_tui.engine.cgroups import Controllers, Group, Limits, candidates, detect, sweep
from tests.engine.driver import until


def mounts(*rows):
    return "\n".join(f"cgroup {point} {kind} rw,{options} 0 0" for point, kind, options in rows)


def test_version_1_below_our_own_group(tmp_path):
    for controller in ("memory", "cpu"):
        (tmp_path / controller / "ours").mkdir(parents=True)
    table = mounts((tmp_path / "memory", "cgroup", "memory"), (tmp_path / "cpu", "cgroup", "cpu,cpuacct"))
    found = candidates(table, "4:memory:/ours\n3:cpu,cpuacct:/ours\n1:name=systemd:/\n0::/\n", "n")
    assert found.memory == tmp_path / "memory" / "ours" / "n"
    assert found.cpu == tmp_path / "cpu" / "ours" / "n"
    assert (found.freezer, found.version) == (None, 1)


def test_version_2_uses_the_nearest_parent_that_hands_its_controllers_down(tmp_path):
    ours = tmp_path / "user" / "app"
    ours.mkdir(parents=True)
    for folder, handed in ((tmp_path, "memory cpu"), (tmp_path / "user", "memory pids"), (ours, "")):
        (folder / "cgroup.procs").write_text("")
        (folder / "cgroup.subtree_control").write_text(handed)
    found = candidates(mounts((tmp_path, "cgroup2", "nsdelegate")), "0::/user/app\n", "n")
    assert found.memory == found.freezer == tmp_path / "user" / "n"
    assert found.cpu is None
    assert found.pids == found.memory
    assert found.version == 2
    assert found.folders == [tmp_path / "user" / "n"]


def test_version_2_without_controllers_still_freezes(tmp_path):
    (tmp_path / "cgroup.procs").write_text("")
    (tmp_path / "cgroup.subtree_control").write_text("")
    found = candidates(mounts((tmp_path, "cgroup2", "x")), "0::/\n", "n")
    assert found == Controllers(freezer=tmp_path / "n")


def test_nothing_writable_means_nothing(tmp_path):
    missing = mounts((tmp_path / "no", "cgroup2", "x"), (tmp_path / "no", "cgroup", "memory"))
    assert candidates(missing, "4:memory:/\n0::/\n", "n") == Controllers()
    assert candidates("", "0::/\n", "n").folders == []


def test_limits_are_written_for_version_2(tmp_path):
    group = Group(Controllers(tmp_path, tmp_path, tmp_path, 2), "s")
    group.make(Limits(2, 64, 64))
    assert (tmp_path / "s" / "memory.max").read_text() == str(64 << 20)
    assert (tmp_path / "s" / "cpu.max").read_text() == "200000 100000"
    (tmp_path / "s" / "memory.events").write_text("low 0\noom_kill 3\n")
    assert group.memory_kills() == 3
    assert group.can_freeze


def test_no_controllers_no_effect():
    group = Group(Controllers(), "s")
    group.make(Limits(1, 64, 64))
    group.add(os.getpid())
    group.freeze(True)
    assert not group.can_freeze
    assert group.memory_kills() == 0
    group.remove()


@pytest.fixture
def real():
    name = f"hopx-tui-{os.getpid()}-test"
    controllers = detect(name)
    yield controllers
    sweep(controllers.folders)
    assert not [folder for folder in controllers.folders if folder.exists()]


def test_a_hard_memory_limit_is_hard(real):
    if real.memory is None:
        pytest.skip("no writable memory controller here")
    group = Group(real, "eater")
    group.make(Limits(1, 64, 64))
    eat = "import sys; sys.stdin.read(1); x = b'x' * (200 << 20)"
    with subprocess.Popen([sys.executable, "-c", eat], stdin=subprocess.PIPE) as eater:
        group.add(eater.pid)
        eater.communicate(b"x")
    assert eater.returncode == -signal.SIGKILL
    assert group.memory_kills() == 1
    group.remove()


def test_what_is_frozen_dies_by_sigkill_and_the_sweep_finds_it(real):
    if real.freezer is None:
        pytest.skip("no cgroup v2 here")
    group = Group(real, "sleeper")
    group.make(Limits(1, 64, 64))
    with subprocess.Popen(["sleep", "1000"]) as sleeper:
        group.add(sleeper.pid)
        group.freeze(True)
        assert "frozen 1" in Path(real.freezer, "sleeper", "cgroup.events").read_text()
        sweep(real.folders)  # as the next engine does after a kill -9
        until(lambda: sleeper.poll() is not None, "the death")
    assert not Path(real.freezer).exists() or not list(Path(real.freezer).glob("sleeper"))


HOPPER = "import os, time\nwhile True:\n    time.sleep(0.0005)\n    if os.fork():\n        os._exit(0)\n"


@pytest.mark.parametrize("without", ["", "freezer", "pids"])
def test_the_sweep_ends_what_is_born_meanwhile(real, without):
    """A process that is another one at each look, as a sandbox that was just being started when its engine died."""
    here = replace(real, **({without: None} if without else {}))
    if not here.folders:
        pytest.skip("no control groups here")
    group = Group(here, "hopper")
    group.make(Limits(1, 64, 64))
    with subprocess.Popen([sys.executable, "-c", f"input()\n{HOPPER}"], stdin=subprocess.PIPE) as hopper:
        group.add(hopper.pid)
        hopper.communicate(b"\n")
    assert (here.folders[0] / "hopper" / "cgroup.procs").read_text()
    assert sweep(here.folders) == []
    assert not [folder for folder in here.folders if folder.exists()]


def test_the_sweep_tells_what_it_could_not_remove(tmp_path, monkeypatch):
    """No control group, so nothing that rmdir could take: as one that is held by another program."""
    monkeypatch.setattr(cgroups, "SWEEP_SECONDS", 0.05)
    (tmp_path / "held" / "s" / "more").mkdir(parents=True)
    (tmp_path / "free" / "s").mkdir(parents=True)
    assert sweep([tmp_path / "held", tmp_path / "free", tmp_path / "gone"]) == [tmp_path / "held"]


def test_a_limit_on_processes_is_written_where_there_is_a_controller(tmp_path):
    folder = tmp_path / "pids" / "ours"
    folder.mkdir(parents=True)
    found = candidates(mounts((tmp_path / "pids", "cgroup", "pids")), "4:pids:/ours\n", "n")
    assert (found.pids, found.version) == (folder / "n", 1)
    found.pids.mkdir()
    group = Group(found, "s")
    group.make(Limits(1, 64, 64))
    assert (folder / "n" / "s" / "pids.max").read_text() == "4096"
