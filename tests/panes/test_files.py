"""Walking through files, looking into them, and moving them between here and there."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from textual.widgets import Input

from hopx_tui.panes.files import FilesPane, _local_file
from hopx_tui.panes.preview import Preview
from hopx_tui.widgets.flat_button import FlatButton
from hopx_tui.widgets.text_lines import TextLines
from hopx_tui.widgets.text_view import TextView
from hopx_tui.widgets.virtual_table import VirtualTable
from tests.fake_cloud import FakeCloud
from tests.screens.running import Dashboard, dashboard


@pytest.fixture
def there(cloud: FakeCloud) -> Path:
    """The sandbox's /workspace as a directory here."""
    folder = Path(os.fsdecode(cloud.workspace(cloud.sandbox(cloud.id_of(0)))))
    (folder / "src").mkdir()
    (folder / "src" / "main.py").write_text("print('hello')\n")
    (folder / "notes.txt").write_text("first line\nsecond line\n")
    (folder / ".hidden").write_text("x")
    return folder


@asynccontextmanager
async def files(
    cloud: FakeCloud, tmp_path: Path, *, size: tuple[int, int] = (140, 36), **settings: Any
) -> AsyncIterator[Dashboard]:
    async with dashboard(cloud, tmp_path / "here", size=size, **settings) as board:
        await board.tab(3)
        await board.focused_on(VirtualTable, "file-table")
        await board.until(lambda: pane(board).reading.value is not None or pane(board).reading.error is not None)
        await board.settle()
        yield board


def pane(board: Dashboard) -> FilesPane:
    return board.pane(FilesPane)


def names(board: Dashboard) -> list[str]:
    return [entry.name for entry in pane(board)._table.shown_rows()]


async def on(board: Dashboard, name: str) -> None:
    """Wait for an entry and put the cursor on it."""
    table = pane(board)._table
    await board.until(lambda: name in names(board), name)
    entry = next(entry for entry in table.shown_rows() if entry.name == name)
    table.select(os.fsencode(entry.address) if isinstance(entry.address, str) else entry.address)
    await board.settle()


async def answer(board: Dashboard, text: str) -> None:
    await board.asked("InputDialog")
    board.widget(Input, "#field").value = text
    await board.settle()
    await board.press("enter")


def shown(board: Dashboard) -> str:
    return pane(board).query_one(TextView).text


# -- walking


async def test_walk(cloud: FakeCloud, tmp_path: Path, there: Path) -> None:
    async with files(cloud, tmp_path) as board:
        assert names(board) == ["src", ".hidden", "notes.txt"]
        await board.sees("/workspace", "A folder. enter opens it.")
        await board.press("right")
        await board.until(lambda: names(board) == ["main.py"])
        await board.sees("/workspace/src")
        await board.press("left")
        await board.until(lambda: names(board) == ["src", ".hidden", "notes.txt"])
        assert pane(board)._table.cursor_row is not None
        assert pane(board)._table.cursor_row.name == "src"  # where we came from
        await board.press("backspace")  # the folder above is not allowed here
        await board.sees("Path not allowed")
        await board.press("l", "enter", "h")
        (there / "new.txt").write_text("")  # somebody else's file
        pane(board)._go("/workspace")
        await board.until(lambda: "new.txt" in names(board))


async def test_each_sandbox_keeps_its_place(cloud: FakeCloud, tmp_path: Path, there: Path) -> None:
    async with files(cloud, tmp_path) as board:
        await board.press("enter")
        await board.until(lambda: names(board) == ["main.py"])
        await board.press("escape", "down")
        await board.sees("This folder is empty.", "a makes a file or folder")
        assert pane(board).directory == "/workspace"
        await board.press("up")
        await board.until(lambda: names(board) == ["main.py"])


async def test_hidden_names(cloud: FakeCloud, tmp_path: Path, there: Path) -> None:
    async with files(cloud, tmp_path) as board:
        await board.press("full_stop")
        await board.until(lambda: names(board) == ["src", "notes.txt"])
        await board.press("full_stop")
        await board.until(lambda: len(names(board)) == 3)


