"""The processes of a sandbox and signals for them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hopx_tui.api.models import Process
from hopx_tui.panes.processes import SIGNALS, ProcessesPane, _command, _cpu, _memory, _state, _time
from hopx_tui.widgets.virtual_table import VirtualTable
from tests.fake_cloud import FakeCloud
from tests.screens.running import Dashboard, body, dashboard


def table(board: Dashboard) -> VirtualTable[Any]:
    return board.pane(ProcessesPane).query_one(VirtualTable)


def pids(board: Dashboard) -> list[int]:
    return [process.pid for process in table(board).shown_rows()]


def listed(*rows: dict[str, Any]) -> bytes:
    return body({"processes": [{"name": "x", "command": "x", **row} for row in rows], "count": len(rows)})


async def test_sorted_by_cpu(cloud: FakeCloud, tmp_path: Path) -> None:
    cloud.knobs.body["/processes"] = listed(
        {"pid": 3, "cpu_percent": 1.0, "rss_bytes": 9000}, {"pid": 1, "cpu_percent": 50.0, "rss_bytes": 1000},
        {"pid": 2, "cpu_percent": 7.0, "rss_bytes": 5000},
    )  # fmt: skip
    async with dashboard(cloud, tmp_path) as board:
        await board.tab(4)
        await board.until(lambda: pids(board) == [1, 2, 3])
        await board.press("comma", "m")
        await board.until(lambda: pids(board) == [3, 2, 1])
        await board.press("comma", "p")
        await board.until(lambda: pids(board) == [1, 2, 3])
        for letter in "ustco":
            await board.press("comma", letter)
            await board.until(lambda: len(pids(board)) == 3)


async def signalled(board: Dashboard, digit: str) -> None:
    await board.press("K")
    await board.asked("ChoiceDialog")
    await board.press(digit)
    await board.closed()


async def test_signals(cloud: FakeCloud, tmp_path: Path) -> None:
    sandbox = cloud.sandbox(cloud.id_of(0))
    async with dashboard(cloud, tmp_path) as board:
        await board.tab(4)
        await board.until(lambda: 17 in pids(board))
        table(board).select((17, 1017))
        await board.press("f9")
        await board.asked("ChoiceDialog")
        await board.sees("Signal for 17 bash", "TERM", "ask it to end", "KILL")
        await board.press("escape")
        await board.closed()
        assert sandbox.signals == []
        await signalled(board, "1")
        await board.told("TERM was sent to 17.")
        assert sandbox.signals == [(17, "TERM")]
        await board.until(lambda: 17 not in pids(board))
        await signalled(board, "4")
        await board.until(lambda: len(sandbox.signals) == 2)
        assert sandbox.signals[1][1] == "KILL"


async def test_the_target_is_frozen(cloud: FakeCloud, tmp_path: Path) -> None:
    """Pid 17 is another process by the time the signal is chosen: it gets none."""
    before = {"pid": 17, "name": "old", "start_ticks": 5, "cpu_percent": 90.0}
    cloud.knobs.body["/processes"] = listed(before, {"pid": 23, "start_ticks": 1023, "cpu_percent": 1.0})
    async with dashboard(cloud, tmp_path) as board:
        await board.tab(4)
        await board.until(lambda: pids(board) == [17, 23])
        await board.press("K")
        await board.asked("ChoiceDialog")
        await board.sees("Signal for 17 old")
        del cloud.knobs.body["/processes"]
        await board.until(lambda: len(pids(board)) == 3 or board.pane(ProcessesPane).refresh_now())
        await board.press("1")
        await board.told("No process 17")
        assert cloud.sandbox(cloud.id_of(0)).signals == []


async def test_no_process(cloud: FakeCloud, tmp_path: Path) -> None:
    cloud.knobs.body["/processes"] = listed()
    async with dashboard(cloud, tmp_path) as board:
        await board.tab(4)
        await board.until(lambda: board.pane(ProcessesPane).reading.value == [])
        await board.press("K", "c")
        await board.told("No process is selected.")


async def test_copy(cloud: FakeCloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with dashboard(cloud, tmp_path) as board:
        copied: list[str] = []
        monkeypatch.setattr(board.app, "copy_to_clipboard", copied.append)
        await board.tab(4)
        await board.until(lambda: len(pids(board)) == 3)
        table(board).select((17, 1017))
        await board.press("c")
        assert copied == ["17 /usr/bin/bash"]


async def test_the_cursor_stays_on_its_process(cloud: FakeCloud, tmp_path: Path) -> None:
    rows = [{"pid": pid, "cpu_percent": float(pid)} for pid in range(1, 40)]
    cloud.knobs.body["/processes"] = listed(*rows)
    async with dashboard(cloud, tmp_path) as board:
        await board.tab(4)
        await board.until(lambda: len(pids(board)) == 39)
        await board.press("down", "down")
        assert table(board).cursor_key == (37, None)
        cloud.knobs.body["/processes"] = listed(*[{**row, "cpu_percent": -row["cpu_percent"]} for row in rows])
        await board.press("ctrl+r")
        await board.until(lambda: pids(board)[0] == 1)
        assert table(board).cursor_key == (37, None)


def process(**fields: Any) -> Process:
    return Process(**{"pid": 1, "name": "x", **fields})


def test_cells() -> None:
    assert _state(process(status="running")) == ("R", "good")
    assert _state(process(status="Sleeping")) == ("S", "muted")
    assert _state(process(status="disk-sleep")) == ("D", "warn")
    assert _state(process(status="zombie")) == ("Z", "bad")
    assert _state(process(status="tracing")) == ("T", "paused")
    assert _state(process(status="")) == ("?", "muted")
    assert _cpu(process(cpu_percent=None))[0] == "-"
    assert _cpu(process(cpu_percent=12.345))[0] == "12.3"
    assert _memory(process(rss_bytes=2048)) == ("2K", "")
    assert _memory(process(rss_bytes=None, memory_percent=1.5))[0].endswith("%")
    assert _time(process(cpu_seconds=None)) == ("-", "muted")
    assert _time(process(cpu_seconds=3725.5)) == ("62:05.50", "muted")
    words = [text for text, _ in _command(process(command="/usr/bin/python x.py -v"))]
    assert words == ["/usr/bin/", "python", " x.py -v"]
    assert [text for text, _ in _command(process(command=""))] == ["", "x", ""]


def test_term_is_the_first_signal() -> None:
    assert SIGNALS[0][0] == "TERM"
    assert "KILL" in dict(SIGNALS)
