"""The JSON that client and servers both spell: one body of tests, on the fake cloud and on the real engine."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from hopx_tui.api.agent import Agent
from hopx_tui.api.control import ControlPlane
from hopx_tui.api.errors import AuthError, Conflict, Forbidden, InvalidRequest, NotFound
from hopx_tui.api.models import Process, Sandbox
from hopx_tui.api.sockets import PtyExit, PtyLink
from tests.contract.conftest import Server

ODD = b"/workspace/odd-\xff\xfe.bin"


# -- control plane -------------------------------------------------------------------------------------------


async def test_health(control: ControlPlane) -> None:
    health = await control.health()
    assert health.status == "healthy"
    assert health.version


async def test_create_answers_a_running_sandbox(sandbox: Sandbox) -> None:
    assert sandbox.status == "running"
    assert sandbox.template_name == "base"
    assert sandbox.public_host.startswith("http://127.0.0.1:")
    assert sandbox.public_host.count("/") == 2
    assert sandbox.resources is not None
    assert sandbox.resources.memory_mb > 0
    assert sandbox.timeout_seconds == 600
    now = datetime.now(UTC)
    assert sandbox.created_at is not None
    assert abs(sandbox.created_at - now) < timedelta(seconds=60)
    assert sandbox.expires_at is not None
    assert timedelta(seconds=500) < sandbox.expires_at - now <= timedelta(seconds=600)


async def test_get_and_list_agree(control: ControlPlane, sandbox: Sandbox) -> None:
    rows = {row.id: row async for page in control.iter_pages() for row in page}
    assert rows[sandbox.id] == await control.get(sandbox.id)
    assert rows[sandbox.id].public_host == sandbox.public_host
    page = await control.list_page(1)
    assert len(page.data) == 1
    assert page.has_more == (page.next_cursor is not None)
    assert not [row async for page in control.iter_pages(status="stopped") for row in page if row.id == sandbox.id]
    assert sandbox.id.encode() in await control.raw(sandbox.id)


async def test_every_page_once(control: ControlPlane) -> None:
    made = [(await control.create("base")).id for _ in range(3)]
    try:
        seen = [row.id async for page in control.iter_pages(1) for row in page]
        assert set(made) <= set(seen)
        assert len(seen) == len(set(seen))
    finally:
        for one in made:
            await control.kill(one)


async def test_templates(control: ControlPlane) -> None:
    templates = {one.name: one for one in await control.list_templates()}
    base = await control.get_template("base")
    assert base == templates["base"]
    assert base.default_resources is not None
    assert (await control.get_template(base.id)).name == "base"  # builders pass the id


async def test_states(control: ControlPlane, sandbox: Sandbox, agent: Agent) -> None:
    await control.resume(sandbox.id)  # running already: must be fine
    await control.pause(sandbox.id)
    assert (await control.get(sandbox.id)).status == "paused"
    with pytest.raises(Conflict) as caught:
        await agent.system()
    assert caught.value.code == "SANDBOX_PAUSED"
    with pytest.raises(Conflict):
        await agent.terminal(80, 24).connect()
    with pytest.raises(Conflict):
        await control.start(sandbox.id)
    await control.resume(sandbox.id)
    assert (await agent.system()).uptime >= 0
    await agent.write("/workspace/kept", b"kept")
    await control.stop(sandbox.id)
    assert (await control.get(sandbox.id)).status == "stopped"
    with pytest.raises(Conflict) as caught:
        await agent.system()
    assert caught.value.code == "SANDBOX_STOPPED"
    for action in (control.pause, control.resume):
        with pytest.raises(Conflict):
            await action(sandbox.id)
    await control.start(sandbox.id)
    again = control.agent(await control.get(sandbox.id))
    assert (await again.read_text("/workspace/kept")).content == "kept"


async def test_the_time_limit(control: ControlPlane, sandbox: Sandbox) -> None:
    await control.set_timeout(sandbox.id, 0)
    row = await control.get(sandbox.id)
    assert (row.timeout_seconds, row.expires_at) == (None, None)
    await control.set_timeout(sandbox.id, 3600)
    expires = (await control.get(sandbox.id)).expires_at
    assert expires is not None
    assert timedelta(seconds=3500) < expires - datetime.now(UTC) <= timedelta(seconds=3600)


async def test_what_is_gone(control: ControlPlane, sandbox: Sandbox) -> None:
    agent = control.agent(sandbox)
    await agent.health()
    await control.kill(sandbox.id)
    for call in (control.get, control.kill, control.pause, control.resume, control.refresh_token):
        with pytest.raises(NotFound) as caught:
            await call(sandbox.id)
        assert f"Sandbox {sandbox.id} not found" in caught.value.message
        assert caught.value.request_id
    assert sandbox.id not in {row.id async for page in control.iter_pages() for row in page}


async def test_refusals(control: ControlPlane, server: Server) -> None:
    async with ControlPlane(server.url, "wrong") as stranger:
        with pytest.raises(AuthError):
            await stranger.list_page()
        await stranger.health()
    with pytest.raises(NotFound):
        await control.create("no-such-template")
    with pytest.raises(NotFound):
        await control.get_template("no-such-template")
    with pytest.raises(InvalidRequest):
        await control.list_page(cursor="no-such-cursor")


async def test_tokens(control: ControlPlane, sandbox: Sandbox) -> None:
    first = await control.refresh_token(sandbox.id)
    second = await control.refresh_token(sandbox.id)
    assert first.expires_at is not None
    assert first.expires_at - datetime.now(UTC) > timedelta(hours=2)
    async with httpx.AsyncClient(base_url=sandbox.public_host, trust_env=False) as http:
        for token in (first, second):  # a refresh must not revoke the older one
            answer = await http.get("/system", headers={"Authorization": f"Bearer {token.value}"})
            assert answer.status_code == 200
        for headers in ({}, {"Authorization": "Bearer x.y.z"}, {"X-API-Key": "k"}):
            answer = await http.get("/system", headers=headers)
            assert answer.status_code == 401
            body = answer.json()
            assert body["code"] in ("TOKEN_INVALID", "TOKEN_EXPIRED")
            assert body["error"] == body["message"]
            assert isinstance(body["details"], dict)
        assert (await http.get("/health")).json()["status"] == "healthy"


async def test_a_token_is_for_one_sandbox(control: ControlPlane, sandbox: Sandbox) -> None:
    other = await control.create("base")
    try:
        token = await control.refresh_token(other.id)
        async with httpx.AsyncClient(base_url=sandbox.public_host, trust_env=False) as http:
            answer = await http.get("/system", headers={"Authorization": f"Bearer {token.value}"})
        assert answer.status_code in (401, 403)
    finally:
        await control.kill(other.id)


# -- agent ---------------------------------------------------------------------------------------------------


async def test_figures(agent: Agent) -> None:
    assert (await agent.health()).ok
    info = await agent.info()
    assert info.agent_version
    assert info.has("process_signal")
    assert info.has("path_b64")
    assert info.has("read_limit")
    system = await agent.system()
    assert system.cpu.cores >= 1
    assert system.cpu.usage_percent >= 0
    assert 0 <= system.memory.used <= system.memory.total
    assert system.memory.total > 0
    assert system.disk.total > 0
    assert (await agent.metrics()).uptime_seconds is not None


async def test_processes_and_signals(agent: Agent, server: Server) -> None:
    link = agent.terminal(80, 24)
    await link.connect()
    if server.name == "engine":  # the fake one has the same three processes for ever
        await link.write("exec sleep 4242\r")
    victim = await find(agent, "sleep")
    assert victim.started_at is not None
    assert victim.start_ticks is not None
    assert victim.threads == 1
    with pytest.raises(NotFound) as caught:
        await agent.signal(Process(pid=victim.pid, start_ticks=1), "TERM")
    assert caught.value.code == "PROCESS_NOT_FOUND"
    await agent.signal(victim, "KILL")
    async with asyncio.timeout(15):
        while victim.pid in {row.pid for row in await agent.processes()}:
            await asyncio.sleep(0.05)
    if server.name == "engine":
        assert (await read_all(link))[1].code != 0
    await link.close()


async def find(agent: Agent, name: str) -> Process:
    async with asyncio.timeout(15):
        while not (found := [row for row in await agent.processes() if row.name == name]):
            await asyncio.sleep(0.05)
    return found[0]


async def test_files(agent: Agent, tmp_path: Path) -> None:
    text = "grüße, 世界\n"
    await agent.write("/workspace/dir/a+b & c#%.txt", text.encode(), "0600")
    await agent.write(ODD, b"\xff\x00binary")
    rows = {row.address: row for row in await agent.list_files("/workspace")}
    assert rows["/workspace/dir"].is_directory
    odd = rows[ODD]
    assert (odd.size, odd.is_directory) == (8, False)
    assert odd.modified is not None
    inner = (await agent.list_files("/workspace/dir"))[0]
    assert (inner.address, inner.permissions) == ("/workspace/dir/a+b & c#%.txt", "-rw-------")
    read = await agent.read_text(inner.address)
    assert (read.content, read.size, read.truncated, read.binary) == (text, len(text.encode()), False, False)
    part = await agent.read_text(inner.address, 3)
    assert part.truncated
    assert part.content == "gr"[: len(part.content)] or part.content.startswith("gr")
    assert (await agent.read_text(ODD)).binary
    assert await agent.read_bytes(ODD, 3, offset=1) == (b"\x00bi", 8)
    await agent.download(odd.address, tmp_path / "odd")
    assert (tmp_path / "odd").read_bytes() == b"\xff\x00binary"
    await agent.remove(ODD)
    assert not await agent.exists(ODD)
    await agent.mkdir("/workspace/dir/x/y")
    await agent.mkdir("/workspace/dir/x/y")
    await agent.remove("/workspace/dir")
    assert not await agent.exists("/workspace/dir")


async def test_transfers(agent: Agent, tmp_path: Path) -> None:
    data = bytes(range(256)) * 20_000
    (tmp_path / "source").write_bytes(data)
    await agent.upload(tmp_path / "source", ODD)
    with pytest.raises(Conflict):
        await agent.upload(tmp_path / "source", ODD)
    await agent.upload(tmp_path / "source", ODD, overwrite=True)
    seen: list[tuple[int, int | None]] = []
    await agent.download(ODD, tmp_path / "back", progress=lambda done, total: seen.append((done, total)))
    assert (tmp_path / "back").read_bytes() == data
    assert seen[-1] == (len(data), len(data))


async def test_file_refusals(agent: Agent) -> None:
    for call in (agent.list_files, agent.read_text, agent.remove):
        with pytest.raises(NotFound) as caught:
            await call("/workspace/none")
        assert caught.value.code in ("FILE_NOT_FOUND", "DIRECTORY_NOT_FOUND")
    with pytest.raises((Forbidden, InvalidRequest)):
        await agent.write("/etc/shadow", b"x")
    with pytest.raises(InvalidRequest) as refused:
        await agent.read_text("/workspace")
    assert refused.value.code == "INVALID_PATH"
    await agent.write("/workspace/a", b"1")
    with pytest.raises(Conflict) as occupied:
        await agent.write("/workspace/a", b"2", overwrite=False)
    assert occupied.value.code == "FILE_ALREADY_EXISTS"


async def test_commands(agent: Agent) -> None:
    result = await agent.run('echo "$GREETING $A"; pwd; echo err >&2; exit 3', env={"A": "x"})
    assert result.stdout.startswith("hello x\n")
    assert (result.stderr, result.exit_code) == ("err\n", 3)
    assert result.execution_time >= 0
    assert (await agent.run("echo $A")).stdout == "\n"
    late = await agent.run("echo early; sleep 30", timeout=1)
    assert late.exit_code == 124
    await agent.update_env({"LATER": "yes"})
    assert (await agent.env())["LATER"] == "yes"
    assert (await agent.run("echo $LATER")).stdout == "yes\n"


async def read_all(link: PtyLink) -> tuple[str, PtyExit]:
    seen = ""
    async with asyncio.timeout(20):
        while True:
            piece = await link.read()
            if isinstance(piece, PtyExit):
                return seen, piece
            seen += piece


async def test_a_terminal(agent: Agent) -> None:
    link = agent.terminal(101, 33)
    await link.connect()
    await link.write("echo $((40+2))-$GREETING\r")
    await link.write("stty size\r")
    await link.write("exit 3\r")
    seen, ended = await read_all(link)
    assert "42-hello" in seen
    assert "33 101" in seen
    assert ended == PtyExit(3)
    await link.close()


async def test_a_terminal_of_another_is_refused(agent: Agent, sandbox: Sandbox) -> None:
    async with httpx.AsyncClient(base_url=sandbox.public_host, trust_env=False) as http:
        upgrade = {
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        }
        assert (await http.get("/terminal", headers=upgrade)).status_code == 401
