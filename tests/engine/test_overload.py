"""What takes without end: full disks, fork bombs, clients that never read, requests that never end, clocks that jump.
Each is bounded by itself, and beside each the engine and the other sandboxes go on."""

import asyncio
import contextlib
import json
import os
import re
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from hopx_tui.agent.errors import AgentError
from hopx_tui.agent.tokens import TokenVerifier
from hopx_tui.engine.tokens import LIFETIME_SECONDS, TokenIssuer
from tests.engine.driver import ask_agent, living, shell, tree, until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux namespaces, /proc")


@pytest.fixture(scope="module")
def engine(real_engine):
    return real_engine


@pytest.fixture(scope="module")
def bystander(engine):
    """A sandbox that must not notice."""
    made = engine.create()
    yield made
    engine.kill(made)


@pytest.fixture
def victim(engine):
    made = engine.create()
    yield made
    engine.kill(made)
    until(lambda: not living(made), "its processes to end", 10)


# how many of the programs that write without end run in the sandbox of the caller
YES = (
    "n=0; for each in /proc/[0-9]*; do { tr '\\0' ' ' < $each/cmdline | grep -q '^yes mark-4711' "
    "&& tr '\\0' '\\n' < $each/environ | grep -qx HOPX_SANDBOX_ID=$HOPX_SANDBOX_ID && n=$((n + 1)); } 2>/dev/null; "
    "done; echo $n"
)


def unharmed(engine, bystander):
    """Quick, on both planes, and able to make another one."""
    begun = time.monotonic()
    assert shell(bystander, "echo well")["stdout"] == "well\n"
    assert engine.api.get("/v1/sandboxes", timeout=10).status_code == 200
    assert time.monotonic() - begun < 10
    assert engine.kill(engine.create()).status_code == 200


def pss(pid):
    """KiB."""
    return int(re.search(r"Pss:\s+(\d+)", Path(f"/proc/{pid}/smaps_rollup").read_text())[1])


def agent_of(engine, sandbox):
    mine = set(living(sandbox))
    (found,) = [
        pid
        for pid in tree(engine.process.pid)
        if pid in mine and Path(f"/proc/{pid}/comm").read_text().strip() == "hopx-agent"
    ]
    return found


def url(sandbox, path):
    return sandbox["public_host"] + path


@contextlib.contextmanager
def deaf(sandbox, path, *, first=None, upgrade=False):
    """A connection that asks, says `first` and never reads. Its receive buffer is small."""
    port = int(sandbox["public_host"].rpartition(":")[2])
    with socket.socket() as link:
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        link.connect(("127.0.0.1", port))
        lines = [f"GET {path} HTTP/1.1", f"Host: 127.0.0.1:{port}", f"Authorization: Bearer {sandbox['auth_token']}"]
        if upgrade:
            lines += ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13"]
            lines += ["Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="]
        link.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        if first is not None:
            text = json.dumps(first).encode()
            assert len(text) < 126
            link.sendall(bytes([0x81, 0x80 | len(text)]) + bytes(4) + text)
        yield link


DEAF = {
    "terminal": ("/terminal", {"type": "input", "data": "yes mark-4711\n"}, True),
    "kept": ("/terminal?session=s", {"type": "input", "data": "yes mark-4711\n"}, True),
    "commands": ("/commands/stream", {"command": "yes mark-4711", "timeout": 60}, True),
    "code": ("/execute/stream", {"language": "bash", "code": "yes mark-4711", "timeout": 60}, True),
    "watch": ("/files/watch", {"action": "watch", "path": "/workspace"}, True),
    "download": ("/files/download?path=big", None, False),
    "list": ("/files/list?path=many", None, False),
}