async def test_only_hidden_names(cloud: FakeCloud, tmp_path: Path, there: Path) -> None:
    (there / "src" / "main.py").rename(there / "src" / ".main.py")
    async with files(cloud, tmp_path) as board:
        await board.press("full_stop", "enter")
        await board.sees("Only 1 hidden name here.", ". shows them")


async def test_sorting(cloud: FakeCloud, tmp_path: Path, there: Path) -> None:
    async with files(cloud, tmp_path) as board:
        await board.press("comma", "s")
        await board.until(lambda: "notes.txt" in names(board)[:2])
        await board.press("comma", "m", "comma", "n")
        assert len(names(board)) == 3


async def test_a_folder_that_vanishes(cloud: FakeCloud, tmp_path: Path, there: Path) -> None:
    async with files(cloud, tmp_path) as board:
        await board.press("enter")
        await board.until(lambda: names(board) == ["main.py"])
        (there / "src" / "main.py").unlink()
        (there / "src").rmdir()
        await board.press("ctrl+r")
        await board.sees("/workspace/src is gone.", "h goes to the folder above")
        await board.press("h")
        await board.until(lambda: names(board) == [".hidden", "notes.txt"])


async def test_a_folder_that_was_gone_before_it_was_read(cloud: FakeCloud, tmp_path: Path, there: Path) -> None:
    async with files(cloud, tmp_path) as board:
        cloud.knobs.status["/files/list"] = 404
        await board.press("enter")
        await board.sees("refused with 404")
        cloud.knobs.status.clear()
        await board.press("ctrl+r")
        await board.until(lambda: names(board) == ["main.py"])


async def test_old_names_stay_under_an_error(cloud: FakeCloud, tmp_path: Path, there: Path) -> None:
    async with files(cloud, tmp_path) as board:
        cloud.knobs.status["/files/list"] = 500
        await board.press("ctrl+r")
        await board.sees("s old  ctrl+r retries", "notes.txt")
        assert pane(board)._table.stale


async def test_names_that_are_no_utf8(cloud: FakeCloud, tmp_path: Path, there: Path) -> None:
    odd = os.fsencode(there) + b"/caf\xe9"
    os.mkdir(odd)
    with open(odd + b"/\xff.txt", "wb") as file:
        file.write(b"odd content")
    async with files(cloud, tmp_path) as board:
        await on(board, "caf�")
        await board.press("enter")
        await board.until(lambda: names(board) == ["�.txt"])
        await board.sees("/workspace/caf\\xe9")
        await board.until(lambda: shown(board) == "odd content")
        await board.press("D")
        await answer(board, f"{tmp_path}/copy.txt")
        await board.told("Downloaded to")
        assert (tmp_path / "copy.txt").read_bytes() == b"odd content"
        await board.press("ctrl+d")
        await board.asked("ConfirmDialog")
        await board.press("right", "enter")
        await board.sees("This folder is empty.")
        assert os.listdir(odd) == []


