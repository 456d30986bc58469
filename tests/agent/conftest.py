"""Agents to test against: spawned as a program, or on the test's own event loop (quick, and seen by coverage)."""

from __future__ import annotations

import os
import socket

import httpx
import pytest

from hopx_tui.agent.config import Config, Limits
from hopx_tui.agent.server import AgentProcess
from tests.agent.running import KEY, SANDBOX, RunningAgent, make_token


@pytest.fixture
def agent(tmp_path):
    running = RunningAgent(tmp_path)
    yield running
    running.close()


class Site:
    """An agent on this event loop, with a client."""

    def __init__(self, directory, **config):
        for name in ("workspace", "home", "state"):
            (directory / name).mkdir(exist_ok=True)
        self.workspace, self.home = directory / "workspace", directory / "home"
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.events = []
        values = {
            "sandbox_id": SANDBOX,
            "token_key": KEY.hex(),
            "isolation": "none",
            "workspace": str(self.workspace),
            "home": str(self.home),
            "state": str(directory / "state"),
            "allowed_hosts": [f"127.0.0.1:{self.port}"],
            "env": {"FROM_CREATE": "yes"},
            "limits": Limits(memory_mb=512, disk_mb=100, vcpu=1),
        }
        self.process = AgentProcess(
            Config(**{**values, **config}),
            self.listener,
            supervisor=os.getpid(),
            adopt=False,
            notify=lambda event, **fields: self.events.append((event, fields)),
        )
        self.headers = {"Authorization": f"Bearer {make_token()}"}
        self.url = f"http://127.0.0.1:{self.port}"
        self.ws_url = f"ws://127.0.0.1:{self.port}"
        self.http = httpx.AsyncClient(base_url=self.url, headers=self.headers, timeout=20, trust_env=False)

    async def get(self, route, /, **query):
        return await self.http.get(route, params=query or None)

    async def post(self, route, /, **body):
        return await self.http.post(route, json=body)

    async def run(self, command, **more):
        answer = await self.post("/commands/run", command=command, **more)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def close(self):
        await self.http.aclose()
        await self.process.close()
        self.listener.close()


@pytest.fixture
async def site(tmp_path):
    running = Site(tmp_path)
    await running.process.start()
    yield running
    await running.close()


@pytest.fixture
async def make_site(tmp_path):
    """Sites with another configuration."""
    made = []

    async def make(**config):
        directory = tmp_path / f"site{len(made)}"
        directory.mkdir()
        running = Site(directory, **config)
        await running.process.start()
        made.append(running)
        return running

    yield make
    for running in made:
        await running.close()


def assert_error(answer, status, code):
    """The agent's error shape, contract 2.3."""
    body = answer.json()
    assert (answer.status_code, body["code"]) == (status, code), body
    assert body["error"] == body["message"]
    assert body["request_id"] == answer.headers["X-Request-ID"]
    assert isinstance(body["details"], dict)
    assert body["timestamp"].endswith("Z")
    return body
