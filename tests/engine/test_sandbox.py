"""One sandbox on the real engine: what it sees, its transitions, its end."""

import contextlib
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.engine.driver import facts, inside, living, parent, ticks, tree, until

NOW = {"pause": "paused", "resume": "running", "stop": "stopped", "start": "running"}
MATRIX = [
    ("running", "pause", 200, "paused"),
    ("running", "resume", 200, "running"),
    ("running", "stop", 200, "stopped"),
    ("running", "start", 200, "running"),
    ("paused", "pause", 200, "paused"),
    ("paused", "resume", 200, "running"),
    ("paused", "stop", 200, "stopped"),
    ("paused", "start", 409, "paused"),
    ("stopped", "pause", 409, "stopped"),
    ("stopped", "resume", 409, "stopped"),
    ("stopped", "stop", 200, "stopped"),
    ("stopped", "start", 200, "running"),
]


def test_every_transition(engine, sandbox):
    to = {"running": ["start", "resume"], "paused": ["start", "pause"], "stopped": ["stop"]}
    for before, action, code, after in MATRIX:
        for step in to[before]:
            if engine.status(sandbox) != before:
                engine.move(sandbox, step)
        assert engine.status(sandbox) == before
        answer = engine.move(sandbox, action)
        assert answer.status_code == code, (before, action, answer.text)
        assert engine.status(sandbox) == after
        if code == 409:
            error = answer.json()["error"]
            assert error["code"] == "CONFLICT"
            assert error["details"]["status"] == before


def test_pause_freezes_every_tick_and_the_port_says_so(engine, sandbox):
    inside(
        sandbox,
        "(while :; do :; done) >/dev/null 2>&1 & (setsid sh -c 'while :; do :; done' &) >/dev/null 2>&1",
    )
    start = ticks(sandbox)
    until(lambda: ticks(sandbox) > start + 5, "the loops to burn CPU")
    assert engine.move(sandbox, "pause").status_code == 200
    frozen = ticks(sandbox)
    answer = httpx.get(sandbox["public_host"] + "/files/list", trust_env=False)
    assert answer.status_code == 409
    body = answer.json()
    assert body["code"] == "SANDBOX_PAUSED"
    assert body["error"] == body["message"]
    assert body["details"] == {}
    shake = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    assert httpx.get(sandbox["public_host"] + "/terminal", headers=shake, trust_env=False).status_code == 409
    big = httpx.post(sandbox["public_host"] + "/files/write", content=b"x" * 300_000, trust_env=False)
    assert big.status_code == 409
    end = time.monotonic() + 0.3  # a running loop would gain 30 ticks in this time
    while time.monotonic() < end:
        assert ticks(sandbox) == frozen
    assert engine.move(sandbox, "resume").status_code == 200
    assert "still here" in inside(sandbox, "echo still here")
    until(lambda: ticks(sandbox) > frozen + 5, "the loops to go on")


def test_a_process_stopped_by_the_user_stays_stopped(engine, sandbox):
    inside(
        sandbox, "sleep 1000 >/dev/null 2>&1 & sleep 0.1; kill -STOP $!; echo $! > /tmp/pid-$HOPX_SANDBOX_ID"
    )
    assert engine.move(sandbox, "pause").status_code == 200
    assert engine.move(sandbox, "resume").status_code == 200
    assert "T" in inside(sandbox, "cut -d' ' -f3 /proc/$(cat /tmp/pid-$HOPX_SANDBOX_ID)/stat")
    inside(sandbox, "rm /tmp/pid-$HOPX_SANDBOX_ID")


def test_stop_keeps_disk_and_port(engine, sandbox):
    inside(sandbox, "echo kept > note; sleep 1000 >/dev/null 2>&1 &")
    assert engine.move(sandbox, "stop").status_code == 200
    until(lambda: not living(sandbox), "the processes to end")
    assert httpx.get(sandbox["public_host"], trust_env=False).json()["code"] == "SANDBOX_STOPPED"
    assert engine.get(sandbox["id"]).json()["status_reason"] == "stopped_by_user"
    again = engine.move(sandbox, "start").json()
    assert again["public_host"] == sandbox["public_host"]
    assert again["status_reason"] is None
    assert inside(sandbox, "cat note") == "kept\n"


