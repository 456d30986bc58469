"""The screens that are kept as text: how to get to each, and what of it differs from run to run."""

from __future__ import annotations

import asyncio
import os
import re
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from textual.widgets import Input

from tests.fake_cloud import FakeCloud
from tests.screens.running import Dashboard, body, dashboard

FOLDER = Path(__file__).parent
SIZES = ((80, 24), (120, 40))
NAMES = ("web-scraper", "etl-job", "notebook", "agent-42", "old-run")


async def _fleet(board: Dashboard) -> None:
    await board.sees("34%")


async def _overview(board: Dashboard) -> None:
    await board.press("enter")
    await board.sees("CPU 34%", "internet  allowed")


async def _terminal(board: Dashboard) -> None:
    await board.press("s")
    await board.sees("$")
    await board.type("echo hello")
    await board.press("enter")
    await board.until(lambda: board.text.count("hello") >= 2 and board.text.count("$") >= 2)


async def _files(board: Dashboard) -> None:
    await board.tab(3)
    await board.sees("report.py")
    await board.press("down")
    await board.sees("def rows", "34%" if board.app.size.width >= 120 else "")


async def _processes(board: Dashboard) -> None:
    await board.tab(4)
    await board.sees("/usr/bin/bash")


async def _create(board: Dashboard) -> None:
    await board.press("n")
    await board.asked("CreateDialog")
    board.widget(Input, "#name").value = "brisk-finch"
    await board.sees("brisk-finch", "code-interpreter")


async def _kill_several(board: Dashboard) -> None:
    await board.press("asterisk", "ctrl+d")
    await board.asked("ConfirmDialog")


async def _command(board: Dashboard) -> None:
    await board.press("colon")
    await board.asked("CommandLine")
    await board.sees("Create a sandbox.")


async def _help(board: Dashboard) -> None:
    await board.press("question_mark")
    await board.asked("HelpScreen")
    await board.sees("Everywhere")


SCENES: dict[str, Callable[[Dashboard], Awaitable[None]]] = {
    "fleet": _fleet,
    "overview": _overview,
    "terminal": _terminal,
    "files": _files,
    "processes": _processes,
    "create": _create,
    "kill-several": _kill_several,
    "command": _command,
    "help": _help,
}


@asynccontextmanager
async def stage(folder: Path, size: tuple[int, int]) -> AsyncIterator[Dashboard]:
    """The dashboard on a fleet that is the same each time, and asked once."""
    async with FakeCloud(sandboxes=len(NAMES)) as cloud:
        figures = {"total": 1 << 30, "used": 212 << 20, "free": 1 << 29, "usage_percent": 20.0}
        cloud.knobs.body["/system"] = body(
            {"cpu": {"usage_percent": 34.0, "cores": 2}, "memory": figures, "disk": figures, "uptime": 3725.0,
             "network": {"rx_bytes": 1000, "tx_bytes": 500}}
        )
        settings = folder / "config.yaml"
        entries = [f"  {cloud.id_of(at)}: {{name: {name}}}" for at, name in enumerate(NAMES)]
        settings.write_text("\n".join(["sandboxes:", *entries, ""]))
        for at, status in enumerate(("running", "running", "paused", "running", "stopped")):
            sandbox = cloud.sandbox(cloud.id_of(at))
            sandbox.status = status
            sandbox.created_at = datetime.now(UTC) - timedelta(hours=5 - at, minutes=30)
        cloud.sandbox(cloud.id_of(0)).set_timeout(36_000)
        cloud.sandbox(cloud.id_of(3)).set_timeout(250)
        workspace = Path(os.fsdecode(cloud.workspace(cloud.sandbox(cloud.id_of(0)))))
        (workspace / "data").mkdir()
        (workspace / "report.py").write_text('def rows(path: str) -> list[str]:\n    """All rows."""\n    return []\n')
        for path in workspace.iterdir():
            os.utime(path, (1_583_064_000, 1_583_064_000))
        async with dashboard(cloud, folder, size=size, listed=False) as board:
            await board.until(lambda: board.app._session is not None)
            board.session.fleet.every = board.session.fleet.usage_every = 3600.0
            await board.sees("34%")
            await board.settle()
            yield board


def normal(text: str) -> str:
    """The screen without what differs from run to run; every line keeps its width."""
    text = re.sub(r"127\.0\.0\.1:\d+", lambda found: re.sub(r"\d", "0", found[0]), text)
    text = re.sub(r"\d:\d\d:\d\d", "0:00:00", text)
    text = re.sub(r"(created   )\w+ \d\d:\d\d( *)", lambda found: f"{found[1]:<{len(found[0])}}", text)
    return re.sub(r"\d\d:\d\d$", "00:00", text, flags=re.MULTILINE)


async def draw(name: str, size: tuple[int, int], expected: str | None = None) -> str:
    """The text of a scene; one that differs from what is `expected` is given some time to become it."""
    with tempfile.TemporaryDirectory() as folder:
        async with stage(Path(folder), size) as board:
            await SCENES[name](board)
            end = time.monotonic() + (1.5 if expected is None else 5.0)
            while True:
                await board.settle()
                text = normal(board.text) + "\n"
                if text == expected or time.monotonic() > end:
                    return text
                await asyncio.sleep(0.02)


def file_of(name: str, size: tuple[int, int]) -> Path:
    """Where a scene is kept."""
    return FOLDER / f"{name}-{size[0]}x{size[1]}.txt"
