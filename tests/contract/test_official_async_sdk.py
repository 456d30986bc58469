"""The vendor's own Python SDK works against the engine: every public operation of its async classes."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio

from tests.contract import official
from tests.contract.conftest import Server

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # it uses websockets' old names
    from hopx_ai import AsyncSandbox
    from hopx_ai.errors import APIError, HopxError, NotFoundError, TemplateNotFoundError

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning"),
    pytest.mark.asyncio(loop_scope="module"),  # the SDK's connections belong to the loop that opened them
]


@dataclass(frozen=True)
class Box:
    """One sandbox of the SDK, for all checks of this module."""

    server: Server
    sandbox: AsyncSandbox

    @property
    def where(self) -> dict[str, str]:
        """The arguments that point the SDK at the engine."""
        return {"api_key": self.server.api_key, "base_url": self.server.url}

    async def another(self) -> AsyncSandbox:
        """A sandbox that the check kills itself."""
        return await AsyncSandbox.create(template="base", timeout_seconds=600, **self.where)

    async def says(self, command: str) -> str:
        """What a command prints in the sandbox."""
        return str((await self.sandbox.commands.run(command)).stdout)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def box(engine: Server) -> AsyncIterator[Box]:
    with pytest.MonkeyPatch.context() as patch, official.closing_clients() as waiting:
        patch.setenv("no_proxy", "127.0.0.1")
        made = await AsyncSandbox.create(
            template="base",
            region="local",
            timeout_seconds=600,
            internet_access=True,
            env_vars={"GREETING": "hello"},
            api_key=engine.api_key,
            base_url=engine.url,
        )
        yield Box(engine, made)
        await made.kill()
        for client in waiting:
            await client.aclose()


class Checks:
    """One method per operation, in the order of the SDK's own list."""

    # -- the life of a sandbox ---------------------------------------------------------------------------------------

    async def create(self, box: Box) -> None:
        base = await AsyncSandbox.get_template("base", **box.where)
        internet = not await asyncio.to_thread(official.can_cut_off, box.server)
        async with AsyncSandbox.create(
            template_id=base.id, timeout_seconds=300, internet_access=internet, env_vars={"A": "1"}, **box.where
        ) as made:
            info = await made.get_info()
            assert (info.status, info.internet_access, info.timeout_seconds) == ("running", internet, 300)
            assert (await made.commands.run("echo $A")).stdout == "1\n"
        with pytest.raises(NotFoundError):
            await made.get_info()
        with pytest.raises(TemplateNotFoundError):
            await AsyncSandbox.create(template="bose", **box.where)

    async def connect(self, box: Box) -> None:
        again = await AsyncSandbox.connect(box.sandbox.sandbox_id, **box.where)
        assert (await again.commands.run("echo back")).stdout == "back\n"

    async def iter(self, box: Box) -> None:
        other = await box.another()
        try:
            with pytest.MonkeyPatch.context() as patch:
                official.limit_pages(patch, 1)
                seen = [one.sandbox_id async for one in AsyncSandbox.iter(status="running", **box.where)]
            assert {other.sandbox_id, box.sandbox.sandbox_id} <= set(seen)
            assert len(seen) == len(set(seen))
        finally:
            await other.kill()

    async def list(self, box: Box) -> None:
        listed = await AsyncSandbox.list(status="running", region="local", **box.where)
        assert box.sandbox.sandbox_id in {one.sandbox_id for one in listed}
        assert await AsyncSandbox.list(status="stopped", **box.where) == []

    async def list_templates(self, box: Box) -> None:
        assert {"base", "python"} <= {one.name for one in await AsyncSandbox.list_templates(**box.where)}
        assert {one.language for one in await AsyncSandbox.list_templates(language="python", **box.where)} == {"python"}

    async def get_template(self, box: Box) -> None:
        assert (await AsyncSandbox.get_template("base", **box.where)).is_active

    async def delete_template(self, box: Box) -> None:
        built = await asyncio.to_thread(official.build_template, box.server, "async-made")
        assert await AsyncSandbox.delete_template(built, **box.where)
        with pytest.raises(NotFoundError):
            await AsyncSandbox.get_template("async-made", **box.where)
        with pytest.raises(APIError):
            await AsyncSandbox.delete_template("base", **box.where)

    async def health_check(self, box: Box) -> None:
        assert (await AsyncSandbox.health_check(base_url=box.server.url))["status"] == "healthy"

    async def get_info(self, box: Box) -> None:
        info = await box.sandbox.get_info()
        assert (info.status, info.template_name) == ("running", "base")
        assert info.expires_at is not None
        assert info.expires_at > datetime.now(UTC)

    async def get_time_to_expiry(self, box: Box) -> None:
        await box.sandbox.set_timeout(600)
        left = await box.sandbox.get_time_to_expiry()
        assert left is not None
        assert 500 < left <= 600

    async def is_expiring_soon(self, box: Box) -> None:
        await box.sandbox.set_timeout(600)
        assert not await box.sandbox.is_expiring_soon()
        assert await box.sandbox.is_expiring_soon(700)

    async def get_expiry_info(self, box: Box) -> None:
        found = await box.sandbox.get_expiry_info()
        assert found.has_timeout
        assert not found.is_expired

    async def is_healthy(self, box: Box) -> None:
        assert await box.sandbox.is_healthy()

    async def ensure_healthy(self, box: Box) -> None:
        await box.sandbox.ensure_healthy()

    async def pause(self, box: Box) -> None:
        await box.sandbox.pause()
        assert (await box.sandbox.get_info()).status == "paused"
        await box.sandbox.resume()

    async def resume(self, box: Box) -> None:
        await box.sandbox.resume()  # runs already
        await box.sandbox.pause()
        await box.sandbox.resume()
        assert await box.says("echo back") == "back\n"

    async def set_timeout(self, box: Box) -> None:
        await box.sandbox.set_timeout(900)
        assert (await box.sandbox.get_info()).timeout_seconds == 900

    async def kill(self, box: Box) -> None:
        made = await box.another()
        await made.kill()
        with pytest.raises(NotFoundError):
            await made.kill()

    async def refresh_token(self, box: Box) -> None:
        await box.sandbox.refresh_token()
        assert await box.says("echo on") == "on\n"

    async def get_token(self, box: Box) -> None:
        assert (await box.sandbox.get_token()).count(".") == 2

    # -- figures -----------------------------------------------------------------------------------------------------

    async def get_agent_info(self, box: Box) -> None:
        assert {"agent_version", "os", "vm_id", "features"} <= set(await box.sandbox.get_agent_info())

    async def get_agent_metrics(self, box: Box) -> None:
        assert (await box.sandbox.get_agent_metrics())["total_requests"] > 0

    async def get_metrics_snapshot(self, box: Box) -> None:
        assert {"system", "process", "cache"} <= set(await box.sandbox.get_metrics_snapshot())

    async def list_system_processes(self, box: Box) -> None:
        begun = await box.sandbox.run_code_background("sleep 600", language="bash", timeout=900)
        rows = await box.sandbox.list_system_processes()
        assert all(row["pid"] > 0 and row["name"] for row in rows)
        assert begun["process_id"] in {row.get("process_id") for row in rows}
        await box.sandbox.kill_process(begun["process_id"])

    async def get_jupyter_sessions(self, box: Box) -> None:
        assert isinstance(await box.sandbox.get_jupyter_sessions(), list)

    # -- code --------------------------------------------------------------------------------------------------------

    async def run_code(self, box: Box) -> None:
        run = box.sandbox.run_code
        shown = await run(official.SHOWS_RICH_OUTPUT, preflight=True)
        assert [one.type.value for one in shown.rich_outputs] == ["image/png", "text/html"]
        failed = await run("1/0", timeout_seconds=30)
        assert (failed.success, failed.exit_code) == (False, 1)
        await box.sandbox.files.mkdir("/workspace/there")
        where = {"language": "bash", "working_dir": "/workspace/there"}
        there = await run("echo $A $GREETING; basename $PWD", env={"A": "1"}, **where)
        assert there.stdout == "1 hello\nthere\n"
        late = await run("import time; time.sleep(60)", timeout_seconds=1)
        assert (late.success, late.exit_code) == (False, 124)  # 408 would be a TypeError of the SDK's (contract D31)

    async def run_code_async(self, box: Box) -> None:
        files = box.sandbox.files
        await box.sandbox.run_code_background(official.RECEIVER, name="receiver")
        await official.until_async(lambda: files.exists("/workspace/receiver.port"))
        queued = await box.sandbox.run_code_async(
            "print(6 * 7)",
            f"http://127.0.0.1:{await files.read('/workspace/receiver.port')}/hook",
            callback_headers={"X-Custom": "yes"},
            callback_signature_secret=official.SECRET,
            timeout=60,
        )
        assert queued["status"] == "queued"
        await official.until_async(lambda: files.exists("/workspace/delivery.json"))
        official.check_delivery(await files.read("/workspace/delivery.json"))
        for name in ("receiver.port", "delivery.json"):
            await files.remove(f"/workspace/{name}")

    async def run_code_background(self, box: Box) -> None:
        begun = await box.sandbox.run_code_background("echo $A > bg.txt", language="bash", env={"A": "1"}, name="job")
        assert (begun["status"], begun["name"]) == ("running", "job")
        await official.until_async(lambda: box.sandbox.files.exists("/workspace/bg.txt"))

    async def list_processes(self, box: Box) -> None:
        """It lists the system's processes (contract D3); those of `run_code_background` are known by their id."""
        begun = await box.sandbox.run_code_background("sleep 600", language="bash", timeout=900)
        rows = await box.sandbox.list_processes()
        assert begun["process_id"] in {row.get("process_id") for row in rows}
        await box.sandbox.kill_process(begun["process_id"])

    async def kill_process(self, box: Box) -> None:
        begun = await box.sandbox.run_code_background("sleep 600", language="bash", timeout=900)
        assert await box.sandbox.kill_process(begun["process_id"])
        left = {row.get("process_id") for row in await box.sandbox.list_processes()}
        assert begun["process_id"] not in left

    async def run_code_stream(self, box: Box) -> None:
        seen = [one async for one in box.sandbox.run_code_stream("echo a; exit 3", language="bash", timeout=30)]
        assert "".join(one["data"] for one in seen if one["type"] == "stdout") == "a\n"
        assert [one["exit_code"] for one in seen if one["type"] == "result"] == [3]
        assert (seen[-1]["type"], seen[-1]["success"]) == ("complete", False)

    async def commands(self, box: Box) -> None:
        assert box.sandbox.commands is not None

    async def commands_run(self, box: Box) -> None:
        run = box.sandbox.commands.run
        result = await run("echo $GREETING $A | tr a-z A-Z; echo err >&2; exit 3", env={"A": "x"}, timeout_seconds=30)
        assert (result.stdout, result.stderr, result.exit_code, result.success) == ("HELLO X\n", "err\n", 3, False)
        begun = await run("echo done > bg_command.txt", background=True)
        assert begun.stdout.startswith("Background process started: cmd_")
        await official.until_async(lambda: box.sandbox.files.exists("/workspace/bg_command.txt"))

    # -- files: their paths go into URLs as they are, so `+ & # %` are out (contract 2.7) ------------------------------

    async def files(self, box: Box) -> None:
        assert box.sandbox.files is not None

    async def files_write(self, box: Box) -> None:
        await box.sandbox.files.write("/workspace/w/a b.txt", "grüße\n", mode="0600")
        assert await box.says("stat -c %a 'w/a b.txt'; cat 'w/a b.txt'") == "600\ngrüße\n"

    async def files_read(self, box: Box) -> None:
        await box.sandbox.files.write("/workspace/r ü.txt", "text\r\n世界")
        assert await box.sandbox.files.read("/workspace/r ü.txt") == "text\r\n世界"
        with pytest.raises(HopxError):
            await box.sandbox.files.read("/workspace/none")

    async def files_write_bytes(self, box: Box) -> None:
        await box.sandbox.files.write_bytes("/workspace/bytes", bytes(range(256)))
        assert (await box.says("wc -c < bytes; od -An -tu1 -j254 bytes")).split() == ["256", "254", "255"]

    async def files_read_bytes(self, box: Box) -> None:
        await box.sandbox.files.write_bytes("/workspace/again", bytes(range(256)))
        assert await box.sandbox.files.read_bytes("/workspace/again") == bytes(range(256))

    async def files_list(self, box: Box) -> None:
        await box.sandbox.files.write("/workspace/l/file", "12345")
        rows = await box.sandbox.files.list("/workspace/l")
        assert [(one.name, one.is_file, one.size) for one in rows] == [("file", True, 5)]
        assert rows[0].modified_time is not None

    async def files_exists(self, box: Box) -> None:
        assert await box.sandbox.files.exists("/workspace")
        assert not await box.sandbox.files.exists("/workspace/none")

    async def files_mkdir(self, box: Box) -> None:
        for _ in range(2):
            await box.sandbox.files.mkdir("/workspace/m/x/y")
        assert await box.sandbox.files.exists("/workspace/m/x/y")

    async def files_remove(self, box: Box) -> None:
        await box.sandbox.files.write("/workspace/r/deep/file", "")
        await box.sandbox.files.remove("/workspace/r")
        assert not await box.sandbox.files.exists("/workspace/r")

    async def files_watch(self, box: Box) -> None:
        async def write() -> None:
            for number in range(400):  # nobody is told when the watch is armed
                await box.sandbox.files.write(f"/workspace/seen/{number}", "x")
                await asyncio.sleep(0.05)

        await box.sandbox.files.mkdir("/workspace/seen")
        writing = asyncio.create_task(write())
        try:
            async with asyncio.timeout(20):
                async for event in box.sandbox.files.watch("/workspace/seen"):
                    assert (event["type"], event["event"]) in (("change", "created"), ("change", "modified"))
                    assert event["path"].startswith("/workspace/seen/")
                    break
        finally:
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)

    # -- the rest ----------------------------------------------------------------------------------------------------

    async def env(self, box: Box) -> None:
        assert box.sandbox.env is not None

    async def env_get_all(self, box: Box) -> None:
        assert (await box.sandbox.env.get_all())["GREETING"] == "hello"

    async def env_set_all(self, box: Box) -> None:
        wanted = {"GREETING": "hello", "API_KEY": "not masked"}
        assert await box.sandbox.env.set_all(wanted) == wanted
        assert await box.sandbox.env.get_all() == wanted

    async def env_update(self, box: Box) -> None:
        assert (await box.sandbox.env.update({"B": "2"}))["GREETING"] == "hello"

    async def env_delete(self, box: Box) -> None:
        await box.sandbox.env.update({"GONE": "x", "TOKEN": "kept"})
        await box.sandbox.env.delete("GONE")
        rest = await box.sandbox.env.get_all()
        assert "GONE" not in rest
        assert rest["TOKEN"] == "kept"

    async def env_get(self, box: Box) -> None:
        assert await box.sandbox.env.get("GREETING") == "hello"

    async def env_set(self, box: Box) -> None:
        await box.sandbox.env.set("ONE", "1 =\n2")
        assert await box.says('echo "$ONE"') == "1 =\n2\n"

    async def cache(self, box: Box) -> None:
        assert box.sandbox.cache is not None

    async def cache_stats(self, box: Box) -> None:
        assert {"hits", "misses", "size", "count"} <= set(await box.sandbox.cache.stats())

    async def cache_clear(self, box: Box) -> None:
        await box.sandbox.cache.clear()

    async def terminal(self, box: Box) -> None:
        assert box.sandbox.terminal is not None

    async def terminal_connect(self, box: Box) -> None:
        terminal = box.sandbox.terminal
        async with await terminal.connect() as link:
            await terminal.resize(link, cols=101, rows=31)
            await terminal.send_input(link, "stty size; echo $((40+2))-$GREETING; exit 5\n")
            messages: list[dict[str, Any]] = []
            async with asyncio.timeout(20):
                async for message in terminal.iter_output(link):
                    messages.append(message)
        assert messages[-1] == {"type": "exit", "code": 5}
        seen = "".join(message["data"] for message in messages[:-1])
        assert "31 101" in seen
        assert "42-hello" in seen

    terminal_send_input = terminal_resize = terminal_iter_output = terminal_connect


async def test_every_operation_has_its_check() -> None:
    known = {name.replace(".", "_") for name in official.served(official.ASYNC)}
    assert {name for name in vars(Checks) if not name.startswith("_")} == known


@pytest.mark.parametrize("operation", official.served(official.ASYNC))
async def test_operation(operation: str, box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    used = official.spied(monkeypatch, *official.operations(official.ASYNC)[operation])
    await getattr(Checks(), operation.replace(".", "_"))(box)
    assert used, f"the check of {operation} does not use it"


async def test_what_no_server_can_serve(box: Box) -> None:
    with pytest.raises(HopxError, match="Unable to determine preview URL"):
        await box.sandbox.get_preview_url(8080)
    with pytest.raises(HopxError, match="Unable to determine preview URL"):
        await box.sandbox.agent_url
