"""The vendor's own SDK works against the engine: what it does must stay possible."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.contract.conftest import Server

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # it uses websockets' old names
    from hopx_ai import Sandbox
    from hopx_ai.errors import HopxError, NotFoundError

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.fixture(autouse=True)
def clients(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Close the HTTP clients that the SDK opens and forgets."""
    opened: list[httpx.Client] = []
    real = httpx.Client.__init__

    def remember(self: httpx.Client, *arguments: Any, **options: Any) -> None:
        real(self, *arguments, **options)
        opened.append(self)

    monkeypatch.setattr(httpx.Client, "__init__", remember)
    yield
    for client in opened:
        client.close()


@pytest.fixture
def sandbox(engine: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    made = Sandbox.create(
        template="base",
        api_key=engine.api_key,
        base_url=engine.url,
        timeout_seconds=600,
        env_vars={"GREETING": "hello"},
    )
    yield made
    try:
        made.kill()
    except HopxError:
        pass  # a test killed it already


def test_create_list_and_kill(sandbox: Sandbox, engine: Server) -> None:
    info = sandbox.get_info()
    assert info.status == "running"
    listed = Sandbox.list(api_key=engine.api_key, base_url=engine.url)
    assert sandbox.sandbox_id in {one.sandbox_id for one in listed}
    again = Sandbox.connect(sandbox.sandbox_id, api_key=engine.api_key, base_url=engine.url)
    assert again.get_info().sandbox_id == sandbox.sandbox_id
    sandbox.kill()
    with pytest.raises(NotFoundError):
        again.get_info()


def test_commands(sandbox: Sandbox) -> None:
    result = sandbox.commands.run("echo $GREETING; exit 3")
    assert (result.stdout, result.exit_code) == ("hello\n", 3)


def test_code(sandbox: Sandbox) -> None:
    result = sandbox.run_code("echo $((40+2))", language="bash")
    assert result.success
    assert result.stdout.strip() == "42"


def test_files(sandbox: Sandbox) -> None:
    sandbox.files.write("/workspace/sdk/a.txt", "text, with spaces\n")
    assert sandbox.files.read("/workspace/sdk/a.txt") == "text, with spaces\n"
    assert sandbox.files.exists("/workspace/sdk/a.txt")
    assert [one.name for one in sandbox.files.list("/workspace/sdk")] == ["a.txt"]
    sandbox.files.remove("/workspace/sdk")
    assert not sandbox.files.exists("/workspace/sdk/a.txt")


def test_pause_and_resume(sandbox: Sandbox) -> None:
    sandbox.pause()
    assert sandbox.get_info().status == "paused"
    sandbox.resume()
    sandbox.resume()
    assert sandbox.commands.run("echo back").stdout == "back\n"


async def test_a_terminal(sandbox: Sandbox) -> None:
    async with await sandbox.terminal.connect() as link:
        await sandbox.terminal.resize(link, cols=100, rows=30)
        await sandbox.terminal.send_input(link, "echo $((40+2)); exit 5\n")
        seen = ""
        async with asyncio.timeout(20):
            async for message in sandbox.terminal.iter_output(link):
                if message["type"] == "exit":
                    assert message["code"] == 5
                    break
                seen += message["data"]
    assert "42" in seen
