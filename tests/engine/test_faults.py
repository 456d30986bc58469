"""kill -9 of each process at each point of creating, pausing, uploading and typing: nothing outlives its sandbox or its
engine, no file is half-written, and the next sandbox comes up."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest
import websockets

from tests.engine.driver import Engine, ask_agent, inside, living, shell, tree, until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux namespaces, /proc")


@pytest.fixture(scope="module")
def engine(real_engine):
    return real_engine


def comm(pid):
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/comm").read_text().strip()
    return ""


def born(pid):
    """(pid, start time): an identity."""
    with contextlib.suppress(OSError, IndexError):
        return pid, Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[19]
    return pid, None


def family(engine, name=""):
    """Identities of the processes below an engine whose name begins so."""
    return [born(pid) for pid in tree(engine.process.pid) if comm(pid).startswith(name)]


def kill_9(identity):
    """Only that very process."""
    with contextlib.suppress(ProcessLookupError):
        if born(identity[0]) == identity:
            os.kill(identity[0], signal.SIGKILL)


def refuses(url):
    with contextlib.suppress(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), 2).close()
        return False
    return True


def halves(state):
    """What a write that did not end leaves."""
    names = (path for folder in (state, *(state / "sandboxes").glob("*")) for path in folder.iterdir())
    return [str(path) for path in names if path.name.endswith((".tmp", ".new")) or path.name.startswith("trial-")]


def nothing_is_left(engine, before):
    """Of a killed engine: processes, pasta among them, its port, mounts."""
    until(lambda: [each for each in before if born(each[0]) == each and alive(each[0])] == [], "all to die", 15)
    until(lambda: refuses(engine.url), "the port to close", 5)
    assert str(engine.state) not in Path("/proc/self/mountinfo").read_text()


def alive(pid):
    with contextlib.suppress(OSError, IndexError):
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0] not in (b"Z", b"X")
    return False


class Later(threading.Thread):
    """A request of its own client; `answer` is None when the connection died."""

    def __init__(self, method, url, **options):
        super().__init__(daemon=True)
        self._call = (method, url, options)
        self.answer = None
        self.start()

    def run(self):
        method, url, options = self._call
        with contextlib.suppress(httpx.TransportError):
            self.answer = httpx.request(method, url, timeout=60, trust_env=False, **options)


def creating(engine):
    key = {"X-API-Key": engine.key}
    return Later("POST", f"{engine.url}/v1/sandboxes", headers=key, json={"template_name": "base"})


def directories(engine):
    return list((engine.state / "sandboxes").iterdir())


POINTS = {
    "directory": lambda engine: directories(engine),
    "etc": lambda engine: list(engine.state.glob("sandboxes/*/etc/hosts")) or list(engine.state.glob("*/*/agent")),
    "child": lambda engine: family(engine, "bwrap") or family(engine, "hopx-supervisor"),
    "network": lambda engine: family(engine, "pas") or family(engine, "setpriv") or family(engine, "hopx-a"),
    "agent": lambda engine: family(engine, "hopx-agent"),
    "baseline": lambda engine: list(engine.state.glob("sandboxes/*/baseline*")),
    "meta": lambda engine: list(engine.state.glob("sandboxes/*/*meta.json*")),
}


def soon(condition, seconds=10):
    """As `until`, without a nap between two looks: the points lie milliseconds apart."""
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end
    return value


def test_the_engine_dies_at_any_point_of_a_creation(engines, level):
    """One state directory, one engine after another; the oldest sandbox and its file come through all of it."""
    engine = engines("--isolation", level, agent=None)
    kept = engine.create()
    shell(kept, "echo precious > file")
    for folder in (engine.state, engine.state / "sandboxes" / kept["id"]):
        (folder / ".meta.json.0123456789ab.tmp").write_text("{")  # killed between the write and the rename
    for point, reached in POINTS.items():
        known = {path.name for path in directories(engine)}
        # of the sandbox that is being made only
        seen = {str(found) for found in reached(engine)}
        request = creating(engine)
        soon(lambda seen=seen, reached=reached, now=engine: {str(found) for found in reached(now)} - seen)
        before = family(engine)
        engine.process.kill()
        engine.process.wait()
        nothing_is_left(engine, [*before, *family(engine)])
        request.join(20)
        assert request.answer is None or request.answer.status_code == 201, point
        old = engine
        engine = engines("--isolation", level, agent=None)
        assert old.groups() == []
        assert halves(engine.state) == [], point
        rows = engine.api.get("/v1/sandboxes").json()["data"]
        for row in rows:
            assert row["status"] == "stopped"
            if row["id"] not in known:  # it had come so far that it was kept: then it is whole
                assert engine.move(row, "start").status_code == 200
                assert engine.kill(row).status_code == 200
        assert {path.name for path in directories(engine)} == {kept["id"]}, point
        assert (engine.state / "sandboxes" / kept["id"] / "workspace" / "file").read_text() == "precious\n"
    assert engine.move(kept, "start").status_code == 200
    assert shell(kept, "cat file")["stdout"] == "precious\n"


@pytest.mark.parametrize("victim", ["bwrap", "pasta", "hopx-supervisor", "hopx-agent"])
def test_a_process_of_a_sandbox_dies_while_it_is_made(engine, level, victim):
    """Told as a failure, or mended; in neither case is anything left."""
    name = "pas" if victim == "pasta" else victim
    network = engine.api.get("/health").json()["network"]
    if (victim == "bwrap" and level == "none") or (victim == "pasta" and network != "own"):
        pytest.skip("there is none")
    known, rows = set(family(engine)), engine.api.get("/v1/sandboxes").json()["data"]
    request = creating(engine)
    target = soon(lambda: [each for each in family(engine, name) if each not in known])
    for each in target:
        kill_9(each)
    request.join(60)
    answer = request.answer
    assert answer is not None
    if answer.status_code == 201:
        made = answer.json()
        until(lambda: engine.status(made) in ("running", "stopped"), "a state that is true")
        assert engine.kill(made).status_code == 200
    else:
        assert answer.status_code == 400
        assert answer.json()["error"]["code"] == "SANDBOX_START_FAILED"
    until(lambda: set(family(engine)) <= known, "everything of it to end")
    assert engine.api.get("/v1/sandboxes").json()["data"] == rows
    after = engine.create()
    assert shell(after, "echo well")["stdout"] == "well\n"
    engine.kill(after)


@pytest.mark.parametrize("victim", ["engine", "agent", "supervisor"])
@pytest.mark.parametrize("point", ["quiesced", "frozen", "resuming"])
def test_something_dies_in_a_pause(engines, level, victim, point):
    """`quiesced`: the agent takes no more calls; `frozen`: told so; `resuming`: on the way back."""
    engine = engines("--isolation", level, agent=None)
    sandbox = engine.create()
    shell(sandbox, "echo precious > file; sleep 1000 > /dev/null 2>&1 &")
    name = {"engine": "", "agent": "hopx-agent", "supervisor": "hopx-supervisor"}[victim]
    target = (engine.process.pid, born(engine.process.pid)[1]) if victim == "engine" else family(engine, name)[0]
    before = family(engine)
    key = {"X-API-Key": engine.key}
    url = f"{engine.url}/v1/sandboxes/{sandbox['id']}/"
    if point != "quiesced":
        assert engine.move(sandbox, "pause").status_code == 200
    request = Later("POST", url + ("resume" if point == "resuming" else "pause"), headers=key)
    if point == "quiesced":
        soon(lambda: not request.is_alive() or codes(sandbox) == 409)
    kill_9(target)
    request.join(30)
    assert not request.is_alive()
    if victim == "engine":
        engine.process.wait()
        nothing_is_left(engine, before)
        engine = engines("--isolation", level, agent=None)
    until(lambda: engine.status(sandbox) == "stopped", "the end to be told", 15)
    until(lambda: not living(sandbox), "its processes to end", 10)
    assert engine.move(sandbox, "start").status_code == 200
    assert shell(sandbox, "cat file")["stdout"] == "precious\n"


def codes(sandbox):
    with contextlib.suppress(httpx.TransportError):
        return httpx.get(sandbox["public_host"] + "/health", timeout=1, trust_env=False).status_code
    return None


def workspace(engine, sandbox):
    return engine.state / "sandboxes" / sandbox["id"] / "workspace"


@pytest.mark.parametrize("victim", ["client", "agent", "engine"])
def test_an_upload_that_is_cut_leaves_the_old_file_and_no_draft(engines, level, victim):
    engine = engines("--isolation", level, agent=None)
    sandbox = engine.create()
    folder = workspace(engine, sandbox)
    (folder / "target").write_text("old and whole\n")
    host, port = "127.0.0.1", int(sandbox["public_host"].rpartition(":")[2])
    head = (
        f"POST /files/upload?path=/workspace/target HTTP/1.1\r\nHost: {host}:{port}\r\n"
        f"Authorization: Bearer {sandbox['auth_token']}\r\nContent-Length: 50000000\r\n"
        "Content-Type: multipart/form-data; boundary=b\r\n\r\n"
        '--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\n'
    )
    with socket.create_connection((host, port)) as link:
        link.sendall(head.encode() + b"new" * 1_000_000)
        drafts = until(lambda: [each for each in folder.iterdir() if each.name != "target"], "a draft")
        until(lambda: drafts[0].stat().st_size > 1_000_000, "bytes in it")
        if victim == "agent":
            kill_9(family(engine, "hopx-agent")[0])
        elif victim == "engine":
            before = family(engine)
            engine.process.kill()
            engine.process.wait()
            nothing_is_left(engine, before)
            engine = engines("--isolation", level, agent=None)
    if victim != "client":
        until(lambda: engine.status(sandbox) == "stopped", "the end to be told")
        assert (folder / "target").read_text() == "old and whole\n"
        assert engine.move(sandbox, "start").status_code == 200
    until(lambda: [each.name for each in folder.iterdir()] == ["target"], "the draft to go", 10)
    assert shell(sandbox, "cat /workspace/target || cat target")["stdout"] == "old and whole\n"


@pytest.mark.parametrize("victim", ["shell", "agent", "engine"])
def test_a_terminal_whose_shell_agent_or_engine_dies_says_so(engines, level, victim):
    engine = engines("--isolation", level, agent=None)
    sandbox = engine.create()

    async def go():
        url = sandbox["public_host"].replace("http", "ws") + "/terminal"
        headers = {"Authorization": f"Bearer {sandbox['auth_token']}"}
        async with websockets.connect(url, additional_headers=headers, proxy=None) as terminal:
            await terminal.send(json.dumps({"type": "input", "data": "sleep 999 & echo p''id=$$=\n"}))
            text = ""
            async with asyncio.timeout(15):
                while "pid=" not in text:
                    text += json.loads(await terminal.recv()).get("data", "")
                if victim == "shell":
                    await terminal.send(json.dumps({"type": "input", "data": "kill -9 $$\n"}))
                elif victim == "agent":
                    kill_9(family(engine, "hopx-agent")[0])
                else:
                    engine.process.kill()
                with contextlib.suppress(websockets.ConnectionClosed):
                    while True:
                        frame = json.loads(await terminal.recv())
                        if "code" in frame:
                            return frame["code"]
        return None

    code = asyncio.run(go())
    assert code == (137 if victim == "shell" else None)
    if victim == "engine":
        engine.process.wait()
        until(lambda: not living(sandbox), "all to die", 10)
        return
    if victim == "agent":
        until(lambda: engine.status(sandbox) == "stopped", "the end to be told")
        until(lambda: not living(sandbox), "all to die", 10)
    else:
        assert engine.status(sandbox) == "running"
        assert ask_agent(sandbox, "GET", "/terminal/sessions").json()["sessions"] == []


def test_a_kernel_that_is_killed_answers_and_is_replaced(engine):
    sandbox = engine.create()
    run = {"code": "import os; open('pid','w').write(str(os.getpid())); os.kill(os.getpid(), 9)", "timeout": 20}
    for _ in range(2):
        answer = ask_agent(sandbox, "POST", "/execute/ipython", json=run)
        assert (answer.status_code, answer.json()["success"]) == (200, False)
        pid = shell(sandbox, "cat pid")["stdout"]
        assert shell(sandbox, f"kill -0 {pid}")["exit_code"] != 0
        again = ask_agent(sandbox, "POST", "/execute/ipython", json={"code": "print(6 * 7)", "timeout": 20})
        assert again.json()["stdout"] == "42\n"
    engine.kill(sandbox)


def test_what_ends_leaves_nothing_open(engines, level):
    """Stub agents: start, stop and kill in turn, and no descriptor, process or group is left over."""
    engine = engines("--isolation", level)
    first = engine.create()
    engine.kill(first)
    descriptors = Path(f"/proc/{engine.process.pid}/fd")
    until(lambda: family(engine) == [], "the first to end")
    count = len(list(descriptors.iterdir()))
    for turn in range(6):
        sandbox = engine.create()
        if turn % 3 == 1:
            assert engine.move(sandbox, "pause").status_code == 200
        if turn % 3 == 2:
            assert engine.move(sandbox, "stop").status_code == engine.move(sandbox, "start").status_code == 200
            assert inside(sandbox, "echo x") == "x\n"
        assert engine.kill(sandbox).status_code == 200
    until(lambda: family(engine) == [], "all to end")
    until(lambda: len(list(descriptors.iterdir())) <= count + 2, "descriptors to be closed", 5)
    until(lambda: not list((engine.state / "trash").iterdir()), "the trash")
    assert [path for group in engine.groups() for path in Path(group).iterdir() if path.is_dir()] == []
    assert isinstance(engine, Engine)
