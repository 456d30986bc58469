"""Servers that speak the contract, each as a program of its own: the fake cloud and the real engine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from hopx_tui.api.agent import Agent
from hopx_tui.api.control import ControlPlane
from hopx_tui.api.models import Sandbox


@dataclass(frozen=True)
class Server:
    """Where one server is; `folder` holds its log and its state."""

    name: str
    url: str
    api_key: str
    folder: Path


def started(name: str, command: list[str], directory: Path) -> Iterator[Server]:
    """Run a server until the module's tests are over; its log is shown when it does not come up."""
    log = directory / "log"
    environment = {key: value for key, value in os.environ.items() if not key.startswith("HOPX_")}
    with (
        log.open("wb") as errors,
        subprocess.Popen(
            [sys.executable, *command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=environment,
        ) as program,
    ):
        try:
            assert program.stdout is not None
            line = program.stdout.readline()
            assert line.startswith("{"), f"{name} did not start: {line}{log.read_text()[-2000:]}"
            told = json.loads(line)
            yield Server(name, told["url"], told["api_key"], directory)
        finally:
            program.terminate()
            try:
                program.wait(15)
            except subprocess.TimeoutExpired:
                program.kill()
                raise


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    directory = tmp_path_factory.mktemp("engine")
    command = ["-m", "hopx_tui.engine", "run", "--state-dir", str(directory / "state")]
    yield from started("engine", command, directory)


@pytest.fixture(scope="module")
def fake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    yield from started("fake", ["-m", "tests.fake_cloud", "--sandboxes", "0"], tmp_path_factory.mktemp("fake"))


@pytest.fixture(scope="module", params=["fake", "engine"])
def server(request: pytest.FixtureRequest) -> Server:
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Server)
    return found


@pytest.fixture
async def control(server: Server) -> AsyncIterator[ControlPlane]:
    async with ControlPlane(server.url, server.api_key, timeout=30) as client:
        yield client


@pytest.fixture
async def sandbox(control: ControlPlane) -> AsyncIterator[Sandbox]:
    made = await control.create("base", timeout_seconds=600, env_vars={"GREETING": "hello"})
    yield made
    if made.id in {row.id async for page in control.iter_pages() for row in page}:
        await control.kill(made.id)


@pytest.fixture
def agent(control: ControlPlane, sandbox: Sandbox) -> Agent:
    return control.agent(sandbox)