@pytest.mark.parametrize("name", DEAF)
def test_a_client_that_never_reads_costs_no_memory_and_stops_nobody(engine, bystander, victim, name):
    path, first, upgrade = DEAF[name]
    if name == "list":
        shell(victim, "mkdir many; cd many; seq -f 'a-file-with-a-rather-long-name-%.0f' 20000 | xargs touch")
    shell(victim, "truncate -s 2G big")
    agent = agent_of(engine, victim)
    before = pss(agent)
    with deaf(victim, path, first=first, upgrade=upgrade):
        if upgrade and name != "watch":
            until(lambda: int(shell(victim, YES)["stdout"]), "the program to write")
        if name == "watch":
            until(lambda: ask_agent(victim, "GET", "/health").json()["active_streams"] >= 0, "the watch")
            shell(victim, "for i in $(seq 3000); do echo > f$i; done; rm -f f*")
        deadline = time.monotonic() + 0.7  # what would grow, grows by 50 MB/s
        while time.monotonic() < deadline:
            assert shell(victim, "true")["exit_code"] == 0
            assert pss(agent) - before < 24 << 10
        unharmed(engine, bystander)
    if name in ("terminal", "commands", "code"):  # its client is gone, and with it who wanted it
        until(lambda: int(shell(victim, YES)["stdout"]) == 0, "the program to end", 15)
    assert ask_agent(victim, "GET", "/health").json()["active_streams"] <= 1


HALF = 400


def test_requests_that_never_end_stop_nobody(engine, bystander, victim):
    """Half a head, to the engine, to an agent and to the port of a paused sandbox."""
    paused = engine.create()
    assert engine.move(paused, "pause").status_code == 200
    held = []
    count = len(os.listdir(f"/proc/{engine.process.pid}/fd"))
    try:
        for place in (engine.url, victim["public_host"], paused["public_host"]):
            port = int(place.rpartition(":")[2])
            for _ in range(HALF):
                link = socket.create_connection(("127.0.0.1", port), 10)
                held.append(link)
                link.sendall(f"POST /v1/sandboxes HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nX-A".encode())
        unharmed(engine, bystander)
        assert shell(victim, "echo well")["stdout"] == "well\n"
        assert ask_agent(paused, "GET", "/health").json()["code"] == "SANDBOX_PAUSED"
    finally:
        for link in held:
            link.close()
    until(lambda: len(os.listdir(f"/proc/{engine.process.pid}/fd")) <= count + 20, "the engine to close its ends", 15)
    assert engine.move(paused, "resume").status_code == 200
    assert shell(paused, "echo well")["stdout"] == "well\n"
    engine.kill(paused)


def pid_limits(engine, sandbox):
    """The file that bounds how many processes a sandbox has."""
    for place, _, files in os.walk("/sys/fs/cgroup"):
        if place.endswith(f"/{sandbox['id']}") and f"/hopx-tui-{engine.process.pid}-" in place and "pids.max" in files:
            return Path(place, "pids.max")
    return None


