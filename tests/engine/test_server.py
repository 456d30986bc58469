"""The engine as a process: nothing survives it, it ends by itself, its control groups go with it."""

import signal
from pathlib import Path

import httpx
import pytest

from tests.engine.driver import Engine, inside, living, until


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
    assert groups(engine.process.pid) == []


def groups(pid):
    """Control groups that an engine of this pid made."""
    return [str(path) for path in Path("/sys/fs/cgroup").glob(f"**/hopx-tui-{pid}-*")]


def test_a_clean_end_leaves_no_control_group(engines):
    engine = engines()
    sandbox = engine.create()
    engine.close()
    assert engine.process.returncode == 0
    assert groups(engine.process.pid) == []
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
    for controller in ("memory", "cpu"):
        lines = [
            line
            for pid in living(sandbox)
            for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines()
            if controller in line.split(":")[1].split(",") or line.startswith("0::")
        ]
        grouped = any(line.endswith(sandbox["id"]) for line in lines)
        assert grouped or sandbox["enforced"][controller] != "hard"


def test_the_real_agent_serves(engines, level):
    engine = engines("--isolation", level, agent=None)
    assert isinstance(engine, Engine)
    sandbox = engine.create(env_vars={"A": "b"})
    health = until(lambda: engine_health(sandbox), "health", 5)
    assert health["status"] == "healthy"
    for action in ("pause", "resume", "stop", "start"):
        assert engine.move(sandbox, action).status_code == 200, action
    assert engine_health(sandbox)["status"] == "healthy"


def engine_health(sandbox):
    return httpx.get(sandbox["public_host"] + "/health", trust_env=False).json()
