"""Inside a real bubblewrap sandbox: what can be reached of the host."""

import os
import shutil
import signal
import subprocess

import pytest

from hopx_tui.engine.bubblewrap import UPLINK_TRIES
from tests.engine.driver import inside, isolation_works, living, tree, until

pytestmark = pytest.mark.skipif(not isolation_works(), reason="no sandboxes on this machine")


@pytest.fixture(scope="module")
def level():
    return "bwrap"


def test_only_its_own_processes_and_names(sandbox):
    assert inside(sandbox, "hostname").strip() == sandbox["id"]
    pids = [int(name) for name in inside(sandbox, "ls /proc").split() if name.isdigit()]
    assert max(pids) < 100
    assert inside(sandbox, "id -un").strip() == "root"
    assert inside(sandbox, "pwd").strip() == "/workspace"


def test_nothing_of_the_host_leaks(engine, sandbox):
    command_lines = inside(sandbox, "cat /proc/*/cmdline | tr '\\0' ' '")
    assert str(engine.state) not in command_lines
    for path in (
        str(engine.state),
        os.path.expanduser("~/.bashrc"),
        "/run/user",
        "/var/run/docker.sock",
        "/etc/shadow",
    ):
        assert "No such file" in inside(sandbox, f"ls {path}"), path
    assert inside(sandbox, "ls /home /media /mnt 2>&1").count("No such file") == 3


def test_the_kernel_and_the_system_are_read_only(sandbox):
    said = inside(
        sandbox,
        "cp /proc/sys/kernel/hostname /proc/sys/kernel/panic; touch /usr/bin/x; mount -o remount,rw /usr;"
        "mount -t tmpfs none /mnt; umount /proc/sys",
    )
    assert said.count("Read-only file system") >= 2
    assert inside(sandbox, "ls /usr/bin/x").count("No such file") == 1


def test_its_own_folders_can_be_written(sandbox):
    for folder in ("/workspace", "/root", "/tmp", "/run", "/opt", "/etc", "/dev/shm", "/var/tmp"):
        assert inside(sandbox, f"echo ok > {folder}/probe && cat {folder}/probe") == "ok\n", folder


def test_no_internet_means_no_network_at_all(engine):
    sandbox = engine.create(internet_access=False)
    assert inside(sandbox, "tail -n +3 /proc/net/dev | cut -d: -f1").split() == ["lo"]
    engine.kill(sandbox)


def test_its_own_network_has_a_way_out_but_not_to_the_engine(engine, sandbox):
    if engine.api.get("/health").json()["network"] != "own":
        pytest.skip("pasta does not work here")
    assert len(inside(sandbox, "tail -n +2 /proc/net/route").splitlines()) >= 1
    port = engine.url.rpartition(":")[2]
    said = inside(
        sandbox, f"python3 -c 'import socket; socket.create_connection((\"127.0.0.1\", {port}), 2)'"
    )
    assert "refused" in said


@pytest.mark.skipif(shutil.which("pasta") is None, reason="no pasta")
def test_no_pasta_is_left(engines):
    engine = engines("--isolation", "bwrap")
    engine.create()
    children = subprocess.run(
        ["pgrep", "-P", str(engine.process.pid)], capture_output=True, text=True, check=False
    ).stdout.split()
    engine.process.kill()
    engine.process.wait()
    until(lambda: not any(alive(pid) for pid in children), "pasta and bwrap to end", 10)
    engines("--isolation", "bwrap")  # sweeps the control groups


def test_another_pasta_takes_over_when_one_dies(engine, sandbox):
    if engine.api.get("/health").json()["network"] != "own":
        pytest.skip("pasta does not work here")

    def routes():
        return len(inside(sandbox, "tail -n +2 /proc/net/route").splitlines())

    def pastas():
        namespace = os.readlink(f"/proc/{min(living(sandbox))}/ns/net")
        return [pid for pid in tree(engine.process.pid) if names_network(pid, namespace)]

    assert routes()
    before = pastas()
    assert before
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    until(lambda: [e for e in engine.events() if e["event"] == "network_lost"], "the loss to be told", 5)
    until(lambda: [e for e in engine.events() if e["event"] == "network_restored"], "another pasta", 10)
    assert routes()
    assert engine.get(sandbox["id"]).json()["status_reason"] is None
    assert pastas() != before
    for pid in before:
        assert not os.path.exists(f"/proc/{pid}"), "a zombie is left"
    for _ in range(UPLINK_TRIES):
        for pid in until(pastas, "pasta"):
            os.kill(pid, signal.SIGKILL)
            until(lambda pid=pid: not os.path.exists(f"/proc/{pid}"), "the reaping")
    until(lambda: engine.get(sandbox["id"]).json()["status_reason"] == "network_lost", "the honest word", 5)
    assert engine.status(sandbox) == "running"
    assert inside(sandbox, "echo works") == "works\n"


def names_network(pid, namespace):
    """Whether a pasta of ours serves a process of this network namespace."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            words = file.read().split(b"\0")
        return b"pasta" in words[0] and os.readlink(f"/proc/{int(words[-2])}/ns/net") == namespace
    except (OSError, ValueError, IndexError):
        return False


def alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False
