"""Who may reach what: keys and tokens on every route, another user of this machine, paths that lead astray, and
what can be seen and reached from inside a sandbox."""

import asyncio
import base64
import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import httpx
import pytest
import websockets
from aiohttp import web

from hopx_tui.agent.config import Config
from hopx_tui.agent.server import AgentProcess
from hopx_tui.engine.routes import Routes
from hopx_tui.engine.template_routes import TemplateRoutes
from tests.engine.archive import entry, packed
from tests.engine.driver import Engine, ask_agent, build, build_log, built, living, shell, until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="Linux namespaces, /proc")
OPEN = {"/health"}
SIGNED = {"/uploads/{hash}"}  # by the query, not by the key


@pytest.fixture(scope="module")
def engine(real_engine):
    return real_engine


@pytest.fixture(scope="module")
def pair(engine):
    """Two sandboxes; nobody kills them but the end of the module."""
    made = [engine.create(), engine.create()]
    yield made
    for each in made:
        engine.kill(each)


def engine_routes():
    """(method, path with its variables) of every route, from the tables themselves."""
    app = web.Application()
    Routes(None, None, None, None, None, None).add_to(app)
    TemplateRoutes(None, None, None, None, None).add_to(app)
    found = {(route.method, route.resource.canonical) for route in app.router.routes()}
    return sorted((method, path) for method, path in found if method != "HEAD")


async def agent_routes(directory):
    """Every route of the agent, from its own table."""
    for name in ("workspace", "home", "state"):
        (directory / name).mkdir()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = Config(
            sandbox_id="x",
            token_key="00",
            isolation="none",
            workspace=str(directory / "workspace"),
            home=str(directory / "home"),
            state=str(directory / "state"),
            allowed_hosts=[],
        )
        agent = AgentProcess(config, listener, supervisor=os.getpid(), adopt=False, notify=print)
        return agent._routes


def filled(path, value="1"):
    """A route's path with something in place of each variable."""
    return "/".join(value if part.startswith("{") else part for part in path.split("/"))


def statuses(base, routes, headers):
    """(route, status) of each route, asked with these headers and a body that must not be looked at."""
    with httpx.Client(base_url=base, trust_env=False, timeout=20) as client:
        for method, path in routes:
            answer = client.request(method, filled(path), headers=headers, content=b"{nonsense")
            yield (method, path), answer.status_code


# keys and tokens


def test_every_route_of_the_engine_wants_the_key(engine, pair):
    routes = engine_routes()
    assert len(routes) > 15
    closed = [(method, path) for method, path in routes if path not in OPEN | SIGNED]
    assert len(closed) >= len(routes) - 2
    token = pair[0]["auth_token"]
    for headers in (
        {},
        {"X-API-Key": "wrong"},
        {"X-API-Key": engine.key[:-1]},
        {"Authorization": f"Bearer {token}"},
        {"X-API-Key": token},
        {"Authorization": f"Basic {engine.key}"},
    ):
        assert {status for _, status in statuses(engine.url, closed, headers)} == {401}, headers
    signed = [(method, path) for method, path in routes if path in SIGNED]
    for route, status in statuses(engine.url, signed, {"X-API-Key": engine.key}):
        assert status in (400, 401, 403), route


def test_every_route_of_the_engine_refuses_web_pages(engine):
    port = engine.url.rpartition(":")[2]
    for headers in ({"Host": f"evil.example:{port}"}, {"Origin": "http://evil.example"}, {"Origin": "null"}):
        found = dict(statuses(engine.url, engine_routes(), {"X-API-Key": engine.key, **headers}))
        assert set(found.values()) == {403}, (headers, found)


