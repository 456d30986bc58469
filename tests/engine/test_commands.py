"""The engine's command line: one owner, sentences and exit codes, never a traceback."""

import contextlib
import json
import os
import pty
import shutil
import signal
import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from hopx_tui.engine import processes
from tests.engine.driver import MODULE, STUB, Engine, command, inside, living, ticks, until


@pytest.fixture
def state(tmp_path):
    folder = tmp_path / "state"
    yield folder
    command("stop", "--force", "--state-dir", str(folder))


def start(state, *more):
    done = command(
        "start", "--json", "--isolation", "none", "--agent", STUB, "--state-dir", str(state), *more
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_twenty_starters_make_one_owner(state):
    with ThreadPoolExecutor(20) as pool:
        told = list(pool.map(lambda _: start(state), range(20)))
    assert sum(each["started"] for each in told) == 1
    assert len({(each["pid"], each["url"], each["api_key"]) for each in told}) == 1
    assert (state / "engine.json").stat().st_mode & 0o777 == 0o600
    assert os.getsid(told[0]["pid"]) == told[0]["pid"]


def test_port_and_key_outlive_a_restart(state):
    first = start(state)
    env = command("env", "--state-dir", str(state)).stdout
    assert env == f"export HOPX_BASE_URL={first['url']} HOPX_API_KEY={first['api_key']}\n"
    shown = json.loads(command("status", "--json", "--state-dir", str(state)).stdout)
    assert (shown["url"], shown["pid"], shown["running"]) == (first["url"], first["pid"], True)
    assert first["url"] in command("status", "--state-dir", str(state)).stdout
    assert command("stop", "--state-dir", str(state)).returncode == 0
    assert not processes.is_alive(first["pid"], None)
    down = command("status", "--json", "--state-dir", str(state))
    assert down.returncode == 1
    assert json.loads(down.stdout)["running"] is False
    assert command("env", "--state-dir", str(state)).stdout == env
    second = start(state)
    assert (second["url"], second["api_key"]) == (first["url"], first["api_key"])
    assert second["pid"] != first["pid"]


def test_a_killed_daemon_is_replaced(state):
    first = start(state)
    os.kill(first["pid"], signal.SIGKILL)
    second = start(state)  # at once: the first may still be dying
    assert not processes.is_alive(first["pid"], None)
    assert second["started"]
    assert (second["url"], second["api_key"]) == (first["url"], first["api_key"])


def test_a_start_during_a_stop_brings_the_next_engine_up(state):
    """The dashboard starts the engine again the moment it loses it."""
    first = start(state)
    stopping = subprocess.Popen([*MODULE, "stop", "--force", "--state-dir", str(state)], stdout=subprocess.DEVNULL)
    until(lambda: not (state / "engine.json").exists() or not processes.is_alive(first["pid"], None), "the stop")
    second = start(state)
    assert stopping.wait(30) == 0
    assert second["pid"] != first["pid"]
    assert (second["url"], second["api_key"]) == (first["url"], first["api_key"])
    shown = json.loads(command("status", "--json", "--state-dir", str(state)).stdout)
    assert shown["pid"] == second["pid"]


def test_stop_asks_when_sandboxes_run(state):
    told = start(state)
    made = httpx.post(
        told["url"] + "/v1/sandboxes",
        json={"template_name": "base"},
        headers={"X-API-Key": told["api_key"]},
        trust_env=False,
    )
    assert made.status_code == 201
    refused = command("stop", "--state-dir", str(state))
    assert refused.returncode == 2
    assert "--force" in refused.stderr
    shown = json.loads(command("status", "--json", "--state-dir", str(state)).stdout)
    assert shown["sandboxes"]["running"] == 1
    assert answer_stop(state, b"\x04")[1] == 1  # ctrl+d
    asked, code = answer_stop(state, b"n\n")
    assert f"{made.json()['id']} (base, running)" in asked
    assert "files stay" in asked
    assert code == 1
    assert shown["pid"] == json.loads(command("status", "--json", "--state-dir", str(state)).stdout)["pid"]
    asked, code = answer_stop(state, b"y\n")
    assert "has stopped" in asked
    assert code == 0
    assert command("stop", "--force", "--state-dir", str(state)).returncode == 0
    assert "does not run" in command("stop", "--state-dir", str(state)).stdout


def answer_stop(state, words):
    """Run `engine stop` on a terminal and answer its question: what it said, and its exit code."""
    master, slave = pty.openpty()
    child = subprocess.Popen([*MODULE, "stop", "--state-dir", str(state)], stdin=slave, stdout=slave, stderr=slave)
    os.close(slave)
    os.write(master, words)
    said = b""
    with contextlib.suppress(OSError):  # the other end is closed
        while chunk := os.read(master, 4096):
            said += chunk
    os.close(master)
    return said.decode(), child.wait(30)


def test_a_second_run_is_refused_with_a_sentence(tmp_path):
    engine = Engine(tmp_path, "--isolation", "none")
    refused = command("run", "--state-dir", str(tmp_path))
    engine.close()
    assert refused.returncode == 5
    assert engine.url in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_taken_port(state):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        for action in ("run", "start"):
            refused = command(action, "--port", port, "--isolation", "none", "--state-dir", str(state))
            assert refused.returncode == 4
            assert port in refused.stderr
            assert "Traceback" not in refused.stderr


def test_another_port_only_if_the_kept_one_is_taken(state):
    first = start(state)
    command("stop", "--state-dir", str(state))
    host, _, port = first["url"].removeprefix("http://").partition(":")
    with socket.create_server((host, int(port))):
        second = start(state)
    assert second["url"] != first["url"]


def test_broken_settings(state):
    start(state)
    command("stop", "--state-dir", str(state))
    for text in ("{half", "[]", "{}", '{"api_key": "0123456789abcdef", "signing_key": "%s"}' % ("x" * 64)):
        (state / "settings.json").write_text(text)
        for action in ("run", "start", "env"):
            refused = command(action, "--state-dir", str(state))
            assert refused.returncode == 3, (text, action)
            assert "settings.json" in refused.stderr
            assert "Traceback" not in refused.stderr


def test_a_broken_port_file_means_not_running(state):
    state.mkdir()
    whole = {"url": "http://127.0.0.1:1", "api_key": "k", "version": "1", "isolation": "none", "reason": None}
    anyone = [json.dumps({**whole, "pid": os.getpid(), "start_ticks": ticks}) for ticks in (None, "x", True)]
    for text in ("", "{", "[]", "[" * 100_000, '{"pid": 1}', '{"pid": "x"}', *anyone):
        (state / "engine.json").write_text(text)
        assert command("status", "--state-dir", str(state)).returncode == 1
    assert "does not run" in command("stop", "--force", "--state-dir", str(state), timeout=10).stdout
    assert start(state)["started"]


def test_an_impossible_port_in_the_settings_is_replaced(state):
    first = start(state)
    command("stop", "--state-dir", str(state))
    for port in (99999999, "x"):
        settings = json.loads((state / "settings.json").read_text())
        (state / "settings.json").write_text(json.dumps({**settings, "port": port}))
        shown = command("env", "--state-dir", str(state))
        assert "Traceback" not in shown.stderr
        second = start(state)
        assert second["api_key"] == first["api_key"]
        assert httpx.get(second["url"] + "/health", trust_env=False).status_code == 200
        command("stop", "--state-dir", str(state))
    assert "no usable port" in (state / "engine.log").read_text()


def test_an_unusable_state_directory(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    for action in ("run", "start"):
        refused = command(action, "--state-dir", str(blocked / "state"))
        assert refused.returncode == 3
        assert str(blocked) in refused.stderr
        assert "Traceback" not in refused.stderr
    assert command("env", "--state-dir", str(tmp_path / "fresh")).returncode == 1


def test_isolation_demanded_but_missing(tmp_path):
    empty = tmp_path / "bin"
    empty.mkdir()
    done = subprocess.run(
        [*MODULE, "run", "--isolation", "bwrap", "--state-dir", str(tmp_path / "state")],
        env={**os.environ, "PATH": str(empty)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 7
    assert "bubblewrap is not installed" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which("setpriv") is None, reason="changes the user")
def test_an_ordinary_user_gets_sandboxes_or_the_reason(tmp_path_factory):
    python = "/usr/bin/python3"
    folder = Path("/var/tmp") / f"hopx-engine-{os.getpid()}"
    folder.mkdir()
    os.chown(folder, 65534, 65534)
    paths = [
        str(Path(__file__).parents[2]),
        *(p for p in __import__("sys").path if p.endswith("site-packages")),
    ]
    user = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
    environment = {
        "PATH": os.defpath,
        "HOME": str(folder),
        "PYTHONPATH": os.pathsep.join(paths),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    try:
        probe = subprocess.run(
            [*user, python, "-c", "import aiohttp, msgspec, hopx_tui"],
            env=environment,
            capture_output=True,
            check=False,
        )
        if probe.returncode != 0:
            pytest.skip("the ordinary user cannot reach a Python with our libraries")
        done = subprocess.run(
            [*user, python, "-m", "hopx_tui.engine", "start", "--json", "--agent", STUB],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        told = json.loads(done.stdout)
        assert told["isolation"] == "bwrap" or told["reason"]
        with httpx.Client(
            base_url=told["url"], headers={"X-API-Key": told["api_key"]}, timeout=60, trust_env=False
        ) as api:
            made = api.post("/v1/sandboxes", json={"template_name": "base"})
            assert made.status_code == 201, made.text
            sandbox = made.json()
            inside(sandbox, "(setsid sh -c 'while :; do :; done' &) >/dev/null 2>&1")
            until(lambda: ticks(sandbox) > 5, "the loop to burn CPU")
            # without a writable control group this is SIGSTOP to every member of the namespace
            assert api.post(f"/v1/sandboxes/{sandbox['id']}/pause").status_code == 200
            frozen = ticks(sandbox)
            assert api.post(f"/v1/sandboxes/{sandbox['id']}/resume").status_code == 200
            until(lambda: ticks(sandbox) > frozen + 5, "the loop to go on")
            assert api.post(f"/v1/sandboxes/{sandbox['id']}/pause").status_code == 200
            frozen = ticks(sandbox)
            assert living(sandbox)
            assert ticks(sandbox) == frozen
            os.kill(told["pid"], signal.SIGKILL)
            until(lambda: not living(sandbox), "the stopped tree to die with the engine", 10)
    finally:
        subprocess.run(
            [*user, python, "-m", "hopx_tui.engine", "stop", "--force"], env=environment, check=False
        )
        shutil.rmtree(folder)
