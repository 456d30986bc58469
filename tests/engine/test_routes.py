"""The control plane's HTTP: keys, hosts, origins, envelopes, templates, and what bodies may hold."""

import base64
import json
import socket

import httpx
import pytest

from tests.engine.driver import facts


def plain(engine, method, path, **options):
    return httpx.request(method, engine.url + path, trust_env=False, timeout=30, **options)


def test_health_needs_no_key(engine, level):
    body = plain(engine, "GET", "/health").json()
    assert (body["status"], body["engine"], body["isolation"]) == ("healthy", "hopx-tui", level)
    assert body["network"] in ("own", "host")
    assert (body["isolation_reason"] is None) == (level == "bwrap")
    assert engine.key not in str(body)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"X-API-Key": ""},
        {"X-API-Key": "wrong"},
        {"Authorization": "Bearer wrong"},
        {"Authorization": "Basic x"},
    ],
)
def test_401_before_any_work(engine, headers):
    for method, path in [
        ("GET", "/v1/sandboxes"),
        ("POST", "/v1/sandboxes"),
        ("DELETE", "/v1/sandboxes/x"),
        ("GET", "/v1/templates"),
        ("GET", "/v1/engine"),
        ("GET", "/nowhere"),
    ]:
        answer = plain(engine, method, path, headers=headers, content=b"{nonsense")
        assert answer.status_code == 401, path
        error = answer.json()["error"]
        assert error["code"] == "UNAUTHORIZED"
        assert error["details"] == {}
        assert error["request_id"] == answer.headers["X-Request-ID"]


def test_either_header_carries_the_key(engine):
    for headers in ({"X-API-Key": engine.key}, {"Authorization": f"Bearer {engine.key}"}):
        assert plain(engine, "GET", "/v1/sandboxes", headers=headers).status_code == 200


def test_foreign_hosts_and_origins_are_refused(engine):
    port = engine.url.rpartition(":")[2]
    for host in ("evil.example", f"evil.example:{port}", "127.0.0.1", f"[::1]:{port}"):
        answer = engine.api.get("/v1/sandboxes", headers={"Host": host})
        assert answer.status_code == 403, host
        assert answer.json()["error"]["code"] == "FORBIDDEN"
    for origin in ("http://evil.example", "null", f"https://127.0.0.1:{port}", "http://localhost"):
        assert engine.api.get("/health", headers={"Origin": origin}).status_code == 403, origin
    fine = {"Host": f"localhost:{port}", "Origin": f"http://localhost:{port}"}
    assert engine.api.get("/v1/sandboxes", headers=fine).status_code == 200


def test_only_the_loopback_listens(engine):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))  # sends nothing
        address = probe.getsockname()[0]
    if address.startswith("127."):
        pytest.skip("this machine has no other address")
    with (
        pytest.raises((ConnectionRefusedError, TimeoutError)),
        socket.create_connection((address, int(engine.url.rpartition(":")[2])), 2),
    ):
        pass


def test_every_answer_is_json_and_never_a_redirect(engine):
    for method, path, status in [
        ("GET", "/", 404),
        ("GET", "/v1/sandboxes/", 404),
        ("GET", "/v1/sandboxes/nope", 404),
        ("PATCH", "/v1/sandboxes", 405),
        ("DELETE", "/v1/templates", 405),
        ("POST", "/v1/sandboxes/nope/pause", 404),
        ("POST", "/v1/sandboxes/nope/token/refresh", 404),
        ("PUT", "/v1/sandboxes/nope/timeout", 404),
    ]:
        answer = engine.api.request(method, path)
        assert answer.status_code == status, path
        assert isinstance(answer.json()["error"]["details"], dict)
        assert answer.headers["X-Request-ID"]
        assert answer.headers["Content-Type"].startswith("application/json")
    assert "GET" in engine.api.patch("/v1/sandboxes").headers["Allow"]