async def test_every_route_and_socket_of_an_agent_wants_its_own_token(engine, pair, tmp_path):
    one, other = pair
    routes = await agent_routes(tmp_path)
    assert {route.path for route in routes if route.open} == {"/", "/ping", "/health"}
    closed = [(route.method if route.method != "*" else "GET", route.path) for route in routes if not route.open]
    assert len(closed) > 40
    upgrade = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": base64.b64encode(bytes(16)).decode(),
    }
    for headers in (
        {},
        {"Authorization": "Bearer x.y.z"},
        {"Authorization": f"Bearer {other['auth_token']}"},
        {"Authorization": f"Bearer {engine.key}"},
        {"X-API-Key": engine.key},
    ):
        assert {status for _, status in statuses(one["public_host"], closed, headers)} == {401}, headers
    sockets = [(route.method, route.path) for route in routes if route.socket]
    assert len(sockets) >= 4
    for headers in ({}, {"Authorization": f"Bearer {other['auth_token']}"}):
        assert {status for _, status in statuses(one["public_host"], sockets, upgrade | headers)} == {401}
    every = [(method, path) for method, path in closed] + [("GET", "/"), ("GET", "/ping"), ("GET", "/health")]
    good = {"Authorization": f"Bearer {one['auth_token']}"}
    for headers in ({"Host": "evil.example"}, {"Origin": "http://evil.example"}, {"Origin": one["public_host"]}):
        assert {status for _, status in statuses(one["public_host"], every, good | headers)} == {403}, headers


def test_the_tokens_of_a_killed_sandbox_open_no_new_one(engine):
    first = engine.create()
    assert ask_agent(first, "GET", "/info").status_code == 200
    engine.kill(first)
    second = engine.create()
    answer = ask_agent({**second, "auth_token": first["auth_token"]}, "GET", "/info")
    assert (answer.status_code, answer.json()["code"]) == (401, "TOKEN_INVALID")
    with pytest.raises(httpx.TransportError):
        ask_agent(first, "GET", "/health")
    engine.kill(second)


@pytest.mark.parametrize("of_agent", [False, True], ids=["engine", "agent"])
def test_a_refused_upgrade_leaves_no_mute_connection(engine, pair, of_agent):
    url, path = (pair[0]["public_host"], "/terminal") if of_agent else (engine.url, "/v1/engine")
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    with httpx.Client(base_url=url, trust_env=False, timeout=5) as client:
        for _ in range(3):
            assert client.get(path, headers=upgrade).status_code == 401
            assert client.get("/health").status_code == 200


# another user of this machine

