"""What the vendor's Python SDK offers, read from the package as it is installed, and what no server can serve of it.

An operation is spelled as its user writes it: `run_code`, `files.read`. Every one has a check of its name
(`files_read`) in a class of checks, or a reason here.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import inspect
import json
import time
import warnings
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from tests.contract.conftest import Server

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # it uses websockets' old names
    from hopx_ai import AsyncSandbox, Sandbox
    from hopx_ai._async_cache import AsyncCache
    from hopx_ai._async_client import AsyncHTTPClient
    from hopx_ai._async_commands import AsyncCommands
    from hopx_ai._async_env_vars import AsyncEnvironmentVariables
    from hopx_ai._async_files import AsyncFiles
    from hopx_ai._async_terminal import AsyncTerminal
    from hopx_ai._client import HTTPClient
    from hopx_ai.cache import Cache
    from hopx_ai.commands import Commands
    from hopx_ai.desktop import Desktop
    from hopx_ai.env_vars import EnvironmentVariables
    from hopx_ai.files import Files
    from hopx_ai.terminal import Terminal

SYNC: dict[str, type] = {
    "": Sandbox,
    "files": Files,
    "commands": Commands,
    "env": EnvironmentVariables,
    "cache": Cache,
    "terminal": Terminal,
    "desktop": Desktop,
}
ASYNC: dict[str, type] = {
    "": AsyncSandbox,
    "files": AsyncFiles,
    "commands": AsyncCommands,
    "env": AsyncEnvironmentVariables,
    "cache": AsyncCache,
    "terminal": AsyncTerminal,
}

_NO_NAME = "the SDK makes it out of *.vms.hopx.dev, which no server on loopback has (contract D35)"
UNSERVABLE = {"get_preview_url": _NO_NAME, "agent_url": _NO_NAME}
NO_DESKTOP = "a sandbox of the engine has no screen: every call is refused with the reason (contract 2.9)"
SECRET = "shared between the two"


def operations(parts: dict[str, type]) -> dict[str, tuple[type, str]]:
    """Every public method and property: where it is defined under which name, by its spelling."""
    found = {}
    for prefix, kind in parts.items():
        for name, value in vars(kind).items():
            public = not name.startswith("_") and (
                inspect.isroutine(value) or isinstance(value, (property, classmethod, staticmethod))
            )
            if public:
                found[f"{prefix}.{name}" if prefix else name] = (kind, name)
    return found


def served(parts: dict[str, type]) -> list[str]:
    """The operations that the engine must serve."""
    return [name for name in operations(parts) if name not in UNSERVABLE and name.partition(".")[0] != "desktop"]


def spied(monkeypatch: pytest.MonkeyPatch, owner: type, name: str) -> list[str]:
    """Record the uses of an operation: a check that does not use what it is named after proves nothing."""
    used: list[str] = []
    original = vars(owner)[name]
    if isinstance(original, property):
        assert original.fget is not None
        getter = original.fget

        def get(self: Any) -> Any:
            used.append(name)
            return getter(self)

        monkeypatch.setattr(owner, name, property(get))
        return used
    plain = original.__func__ if isinstance(original, (classmethod, staticmethod)) else original

    def call(*arguments: Any, **options: Any) -> Any:
        used.append(name)
        return plain(*arguments, **options)

    wrapped = type(original)(call) if isinstance(original, (classmethod, staticmethod)) else call
    monkeypatch.setattr(owner, name, wrapped)
    return used


SHOWS_RICH_OUTPUT = """
class Shown:
    def _repr_html_(self):
        return "<b>x</b>"
    def _repr_png_(self):
        return bytes.fromhex("89504e470d0a1a0a")
Shown()
"""
RECEIVER = """
import http.server, json, os
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        got = {"headers": {name.lower(): value for name, value in self.headers.items()}, "body": body}
        with open("delivery.part", "w") as file:
            json.dump(got, file)
        os.rename("delivery.part", "delivery.json")
        self.send_response(200)
        self.end_headers()
