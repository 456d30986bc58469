"""`/ports`: the sandbox's own listeners, and no others."""

from __future__ import annotations

import asyncio
import socket
import sys

import pytest

from hopx_tui.agent.control import Grant
from tests.agent.conftest import assert_error

SERVE = """
import socket, time
s = socket.socket({family})
s.bind(({host!r}, 0))
s.listen()
print(s.getsockname()[1], flush=True)
time.sleep(600)
"""


async def serve(site, host="127.0.0.1", family="socket.AF_INET"):
    script = site.workspace / "serve.py"
    script.write_text(SERVE.format(host=host, family=family))
    out = site.workspace / "out"
    out.unlink(missing_ok=True)
    await site.post("/commands/background", command=f"exec {sys.executable} {script} >{out} 2>&1")
    async with asyncio.timeout(10):
        while not out.exists() or not out.read_text().strip().isdecimal():
            await asyncio.sleep(0.01)
    return int(out.read_text())


async def rows(site):
    answer = await site.get("/ports")
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["count"] == len(body["ports"])
    return {row["port"]: row for row in body["ports"]}


@pytest.fixture
async def ended(site):
    """The site; its programs are ended afterwards."""
    yield site
    for job in (await site.get("/execute/processes")).json()["processes"]:
        await site.http.post(f"/execute/kill/{job['process_id']}")


async def test_only_the_sandboxes_own(ended):
    with socket.create_server(("127.0.0.1", 0)) as foreign:
        port = await serve(ended)
        found = await rows(ended)
        assert foreign.getsockname()[1] not in found
    assert ended.port not in found, "the agent's own"
    assert found[port]["address"] == "127.0.0.1"
    assert found[port]["protocol"] == "tcp"
    assert found[port]["process"].startswith("python")
    assert found[port]["preview_url"] == f"http://127.0.0.1:{port}", "the host's network is shared"
    processes = {row["pid"] for row in (await ended.get("/processes")).json()["processes"]}
    assert found[port]["pid"] in processes
    assert (await ended.get("/info")).json()["features"]["ports"] is True


async def test_ipv6(ended):
    port = await serve(ended, "::1", "socket.AF_INET6")
    row = (await rows(ended))[port]
    assert (row["address"], row["preview_url"]) == ("::1", f"http://[::1]:{port}")


async def test_a_preview_of_a_shared_network_is_the_port_itself(site):
    answer = await site.http.post("/ports/8080/preview")
    assert answer.json() == {"success": True, "port": 8080, "preview_url": "http://127.0.0.1:8080"}
    answer = await site.http.delete("/ports/8080/preview")
    assert (answer.status_code, answer.json()["closed"]) == (200, False)


async def test_what_is_no_port(site):
    for port in ("0", "65536", "x", "-1", "123456"):
        assert_error(await site.http.post(f"/ports/{port}/preview"), 400, "INVALID_REQUEST")
        assert_error(await site.http.delete(f"/ports/{port}/preview"), 400, "INVALID_REQUEST")
    assert_error(await site.http.get("/ports/80/preview"), 405, "METHOD_NOT_ALLOWED")


async def test_a_preview_is_asked_for_where_the_network_is_its_own(site, monkeypatch):
    listener = socket.create_server(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{listener.getsockname()[1]}"

    async def engine(name, *, port):
        if name == "preview":
            return Grant(1, ok=True, port=1), listener.dup().detach()
        return Grant(1, ok=True), None

    ports = next(route.handler.__self__ for route in site.process._routes if route.path == "/ports")
    ports._own_network = True
    assert_error(await site.http.post("/ports/8080/preview"), 409, "CONFLICT")
    site.process._previews._ask = engine
    found = await rows(site)
    assert listener.getsockname()[1] in found, "in a namespace of its own all are its own"
    assert {row["preview_url"] for row in found.values()} == {None}
    assert (await site.http.post("/ports/8080/preview")).json()["preview_url"] == url
    assert (await site.http.post("/ports/8080/preview")).json()["preview_url"] == url
    monkeypatch.setattr("hopx_tui.agent.ports.listeners", list)
    assert await rows(site) == {}
    assert (await site.http.delete("/ports/8080/preview")).json()["closed"] is True
    listener.close()

    async def refusing(name, **_fields):
        from hopx_tui.agent.control import AskError

        raise AskError("no")

    site.process._previews._ask = engine
    listener = socket.create_server(("127.0.0.1", 0))
    await site.http.post("/ports/81/preview")
    site.process._previews._ask = refusing
    assert_error(await site.http.delete("/ports/81/preview"), 409, "CONFLICT")
    listener.close()