STRANGER = """
import json, os, sys, urllib.request, urllib.error
state, engine, agent, sandbox = sys.argv[1:]
seen = {}
for path in (state, state + "/settings.json", state + "/engine.json", state + "/events.jsonl", state + "/engine.log",
             state + "/sandboxes", state + "/sandboxes/" + sandbox + "/workspace/secret"):
    try:
        seen[path] = os.listdir(path) if os.path.isdir(path) else open(path, "rb").read().decode()
    except OSError as error:
        seen[path] = type(error).__name__
opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
for url in (engine + "/v1/sandboxes", engine + "/v1/engine", agent + "/files/read?path=secret", agent + "/info"):
    try:
        seen[url] = opener.open(url, timeout=10).status
    except urllib.error.HTTPError as error:
        seen[url] = error.code
for pid in filter(str.isdigit, os.listdir("/proc")):
    try:
        if int(pid) != os.getpid() and b"hopx" in open(f"/proc/{pid}/cmdline", "rb").read():
            seen["environ " + pid] = open(f"/proc/{pid}/environ", "rb").read().decode("latin-1")
    except OSError:
        pass
print(json.dumps(seen))
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_another_user_of_this_machine_reads_nothing_and_is_told_401(level):
    python = shutil.which("python3", path="/usr/bin:/bin")
    if python is None:
        pytest.skip("no Python that another user may run")
    folder = Path(tempfile.mkdtemp())  # pytest's own is closed to others already
    folder.chmod(0o755)
    state = folder / "state"
    state.mkdir(mode=0o755)
    engine = Engine(state, "--isolation", level, agent=None)
    try:
        sandbox = engine.create()
        shell(sandbox, "echo precious > secret; chmod 666 secret")
        place = [str(state), engine.url, sandbox["public_host"], sandbox["id"]]
        done = subprocess.run(
            [python, "-I", "-c", STRANGER, *place],
            capture_output=True,
            text=True,
            user=65534,
            group=65534,
            extra_groups=[],
            cwd="/",
            timeout=60,
            check=True,
        )
        seen = json.loads(done.stdout)
        assert engine.key not in done.stdout
        assert "precious" not in done.stdout
        files = {name: value for name, value in seen.items() if name.startswith("/")}
        assert len(files) == 7
        # a file in a folder that cannot be entered is denied; a test for a folder says there is none
        assert set(files.values()) == {"PermissionError"}, files
        assert {value for name, value in seen.items() if name.startswith("http")} == {401}
        assert not [name for name in seen if name.startswith("environ")]
    finally:
        engine.close()
        shutil.rmtree(folder)


# paths

CALLS = {
    "list": ("GET", "/files/list"),
    "read": ("GET", "/files/read"),
    "download": ("GET", "/files/download"),
    "exists": ("GET", "/files/exists"),
    "remove": ("DELETE", "/files/remove"),
    "write": ("POST", "/files/write"),
    "mkdir": ("POST", "/files/mkdir"),
    "upload": ("POST", "/files/upload"),
    "changes": ("GET", "/changes"),
}
# made by a program inside; v is a folder of the host
PLANTED = (
    "cd {w}; rm -rf t; mkdir t; cd t; ln -s {v} out; ln -s {v}/precious file; ln -s /proc/self/root magic;"
    "ln -s /etc/shadow shadow; ln -s /dev/zero zero; ln -s loop loop; mkfifo fifo; mkdir d; ln -s ../fifo d/fifo;"
    "python3 -S -c \"import socket; socket.socket(socket.AF_UNIX).bind('sock')\""
)
ASTRAY = [
    "/workspace/t/out/precious",
    "/workspace/t/out/new",
    "/workspace/t/file",
    "/workspace/t/magic{v}/precious",
    "/workspace/t/magic/etc/shadow",
    "/workspace/../../../../..{v}/precious",
    "../../../..{v}/precious",
    "/proc/self/root{v}/precious",
    "/proc/1/root{v}/precious",
    "/proc/1/cwd{v}/precious",
    "/proc/self/cwd/../../..{v}/precious",
    "/proc/self/fd/0",
    "/proc/self/environ",
    "/proc/thread-self/environ",
    "/dev/fd/3",
    "/workspace/t/shadow",
    "/workspace/t/zero",
    "/workspace/t/loop",
    "/workspace/t/fifo",
    "/workspace/t/d/fifo",
    "/workspace/t/sock",
    "/workspace/t/out\0x",
]


def call(sandbox, name, path):
    """One file call on a path; its answer. Nothing may hang."""
    method, route = CALLS[name]
    options = {"params": {"path": path, **({"diff": "1"} if name == "changes" else {})}}
    if name in ("write", "mkdir"):
        options = {"json": {"path": path, "content": "overwritten"}}
    if name == "upload":
        options = {"data": {"path": path}, "files": {"file": ("x", b"overwritten")}}
    headers = {"Authorization": f"Bearer {sandbox['auth_token']}"}
    url = sandbox["public_host"] + route
    with httpx.Client(trust_env=False, timeout=10, headers=headers) as client:
        return client.request(method, url, **options)


@pytest.mark.parametrize("name", CALLS)
def test_no_path_leads_out_of_the_sandbox(engine, pair, level, name, tmp_path):
    sandbox = pair[0]
    (tmp_path / "precious").write_text("precious\n")
    mark = "/workspace" if level == "bwrap" else "$PWD"
    for turn, path in enumerate(ASTRAY):
        if turn == 0 or CALLS[name][0] != "GET":  # a call that changes things may have taken them
            planted = shell(sandbox, PLANTED.format(v=tmp_path, w=mark))
            assert planted["exit_code"] == 0, planted
        answer = call(sandbox, name, path.format(v=tmp_path))
        assert answer.status_code < 500, (path, answer.text)
        assert "precious\n" not in answer.text
        if answer.status_code >= 400:
            assert answer.json()["code"], path
    assert sorted(each.name for each in tmp_path.iterdir()) == ["precious"]
    assert (tmp_path / "precious").read_text() == "precious\n"
    assert ask_agent(sandbox, "GET", "/info").status_code == 200


def test_what_the_agent_knows_of_itself_is_not_read_for_anyone(engine, pair, level):
    """By its number, by that of its supervisor, and by those of its threads."""
    listing = shell(pair[0], 'for each in /proc/[0-9]*/comm; do echo "$each $(cat $each)"; done')["stdout"]
    pids = [line.split("/")[2] for line in listing.splitlines() if " hopx-" in line]
    if level == "bwrap":
        assert len(pids) == 2
    threads = [thread for pid in pids[:6] for thread in shell(pair[0], f"ls /proc/{pid}/task")["stdout"].split()]
    assert threads
    for number in {*pids, *threads, "self", "thread-self"}:
        for file, route in (("environ", "read"), ("maps", "download"), ("fd/3", "read"), ("root/etc/passwd", "read")):
            answer = call(pair[0], route, f"/proc/{number}/{file}")
            allowed = file == "root/etc/passwd" and level == "bwrap"  # leads to the sandbox's own
            gone = answer.status_code == 404 and file == "fd/3"  # what lay behind it by its name
            assert answer.status_code == 403 or allowed or gone, (number, file, answer.text[:300])


@pytest.mark.parametrize("path", ["/workspace/t/out", "/proc/self/root", "/workspace/t/fifo", "/dev", "../..", "\0"])
def test_a_watch_goes_nowhere_else(engine, pair, level, path, tmp_path):
    place = "/workspace" if level == "bwrap" else "$PWD"
    shell(pair[0], f"cd {place}; rm -rf t; mkdir t; cd t; ln -s {tmp_path} out; mkfifo fifo")

    async def go():
        url = pair[0]["public_host"].replace("http", "ws") + "/files/watch"
        headers = {"Authorization": f"Bearer {pair[0]['auth_token']}"}
        async with websockets.connect(url, additional_headers=headers, proxy=None) as connection:
            await connection.send(json.dumps({"action": "watch", "path": path}))
            (tmp_path / "seen").write_text("")
            with contextlib.suppress(TimeoutError, websockets.ConnectionClosed):
                while True:
                    frame = await asyncio.wait_for(connection.recv(), 0.3)
                    assert "seen" not in str(frame)

    asyncio.run(go())
    assert ask_agent(pair[0], "GET", "/info").status_code == 200


def test_an_archive_for_a_template_writes_nowhere_else(engine, level, tmp_path):
    import tarfile

    (tmp_path / "precious").write_text("precious\n")
    place = "/app/" if level == "bwrap" else "/workspace/app/"
    archive = packed(
        ("fine", b"1"),
        entry("way", tarfile.DIRTYPE),
        entry("way/link", tarfile.SYMTYPE, "../fine"),
        entry("way/link/x", tarfile.REGTYPE),
    )
    digest = "cd" * 32
    link = engine.api.post(
        "/v1/templates/files/upload-link", json={"files_hash": digest, "content_length": len(archive)}
    ).json()
    sent = httpx.put(link["upload_url"], content=archive, trust_env=False)
    bad = packed(entry("l", tarfile.SYMTYPE, str(tmp_path)), ("l/precious", b"overwritten"))
    other = engine.api.post(
        "/v1/templates/files/upload-link", json={"files_hash": "ef" * 32, "content_length": len(bad)}
    ).json()
    assert httpx.put(other["upload_url"], content=bad, trust_env=False).status_code == 400
    if sent.status_code == 200:  # what its check let through is stopped where it is unpacked
        steps = [{"type": "COPY", "args": [".", place], "filesHash": digest}]
        answer = build(engine, "astray", steps)
        assert built(engine, answer)["status"] == "failed", build_log(engine, answer)
    assert (tmp_path / "precious").read_text() == "precious\n"


# from inside

INSIDE = """
import json, os, socket, sys
state, home, key, other = sys.argv[1:5]
ports = [int(each) for each in sys.argv[5:]]
seen = {"paths": {}, "ports": {}, "leaks": []}
for path in (state, state + "/settings.json", state + "/sandboxes/" + other, home, "/oldroot", "/proc/1/root" + state,
             "/proc/self/root/.." + state, "/newroot", "/run/docker.sock", "/var/run/docker.sock", "/etc/shadow"):
    try:
        seen["paths"][path] = os.listdir(path) if os.path.isdir(path) else len(open(path, "rb").read())
    except OSError:
        pass