server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
with open("receiver.part", "w") as file:
    file.write(str(server.server_port))
os.rename("receiver.part", "receiver.port")
server.handle_request()
"""
"""Takes one callback. It runs in the sandbox: one with its own network does not reach the host's loopback."""


def check_delivery(text: str) -> None:
    """What the receiver wrote down is the end of `print(6 * 7)`, signed with SECRET as receivers check it."""
    got = json.loads(text)
    headers, body = got["headers"], got["body"]
    expected = "sha256=" + hmac.new(SECRET.encode(), body.encode(), hashlib.sha256).hexdigest()
    assert hmac.compare_digest(headers["x-hopx-signature"], expected)
    assert headers["x-custom"] == "yes"
    assert abs(int(headers["x-hopx-timestamp"]) - time.time()) < 60
    fields = json.loads(body)
    assert (fields["status"], fields["stdout"], fields["exit_code"]) == ("completed", "42\n", 0)


def until(condition: Callable[[], Any], seconds: float = 20) -> Any:
    """Ask until the answer is truthy, and return it."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"waited {seconds} s"
        time.sleep(0.05)
    return value


async def until_async(condition: Callable[[], Awaitable[Any]], seconds: float = 20) -> Any:
    """The same, asking asynchronously."""
    async with asyncio.timeout(seconds):
        while not (value := await condition()):
            await asyncio.sleep(0.05)
    return value


def can_cut_off(server: Server) -> bool:
    """Whether sandboxes without internet can be made here; where they are not isolated that is refused."""
    with httpx.Client(base_url=server.url, trust_env=False) as http:
        return bool(http.get("/health").json()["isolation"] == "bwrap")


def build_template(server: Server, name: str) -> str:
    """Build a small template; its id."""
    with httpx.Client(base_url=server.url, headers={"X-API-Key": server.api_key}, trust_env=False) as http:
        body = {"name": name, "from_image": "base", "cpu": 1, "memory": 512, "diskGB": 1}
        answer = http.post("/v1/templates/build", json=body | {"steps": [{"type": "ENV", "args": ["A", "b"]}]})
        assert answer.status_code == 201, answer.text
        made = answer.json()

        def status() -> str:
            return str(http.get(f"/v1/templates/build/{made['build_id']}/status").json()["status"])

        until(lambda: status() not in ("pending", "building"))
        assert status() in ("active", "success")
        return str(made["template_id"])


@contextmanager
def closing_clients() -> Iterator[list[httpx.AsyncClient]]:
    """Close the sync HTTP clients that the SDK opens and forgets; the async ones are for the caller to close."""
    with pytest.MonkeyPatch.context() as patch:
        opened: list[httpx.Client] = []
        waiting: list[httpx.AsyncClient] = []
        begin, begin_async = httpx.Client.__init__, httpx.AsyncClient.__init__

        def remember(self: httpx.Client, *arguments: Any, **options: Any) -> None:
            begin(self, *arguments, **options)
            opened.append(self)

        def remember_async(self: httpx.AsyncClient, *arguments: Any, **options: Any) -> None:
            begin_async(self, *arguments, **options)
            waiting.append(self)

        patch.setattr(httpx.Client, "__init__", remember)
        patch.setattr(httpx.AsyncClient, "__init__", remember_async)
        yield waiting
        for client in opened:
            client.close()


def limit_pages(patch: pytest.MonkeyPatch, rows: int) -> None:
    """Let `iter` ask for pages of so many rows, where it has a hundred written down."""
    for kind in (HTTPClient, AsyncHTTPClient):
        original = kind.get

        def get(self: Any, path: str, params: Any = None, _get: Any = original, **options: Any) -> Any:
            if params is not None and "limit" in params:
                params = params | {"limit": rows}
            return _get(self, path, params=params, **options)

        patch.setattr(kind, "get", get)