def test_a_request_id_is_echoed_if_it_is_one(engine):
    assert engine.api.get("/health", headers={"X-Request-ID": "mine-1"}).headers["X-Request-ID"] == "mine-1"
    strange = engine.api.get("/health", headers={"X-Request-ID": "a b"}).headers["X-Request-ID"]
    assert strange.startswith("req_")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[]", 400),
        (b"\xff", 400),
        (b"{}", 400),
        (b'{"template_name": ""}', 400),
        (b'{"template_name": 5}', 400),
        (b'{"template_name": "nope"}', 404),
        (b'{"template_id": "99"}', 404),
        (b'{"template_name": "base", "timeout_seconds": -1}', 400),
        (b'{"template_name": "base", "timeout_seconds": 1e30}', 400),
        (b'{"template_name": "base", "env_vars": {"A": 1}}', 400),
        (b'{"template_name": "base", "env_vars": {"A=": "x"}}', 400),
        (b'{"template_name": "base", "env_vars": {"A": "\\u0000"}}', 400),
        (b'{"template_name": "base", "env_vars": []}', 400),
    ],
)
def test_create_refuses_nonsense(engine, body, status):
    before = engine.api.get("/v1/engine").json()["sandboxes"]
    answer = engine.api.post("/v1/sandboxes", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == status
    assert answer.json()["error"]["message"]
    assert engine.api.get("/v1/engine").json()["sandboxes"] == before


@pytest.mark.parametrize(
    "body",
    [b"{}", b'{"timeout_seconds": -1}', b'{"timeout_seconds": "x"}', b'{"timeout_seconds": null}'],
)
def test_time_limits_that_are_none(engine, sandbox, body):
    answer = engine.api.put(f"/v1/sandboxes/{sandbox['id']}/timeout", content=body)
    assert answer.status_code == 400
    assert engine.get(sandbox["id"]).json()["expires_at"] is None


def test_the_sandbox_object(engine, level):
    sandbox = engine.create(timeout_seconds=600, region="anywhere", vcpu=64, unknown=None)
    assert sandbox["object"] == "sandbox"
    assert sandbox["organization_id"] == 1
    assert isinstance(sandbox["template_id"], str)
    assert sandbox["status"] == "running"
    assert sandbox["isolation"] == level
    assert set(sandbox["enforced"].values()) <= {"hard", "soft", "none"}
    assert set(sandbox["resources"]) == {"vcpu", "memory_mb", "disk_mb"}
    assert sandbox["public_host"].startswith("http://127.0.0.1:")
    assert sandbox["request_id"]
    shown = engine.get(sandbox["id"]).json()
    assert "auth_token" not in shown
    assert "token_expires_at" not in shown
    assert {key: shown[key] for key in shown if key != "request_id"}.items() <= sandbox.items()
    engine.kill(sandbox)


def test_by_id_as_text_and_as_number(engine):
    for template_id in ("1", 1):
        answer = engine.api.post("/v1/sandboxes", json={"template_id": template_id})
        assert answer.json()["template_name"] == "base"
        engine.kill(answer.json())


def test_no_internet(engine, level):
    answer = engine.api.post("/v1/sandboxes", json={"template_name": "base", "internet_access": False})
    if level == "none":
        assert answer.status_code == 400
        assert "isolation" in answer.json()["error"]["message"]
        return
    assert answer.status_code == 201
    assert answer.json()["internet_access"] is False
    assert facts(answer.json())["config"]["network"] == "none"
    engine.kill(answer.json())


def test_tokens_are_jwts_of_one_sandbox(engine, sandbox):
    fresh = engine.api.post(f"/v1/sandboxes/{sandbox['id']}/token/refresh").json()
    for each in (sandbox, fresh):
        assert each["token_expires_at"].endswith("Z")
        claims = each["auth_token"].split(".")[1]
        decoded = json.loads(base64.urlsafe_b64decode(claims + "=="))
        assert decoded["sub"] == sandbox["id"]
        assert decoded["exp"] - decoded["iat"] == 24 * 3600


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=101", "limit=x", "limit=-1", "status=odd", "cursor=zz", "cursor=czE6MQ=="]
)
def test_list_refuses_nonsense(engine, query):
    assert engine.api.get(f"/v1/sandboxes?{query}").status_code == 400


