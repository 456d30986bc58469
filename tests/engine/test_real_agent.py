"""The real agent on the real engine: what must outlive a stop, what must not, and what is left of nothing."""

import asyncio
import contextlib
import json
import os
import re
import signal
import socket
import sys
import time
from pathlib import Path

import httpx
import pytest
import websockets

from tests.engine.conftest import LEVELS
from tests.engine.driver import Engine, living, until

SERVE = (
    "import http.server, socket\n"
    "class Server(http.server.ThreadingHTTPServer):\n"
    "    address_family = socket.AF_INET6\n"
    "Server(('::1', 8765), http.server.SimpleHTTPRequestHandler).serve_forever()\n"
)
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux namespaces, /proc")


@pytest.fixture(scope="module")
def engine(level, tmp_path_factory):
    started = Engine(tmp_path_factory.mktemp("state"), "--isolation", level, agent=None)
    yield started
    started.close()


def agent(sandbox):
    headers = {"Authorization": f"Bearer {sandbox['auth_token']}"}
    return httpx.Client(base_url=sandbox["public_host"], headers=headers, timeout=30, trust_env=False)


def run(client, command):
    answer = client.post("/commands/run", json={"command": command, "timeout": 20})
    assert answer.status_code == 200, answer.text
    return answer.json()["stdout"]


def names(rows):
    return [row["path"] for row in rows]


def test_what_changed_outlives_stops_and_engines(level, tmp_path):
    """The manifest lies in the sandbox's directory, not in the sandbox."""
    engine = Engine(tmp_path / "state", "--isolation", level, agent=None)
    try:
        sandbox = engine.create()
        with agent(sandbox) as client:
            fresh = client.get("/changes").json()
            assert fresh["count"] == 0, fresh
            assert fresh["roots"][:2] == ["/workspace", "/root"]
            assert {"/etc", "/tmp", "/run"}.isdisjoint(fresh["roots"])
            assert len(fresh["roots"]) > 2 if level == "bwrap" else fresh["roots"][2:] == []
            run(client, "echo hello > note; mkdir -p ~/d; echo x > ~/d/y")
            made = client.get("/changes").json()
            assert names(made["added"]) == ["/root/d", "/root/d/y", "/workspace/note"]
            if level == "bwrap":
                places = "/run /tmp /etc /opt /workspace /var"
                assert "/baseline" not in run(client, f"find {places} -name 'baseline*'; ls -l /proc/[0-9]*/fd")
        directory = engine.state / "sandboxes" / sandbox["id"]
        assert not (directory / "baseline.new").exists()
        kept = (directory / "baseline").read_bytes()
        for action in ("stop", "start"):
            assert engine.move(sandbox, action).status_code == 200
        with agent(sandbox) as client:
            again = client.get("/changes").json()
            assert (names(again["added"]), again["since"]) == (names(made["added"]), made["since"])
        engine.close(signal.SIGKILL)
        engine = Engine(tmp_path / "state", "--isolation", level, agent=None)
        until(lambda: not living(sandbox), "the old processes to end")
        assert engine.move(sandbox, "start").status_code == 200
        with agent(sandbox) as client:
            again = client.get("/changes").json()
            assert (names(again["added"]), again["since"]) == (names(made["added"]), made["since"])
            run(client, "rm note")
            diff = client.get("/changes", params={"path": "/root/d/y", "diff": 1}).json()
            assert diff["diff"].endswith("+x\n")
            assert diff["status"] == "added"
        assert (directory / "baseline").read_bytes() == kept, "it is only read"
        engine.kill(sandbox)
        assert not directory.exists()
    finally:
        engine.close()


async def exchange(sandbox, query, lines, needle):
    """Type lines into a terminal session, and leave when `needle` came."""
    url = sandbox["public_host"].replace("http", "ws") + "/terminal" + query
    headers = {"Authorization": f"Bearer {sandbox['auth_token']}"}
    async with websockets.connect(url, additional_headers=headers, proxy=None) as connection:
        first = json.loads(await connection.recv())
        await connection.send(json.dumps({"type": "input", "data": lines}))
        text = ""
        async with asyncio.timeout(10):
            while not re.search(needle, text):
                text += json.loads(await connection.recv()).get("data", "")
    return first, text


