"""The agent inside real bubblewrap: its own processes, files and network, and a clean end."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
import websockets.sync.client

from tests.agent.running import ROOT, RunningAgent, alive, marked, wait_until


def arguments(directory):
    bound = {sys.prefix, sys.base_prefix, str(ROOT), sysconfig.get_paths()["purelib"]}
    readonly = [("--ro-bind", path, path) for path in sorted(bound, key=len)]
    links = [
        ("--symlink", os.readlink(path), path) if os.path.islink(path) else ("--ro-bind", path, path)
        for path in ("/bin", "/sbin", "/lib", "/lib64")
        if os.path.lexists(path)
    ]
    (directory / "etc").mkdir()
    (directory / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/bash\n")
    parts = [
        ("bwrap", "--unshare-all", "--die-with-parent", "--hostname", "testbox", "--clearenv"),
        ("--setenv", "PATH", "/usr/local/bin:/usr/bin:/bin"),
        ("--ro-bind", "/usr", "/usr"),
        *links,
        ("--bind", str(directory / "home"), "/root"),
        *readonly,
        ("--bind", str(directory / "workspace"), "/workspace"),
        ("--ro-bind", str(directory / "etc"), "/etc"),
        ("--proc", "/proc", "--dev", "/dev", "--tmpfs", "/tmp", "--chdir", "/workspace"),
        ("--setenv", "PYTHONPATH", str(ROOT)),
    ]
    return [word for part in parts for word in part]


@pytest.fixture
def boxed(tmp_path):
    if shutil.which("bwrap") is None:
        pytest.skip("bubblewrap is not installed")
    probe = subprocess.run(
        ["bwrap", "--unshare-all", "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "true"],
        check=False,
        capture_output=True,
    )
    if probe.returncode:
        pytest.skip(f"bubblewrap does not work here: {probe.stderr.decode().strip()}")
    directory = Path(tmp_path)
    for name in ("workspace", "home", "state"):
        (directory / name).mkdir()
    running = RunningAgent(
        directory,
        wrap=arguments(directory),
        isolation="bwrap",
        workspace="/workspace",
        home="/root",
        state="/tmp/agent",
        network="own",
    )
    yield running
    running.close()


def run(client, command, **more):
    return client.post("/commands/run", json={"command": command, **more}).json()


def test_inside(boxed):
    with boxed.client() as client:
        assert client.get("/info").json()["hostname"] == "testbox"
        out = run(client, "pwd; echo $HOME; echo x > a; ls /proc | grep -c '^[0-9]'; cat /proc/net/dev | wc -l")
        directory, home, processes, interfaces = out["stdout"].split()
        assert (directory, home) == ("/workspace", "/root")
        assert int(processes) < 12
        assert int(interfaces) == 3, "only loopback"
        assert (boxed.workspace / "a").read_text() == "x\n"
        rows = client.get("/files/list", params={"path": "/"}).json()["files"]
        assert {"workspace", "usr", "proc"} <= {row["name"] for row in rows}
        assert client.get("/files/read", params={"path": "/etc/passwd"}).json()["content"].startswith("root:")
        system = client.get("/system").json()
        assert system["network"] == {"rx_bytes": 0, "tx_bytes": 0}
        assert client.get("/processes").json()["count"] == 0, "the agent's own are not the user's"


@pytest.mark.parametrize("path", ["/etc/shadow", "/workspace/../etc/shadow", "/workspace/link"])
def test_secrets_are_refused_whether_they_exist_or_not(boxed, path):
    os.symlink("/etc/shadow", boxed.workspace / "link")
    with boxed.client() as client:
        for route in ("/files/read", "/files/download"):
            answer = client.get(route, params={"path": path})
            assert (answer.status_code, answer.json()["code"]) == (403, "PATH_NOT_ALLOWED")


def test_the_kernels_files_are_read_only(boxed):
    os.symlink("/dev", boxed.workspace / "dev")
    with boxed.client() as client:
        for path in ("/proc/sys/kernel/hostname", "/dev/null", "/sys/x", "/workspace/dev/null", "/dev"):
            for answer in (
                client.post("/files/write", json={"path": path, "content": "x"}),
                client.post("/files/mkdir", json={"path": path}),
                client.delete("/files/remove", params={"path": path}) if path != "/workspace/dev" else None,
            ):
                assert answer is None or (answer.status_code, answer.json()["code"]) == (403, "PATH_NOT_ALLOWED")
        assert "Linux" in client.get("/files/read", params={"path": "/proc/version"}).json()["content"]
        assert client.get("/files/read", params={"path": "/dev/zero"}).json()["code"] == "INVALID_PATH"
        for own in ("/proc/self/environ", f"/proc/{boxed.ready['pid']}/maps"):
            assert client.get("/files/read", params={"path": own}).json()["code"] == "PATH_NOT_ALLOWED"


def test_the_agents_memory_is_closed_to_the_sandbox(boxed):
    with boxed.client() as client:
        pids = (boxed.ready["pid"], boxed.ready["supervisor"])
        for pid in pids:
            out = run(client, f"cd /proc/{pid}; head -c 1 mem; cat environ fd/3 maps")
            assert out["stdout"] == "", out
            assert "ermission denied" in out["stderr"]


def test_signals_reach_the_users_processes_only(boxed):
    with boxed.client() as client:
        job = client.post("/commands/background", json={"command": "sleep 4700"}).json()
        row = next(row for row in client.get("/processes").json()["processes"] if row["pid"] == job["pid"])
        body = {"signal": "KILL", "start_ticks": row["start_ticks"]}
        assert client.post(f"/processes/{row['pid']}/signal", json=body).status_code == 200
        for pid in (1, boxed.ready["pid"], boxed.ready["supervisor"]):
            assert client.post(f"/processes/{pid}/signal", json=body).status_code == 404


def test_a_terminal_with_a_prompt_of_its_own(boxed):
    url = f"{boxed.ws_url}/terminal"
    with websockets.sync.client.connect(url, additional_headers=boxed.headers, proxy=None) as terminal:
        terminal.send(json.dumps({"type": "input", "data": "ps -e | wc -l; tty; exit 4\n"}))
        text, code = "", None
        while code is None:
            message = json.loads(terminal.recv(timeout=10))
            text += message.get("data", "")
            code = message.get("code")
    assert code == 4
    assert "testbox" in text
    assert "/dev/pts/0" in text


def test_nothing_is_left_when_the_engine_or_the_agent_is_killed(boxed):
    with boxed.client() as client:
        run(client, "setsid --fork sleep 4711; (setsid sleep 4712 &) ; sleep 4713 & true")
    wait_until(lambda: all(marked(f"sleep\x00471{digit}") for digit in "123"))
    boxed.process.kill()
    boxed.process.wait(5)
    wait_until(lambda: not any(marked(f"sleep\x00471{digit}") for digit in "123"))


def test_a_server_killed_from_inside_takes_all_with_it(boxed):
    with boxed.client() as client:
        client.post("/commands/background", json={"command": f"sleep 4721 & sleep 0.2; kill -9 {boxed.ready['pid']}"})
    assert boxed.process.wait(10) == 137
    wait_until(lambda: not marked("sleep\x004721"))


def test_stop(boxed):
    with boxed.client() as client:
        client.post("/commands/background", json={"command": "setsid sleep 4731"})
        wait_until(lambda: marked("sleep\x004731"))
    boxed.call("stop")
    assert not marked("sleep\x004731")
    assert boxed.process.wait(10) == 0
    assert not alive(boxed.process.pid)