def test_a_fork_bomb_ends_at_the_limit(engine, bystander, victim):
    """The limit of a sandbox is 4,096 processes; here it is 150, that the test is quick."""
    limit = pid_limits(engine, victim)
    if victim["enforced"]["processes"] != "hard" or limit is None:
        pytest.skip("no control group bounds processes here")
    limit.write_text("150")
    bomb = "f() { f | f & }; f; sleep 2"
    with contextlib.suppress(httpx.TransportError):
        ask_agent(victim, "POST", "/commands/run", json={"command": bomb, "timeout": 3})
    refusals = limit.with_name("pids.events").read_text().split()
    assert int(refusals[1]) > 0, "it never came to the limit"
    assert len(living(victim)) <= 150
    unharmed(engine, bystander)
    begun = time.monotonic()
    engine.move(victim, "stop")
    until(lambda: not living(victim), "all of it to end", 20)
    assert time.monotonic() - begun < 20


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 48 MiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=48m", "none", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no file system can be mounted here")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def test_ten_gigabytes_into_a_small_disk(engines, level, small_disk):
    engine = engines("--isolation", level, agent=None, state=small_disk / "state")
    kept, greedy = engine.create(), engine.create()
    shell(kept, "echo precious > file")
    assert engine.move(kept, "pause").status_code == 200
    said = shell(greedy, "head -c 10G /dev/zero > big; echo $?; stat -c %s big", timeout=60)
    assert "No space left" in said["stderr"]
    assert int(said["stdout"].split()[-1]) < 48 << 20
    # every answer is one of the API; nothing hangs and nothing half-written stays
    refused = engine.api.post("/v1/sandboxes", json={"template_name": "base"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "RESOURCE_LIMIT")
    body = {"path": "/workspace/file", "content": "y" * (4 << 20)}
    assert engine.move(kept, "resume").status_code == 200
    answer = ask_agent(kept, "POST", "/files/write", json=body)
    assert (answer.status_code, answer.json()["code"]) == (400, "FILE_OPERATION_FAILED")
    assert shell(kept, "cat file")["stdout"] == "precious\n"
    assert shell(kept, "ls -A")["stdout"] == "file\n"
    assert engine.kill(greedy).status_code == 200
    until(lambda: not list((engine.state / "trash").iterdir()), "room")
    unharmed(engine, kept)
    engine.close()
    again = engines("--isolation", level, agent=None, state=small_disk / "state")
    assert again.move(kept, "start").status_code == 200
    assert shell(kept, "cat file")["stdout"] == "precious\n"


class Clock:
    def __init__(self, now):
        self.now = now

    def __call__(self):
        return self.now


def test_tokens_when_the_clock_jumps():
    """Back (a laptop whose battery was flat): what was issued stays good. Forth: it expires, and says so."""
    clock = Clock(1_800_000_000.0)
    issuer = TokenIssuer(bytes(32), clock)
    token = f"Bearer {issuer.issue('s')['auth_token']}"
    verifier = TokenVerifier(issuer.sandbox_key("s"), "s", clock=clock)
    for moment in (0, -86_400 * 365 * 20, LIFETIME_SECONDS - 1):
        clock.now = 1_800_000_000.0 + moment
        verifier.check(token)
    clock.now = 1_800_000_000.0 + LIFETIME_SECONDS
    with pytest.raises(AgentError) as caught:
        verifier.check(token)
    assert caught.value.code == "TOKEN_EXPIRED"
    clock.now -= 86_400
    verifier.check(f"Bearer {issuer.issue('s')['auth_token']}")


async def test_expiry_when_the_clock_jumps(tmp_path):
    """A jump back kills nobody early; a jump forth kills what is due, at the next look; the others stay."""
    from hopx_tui.engine.events import EventLog
    from hopx_tui.engine.paths import StateDir
    from hopx_tui.engine.record import Record
    from hopx_tui.engine.sandbox import open_port
    from hopx_tui.engine.sandboxes import Sandboxes

    state = StateDir(tmp_path / "state")
    state.prepare()
    clock = Clock(1_800_000_000.0)
    made = Sandboxes(state, open_session=None, events=EventLog(state.events, clock), clock=clock)
    for name, lasts in (("short", 60.0), ("long", 86_400.0), ("always", None)):
        (state.sandboxes / name).mkdir()
        listener = open_port(None)
        record = Record(
            id=name, sequence=1, template_id="1", template_name="base", status="stopped",
            port=listener.getsockname()[1], vcpu=1, memory_mb=1, disk_mb=1, created_at=clock.now,
            internet_access=True, timeout_seconds=None, expires_at=clock.now + lasts if lasts else None, env_vars={},
        )  # fmt: skip
        made._take_in(record, state.sandboxes / name, listener)
    watch = asyncio.create_task(made.watch_expiry())
    try:
        await looked(made)
        clock.now -= 86_400 * 400
        await looked(made)
        assert made.count()["stopped"] == 3
        clock.now = 1_800_000_000.0 + 61
        await looked(made)
        assert sorted(each.record.id for each in made.page(10, None, None, None)[0]) == ["always", "long"]
        assert not (state.sandboxes / "short").exists()
        clock.now += 86_400 * 400
        await looked(made)
        assert [each.record.id for each in made.page(10, None, None, None)[0]] == ["always"]
        assert not watch.done()
    finally:
        watch.cancel()
        await made.close()


async def looked(made):
    """Until the watch has looked, and sleeps again."""
    made._changed.set()
    for _ in range(20):
        await asyncio.sleep(0.001)