def test_a_session_survives_a_pause_and_nothing_survives_a_stop(engine, sandbox):
    first, _ = asyncio.run(exchange(sandbox, "?session=w", "X=12; echo p''id=$$=\n", r"pid=(\d+)="))
    assert first["created"] is True
    for action in ("pause", "resume"):
        assert engine.move(sandbox, action).status_code == 200
    again, _ = asyncio.run(exchange(sandbox, "?session=w", "echo $X$X\n", "1212"))
    assert again["created"] is False
    with agent(sandbox) as client:
        (row,) = client.get("/terminal/sessions").json()["sessions"]
        assert row["name"] == "w"
        run(client, "true")
    shells = [pid for pid in living(sandbox) if b"bash" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    assert shells
    assert engine.move(sandbox, "stop").status_code == 200
    assert not living(sandbox)
    assert engine.move(sandbox, "start").status_code == 200
    with agent(sandbox) as client:
        assert client.get("/terminal/sessions").json()["sessions"] == []


def get(url, path="/note"):
    with httpx.Client(trust_env=False, timeout=10) as client:
        return client.get(url + path)


def refuses(url):
    port = int(url.rpartition(":")[2])
    try:
        socket.create_connection(("127.0.0.1", port), 2).close()
    except ConnectionRefusedError:
        return True
    return False


def serving(client, script=SERVE):
    client.post("/files/write", json={"path": "/workspace/serve.py", "content": script})
    client.post("/files/write", json={"path": "/workspace/note", "content": "from inside"})
    client.post("/commands/background", json={"command": "exec python3 serve.py >/dev/null 2>&1"})
    rows = until(lambda: [row for row in client.get("/ports").json()["ports"] if row["port"] == 8765], "the server")
    return rows[0]


def own_network(engine, internet):
    if "bwrap" not in LEVELS or engine.api.get("/health").json()["isolation"] != "bwrap":
        pytest.skip("only where a sandbox has a network of its own")
    if internet and engine.api.get("/health").json()["network"] != "own":
        pytest.skip("pasta does not work here")


@pytest.mark.parametrize("internet", [False, True])
def test_a_preview_through_its_whole_life(engine, internet):
    own_network(engine, internet)
    sandbox = engine.create(internet_access=internet)
    with agent(sandbox) as client:
        row = serving(client)
        assert (row["address"], row["process"], row["preview_url"]) == ("::1", "python3", None)
        assert [each["port"] for each in client.get("/ports").json()["ports"]] == [8765], "nobody else's"
        url = client.post("/ports/8765/preview").json()["preview_url"]
        assert client.post("/ports/8765/preview").json()["preview_url"] == url
        assert client.get("/ports").json()["ports"][0]["preview_url"] == url
        assert get(url).text == "from inside"
        empty = client.post("/ports/99/preview").json()["preview_url"]
        with pytest.raises(httpx.TransportError):
            get(empty)
        network = client.get("/system").json()["network"]
        assert network is None or set(network) == {"rx_bytes", "tx_bytes"}
    held = socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), 5)
    held.sendall(b"GET /note HTTP/1.1\r\n")
    held.settimeout(5)
    assert engine.move(sandbox, "pause").status_code == 200
    with contextlib.suppress(ConnectionResetError):
        assert held.recv(100) == b"", "cut, not hung"
    held.close()
    assert refuses(url)
    assert refuses(empty)
    assert engine.move(sandbox, "resume").status_code == 200
    assert get(url).text == "from inside", "the same port answers again"
    with agent(sandbox) as client:
        assert client.delete("/ports/99/preview").json()["closed"] is True
    assert refuses(empty)
    assert engine.move(sandbox, "stop").status_code == 200
    assert refuses(url)
    assert engine.move(sandbox, "start").status_code == 200
    assert refuses(url), "previews end with the run"
    with agent(sandbox) as client:
        serving(client)
        url = client.post("/ports/8765/preview").json()["preview_url"]
        assert get(url).text == "from inside"
    engine.kill(sandbox)
    assert refuses(url)


def test_previews_are_bounded(engine):
    own_network(engine, False)
    sandbox = engine.create(internet_access=False)
    with agent(sandbox) as client:
        answers = [client.post(f"/ports/{port}/preview") for port in range(5000, 5033)]
        assert [answer.status_code for answer in answers] == [200] * 32 + [409]
        assert "32" in answers[-1].json()["message"]
        urls = {answer.json()["preview_url"] for answer in answers[:-1]}
        assert len(urls) == 32
        client.delete("/ports/5000/preview")
        assert client.post("/ports/5032/preview").status_code == 200
    engine.kill(sandbox)


def test_a_killed_engine_leaves_no_listener_and_no_process(level, tmp_path):
    engine = Engine(tmp_path / "state", "--isolation", level, agent=None)
    own_network_here = level == "bwrap"
    try:
        sandbox = engine.create(**({"internet_access": False} if own_network_here else {}))
        asyncio.run(exchange(sandbox, "?session=w", "sleep 4800 & echo o''k\n", "ok"))
        url = None
        with agent(sandbox) as client:
            if own_network_here:
                serving(client)
                url = client.post("/ports/8765/preview").json()["preview_url"]
                assert get(url).text == "from inside"
        assert living(sandbox)
    finally:
        engine.close(signal.SIGKILL)
    until(lambda: not living(sandbox), "the processes to end", 10)
    until(lambda: url is None or refuses(url), "the kernel to close what they held", 10)
    left = sorted(path.name for path in (tmp_path / "state" / "sandboxes" / sandbox["id"]).iterdir())
    assert "baseline" in left
    assert not [name for name in left if name.endswith((".new", ".tmp"))]


def test_the_host_stays_out_of_sight(engine, sandbox, level):
    """Ports of the host are never listed; with a network of its own neither are they reachable by a preview."""
    with socket.create_server(("127.0.0.1", 0)) as foreign, agent(sandbox) as client:
        port = foreign.getsockname()[1]
        assert port not in [row["port"] for row in client.get("/ports").json()["ports"]]
        if level == "bwrap" and engine.api.get("/health").json()["network"] == "own":
            url = client.post(f"/ports/{port}/preview").json()["preview_url"]
            with pytest.raises(httpx.TransportError):
                get(url)
            assert client.get("/system").json()["network"]["rx_bytes"] >= 0
        foreign.settimeout(0.05)
        with pytest.raises(TimeoutError):
            foreign.accept()


def test_a_new_file_is_seen_by_a_watch_from_outside(engine, sandbox):
    async def go():
        url = sandbox["public_host"].replace("http", "ws") + "/files/watch"
        headers = {"Authorization": f"Bearer {sandbox['auth_token']}"}
        async with websockets.connect(url, additional_headers=headers, proxy=None) as connection:
            await connection.send('{"action":"watch","path":"/workspace"}')
            with agent(sandbox) as client:
                async with asyncio.timeout(10):
                    while True:
                        await asyncio.to_thread(run, client, f"echo {time.monotonic()} > probe")
                        with contextlib.suppress(TimeoutError):
                            return json.loads(await asyncio.wait_for(connection.recv(), 0.5))

    frame = asyncio.run(go())
    assert (frame["type"], frame["path"]) == ("change", "/workspace/probe")
    assert os.path.basename(frame["path"]) == "probe"