async def test_copy_path(cloud: FakeCloud, tmp_path: Path, there: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with files(cloud, tmp_path) as board:
        copied: list[str] = []
        monkeypatch.setattr(board.app, "copy_to_clipboard", copied.append)
        await on(board, "notes.txt")
        await board.press("c")
        assert copied == ["/workspace/notes.txt"]


async def test_nothing_selected(cloud: FakeCloud, tmp_path: Path) -> None:
    async with files(cloud, tmp_path) as board:
        await board.press("enter", "D", "c", "ctrl+d", "ctrl+x")
        assert board.dialog == ""


async def test_a_paused_sandbox(cloud: FakeCloud, tmp_path: Path, there: Path) -> None:
    async with files(cloud, tmp_path) as board:
        await on(board, "notes.txt")
        await board.press("enter")
        await board.focused_on(TextLines)
        cloud.set_status(cloud.id_of(0), "paused")
        await board.fetch()
        await board.sees("is paused.", "p resumes it")
        await board.focused_on(VirtualTable, "file-table")


# -- preview


async def test_preview(cloud: FakeCloud, tmp_path: Path, there: Path) -> None:
    (there / "empty").write_text("")
    (there / "binary").write_bytes(b"\0\1\2")
    (there / "huge.log").write_text("0123456789abcde\n" * 20_000)
    (there / "locked").write_text("no")
    async with files(cloud, tmp_path) as board:
        await on(board, "notes.txt")
        await board.until(lambda: shown(board) == "first line\nsecond line\n")
        await board.sees("first line", "notes.txt")
        await on(board, "empty")
        await board.sees("The file is empty.")
        await on(board, "binary")
        await board.sees("A binary file of 3B.", "D downloads it")
        await on(board, "huge.log")
        await board.sees("first 256K of 312K")
        cloud.knobs.status["/files/read"] = 403
        await on(board, "locked")
        await board.sees("refused with 403")


async def test_preview_follows_the_file(cloud: FakeCloud, tmp_path: Path, there: Path) -> None:
    async with files(cloud, tmp_path) as board:
        await on(board, "notes.txt")
        await board.until(lambda: shown(board).startswith("first"))
        (there / "notes.txt").write_text("changed content\n")
        await board.press("ctrl+r")
        await board.until(lambda: shown(board) == "changed content\n")


async def test_running_over_files_reads_none(cloud: FakeCloud, tmp_path: Path, there: Path) -> None:
    for number in range(20):
        (there / f"f{number:02}").write_text("x")
    async with files(cloud, tmp_path) as board:
        await board.until(lambda: len(names(board)) == 23)
        before = cloud.requests.count(("GET", "/files/read"))
        table = pane(board)._table
        for _ in range(15):
            table.action_cursor_down()
        await board.until(lambda: shown(board) == "x")
        assert cloud.requests.count(("GET", "/files/read")) - before == 1


async def test_an_answer_that_comes_too_late(cloud: FakeCloud, tmp_path: Path, there: Path) -> None:
    async with files(cloud, tmp_path) as board:
        await on(board, "notes.txt")
        await board.until(lambda: shown(board))
        cloud.knobs.hang.add("/files/read")
        await on(board, ".hidden")
        await board.until(lambda: cloud.requests.count(("GET", "/files/read")) == 2)
        await on(board, "src")
        cloud.knobs.hang.clear()
        cloud._release.set()
        await board.sees("A folder. enter opens it.")
        await board.settle()
        assert shown(board) == ""


async def test_reading_a_file(cloud: FakeCloud, tmp_path: Path, there: Path) -> None:
    async with files(cloud, tmp_path) as board:
        await on(board, "notes.txt")
        await board.press("enter")
        await board.focused_on(TextLines)
        await board.until(lambda: shown(board))
        await board.press("slash")
        await board.type("seco")
        read = cloud.requests.count(("GET", "/files/read"))
        (there / "notes.txt").write_text("grown\nsecond\n")
        await board.until(lambda: cloud.requests.count(("GET", "/files/read")) > read)
        await board.type("nd")
        await board.sees("1/1")  # the search goes on in what it began in
        assert shown(board).startswith("first")
        await board.press("enter", "escape")
        await board.until(lambda: shown(board).startswith("grown"))
        await board.press("backspace")
        await board.focused_on(VirtualTable, "file-table")


async def test_narrow_shows_one_at_a_time(cloud: FakeCloud, tmp_path: Path, there: Path) -> None:
    async with files(cloud, tmp_path, size=(62, 24)) as board:
        assert not pane(board).query_one(Preview).display
        await on(board, "notes.txt")
        await board.press("enter")
        await board.sees("second line")
        await board.misses("MODIFIED")
        await board.press("escape")
        await board.sees("MODIFIED")
        await board.focused_on(VirtualTable, "file-table")
        await board.press("escape")
        await board.focused_on(VirtualTable, "fleet-table")


# -- making and deleting


async def test_new_file_and_folder(cloud: FakeCloud, tmp_path: Path, there: Path) -> None:
    async with files(cloud, tmp_path) as board:
        await board.press("a")
        await answer(board, "todo.md")
        await board.until(lambda: (there / "todo.md").is_file())
        await board.until(lambda: "todo.md" in names(board))
        await board.press("a")
        await answer(board, "data/")
        await board.until(lambda: (there / "data").is_dir())
        await board.press("a")
        await answer(board, "notes.txt")
        await board.told("/workspace/notes.txt exists already.")
        assert (there / "notes.txt").read_text()
        cloud.knobs.status["/files/exists"] = 500
        await board.press("a")
        await answer(board, "x")
        await board.told("refused with 500")
        await board.press("a")
        await board.asked("InputDialog")
        await board.press("escape")
        await board.closed()


async def test_delete(cloud: FakeCloud, tmp_path: Path, there: Path) -> None:
    async with files(cloud, tmp_path) as board:
        await on(board, "notes.txt")
        await board.press("ctrl+d")
        await board.asked("ConfirmDialog")
        await board.sees("Delete 1 entry?", "/workspace/notes.txt")
        await board.focused_on(FlatButton, "cancel")
        await board.press("enter")
        await board.closed()
        assert (there / "notes.txt").exists()
        await board.press("f8")
        await board.asked("ConfirmDialog")
        await board.press("right", "enter")
        await board.until(lambda: "notes.txt" not in names(board))
        assert not (there / "notes.txt").exists()
        assert cloud.sandbox(cloud.id_of(0)).status == "running"  # never the sandbox


async def test_delete_marked(cloud: FakeCloud, tmp_path: Path, there: Path) -> None:
    for number in range(10):
        (there / f"f{number}").write_text("")
    async with files(cloud, tmp_path) as board:
        await board.until(lambda: len(names(board)) == 13)
        await board.press("asterisk")
        await board.sees("13 marked")
        await board.press("ctrl+d")
        await board.asked("ConfirmDialog")
        await board.sees("Delete 13 entries?", "src and everything in it", "and 5 more", "Type 13 to go on")
        (there / "f3").unlink()  # gone already: fine
        await board.press("1", "3", "enter")
        await board.until(lambda: names(board) == [])
        assert list(there.iterdir()) == []
        await board.misses("marked")


async def test_delete_that_fails(cloud: FakeCloud, tmp_path: Path, there: Path) -> None:
    async with files(cloud, tmp_path) as board:
        await on(board, "notes.txt")
        cloud.knobs.status["/files/remove"] = 403
        await board.press("ctrl+d")
        await board.asked("ConfirmDialog")
        await board.press("right", "enter")
        await board.told("refused with 403")


# -- transfers


async def test_download(cloud: FakeCloud, tmp_path: Path, there: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    async with files(cloud, tmp_path) as board:
        await on(board, "notes.txt")
        await board.press("D")
        await board.asked("InputDialog")
        assert board.widget(Input, "#field").value == f"{tmp_path}/Downloads/notes.txt"
        await board.press("enter")
        await board.told(f"Downloaded to {tmp_path}/Downloads/notes.txt")
        copy = tmp_path / "Downloads" / "notes.txt"
        assert copy.read_text() == "first line\nsecond line\n"
        copy.write_text("mine")
        await board.press("D")
        await board.asked("InputDialog")
        await board.press("enter")
        await board.asked("ConfirmDialog")
        await board.sees("Replace the file?", "exists already")
        await board.press("enter")
        await board.closed()
        assert copy.read_text() == "mine"
        await board.press("D")
        await board.asked("InputDialog")
        await board.press("enter")
        await board.asked("ConfirmDialog")
        await board.press("right", "enter")
        await board.until(lambda: copy.read_text().startswith("first"))
        await board.press("D")
        await board.asked("InputDialog")
        await board.press("escape")
        await board.closed()


async def test_download_of_several(cloud: FakeCloud, tmp_path: Path, there: Path) -> None:
    async with files(cloud, tmp_path) as board:
        await board.press("asterisk", "D")
        await board.told("Folders are left out")
        await board.sees("Download 2 files into the folder")
        await answer(board, f"{tmp_path}/many")
        await board.until(lambda: sum("Downloaded to" in toast for toast in board.toasts) == 2)
        assert sorted(os.listdir(tmp_path / "many")) == [".hidden", "notes.txt"]
        await board.press("escape")
        await on(board, "src")
        board.app.clear_notifications()
        await board.press("D")
        await board.told("Folders are left out")
        assert board.dialog == ""


async def test_a_configured_folder(cloud: FakeCloud, tmp_path: Path, there: Path) -> None:
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "config.yaml").write_text(f"downloads: {tmp_path}/inbox\n")
    async with files(cloud, tmp_path) as board:
        await on(board, "notes.txt")
        await board.press("D")
        await board.asked("InputDialog")
        assert board.widget(Input, "#field").value == f"{tmp_path}/inbox/notes.txt"


async def test_download_that_cannot_be_written(cloud: FakeCloud, tmp_path: Path, there: Path) -> None:
    (tmp_path / "file").write_text("")
    async with files(cloud, tmp_path) as board:
        await on(board, "notes.txt")
        await board.press("D")
        await answer(board, f"{tmp_path}/file/below/x")
        await board.told("↓ notes.txt: ")


async def test_upload(cloud: FakeCloud, tmp_path: Path, there: Path) -> None:
    source = tmp_path / "report.csv"
    source.write_text("a,b\n")
    async with files(cloud, tmp_path) as board:
        await board.press("U")
        await answer(board, f"{tmp_path}/nothing")
        await board.sees("There is no such file on this machine.")
        board.widget(Input, "#field").value = str(source)
        await board.settle()
        await board.press("enter")
        await board.told("Uploaded to /workspace/report.csv")
        assert (there / "report.csv").read_text() == "a,b\n"
        await board.until(lambda: "report.csv" in names(board))
        source.write_text("new\n")
        await board.press("U")
        await answer(board, str(source))
        await board.asked("ConfirmDialog")
        await board.sees("report.csv exists in the sandbox already.")
        await board.press("enter")
        await board.closed()
        assert (there / "report.csv").read_text() == "a,b\n"
        await board.press("U")
        await answer(board, str(source))
        await board.asked("ConfirmDialog")
        await board.press("right", "enter")
        await board.until(lambda: (there / "report.csv").read_text() == "new\n")
        await board.press("U")
        await board.asked("InputDialog")
        await board.press("escape")
        await board.closed()


async def test_cancel_a_transfer(cloud: FakeCloud, tmp_path: Path, there: Path) -> None:
    with (there / "big").open("wb") as file:
        file.truncate(1 << 20)
    cloud.knobs.hang.add("/files/download")
    async with files(cloud, tmp_path) as board:
        await on(board, "big")
        await board.press("D")
        await answer(board, f"{tmp_path}/big")
        await board.sees("↓ big", "ctrl+x cancels")
        await board.press("ctrl+x")
        await board.told("↓ big: cancelled, nothing was left behind.")
        await board.misses("ctrl+x cancels")
        assert not (tmp_path / "big").exists()
        assert [name for name in os.listdir(tmp_path) if "big" in name] == []


async def test_leaving_while_something_moves(cloud: FakeCloud, tmp_path: Path, there: Path) -> None:
    cloud.knobs.hang.add("/files/download")
    async with files(cloud, tmp_path) as board:
        await on(board, "notes.txt")
        await board.press("D")
        await answer(board, f"{tmp_path}/copy")
        await board.sees("ctrl+x cancels")
    await asyncio.sleep(0)
    assert not (tmp_path / "copy").exists()


def test_what_can_be_uploaded(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    assert _local_file(str(file)) is None
    assert _local_file(str(tmp_path)) == "That is a folder: go on typing."
    assert _local_file(f"{tmp_path}/no") == "There is no such file on this machine."


async def test_readonly_may_look_and_download(cloud: FakeCloud, tmp_path: Path, there: Path) -> None:
    async with files(cloud, tmp_path, readonly=True) as board:
        for key in ("a", "U", "ctrl+d", "f8"):
            await board.press(key)
        assert board.dialog == ""
        await on(board, "notes.txt")
        await board.press("D")
        await answer(board, f"{tmp_path}/copy")
        await board.told("Downloaded to")
