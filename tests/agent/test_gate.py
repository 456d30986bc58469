"""The door: tokens, hosts, origins, error bodies."""

from __future__ import annotations

import asyncio
import json
import time

import pytest
import websockets

from tests.agent.conftest import assert_error
from tests.agent.running import b64, make_token


async def test_open_routes_need_no_token_and_say_healthy(site):
    site.http.headers.pop("Authorization")
    for path in ("/", "/ping", "/health"):
        answer = await site.get(path)
        assert answer.status_code == 200
        assert isinstance(answer.json(), dict)
        assert answer.headers["X-Request-ID"].startswith("req_")
    assert (await site.get("/health")).json()["status"] == "healthy"


@pytest.mark.parametrize("path", ["/info", "/system", "/files/list", "/nowhere", "/terminal", "/env"])
async def test_everything_else_is_401_without_one(site, path):
    site.http.headers.pop("Authorization")
    assert_error(await site.get(path), 401, "TOKEN_INVALID")


async def test_wrong_tokens(site):
    good = make_token()
    cases = {
        "TOKEN_INVALID": [
            make_token(sub="another"),
            make_token(key=b"x" * 32),
            make_token(alg="none"),
            good[:-2] + ("AA" if good[-2:] != "AA" else "BB"),
            good + "x",
            "a.b.c",
            "...",
            good.rsplit(".", 1)[0] + ".",
            b64(b"{}") + "." + good.split(".", 1)[1],
            "é.é.é",
        ],
        "TOKEN_EXPIRED": [make_token(exp=time.time() - 1)],
    }
    for code, tokens in cases.items():
        for token in tokens:
            headers = {"Authorization": f"Bearer {token}".encode()}
            assert_error(await site.http.get("/system", headers=headers), 401, code)
    assert_error(await site.http.get("/system", headers={"Authorization": "Bearer"}), 401, "TOKEN_INVALID")
    headers = {"Authorization": f"Basic {good}", "X-API-Key": good}
    assert_error(await site.http.get("/system", headers=headers), 401, "TOKEN_INVALID")


async def test_foreign_hosts_and_origins_are_refused(site):
    assert_error(await site.http.get("/health", headers={"Host": "evil.example"}), 403, "INVALID_REQUEST")
    assert_error(await site.http.get("/system", headers={"Origin": site.url}), 403, "INVALID_REQUEST")


async def test_websocket_is_refused_at_the_handshake(site):
    with pytest.raises(websockets.InvalidStatus) as caught:
        await websockets.connect(f"{site.ws_url}/terminal", proxy=None)
    assert caught.value.response.status_code == 401
    with pytest.raises(websockets.InvalidStatus) as caught:
        await websockets.connect(
            f"{site.ws_url}/terminal", additional_headers=site.headers, origin="http://x", proxy=None
        )
    assert caught.value.response.status_code == 403


async def test_unknown_routes_and_methods(site):
    assert_error(await site.get("/nowhere"), 404, "NOT_FOUND")
    body = assert_error(await site.http.put("/health"), 405, "METHOD_NOT_ALLOWED")
    assert body["details"]["allowed"] == ["GET"]
    assert (await site.http.head("/health")).status_code == 200


async def test_a_body_that_is_not_json(site):
    answer = await site.http.post("/files/write", content=b"{nope")
    assert_error(answer, 400, "INVALID_JSON")
    assert_error(await site.http.post("/files/write", content=b"[]"), 400, "INVALID_REQUEST")
    assert_error(await site.http.post("/files/write", content=b""), 400, "MISSING_PARAMETER")


async def test_what_is_no_http_gets_a_json_error(site):
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    writer.write(b"GET / HTTP/1.1\r\nbad header\r\n\r\n")
    data = await reader.read()
    writer.close()
    await writer.wait_closed()
    head, _, body = data.partition(b"\r\n\r\n")
    assert b" 400 " in head.splitlines()[0]
    assert json.loads(body)["code"] == "INVALID_REQUEST"


async def test_expect_continue_comes_after_the_token(site):
    async def first_line(token):
        reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
        writer.write(
            f"POST /files/mkdir HTTP/1.1\r\nHost: 127.0.0.1:{site.port}\r\nAuthorization: Bearer {token}\r\n"
            "Expect: 100-continue\r\nContent-Length: 12\r\n\r\n".encode()
        )
        line = await reader.readline()
        rest = b""
        if b"100" in line:
            writer.write(b'{"path":"x"}')
            await reader.readline()
            rest = await reader.readline()
        writer.close()
        await writer.wait_closed()
        return line, rest

    line, rest = await first_line(make_token())
    assert line == b"HTTP/1.1 100 Continue\r\n"
    assert rest == b"HTTP/1.1 200 OK\r\n"
    assert (await first_line("bad"))[0].startswith(b"HTTP/1.1 401")


async def test_a_bug_answers_in_the_agents_shape_and_logs_no_values(site, monkeypatch, capfd):
    def broken(*_):
        raise RuntimeError(" ".join(["secret", "value"]))

    monkeypatch.setattr("hopx_tui.agent.reading.read_text", broken)
    answer = await site.get("/files/read", path="x")
    assert_error(answer, 500, "INTERNAL_ERROR")
    logged = capfd.readouterr().err
    assert "RuntimeError" in logged
    assert "secret value" not in logged


DEEP = b"[" * 100_000 + b"]" * 100_000
BODIES = [
    ("POST", "/files/write"), ("POST", "/files/mkdir"), ("POST", "/commands/run"), ("POST", "/commands/background"),
    ("POST", "/execute"), ("POST", "/execute/background"), ("PUT", "/env"), ("PATCH", "/env"),
    ("POST", "/processes/1/signal"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "route"), BODIES)
async def test_bodies_no_parser_likes(site, method, route):
    answer = await site.http.request(method, route, content=b'{"x":' + DEEP + b"}")
    assert_error(answer, 400, "INVALID_JSON")
    for body in (DEEP, b'{"path":' + DEEP + b"}"):  # refused for what is there before what is in it is looked at
        assert (await site.http.request(method, route, content=body)).status_code == 400
    for coding in ("gzip", "deflate"):
        headers = {"Content-Encoding": coding}
        answer = await site.http.request(method, route, content=b"\x1f\x8bjunk" * 9, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_REQUEST")


async def test_an_upload_of_junk_in_gzip(site):
    headers = {"Content-Type": "multipart/form-data; boundary=x", "Content-Encoding": "gzip"}
    answer = await site.http.post("/files/upload", content=b"junk" * 100, headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "INVALID_REQUEST")
