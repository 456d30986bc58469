"""Whole programs: start, orders, and every way to die; nothing may be left."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import httpx
import pytest
import websockets.sync.client

from hopx_tui.agent.__main__ import parse
from tests.agent.running import ROOT, RunningAgent, alive, marked, wait_until

DAEMONS = """
sleep 46{n}1 &
setsid sleep 46{n}2 &
nohup setsid sh -c 'sleep 46{n}3 & sleep 46{n}4 & wait' >/dev/null 2>&1 &
env -i setsid --fork {python} -c 'import os, time
if os.fork(): os._exit(0)
os.setsid()
if os.fork(): os._exit(0)
time.sleep(46{n}5)'
"""


@contextlib.contextmanager
def terminal_of(agent):
    connecting = websockets.sync.client.connect(
        f"{agent.ws_url}/terminal", additional_headers=agent.headers, proxy=None, close_timeout=1
    )
    with connecting as terminal:
        yield terminal


@contextlib.contextmanager
def daemons(agent, n):
    """Five processes that try to leave: sessions of their own, double forks, a cleared environment."""
    with agent.client() as client:
        command = DAEMONS.format(n=n, python=sys.executable)
        assert client.post("/commands/run", json={"command": command}).json()["exit_code"] == 0
    with terminal_of(agent) as terminal:
        terminal.send(json.dumps({"type": "input", "data": f"sleep 46{n}6\n"}))
        wait_until(lambda: len(found(n)) >= 6, what="daemons")
        yield terminal


def found(n):
    return [pid for digit in "12346" for pid in marked(f"sleep\x0046{n}{digit}")] + marked(f"time.sleep(46{n}5)")


def assert_gone(agent, n):
    wait_until(lambda: not found(n), what="the end of every daemon")
    for pid in (agent.ready["pid"], agent.ready["supervisor"]):
        wait_until(lambda pid=pid: not alive(pid), what="the end of the agent")


def test_ready_is_quick_and_says_who(agent):
    assert agent.ready["op"] == "ready"
    assert agent.ready["supervisor"] == agent.process.pid
    assert alive(agent.ready["pid"])
    assert agent.ready_seconds < 3, agent.ready_seconds  # 0.14 s here; the other core may be busy
    with agent.client() as client:
        assert client.get("/health").json()["status"] == "healthy"


def test_the_config_is_not_in_argv_or_environment_and_memory_is_closed(agent):
    for pid in (agent.ready["pid"], agent.ready["supervisor"]):
        for part in ("cmdline", "environ"):
            with contextlib.suppress(PermissionError), open(f"/proc/{pid}/{part}", "rb") as file:
                assert agent.config["token_key"].encode() not in file.read()
        # What is not dumpable belongs to root, whoever runs it.
        assert os.stat(f"/proc/{pid}/mem").st_uid == 0
    with agent.client() as client:
        out = client.post(
            "/commands/run", json={"command": "env; cat /proc/$PPID/environ 2>/dev/null | tr '\\0' '\\n'"}
        )
        if os.geteuid() != 0:
            assert "engine-secret-key" not in out.text
        assert "engine-secret-key" not in client.post("/commands/run", json={"command": "env"}).text


def test_the_engine_hangs_up(agent):
    with daemons(agent, 1):
        agent.control.close()
        assert agent.process.wait(10) == 0
        assert_gone(agent, 1)


def test_the_engine_hangs_up_while_all_is_frozen(agent):
    """Everything but the supervisor is stopped, as a pause at level none does."""
    with daemons(agent, 2):
        agent.call("quiesce")
        for pid in [agent.ready["pid"], *found(2)]:
            os.kill(pid, signal.SIGSTOP)
        agent.control.close()
        assert agent.process.wait(10) == 0
        assert_gone(agent, 2)


def test_stop_answers_when_all_have_ended(agent):
    with daemons(agent, 3) as terminal:
        agent.call("stop")
        assert not found(3)
        messages = []
        with contextlib.suppress(websockets.exceptions.ConnectionClosed):
            while True:
                messages.append(json.loads(terminal.recv(timeout=5)))
    assert agent.process.wait(10) == 0
    assert_gone(agent, 3)


def test_stop_lets_programs_tidy_up_but_not_for_long(agent):
    with agent.client() as client:
        kind = f"trap 'echo bye > {agent.workspace}/bye; exit' TERM; echo > listens; sleep 4671 & wait"
        stubborn = "trap '' TERM HUP; echo > started; while :; do sleep 0.05; done"
        for command in (kind, stubborn):
            client.post("/commands/background", json={"command": command})
    wait_until((agent.workspace / "listens").exists)
    wait_until((agent.workspace / "started").exists)
    started = time.monotonic()
    agent.call("stop")
    assert 1.5 < time.monotonic() - started < 6
    assert (agent.workspace / "bye").read_text() == "bye\n"
    assert agent.process.wait(10) == 0


def test_the_server_is_killed(agent):
    with daemons(agent, 4):
        os.kill(agent.ready["pid"], signal.SIGKILL)
        assert agent.process.wait(10) == 128 + signal.SIGKILL
        assert_gone(agent, 4)


def test_the_supervisor_is_killed(agent):
    with daemons(agent, 5):
        os.kill(agent.ready["supervisor"], signal.SIGKILL)
        assert_gone(agent, 5)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_the_supervisor_is_asked_to_end(agent, number):
    os.kill(agent.process.pid, number)
    assert agent.process.wait(10) == 0
    wait_until(lambda: not alive(agent.ready["pid"]))


def test_zombies_are_collected(agent):
    with agent.client() as client:
        client.post("/commands/run", json={"command": "for i in 1 2 3 4 5; do setsid --fork sh -c 'sleep 0.05'; done"})

        def zombies():
            rows = client.get("/processes").json()["processes"]
            return [row for row in rows if row["state"] == "Z"]

        wait_until(lambda: client.get("/processes").json()["count"] == 0 and not zombies())


def test_pause_and_thaw(agent):
    """Idle connections close, a long call is answered, nobody is accepted; then all works again."""
    with agent.client() as client, agent.client() as idle:
        assert idle.get("/health").status_code == 200
        answers = []
        command = {"command": f"sleep 0.7; echo late > {agent.workspace}/late", "timeout": 20}
        call = threading.Thread(target=lambda: answers.append(client.post("/commands/run", json=command)))
        call.start()
        wait_until(lambda: marked("sleep\x000.7"))
        started = time.monotonic()
        agent.call("quiesce")
        assert time.monotonic() - started < 1.2
        call.join(5)
        assert (answers[0].status_code, answers[0].json()["code"]) == (409, "SANDBOX_PAUSED")
        with socket.create_connection(("127.0.0.1", agent.port)) as waiting:
            agent.listener.settimeout(5)
            accepted, _ = agent.listener.accept()  # the engine's turn
            accepted.close()
            assert waiting.recv(1) == b""
        agent.call("quiesce")
        agent.call("thaw")
        agent.call("thaw")
        assert idle.get("/health").json()["status"] == "healthy"
        wait_until((agent.workspace / "late").exists)


def test_a_pause_cuts_what_does_not_end_and_keeps_terminals(agent):
    with (agent.workspace / "huge").open("wb") as file:
        file.truncate(4 << 30)
    with terminal_of(agent) as terminal, agent.client() as client:
        with client.stream("GET", "/files/download", params={"path": "huge"}) as stream:
            pieces = stream.iter_raw(1000)
            next(pieces)
            started = time.monotonic()
            agent.call("quiesce")
            assert time.monotonic() - started < 1.3
            with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
                for _ in pieces:
                    pass
        agent.call("thaw")
        terminal.send(json.dumps({"type": "input", "data": "echo al''ive\n"}))
        text = ""
        while "alive" not in text:
            text += json.loads(terminal.recv(timeout=5)).get("data", "")


def test_orders_that_are_none(agent):
    agent.control.sendall(b'nonsense\n{"op":"dance"}\n{"op":"qui')
    assert agent.line() == {"op": "", "ok": False, "error": "not JSON"}
    assert agent.line() == {"op": "dance", "ok": False, "error": "unknown"}
    agent.control.sendall(b'esce"}\n{"op":"thaw"}\n')
    assert [agent.line()["op"], agent.line()["op"]] == ["quiesce", "thaw"]


def test_a_full_disk_is_an_event(tmp_path):
    (tmp_path / "workspace").mkdir()
    (tmp_path / "workspace/big").write_bytes(b"x" * (2 << 20))
    agent = RunningAgent(tmp_path, limits={"memory_mb": 0, "disk_mb": 1, "vcpu": 0})
    try:
        event = agent.line()
        assert (event["op"], event["event"], event["limit"]) == ("event", "disk_full", 1 << 20)
    finally:
        agent.close()


@pytest.mark.parametrize("first", [b"", b"not json\n", b"{}\n"])
def test_a_bad_configuration_ends_it(first):
    ours, theirs = socket.socketpair()
    with ours, theirs, socket.create_server(("127.0.0.1", 0)) as listener:
        fds = (theirs.fileno(), listener.fileno())
        process = subprocess.Popen(
            [sys.executable, "-m", "hopx_tui.agent", f"--control-fd={fds[0]}", f"--listen-fd={fds[1]}"],
            pass_fds=fds,
            cwd=ROOT,
            stderr=subprocess.PIPE,
        )
        theirs.close()
        ours.sendall(first)
        if not first:
            ours.shutdown(socket.SHUT_WR)
        _, logged = process.communicate(timeout=10)
        assert process.returncode == 1
        assert (b"does not understand" in logged) == bool(first)


def test_arguments():
    assert parse(["--control-fd", "3", "--listen-fd=4"]) == (3, 4)
    for wrong in (
        [],
        ["--control-fd", "3"],
        ["--control-fd", "x", "--listen-fd", "4"],
        ["--other", "1"],
        ["--listen-fd"],
    ):
        with pytest.raises(ValueError, match=r"needed|unknown|invalid"):
            parse(wrong)
    done = subprocess.run([sys.executable, "-m", "hopx_tui.agent"], cwd=ROOT, capture_output=True, check=False)
    assert done.returncode == 2
    assert b"usage" in done.stderr


def test_no_token_is_logged(agent):
    with agent.client() as client:
        client.get("/files/read", params={"path": "none"})
        client.get("/nowhere")
        client.post("/files/write", content=b"{")
    assert agent.log_text() == ""


def test_a_big_upload_takes_no_memory(agent, tmp_path):
    """200 MB through a process that grows by less than 40."""
    size = 200 << 20

    def body():
        yield b'--B\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n'
        for _ in range(200):
            yield bytes(1 << 20)
        yield b'\r\n--B\r\nContent-Disposition: form-data; name="path"\r\n\r\n/workspace/big\r\n--B--\r\n'

    def high_water():
        with open(f"/proc/{agent.ready['pid']}/status") as file:
            return next(int(line.split()[1]) for line in file if line.startswith("VmHWM")) << 10

    # The quota of 1 GiB is not reached, and the file is sparse nowhere: this is real I/O.
    before = high_water()
    with agent.client() as client:
        answer = client.post(
            "/files/upload", content=body(), headers={"Content-Type": "multipart/form-data; boundary=B"}
        )
        assert answer.json()["size"] == size, answer.text
        with client.stream("GET", "/files/download", params={"path": "big"}) as stream:
            assert sum(len(piece) for piece in stream.iter_raw(1 << 20)) == size
    assert high_water() - before < 40 << 20


def test_what_a_killed_agent_left_is_removed(tmp_path):
    left = tmp_path / "workspace" / "sub" / ".hopx-upload-0123456789abcdef"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"half")
    running = RunningAgent(tmp_path)
    try:
        wait_until(lambda: not left.exists(), what="the leftover is gone")
    finally:
        running.close()