for pid in filter(str.isdigit, os.listdir("/proc")):
    for name in ("environ", "cmdline", "mountinfo"):
        try:
            if key.encode() in open(f"/proc/{pid}/{name}", "rb").read() and int(pid) != os.getpid():
                seen["leaks"].append(f"{pid} {name}")
        except OSError:
            pass
seen["processes"] = [open(f"/proc/{pid}/comm").read().strip() for pid in os.listdir("/proc") if pid.isdigit()]
for port in ports:
    try:
        with socket.create_connection(("127.0.0.1", port), 2) as link:
            head = f"GET /v1/engine HTTP/1.1\\r\\nHost: 127.0.0.1:{port}\\r\\nConnection: close\\r\\n\\r\\n"
            link.sendall(head.encode())
            seen["ports"][port] = int(link.recv(4096).split()[1])
    except OSError as error:
        seen["ports"][port] = type(error).__name__
for word in ("sysrq-trigger", "sys/kernel/hostname", "sys/vm/drop_caches"):
    try:
        open("/proc/" + word, "w").close()
        seen["leaks"].append(word)
    except OSError:
        pass
print(json.dumps(seen))
"""


def test_from_inside_the_host_and_the_others_are_out_of_reach(engine, pair, level, tmp_path):
    one, other = engine.create(), pair[1]  # where no other test has made folders of the same names
    ask_agent(other, "POST", "/commands/background", json={"command": "exec -a hopx-neighbour sleep 4321"})
    answer = ask_agent(one, "POST", "/files/write", json={"path": "look.py", "content": INSIDE})
    assert answer.status_code == 200
    ports = [url.rpartition(":")[2] for url in (engine.url, other["public_host"])]
    home = str(Path.home()) if level == "none" else str(engine.state.parent)
    words = ["python3", "look.py", str(engine.state), home, engine.key, other["id"], *ports]
    done = ask_agent(one, "POST", "/commands/run", json={"command": words[0], "args": words[1:]}).json()
    assert done["exit_code"] == 0, done
    engine.kill(one)
    seen = json.loads(done["stdout"])
    network = engine.api.get("/health").json()["network"]
    for status in seen["ports"].values():
        assert status == 401 if network == "host" else isinstance(status, str), seen["ports"]
    if level == "none":  # the files of the host are in reach by design; the secrets lie in no process to be seen
        assert not [leak for leak in seen["leaks"] if "environ" in leak or "cmdline" in leak]
        return
    assert seen["leaks"] == []
    assert seen["paths"] == {}
    assert set(seen["processes"]) <= {"bwrap", "hopx-supervisor", "hopx-agent", "python3", "bash", "sh"}
    assert living(other)


def test_a_sandbox_that_kills_all_it_sees_kills_only_itself(engine, pair):
    victim = engine.create()
    with contextlib.suppress(httpx.TransportError):
        ask_agent(victim, "POST", "/commands/run", json={"command": "kill -9 -1"}) if engine.facts[
            "isolation"
        ] == "bwrap" else engine.kill(victim)
    until(lambda: engine.status(victim) != "running", "the fall")
    assert {engine.status(each) for each in pair} == {"running"}
    assert engine.process.poll() is None
    engine.kill(victim)


SERVE = (
    "import http.server,sys\n"
    "class Say(http.server.BaseHTTPRequestHandler):\n"
    "    def do_GET(self):\n"
    "        self.send_response(200); self.end_headers(); self.wfile.write(sys.argv[1].encode())\n"
    "    def log_message(self, *rest): pass\n"
    "http.server.HTTPServer(('127.0.0.1', 8123), Say).serve_forever()\n"
)


def test_a_preview_reaches_the_sandbox_that_owns_the_port_and_ends_with_it(engine, level):
    if engine.api.get("/health").json()["network"] != "own":
        pytest.skip("without a network of their own the ports are the host's")
    made = {name: engine.create() for name in ("one", "two")}
    urls = {}
    for name, sandbox in made.items():
        words = {"command": "python3", "args": ["-c", SERVE, name]}
        assert ask_agent(sandbox, "POST", "/commands/background", json=words).status_code == 200
        urls[name] = ask_agent(sandbox, "POST", "/ports/8123/preview").json()["preview_url"]

    def said(url):
        with contextlib.suppress(httpx.TransportError):
            return httpx.get(url, trust_env=False, timeout=5).text
        return ""

    for name, url in urls.items():
        assert until(lambda url=url: said(url), "the server") == name
    engine.kill(made["one"])
    until(lambda: said(urls["one"]) == "", "the end of the preview")
    assert said(urls["two"]) == "two"
    engine.kill(made["two"])
