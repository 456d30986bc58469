"""A recording on its way into a file: whole, private, masked, and never the reason for anything else to stop."""

from __future__ import annotations

import errno
import json
import os
import stat
import time
from pathlib import Path
from typing import Any

import pytest

from hopx_tui.vt.recording import Recording
from hopx_tui.vt.screen import VTScreen
from hopx_tui.vt.stream import VTStream
from hopx_tui.widgets import terminal_recorder as module
from hopx_tui.widgets.terminal_recorder import Recorder, RecorderError, start_recording
from tests.widgets.hosting import until


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WRITE_SECONDS", 0.01)


def screen_with(text: str = "") -> VTScreen:
    screen = VTScreen(30, 5)
    VTStream(screen).feed_text(text)
    return screen


def start(folder: Path, text: str = "", name: str = "box", **options: Any) -> tuple[Recorder, list[str]]:
    told: list[str] = []
    variables = options.pop("variables", {})
    given = options.pop("given", ())
    recorder = start_recording(screen_with(text), folder, name, variables, given, on_failure=told.append)
    return recorder, told


def events(path: Path) -> list[tuple[str, str]]:
    with path.open("rb") as file:
        recording = Recording(file)
        list(recording.scan())
        return [(event.code, event.data) for event in recording.events()]


async def test_a_recording(tmp_path: Path):
    recorder, told = start(tmp_path / "new" / "folder", "before \x1b[31mred", "my box/../ü")
    assert recorder.path.parent == tmp_path / "new" / "folder"
    assert recorder.path.name.startswith(f"my_box_.._ü-{time.strftime('%Y%m%d')}-")
    assert recorder.path.suffix == ".cast"
    assert stat.S_IMODE(recorder.path.stat().st_mode) == 0o600
    recorder.output("hello ")
    await until(lambda: b"hello" in recorder.path.read_bytes())
    recorder.resize(40, 10)
    recorder.output("world")
    done = recorder.finish(3)
    assert recorder.finish() is done
    recorder.output("too late")
    recorder.resize(1, 1)
    assert done.size == recorder.path.stat().st_size
    assert 0 < done.seconds < 60
    found = events(recorder.path)
    assert found[1:] == [("o", "hello "), ("r", "40x10"), ("o", "world"), ("x", "3")]
    again = screen_with(found[0][1])
    assert again.display == screen_with("before red").display  # what was there already
    head = json.loads(recorder.path.read_bytes().splitlines()[0])
    assert head["term"] == {"cols": 30, "rows": 5, "type": "xterm-256color"}
    assert told == []


async def test_secrets_stay_out(tmp_path: Path):
    recorder, _ = start(tmp_path, "pw hunter2", variables={"PASSWORD": "hunter2", "HOME": "/root"}, given=["given-1"])
    recorder.output("a hun")
    recorder.output("ter2 b /root giv")
    recorder.output("en-1 c hunt")
    await until(lambda: b"c " in recorder.path.read_bytes())
    recorder.output("x hun")
    recorder.finish()
    text = "".join(data for _, data in events(recorder.path))
    assert text.endswith("a **** b /root **** c huntx hun")
    assert "pw ****" in text
    assert "hunter2" not in recorder.path.read_text()


async def test_no_file_is_written_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module.time, "strftime", lambda _: "20260101-123000")
    (tmp_path / "box-20260101-123000.cast").symlink_to(tmp_path / "elsewhere")
    first, _ = start(tmp_path)
    second, _ = start(tmp_path, name="...box")
    assert [first.path.name, second.path.name] == ["box-20260101-123000-2.cast", "box-20260101-123000-3.cast"]
    assert not (tmp_path / "elsewhere").exists()
    third, _ = start(tmp_path, name="///")
    assert third.path.name == "terminal-20260101-123000.cast"
    for recorder in (first, second, third):
        recorder.finish()
    monkeypatch.setattr(module, "_NAMES", 2)
    with pytest.raises(RecorderError, match="File exists"):
        start(tmp_path)


async def test_a_folder_that_is_none(tmp_path: Path):
    (tmp_path / "file").write_text("x")
    reason = r"\((Not a directory|File exists)\)"
    with pytest.raises(RecorderError, match=rf"Not recording: .*box-.* cannot be written {reason}"):
        start(tmp_path / "file")


class _Full:
    """A disk on which no more than some bytes have room."""

    def __init__(self, room: int, code: int = errno.ENOSPC) -> None:
        self.room = room
        self.code = code
        self.write = os.write

    def __call__(self, file: int, data: memoryview) -> int:
        if self.room <= 0:
            raise OSError(self.code, os.strerror(self.code))
        done = self.write(file, data[: self.room])
        self.room -= done
        return done


async def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    recorder, told = start(tmp_path)
    recorder.output("kept")
    await until(lambda: b"kept" in recorder.path.read_bytes())
    monkeypatch.setattr(module.os, "write", _Full(20))
    recorder.output("lost " * 100)
    await until(lambda: bool(told))
    assert told == [f"Not recording any more: the disk is full. {recorder.path} has what was recorded until then."]
    recorder.output("more")
    with pytest.raises(RecorderError, match="disk is full"):
        recorder.finish()
    assert events(recorder.path)[-1] == ("o", "kept")  # no half line


async def test_a_disk_that_fails_at_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    recorder, told = start(tmp_path)
    monkeypatch.setattr(module.os, "write", _Full(0, errno.EIO))
    with pytest.raises(RecorderError, match=r"cannot be written \(Input/output error\)"):
        recorder.finish()
    assert told == []


async def test_much_output_is_written_without_delay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "WRITE_SECONDS", 1000)
    monkeypatch.setattr(module, "MOST_WAITING", 10_000)
    recorder, _ = start(tmp_path)
    for number in range(100):
        recorder.output(f"{number:04}" * 100)
    assert recorder.path.stat().st_size > 30_000
    recorder.finish()
    assert "".join(data for _, data in events(recorder.path)[1:]) == "".join(f"{n:04}" * 100 for n in range(100))
