"""The fake cloud as a program of its own."""

from __future__ import annotations

import json
import subprocess
import sys

from hopx_tui.api.control import ControlPlane
from tests.fake_cloud import FakeCloud


async def test_as_a_program() -> None:
    command = [sys.executable, "-m", "tests.fake_cloud", "--sandboxes", "100000", "--until-eof"]
    with subprocess.Popen(  # noqa: ASYNC220 -- there is nothing else to do meanwhile
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as program:
        assert program.stdout
        assert program.stdin
        told = json.loads(program.stdout.readline())
        assert told["pid"] == program.pid
        async with ControlPlane(told["url"], told["api_key"]) as control:
            page = await control.list_page()
            assert len(page.data) == 100
            running = next(row for row in page.data[10:] if row.status == "running")
            assert (await control.agent(running).system()).cpu.cores == 2
        program.stdin.close()
        assert program.wait(10) == 0


async def test_agents_have_ports_of_their_own_and_know_their_tokens() -> None:
    async with FakeCloud(sandboxes=10, own_ports=2) as cloud, ControlPlane(cloud.url, cloud.api_key) as control:
        hosts = [row.public_host for row in (await control.list_page()).data]
        assert len(set(hosts)) == 3
        made = await control.create("base")
        assert made.public_host not in hosts