def test_templates(engine):
    rows = engine.api.get("/v1/templates").json()["data"]
    assert {row["name"] for row in rows} >= {"base", "python", "nodejs", "go", "code-interpreter"}
    for row in rows:
        assert isinstance(row["id"], str)
        assert isinstance(row["organization_id"], str)
        assert isinstance(row["features"], list)
        assert isinstance(row["tags"], list)
        assert set(row["default_resources"]) == {"vcpu", "memory_mb", "disk_gb"}
        assert row["is_active"] == (row["unavailable_reason"] is None)
        by_name = engine.api.get(f"/v1/templates/{row['name']}").json()
        by_id = engine.api.get(f"/v1/templates/{row['id']}").json()
        assert by_name["id"] == by_id["id"] == row["id"]
        if not row["is_active"]:
            refused = engine.api.post("/v1/sandboxes", json={"template_name": row["name"]})
            assert refused.status_code == 400
            assert row["unavailable_reason"] in refused.json()["error"]["message"]
    assert engine.api.get("/v1/templates/none-such").status_code == 404
    python = engine.api.get("/v1/templates", params={"language": "python"}).json()["data"]
    assert {row["language"] for row in python} == {"python"}
    assert engine.api.get("/v1/templates", params={"category": "no"}).json()["data"] == []


def raw(engine, data):
    """Send bytes; the status line and the rest of what comes back."""
    with socket.create_connection(("127.0.0.1", int(engine.url.rpartition(":")[2])), 10) as connection:
        connection.sendall(data)
        collected = b""
        while chunk := connection.recv(65536):
            collected += chunk
    head, _, body = collected.partition(b"\r\n\r\n")
    return head, body


@pytest.mark.parametrize(
    "head",
    [
        "BAD METHOD / HTTP/1.1\r\nHost: {host}\r\n\r\n",
        "B@D / HTTP/1.1\r\nHost: {host}\r\n\r\n",
        "GET /" + "x" * 20_000 + " HTTP/1.1\r\nHost: {host}\r\n\r\n",
        "GET /health HTTP/1.1\r\nHost: {host}\r\nA: b\0c\r\n\r\n",
        "GET /health HTTP/1.1\r\nHost: {host}\r\nHost: {host}\r\nConnection: close\r\n\r\n",
        "GET /health HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nExpect: nonsense\r\n\r\n",
        "GET /nowhere HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\nExpect: nonsense\r\n\r\n",
        "POST /v1/sandboxes HTTP/1.1\r\nHost: {host}\r\nX-API-Key: {key}\r\nConnection: close\r\n"
        "Content-Encoding: gzip\r\nContent-Length: 4\r\n\r\njunk",
        "POST /v1/sandboxes HTTP/1.1\r\nHost: {host}\r\nX-API-Key: {key}\r\nConnection: close\r\n"
        "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        "\x16\x03\x01\r\n\r\n",
    ],
)
def test_what_is_no_http_gets_json(engine, head):
    text = head.format(host=engine.url.removeprefix("http://"), key=engine.key)
    top, body = raw(engine, text.encode("latin-1"))
    assert top.split(b" ", 2)[1] == b"400", top
    assert b"content-type: application/json" in top.lower()
    error = json.loads(body)["error"]
    assert error["code"] == "VALIDATION_ERROR"
    assert error["request_id"].encode() in top


def test_deep_json_and_too_much_environment(engine):
    deep = b'{"env_vars":' + b"[" * 200_000 + b"]" * 200_000 + b"}"
    big = json.dumps({"template_name": "base", "env_vars": {"A": "x" * 70_000}}).encode()
    many = json.dumps({"template_name": "base", "env_vars": {f"A{n}": "x" * 100 for n in range(1000)}}).encode()
    for body in (deep, b"[" * 1_000_000, b'{"x":' * 100_000, big, many):
        answer = engine.api.post("/v1/sandboxes", content=body)
        assert answer.status_code == 400
        assert answer.json()["error"]["code"] == "VALIDATION_ERROR"
    assert "65536" in engine.api.post("/v1/sandboxes", content=many).json()["error"]["message"]
