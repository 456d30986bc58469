"""One sandbox's agent: figures, processes, files, commands, and its token."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from hopx_tui.api.agent import Agent
from hopx_tui.api.control import ControlPlane
from hopx_tui.api.errors import (
    AuthError,
    BadResponse,
    Closed,
    Conflict,
    Forbidden,
    InvalidRequest,
    LocalFileError,
    NotFound,
    ServerError,
)
from hopx_tui.api.models import FileInfo, Process
from tests.fake_cloud import FakeCloud

ODD = b"/workspace/odd-\xff\xfe"


async def test_figures(agent: Agent, cloud: FakeCloud) -> None:
    assert (await agent.health()).ok
    info = await agent.info()
    assert (info.agent_version, info.os, info.arch) == ("3.2.8", "linux", "amd64")
    system = await agent.system()
    assert system.memory.total == 1 << 30
    assert system.network is not None
    assert (await agent.metrics()).total_requests == 40
    cloud.knobs.no_network = cloud.knobs.strings = True
    system = await agent.system()
    assert system.network is None
    assert isinstance(system.cpu.usage_percent, float)


@pytest.mark.parametrize("old", [False, True])
async def test_processes(agent: Agent, cloud: FakeCloud, old: bool) -> None:
    cloud.knobs.old_names = old
    rows = await agent.processes()
    assert [(row.pid, row.ppid, row.name) for row in rows] == [(1, 0, "init"), (17, 1, "bash"), (23, 1, "sleep")]
    assert rows[0].started_at is not None
    assert rows[1].start_ticks == 1017


async def test_signals(agent: Agent, cloud: FakeCloud) -> None:
    process = (await agent.processes())[1]
    await agent.signal(process, "SIGTERM")
    assert cloud.sandbox(cloud.id_of(0)).signals == [(17, "TERM")]
    with pytest.raises(NotFound) as caught:
        await agent.signal(Process(pid=17, start_ticks=1), "KILL")
    assert caught.value.code == "PROCESS_NOT_FOUND"
    await agent.signal(Process(pid=23), "kill")
    with pytest.raises(InvalidRequest):
        await agent.signal(process, "TERM; rm -rf /")
    assert [path for _, path in cloud.requests].count("/info") == 1


async def test_signals_without_the_extension(agent: Agent, cloud: FakeCloud) -> None:
    cloud.knobs.no_extensions = True
    with pytest.raises(NotFound, match="No such process"):
        await agent.signal(Process(pid=2**22 - 3), "TERM")
    with pytest.raises(InvalidRequest):
        await agent.signal(Process(pid=2**22 - 3), "NOSUCH")
    await agent.signal(Process(pid=os.getpid()), "0")


async def test_an_agent_without_info_has_no_extensions(agent: Agent, cloud: FakeCloud) -> None:
    await agent.write("/workspace/a", b"text")
    cloud.knobs.status["/info"] = 404
    assert (await agent.read_text("/workspace/a")).content == "text"
    cloud.knobs.status["/info"] = 500
    assert (await agent.read_text("/workspace/a")).content == "text"
    agent.move(agent.origin)
    agent.move("http://127.0.0.1:1")
    agent.move(agent.origin)


# -- files ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("old", [False, True])
async def test_a_directory(agent: Agent, cloud: FakeCloud, old: bool) -> None:
    cloud.knobs.old_names = cloud.knobs.null_data = old
    assert await agent.list_files("/workspace") == []
    await agent.mkdir("/workspace/dir/below")
    await agent.write("/workspace/a+b&c#d%.txt", b"hello")
    await agent.write(ODD, b"\xff\x00")
    rows = {row.address: row for row in await agent.list_files("/workspace")}
    assert set(rows) == {"/workspace/dir", "/workspace/a+b&c#d%.txt", ODD}
    assert rows["/workspace/dir"].is_directory
    assert rows[ODD].size == 2
    assert all(row.modified is not None and row.modified.tzinfo for row in rows.values())
    await agent.remove(ODD)
    await agent.remove("/workspace/dir")
    assert not await agent.exists(ODD)
    assert not await agent.exists("/workspace/dir")
    assert await agent.exists("/workspace/a+b&c#d%.txt")


async def test_numbers_as_strings(agent: Agent, cloud: FakeCloud) -> None:
    cloud.knobs.strings = True
    await agent.write("/workspace/a", b"hello")
    assert (await agent.list_files("/workspace"))[0].size == 5


async def test_file_errors(agent: Agent) -> None:
    for call in (agent.list_files, agent.read_text, agent.remove):
        with pytest.raises(NotFound) as caught:
            await call("/workspace/none")
        assert caught.value.code == "FILE_NOT_FOUND"
    with pytest.raises(Forbidden):
        await agent.list_files("/etc")
    with pytest.raises(InvalidRequest):
        await agent.read_text("/workspace")
    await agent.write("/workspace/a", b"1")
    with pytest.raises(Conflict):
        await agent.write("/workspace/a", b"2", overwrite=False)
    with pytest.raises(Conflict):
        await agent.write("/workspace/a", b"\xff", overwrite=False)
    await agent.write("/workspace/new", b"\xff", overwrite=False)


@pytest.mark.parametrize("extensions", [True, False])
async def test_reading_text(agent: Agent, cloud: FakeCloud, extensions: bool) -> None:
    cloud.knobs.no_extensions = not extensions
    await agent.write("/workspace/text", "grüße\n".encode())
    await agent.write("/workspace/binary", b"a\x00b")
    whole = await agent.read_text("/workspace/text")
    assert (whole.content, whole.size, whole.truncated, whole.binary) == ("grüße\n", 8, False, False)
    part = await agent.read_text("/workspace/text", 2)
    assert (part.content, part.truncated) == ("gr", True)
    assert (await agent.read_text("/workspace/binary")).binary
    assert "/files/download" in {path for _, path in cloud.requests} or extensions


async def test_reading_text_without_the_extension(agent: Agent, cloud: FakeCloud) -> None:
    cloud.knobs.no_extensions = True
    await agent.write("/workspace/text", "grüße\n".encode())
    cut = await agent.read_text("/workspace/text", 3)  # within the ü
    assert (cut.content, cut.binary, cut.size) == ("gr", False, 8)
    await agent.write("/workspace/latin", b"gr\xfc\xdfe, long enough")
    latin = await agent.read_text("/workspace/latin")
    assert latin.binary
    assert latin.content.startswith("gr\ufffd")
    await agent.write("/workspace/empty", b"")
    assert (await agent.read_text("/workspace/empty")).content == ""


async def test_reading_bytes(agent: Agent, cloud: FakeCloud) -> None:
    data = bytes(range(256)) * 4
    await agent.write("/workspace/b", data)
    assert await agent.read_bytes("/workspace/b", 10) == (data[:10], 1024)
    assert await agent.read_bytes("/workspace/b", 10, offset=1020) == (data[1020:], 1024)
    assert await agent.read_bytes("/workspace/b", 10, offset=5000) == (b"", 5000)
    cloud.knobs.body["/files/download"] = data  # a server that knows no ranges
    assert await agent.read_bytes("/workspace/b", 10, offset=100) == (data[100:110], 1024)
    cloud.knobs.body.clear()
    with pytest.raises(NotFound):
        await agent.read_bytes("/workspace/none")
    cloud.knobs.status["/files/download"] = 422
    with pytest.raises(InvalidRequest):
        await agent.read_bytes("/workspace/b")


async def test_down_and_up(agent: Agent, tmp_path: Path) -> None:
    data = bytes(range(256)) * 5000
    (tmp_path / "source").write_bytes(data)
    steps: list[tuple[int, int | None]] = []
    await agent.upload(tmp_path / "source", ODD, progress=lambda done, total: steps.append((done, total)))
    assert steps[0] == (0, len(data))
    assert steps[-1] == (len(data), len(data))
    assert len(steps) > 3
    steps.clear()
    await agent.download(ODD, tmp_path / "back", progress=lambda done, total: steps.append((done, total)))
    assert (tmp_path / "back").read_bytes() == data
    assert steps[0] == (0, len(data))
    assert steps[-1] == (len(data), len(data))
    assert [done for done, _ in steps] == sorted(done for done, _ in steps)
    with pytest.raises(LocalFileError, match="already exists"):
        await agent.download(ODD, tmp_path / "back")
    await agent.write(ODD, b"new")
    await agent.download(ODD, tmp_path / "back", overwrite=True)
    assert (tmp_path / "back").read_bytes() == b"new"
    with pytest.raises(Conflict):
        await agent.upload(tmp_path / "source", ODD)
    await agent.upload(tmp_path / "source", ODD, overwrite=True)
    assert {path.name for path in tmp_path.iterdir()} == {"source", "back"}


async def test_an_upload_race_is_a_conflict(agent: Agent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "source").write_bytes(b"x")
    await agent.write("/workspace/a", b"first")

    async def nothing_there(path: object) -> bool:
        return False

    monkeypatch.setattr(agent, "exists", nothing_there)
    with pytest.raises(Conflict):
        await agent.upload(tmp_path / "source", "/workspace/a")
    assert (await agent.read_text("/workspace/a")).content == "first"


async def test_a_download_that_drops(agent: Agent, cloud: FakeCloud, tmp_path: Path) -> None:
    cloud.knobs.drop_mid_body.add("/files/download")
    with pytest.raises(Closed):
        await agent.download("/workspace/a", tmp_path / "a")
    assert not list(tmp_path.iterdir())


async def test_a_missing_file_creates_nothing_here(agent: Agent, tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        await agent.download("/workspace/none", tmp_path / "a")
    assert not list(tmp_path.iterdir())


async def test_a_cancelled_download(agent: Agent, tmp_path: Path) -> None:
    await agent.write("/workspace/a", b"\xff" * 3_000_000)
    begun = asyncio.Event()

    def progress(done: int, total: int | None) -> None:
        if done:
            begun.set()

    task = asyncio.create_task(agent.download("/workspace/a", tmp_path / "a", progress=progress))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not list(tmp_path.iterdir())
    await agent.download("/workspace/a", tmp_path / "a")


async def test_a_cancelled_upload(agent: Agent, cloud: FakeCloud, tmp_path: Path) -> None:
    with (tmp_path / "big").open("wb") as file:
        file.truncate(200 << 20)
    begun = asyncio.Event()
    task = asyncio.create_task(
        agent.upload(tmp_path / "big", "/workspace/big", progress=lambda done, total: done and begun.set())
    )
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not await agent.exists("/workspace/big")


# -- commands ------------------------------------------------------------------------------------------------


async def test_commands(agent: Agent, cloud: FakeCloud) -> None:
    result = await agent.run('echo out; echo "$A" >&2; exit 3', env={"A": "err"})
    assert (result.stdout, result.stderr, result.exit_code) == ("out\n", "err\n", 3)
    assert result.pid
    assert (await agent.run("sleep 30", timeout=0.05)).exit_code == 124
    await agent.update_env({"B": "c"})
    assert (await agent.env())["B"] == "c"
    assert (await agent.run("echo $B", workdir="/workspace")).stdout == "c\n"
    cloud.knobs.body["/commands/run"] = b'{"stdout": "x"}'
    assert (await agent.run("true")).exit_code != 0
    cloud.knobs.html.add("/commands/run")
    with pytest.raises(BadResponse):
        await agent.run("true")


async def test_a_command_is_never_repeated(agent: Agent, cloud: FakeCloud) -> None:
    await agent.system()
    cloud.knobs.drop.add("/commands/run")
    cloud.knobs.times["/commands/run"] = 1
    with pytest.raises(Closed):
        await agent.run("true")
    cloud.knobs.drop.clear()
    cloud.knobs.times.clear()
    cloud.knobs.status["/commands/run"] = 500
    with pytest.raises(ServerError):
        await agent.run("true")
    assert [path for _, path in cloud.requests].count("/commands/run") == 2


# -- tokens --------------------------------------------------------------------------------------------------


def refreshes(cloud: FakeCloud) -> int:
    return sum(path.endswith("/token/refresh") for _, path in cloud.requests)


async def test_one_token_for_many_calls(agent: Agent, cloud: FakeCloud) -> None:
    await asyncio.gather(*(agent.system() for _ in range(20)))
    assert refreshes(cloud) == 1
    used = {headers.get("Authorization") for headers in cloud.headers if "Authorization" in headers}
    assert len(used) == 1
    assert not any("X-API-Key" in headers and "Authorization" in headers for headers in cloud.headers)


async def test_a_refused_token_is_renewed_once_for_all(agent: Agent, cloud: FakeCloud) -> None:
    await agent.system()
    cloud.knobs.refused_tokens.update(cloud._tokens)
    results = await asyncio.gather(*(agent.run("echo x") for _ in range(5)), agent.system())
    assert len(results) == 6
    assert refreshes(cloud) == 2


async def test_a_token_refused_for_ever(agent: Agent, cloud: FakeCloud) -> None:
    cloud.knobs.status["/system"] = 401
    with pytest.raises(AuthError) as caught:
        await agent.system()
    assert "renewed" in caught.value.hint
    assert refreshes(cloud) == 2
    assert [path for _, path in cloud.requests].count("/system") == 2


async def test_an_upload_after_a_refused_token_sends_the_whole_file(
    agent: Agent, cloud: FakeCloud, tmp_path: Path
) -> None:
    await agent.system()
    cloud.knobs.refused_tokens.update(cloud._tokens)
    (tmp_path / "source").write_bytes(b"x" * 300_000)
    await agent.upload(tmp_path / "source", "/workspace/a", overwrite=True)
    assert (await agent.list_files("/workspace"))[0].size == 300_000


async def test_expired_tokens(control: ControlPlane, cloud: FakeCloud) -> None:
    cloud.knobs.token_seconds = -5
    made = await control.create("base")
    cloud.knobs.token_seconds = 86_400
    await control.agent(made).system()
    assert refreshes(cloud) == 1


async def test_a_paused_sandbox(agent: Agent, control: ControlPlane, cloud: FakeCloud) -> None:
    await control.pause(cloud.id_of(0))
    with pytest.raises(Conflict) as caught:
        await agent.system()
    assert caught.value.hint == "Resume the sandbox first."


async def test_a_path_from_this_disk_keeps_its_bytes(agent: Agent) -> None:
    odd = ODD.decode("utf-8", "surrogateescape")
    await agent.write(odd, b"x")
    assert await agent.exists(ODD)
    with pytest.raises(NotFound) as caught:
        await agent.read_text(odd + "-none")
    assert str(caught.value).isprintable()
    row = (await agent.list_files("/workspace"))[0]
    assert isinstance(row, FileInfo)
    assert row.address == ODD
