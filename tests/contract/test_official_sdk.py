"""The vendor's own Python SDK works against the engine: every public operation of its sync classes."""

from __future__ import annotations

import asyncio
import inspect
import shutil
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.contract import official
from tests.contract.conftest import Server

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # it uses websockets' old names
    from hopx_ai import Sandbox
    from hopx_ai.desktop import Desktop
    from hopx_ai.errors import (
        APIError,
        DesktopNotAvailableError,
        FileNotFoundError,  # noqa: A004 - its name
        HopxError,
        NotFoundError,
        TemplateNotFoundError,
    )

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")


@dataclass(frozen=True)
class Box:
    """One sandbox of the SDK, for all checks of this module."""

    server: Server
    sandbox: Sandbox
    folder: Path

    @property
    def where(self) -> dict[str, str]:
        """The arguments that point the SDK at the engine."""
        return {"api_key": self.server.api_key, "base_url": self.server.url}

    def another(self, **options: Any) -> Sandbox:
        """A sandbox that the check kills itself."""
        return Sandbox.create(template="base", timeout_seconds=600, **options, **self.where)


@pytest.fixture(scope="module")
def box(engine: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    with pytest.MonkeyPatch.context() as patch, official.closing_clients():
        patch.setenv("no_proxy", "127.0.0.1")
        made = Sandbox.create(
            template="base",
            region="local",
            timeout_seconds=600,
            internet_access=True,
            env_vars={"GREETING": "hello"},
            api_key=engine.api_key,
            base_url=engine.url,
        )
        yield Box(engine, made, tmp_path_factory.mktemp("files"))
        made.kill()


class Checks:
    """One method per operation, in the order of the SDK's own list."""

    # -- the life of a sandbox ---------------------------------------------------------------------------------------

    def create(self, box: Box) -> None:
        internet = not official.can_cut_off(box.server)
        with Sandbox.create(
            template_id=Sandbox.get_template("base", **box.where).id,
            timeout_seconds=300,
            internet_access=internet,
            env_vars={"A": "1"},
            **box.where,
        ) as made:
            info = made.get_info()
            assert (info.status, info.internet_access, info.timeout_seconds) == ("running", internet, 300)
            assert made.commands.run("echo $A").stdout == "1\n"
        with pytest.raises(NotFoundError):
            made.get_info()
        with pytest.raises(TemplateNotFoundError) as caught:
            Sandbox.create(template="bose", **box.where)
        assert "base" in str(caught.value)

    def connect(self, box: Box) -> None:
        again = Sandbox.connect(box.sandbox.sandbox_id, **box.where)
        again.pause()
        again = Sandbox.connect(box.sandbox.sandbox_id, **box.where)  # it lets the sandbox go on
        assert again.commands.run("echo back").stdout == "back\n"

    def debug(self, box: Box) -> None:
        info = box.sandbox.get_info()
        bare = Sandbox.debug(info.public_host, box.sandbox.get_token())
        assert bare.commands.run("echo $GREETING").stdout == "hello\n"

    def iter(self, box: Box) -> None:
        """Two pages: the SDK asks for a hundred, the server gives what there is."""
        others = [box.another() for _ in range(2)]
        try:
            with pytest.MonkeyPatch.context() as patch:
                official.limit_pages(patch, 1)
                seen = [one.sandbox_id for one in Sandbox.iter(status="running", region="local", **box.where)]
            assert {one.sandbox_id for one in others} < set(seen)
            assert len(seen) == len(set(seen))
        finally:
            for one in others:
                one.kill()

    def list(self, box: Box) -> None:
        assert box.sandbox.sandbox_id in {one.sandbox_id for one in Sandbox.list(status="running", **box.where)}
        assert Sandbox.list(status="stopped", **box.where) == []
        assert len(Sandbox.list(limit=1, region="local", **box.where)) == 1

    def list_templates(self, box: Box) -> None:
        every = {one.name: one for one in Sandbox.list_templates(**box.where)}
        assert {"base", "python", "code-interpreter"} <= set(every)
        python = Sandbox.list_templates(language="python", **box.where)
        assert {one.language for one in python} == {"python"}
        assert Sandbox.list_templates(category="no-such", **box.where) == []

    def get_template(self, box: Box) -> None:
        base = Sandbox.get_template("base", **box.where)
        assert base.is_active
        assert base.default_resources is not None
        with pytest.raises(NotFoundError):
            Sandbox.get_template("no-such-template", **box.where)

    def delete_template(self, box: Box) -> None:
        built = official.build_template(box.server, "sync-made")
        Sandbox.create(template="sync-made", **box.where).kill()
        assert Sandbox.delete_template(built, **box.where)
        with pytest.raises(NotFoundError):
            Sandbox.get_template("sync-made", **box.where)
        with pytest.raises(APIError) as caught:
            Sandbox.delete_template("base", **box.where)
        assert caught.value.status_code == 403

    def health_check(self, box: Box) -> None:
        assert Sandbox.health_check(base_url=box.server.url)["status"] == "healthy"

    def get_info(self, box: Box) -> None:
        info = box.sandbox.get_info()
        assert (info.status, info.template_name, info.region) == ("running", "base", "local")
        assert info.resources is not None
        assert info.resources.memory_mb > 0
        assert info.expires_at is not None
        assert info.expires_at > datetime.now(UTC)

    def pause(self, box: Box) -> None:
        box.sandbox.pause()
        assert box.sandbox.get_info().status == "paused"
        box.sandbox.resume()

    def resume(self, box: Box) -> None:
        box.sandbox.resume()  # runs already
        box.sandbox.pause()
        box.sandbox.resume()
        assert box.sandbox.commands.run("echo back").stdout == "back\n"

    def kill(self, box: Box) -> None:
        made = box.another()
        made.kill()
        with pytest.raises(NotFoundError):
            made.kill()

    def set_timeout(self, box: Box) -> None:
        box.sandbox.set_timeout(900)
        assert box.sandbox.get_info().timeout_seconds == 900

    def get_time_to_expiry(self, box: Box) -> None:
        box.sandbox.set_timeout(600)
        left = box.sandbox.get_time_to_expiry()
        assert left is not None
        assert 500 < left <= 600

    def is_expiring_soon(self, box: Box) -> None:
        box.sandbox.set_timeout(600)
        assert not box.sandbox.is_expiring_soon()
        assert box.sandbox.is_expiring_soon(700)

    def get_expiry_info(self, box: Box) -> None:
        found = box.sandbox.get_expiry_info()
        assert found.has_timeout
        assert not found.is_expired

    def is_healthy(self, box: Box) -> None:
        assert box.sandbox.is_healthy()

    def ensure_healthy(self, box: Box) -> None:
        box.sandbox.ensure_healthy()

    def refresh_token(self, box: Box) -> None:
        box.sandbox.refresh_token()
        assert box.sandbox.commands.run("true").exit_code == 0

    def get_token(self, box: Box) -> None:
        assert box.sandbox.get_token().count(".") == 2

    # -- figures -----------------------------------------------------------------------------------------------------

    def get_agent_info(self, box: Box) -> None:
        info = box.sandbox.get_agent_info()
        assert {"agent_version", "os", "vm_id", "features", "endpoints"} <= set(info)

    def get_agent_metrics(self, box: Box) -> None:
        figures = box.sandbox.get_agent_metrics()
        assert figures["total_requests"] > 0
        assert figures["system"]["memory"]["total"] > 0

    def get_metrics_snapshot(self, box: Box) -> None:
        figures = box.sandbox.get_metrics_snapshot()
        assert {"system", "process", "cache", "uptime_seconds"} <= set(figures)

    def list_system_processes(self, box: Box) -> None:
        begun = box.sandbox.run_code_background("sleep 600", language="bash", timeout=900)
        rows = box.sandbox.list_system_processes()
        assert all(row["pid"] > 0 and row["name"] for row in rows)
        assert begun["process_id"] in {row.get("process_id") for row in rows}
        box.sandbox.kill_process(begun["process_id"])

    def get_jupyter_sessions(self, box: Box) -> None:
        assert isinstance(box.sandbox.get_jupyter_sessions(), list)

    # -- code --------------------------------------------------------------------------------------------------------

    def run_code(self, box: Box) -> None:
        run = box.sandbox.run_code
        shown = run(official.SHOWS_RICH_OUTPUT, preflight=True)
        assert [one.type.value for one in shown.rich_outputs] == ["image/png", "text/html"]
        assert shown.rich_outputs[1].data == {"text/html": "<b>x</b>"}
        assert run("console.log(6 * 7)", language="javascript").stdout == "42\n" if shutil.which("node") else True
        failed = run("print('before')\n1/0", timeout=30)
        assert (failed.success, failed.exit_code, failed.stdout) == (False, 1, "before\n")
        assert "ZeroDivisionError" in failed.stderr
        box.sandbox.files.mkdir("/workspace/there")
        there = run("echo $A $GREETING; basename $PWD", language="bash", env={"A": "1"}, working_dir="/workspace/there")
        assert there.stdout == "1 hello\nthere\n"
        late = run("import time; print('x', flush=True); time.sleep(60)", timeout=1)
        assert (late.success, late.exit_code, late.stdout) == (False, 124, "x\n")

    def run_code_async(self, box: Box) -> None:
        files = box.sandbox.files
        box.sandbox.run_code_background(official.RECEIVER, name="receiver")
        official.until(lambda: files.exists("/workspace/receiver.port"))
        queued = box.sandbox.run_code_async(
            "print(6 * 7)",
            f"http://127.0.0.1:{files.read('/workspace/receiver.port')}/hook",
            callback_headers={"X-Custom": "yes"},
            callback_signature_secret=official.SECRET,
            env={"A": "1"},
            timeout=60,
        )
        assert queued["status"] == "queued"
        official.until(lambda: files.exists("/workspace/delivery.json"))
        official.check_delivery(files.read("/workspace/delivery.json"))
        for name in ("receiver.port", "delivery.json"):
            files.remove(f"/workspace/{name}")

    def run_code_background(self, box: Box) -> None:
        begun = box.sandbox.run_code_background("echo $A > bg.txt", language="bash", env={"A": "1"}, name="job")
        assert (begun["status"], begun["name"]) == ("running", "job")
        official.until(lambda: box.sandbox.files.exists("/workspace/bg.txt"))
        assert official.until(lambda: box.sandbox.files.read("/workspace/bg.txt")) == "1\n"

    def list_processes(self, box: Box) -> None:
        begun = box.sandbox.run_code_background("print(1)", name="listed")

        def row() -> dict[str, Any]:
            rows = box.sandbox.list_processes()
            return next(one for one in rows if one["process_id"] == begun["process_id"])

        official.until(lambda: row()["status"] == "completed")
        assert (row()["name"], row()["exit_code"], row()["language"]) == ("listed", 0, "python")

    def kill_process(self, box: Box) -> None:
        begun = box.sandbox.run_code_background("sleep 600", language="bash", timeout=900)
        assert box.sandbox.kill_process(begun["process_id"])
        rows = {row["process_id"]: row["status"] for row in box.sandbox.list_processes()}
        assert rows[begun["process_id"]] == "killed"
        with pytest.raises(HopxError):
            box.sandbox.kill_process("proc_none")

    async def run_code_stream(self, box: Box) -> None:
        code = "import sys\nprint('a')\nprint('b', file=sys.stderr)\nsys.exit(3)"
        seen = [one async for one in box.sandbox.run_code_stream(code, env={"A": "1"}, timeout=30)]
        texts = {kind: "".join(one["data"] for one in seen if one["type"] == kind) for kind in ("stdout", "stderr")}
        assert texts == {"stdout": "a\n", "stderr": "b\n"}
        assert [one["exit_code"] for one in seen if one["type"] == "result"] == [3]
        assert (seen[-1]["type"], seen[-1]["success"]) == ("complete", False)

    def commands(self, box: Box) -> None:
        assert box.sandbox.commands is not None

    def commands_run(self, box: Box) -> None:
        run = box.sandbox.commands.run
        result = run("echo $GREETING $A | tr a-z A-Z; echo err >&2; exit 3", env={"A": "x"}, timeout=30)
        assert (result.stdout, result.stderr, result.exit_code) == ("HELLO X\n", "err\n", 3)
        begun = run("echo done > bg_command.txt", background=True, working_dir="/workspace")
        assert begun.stdout.startswith("Background process started: cmd_")
        official.until(lambda: box.sandbox.files.exists("/workspace/bg_command.txt"))

    # -- files -------------------------------------------------------------------------------------------------------

    def files(self, box: Box) -> None:
        assert box.sandbox.files is not None

    def files_write(self, box: Box) -> None:
        box.sandbox.files.write("/workspace/w/a b+c.txt", "grüße\n", mode="0600")
        assert box.sandbox.commands.run("stat -c %a 'w/a b+c.txt'; cat 'w/a b+c.txt'").stdout == "600\ngrüße\n"

    def files_read(self, box: Box) -> None:
        box.sandbox.files.write("/workspace/read & %.txt", "text\r\n世界")
        assert box.sandbox.files.read("/workspace/read & %.txt") == "text\r\n世界"
        with pytest.raises(FileNotFoundError):
            box.sandbox.files.read("/workspace/none")

    def files_write_bytes(self, box: Box) -> None:
        box.sandbox.files.write_bytes("/workspace/bytes", bytes(range(256)))
        said = box.sandbox.commands.run("wc -c < bytes; od -An -tu1 -j254 bytes").stdout
        assert said.split() == ["256", "254", "255"]

    def files_read_bytes(self, box: Box) -> None:
        box.sandbox.files.write_bytes("/workspace/again", bytes(range(256)))
        assert box.sandbox.files.read_bytes("/workspace/again") == bytes(range(256))

    def files_list(self, box: Box) -> None:
        box.sandbox.files.write("/workspace/l/file", "12345")
        box.sandbox.files.mkdir("/workspace/l/folder")
        rows = {one.name: one for one in box.sandbox.files.list("/workspace/l")}
        assert (rows["file"].is_file, rows["file"].size, rows["file"].path) == (True, 5, "/workspace/l/file")
        assert rows["folder"].is_dir
        assert rows["file"].permissions == "-rw-r--r--"
        assert rows["file"].modified_time is not None

    def files_upload(self, box: Box) -> None:
        (box.folder / "up").write_bytes(b"\0\xff" * 300_000)
        box.sandbox.files.upload(str(box.folder / "up"), "/workspace/up")
        assert box.sandbox.commands.run("wc -c < up").stdout.strip() == "600000"

    def files_download(self, box: Box) -> None:
        box.sandbox.commands.run("head -c 300000 /dev/zero > zeros")
        box.sandbox.files.download("/workspace/zeros", str(box.folder / "down"))
        assert (box.folder / "down").read_bytes() == bytes(300_000)

    def files_exists(self, box: Box) -> None:
        assert box.sandbox.files.exists("/workspace")
        assert not box.sandbox.files.exists("/workspace/none")

    def files_remove(self, box: Box) -> None:
        box.sandbox.files.write("/workspace/r/deep/file", "")
        box.sandbox.files.remove("/workspace/r")
        assert not box.sandbox.files.exists("/workspace/r")
        with pytest.raises(HopxError):
            box.sandbox.files.remove("/workspace/r")

    def files_mkdir(self, box: Box) -> None:
        for _ in range(2):
            box.sandbox.files.mkdir("/workspace/m/x/y")
        assert [one.name for one in box.sandbox.files.list("/workspace/m")] == ["x"]

    async def files_watch(self, box: Box) -> None:
        async def write() -> None:
            for number in range(400):  # nobody is told when the watch is armed
                await asyncio.to_thread(box.sandbox.files.write, f"/workspace/seen/{number}", "x")
                await asyncio.sleep(0.05)

        box.sandbox.files.mkdir("/workspace/seen")
        writing = asyncio.create_task(write())
        try:
            async with asyncio.timeout(20):
                async for event in box.sandbox.files.watch("/workspace/seen"):
                    assert event["type"] == "change"
                    assert event["event"] in ("created", "modified")
                    assert event["path"].startswith("/workspace/seen/")
                    break
        finally:
            writing.cancel()
            await asyncio.gather(writing, return_exceptions=True)

    # -- the rest ----------------------------------------------------------------------------------------------------

    def env(self, box: Box) -> None:
        assert box.sandbox.env is not None

    def env_get_all(self, box: Box) -> None:
        assert box.sandbox.env.get_all()["GREETING"] == "hello"

    def env_set_all(self, box: Box) -> None:
        wanted = {"GREETING": "hello", "API_KEY": "not masked"}
        assert box.sandbox.env.set_all(wanted) == wanted
        assert box.sandbox.env.get_all() == wanted
        assert box.sandbox.commands.run("ls / > /dev/null && echo $API_KEY").stdout == "not masked\n"

    def env_update(self, box: Box) -> None:
        assert box.sandbox.env.update({"B": "2"})["GREETING"] == "hello"

    def env_delete(self, box: Box) -> None:
        box.sandbox.env.update({"GONE": "x", "TOKEN": "kept"})
        box.sandbox.env.delete("GONE")
        rest = box.sandbox.env.get_all()
        assert "GONE" not in rest
        assert rest["TOKEN"] == "kept"

    def env_get(self, box: Box) -> None:
        assert box.sandbox.env.get("GREETING") == "hello"
        assert box.sandbox.env.get("NONE", "other") == "other"

    def env_set(self, box: Box) -> None:
        box.sandbox.env.set("ONE", "1 =\n2")
        assert box.sandbox.commands.run('echo "$ONE"').stdout == "1 =\n2\n"

    def cache(self, box: Box) -> None:
        assert box.sandbox.cache is not None

    def cache_stats(self, box: Box) -> None:
        assert {"hits", "misses", "size", "count", "hit_rate"} <= set(box.sandbox.cache.stats())

    def cache_clear(self, box: Box) -> None:
        assert box.sandbox.cache.clear()["success"] is True

    def terminal(self, box: Box) -> None:
        assert box.sandbox.terminal is not None

    async def terminal_connect(self, box: Box) -> None:
        terminal = box.sandbox.terminal
        async with await terminal.connect() as link:
            await terminal.resize(link, cols=101, rows=31)
            await terminal.send_input(link, "stty size; echo $((40+2))-$GREETING; exit 5\n")
            seen = ""
            async with asyncio.timeout(20):
                async for message in terminal.iter_output(link):
                    if message["type"] == "exit":
                        assert message["code"] == 5
                        break
                    seen += message["data"]
        assert "31 101" in seen
        assert "42-hello" in seen

    terminal_send_input = terminal_resize = terminal_iter_output = terminal_connect


def test_every_operation_has_its_check() -> None:
    missing = [name for name in official.served(official.SYNC) if not hasattr(Checks, name.replace(".", "_"))]
    assert not missing, "no check, and no reason in tests/contract/official.py"
    known = {name.replace(".", "_") for name in official.served(official.SYNC)}
    assert {name for name in vars(Checks) if not name.startswith("_")} == known


@pytest.mark.parametrize("operation", official.served(official.SYNC))
async def test_operation(operation: str, box: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    used = official.spied(monkeypatch, *official.operations(official.SYNC)[operation])
    outcome = getattr(Checks(), operation.replace(".", "_"))(box)
    if inspect.isawaitable(outcome):
        await outcome
    assert used, f"the check of {operation} does not use it"


def test_what_no_server_can_serve(box: Box) -> None:
    with pytest.raises(HopxError, match="Unable to determine preview URL"):
        box.sandbox.get_preview_url(8080)
    with pytest.raises(HopxError, match="Unable to determine preview URL"):
        box.sandbox.agent_url  # noqa: B018 - a property that asks the server


def test_a_desktop_is_refused_with_the_reason(box: Box) -> None:
    """See `official.NO_DESKTOP`."""
    samples: dict[Any, Any] = {int: 1, float: 1.0, bool: True, str: "x", list[str]: ["x"]}
    for name, value in vars(Desktop).items():
        if name.startswith("_"):
            continue
        needed = [one for one in inspect.signature(value).parameters.values() if one.default is one.empty][1:]
        given = [samples.get(one.annotation, ["x"]) for one in needed]
        with pytest.raises(DesktopNotAvailableError):
            getattr(box.sandbox.desktop, name)(*given)
