"""The engine as a process: nothing survives it, it ends by itself, its control groups go with it."""

import contextlib
import os
import signal
import subprocess
from pathlib import Path

import httpx
import pytest

from tests.engine.driver import Engine, inside, living, tree, until


@pytest.mark.parametrize("paused", [False, True], ids=["running", "paused"])
def test_kill_9_leaves_no_process(engines, level, paused):
    engine = engines("--isolation", level)
    made = [engine.create() for _ in range(2)]
    for each in made:
        inside(
            each,
            "(setsid sh -c 'trap \"\" TERM HUP; sleep 1000 & while :; do sleep 0.01; done' >/dev/null 2>&1 &)",
        )
    inside(made[0], "sleep 1000 >/dev/null 2>&1 &")
    if paused:
        for each in made:
            assert engine.move(each, "pause").status_code == 200
    assert all(len(living(each)) >= 3 for each in made)
    engine.process.send_signal(signal.SIGKILL)
    engine.process.wait()
    until(lambda: not any(living(each) for each in made), "everything to die", 10)
    again = engines("--isolation", level)
    assert {again.status(each) for each in made} == {"stopped"}
    assert engine.groups() == []


def test_a_clean_end_leaves_no_control_group(engines):
    engine = engines()
    sandbox = engine.create()
    engine.close()
    assert engine.process.returncode == 0
    assert engine.groups() == []
    assert not living(sandbox)
    assert not (engine.state / "engine.json").exists()


def test_no_secret_is_logged(engines):
    engine = engines()
    sandbox = engine.create()
    engine.api.post(f"/v1/sandboxes/{sandbox['id']}/token/refresh")
    said = engine.close()
    diary = (engine.state / "events.jsonl").read_text()
    for secret in (engine.key, sandbox["auth_token"]):
        assert secret not in said + diary
    for file in engine.state.iterdir():
        assert file.stat().st_mode & 0o077 == 0 or file.is_dir(), file
    assert engine.state.stat().st_mode & 0o077 == 0


def test_it_ends_when_idle_but_not_while_something_runs(engines):
    engine = engines("--isolation", "none", "--idle-seconds", "0.5")
    sandbox = engine.create()
    with pytest.raises(AssertionError, match="waited"):
        until(lambda: engine.process.poll() is not None, "nothing", 1.2)
    engine.kill(sandbox)
    until(lambda: engine.process.poll() is not None, "the end", 10)
    assert engine.process.returncode == 0


def test_limits_that_are_called_hard_have_a_group(engines, level):
    engine = engines("--isolation", level)
    sandbox = engine.create()
    for controller, name in (("memory", "memory"), ("cpu", "cpu"), ("pids", "processes")):
        lines = [
            line
            for pid in living(sandbox)
            for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines()
            if controller in line.split(":")[1].split(",") or line.startswith("0::")
        ]
        grouped = any(line.endswith(sandbox["id"]) for line in lines)
        assert grouped or sandbox["enforced"][name] != "hard"


def test_the_real_agent_serves(engines, level):
    engine = engines("--isolation", level, agent=None)
    assert isinstance(engine, Engine)
    sandbox = engine.create(env_vars={"A": "b"})
    health = until(lambda: engine_health(sandbox), "health", 5)
    assert health["status"] == "healthy"
    ours = [comm(pid) for pid in tree(engine.process.pid) if comm(pid).startswith("hopx-")]
    assert sorted(ours) == ["hopx-agent", "hopx-supervisor"]  # one of each: nobody is watched over twice
    for action in ("pause", "resume", "stop", "start"):
        assert engine.move(sandbox, action).status_code == 200, action
    assert engine_health(sandbox)["status"] == "healthy"


def engine_health(sandbox):
    return httpx.get(sandbox["public_host"] + "/health", trust_env=False).json()


@pytest.mark.parametrize("paused", [False, True], ids=["running", "paused"])
@pytest.mark.parametrize("target", ["server", "supervisor"])
def test_the_death_of_either_process_of_the_real_agent_is_noticed(engine_of_real_agents, target, paused):
    engine = engine_of_real_agents
    sandbox = engine.create()
    if paused:
        assert engine.move(sandbox, "pause").status_code == 200
    supervisor = next(pid for pid in tree(engine.process.pid) if comm(pid) == "hopx-supervisor")
    os.kill(supervisor if target == "supervisor" else tree(supervisor)[0], signal.SIGKILL)
    until(lambda: engine.status(sandbox) == "stopped", "the death to be noticed", 8)
    assert engine.get(sandbox["id"]).json()["status_reason"] == "agent_died"
    assert engine.move(sandbox, "start").status_code == 200
    engine.kill(sandbox)


@pytest.fixture(scope="module")
def engine_of_real_agents(level, tmp_path_factory):
    engine = Engine(tmp_path_factory.mktemp("real"), "--isolation", level, agent=None)
    yield engine
    engine.close()


def comm(pid):
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text().strip()
    return ""


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 3 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    options = ["-o", "size=3m", "none", str(folder)]
    if subprocess.run(["mount", "-t", "tmpfs", *options], capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder):
    with open(folder / "filler", "ab", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"x" * 65536)
    with open(folder / "filler", "ab", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"x")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_full_state_disk_does_not_prevent_a_start(engines, level, small_disk, number):
    first = engines("--isolation", level, state=small_disk / "state")
    sandbox = first.create()
    fill(small_disk)
    first.close(number)
    fill(small_disk)
    second = engines("--isolation", "auto" if level == "bwrap" else level, state=small_disk / "state")
    assert (second.url, second.key) == (first.url, first.key)
    assert second.facts["isolation"] == level
    assert second.status(sandbox) == "stopped"
    (small_disk / "more").touch()
    assert second.kill(sandbox).status_code == 200
    assert second.get(sandbox["id"]).status_code == 404


def test_ports_outlive_a_kill_9_at_once(engines, level):
    first = engines("--isolation", level)
    made = [first.create() for _ in range(3)]
    first.process.send_signal(signal.SIGKILL)
    second = engines("--isolation", level)  # while the first is dying
    assert second.url == first.url
    for each in made:
        assert second.get(each["id"]).json()["public_host"] == each["public_host"]