def test_kill_takes_double_forked_daemons_and_the_directory(engine):
    sandbox = engine.create()
    inside(sandbox, "(setsid sh -c 'sleep 1000 & sleep 1000' >/dev/null 2>&1 &)")
    assert len(living(sandbox)) > 1
    directory = engine.state / "sandboxes" / sandbox["id"]
    assert directory.exists()
    assert engine.kill(sandbox).json()["deleted"] is True
    assert not living(sandbox)
    assert not directory.exists()
    until(lambda: not list((engine.state / "trash").iterdir()), "the trash to be emptied")
    for answer in (engine.get(sandbox["id"]), engine.kill(sandbox), engine.move(sandbox, "pause")):
        assert answer.status_code == 404
        assert answer.json()["error"]["message"] == f"Sandbox {sandbox['id']} not found"


def test_a_dead_agent_is_noticed_and_startable(engine, sandbox):
    with pytest.raises(httpx.TransportError):
        inside(sandbox, "kill -9 $PPID; sleep 5")
    until(lambda: engine.status(sandbox) == "stopped", "the death to be noticed")
    assert engine.get(sandbox["id"]).json()["status_reason"] == "agent_died"
    assert httpx.get(sandbox["public_host"], trust_env=False).json()["code"] == "SANDBOX_STOPPED"
    assert not living(sandbox)
    assert engine.move(sandbox, "start").status_code == 200
    assert inside(sandbox, "echo back") == "back\n"


def test_a_sandbox_knows_itself_and_none_of_our_secrets(engine):
    sandbox = engine.create(env_vars={"COLOUR": "blue"})
    said = facts(sandbox)
    config = said["config"]
    assert config["env"] == {"COLOUR": "blue"}
    assert config["sandbox_id"] == sandbox["id"]
    assert config["enforced"] == sandbox["enforced"]
    assert config["allowed_hosts"][0] == sandbox["public_host"].removeprefix("http://")
    everything = str(said["environ"]) + inside(
        sandbox, "cat /proc/1/cmdline /proc/self/environ | tr '\\0' ' '"
    )
    assert engine.key not in everything
    assert said["environ"]["HOPX_SANDBOX_ID"] == sandbox["id"]
    assert any(event["event"] == "agent:hello" for event in engine.events())
    engine.kill(sandbox)


def test_an_agent_that_never_serves_leaves_nothing(engine):
    before = sorted(path.name for path in (engine.state / "sandboxes").iterdir())
    answer = engine.api.post("/v1/sandboxes", json={"template_name": "base", "env_vars": {"STUB": "die"}})
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == "SANDBOX_START_FAILED"
    assert sorted(path.name for path in (engine.state / "sandboxes").iterdir()) == before


def test_a_sandbox_can_be_killed_while_it_is_created(engine):
    with ThreadPoolExecutor(1) as pool:
        asked = {"template_name": "base", "env_vars": {"STUB": "mute"}}
        waiting = pool.submit(engine.api.post, "/v1/sandboxes", json=asked)
        rows = until(lambda: engine.api.get("/v1/sandboxes?status=creating").json()["data"], "the creation")
        for action in NOW:
            with pytest.raises(httpx.ReadTimeout):  # transitions queue behind the creation
                engine.api.post(f"/v1/sandboxes/{rows[0]['id']}/{action}", timeout=0.1)
        assert engine.kill(rows[0]).status_code == 200
        assert waiting.result().status_code == 404
    assert not living(rows[0])


@pytest.mark.parametrize("target", ["agent", "supervisor", "init"])
def test_a_death_while_paused_is_noticed(engine, sandbox, level, target):
    inside(sandbox, "sleep 1000 >/dev/null 2>&1 &")
    assert engine.move(sandbox, "pause").status_code == 200
    agent = min(living(sandbox))
    if target == "agent":
        victim = agent
        if level == "bwrap":
            victim = min(pid for pid in living(sandbox) if b"stub_agent" in command_line(pid))
    else:
        if target == "init" and level == "none":
            pytest.skip("there is no init at this level")
        rows = {pid: parent(pid) for pid in tree(engine.process.pid)}
        mine = [pid for pid in rows if pid in ancestors(agent)]
        victim = mine[0] if target == "supervisor" else mine[1]
    os.kill(victim, signal.SIGKILL)
    until(lambda: engine.status(sandbox) == "stopped", "the death to be noticed", 5)
    assert engine.get(sandbox["id"]).json()["status_reason"] == "agent_died"
    until(lambda: not living(sandbox), "the rest to die", 5)
    assert engine.move(sandbox, "start").status_code == 200
    assert inside(sandbox, "echo back") == "back\n"


def command_line(pid):
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""


def ancestors(pid):
    """A process and those above it."""
    found = []
    while pid > 1:
        found.append(pid)
        pid = parent(pid)
    return found
