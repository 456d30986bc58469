"""Files of a real sandbox, looked at, moved and deleted from the real dashboard."""

from __future__ import annotations

import hashlib
import os
import random
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.journeys.machine import Dashboard, Machine, wait_for

both_levels = pytest.mark.parametrize("engine", ["bwrap", "none"], indirect=True)


def go_to_files(dashboard: Dashboard) -> None:
    """From the list to the files of the selected sandbox."""
    dashboard.key("3")
    dashboard.wait(r"^ /workspace")
    dashboard.wait_gone(r"Reading")


def select(dashboard: Dashboard, name: str) -> None:
    """Put the cursor on the row of that name."""
    dashboard.wait(rf"^[▌ ] *{name}")
    rows = dashboard.text().split("\n")
    wanted = next(at for at, row in enumerate(rows) if re.match(rf"[▌ ] *{name}", row))
    cursor = next(at for at, row in enumerate(rows) if row.startswith("▌"))
    dashboard.key(*["down" if wanted > cursor else "up"] * abs(wanted - cursor))
    dashboard.wait(rf"^▌ *{name}")


def back_to_the_list(dashboard: Dashboard) -> None:
    """From the preview, until the keys at the bottom are the list's again."""
    dashboard.wait(r"^ / [Ss]earch")
    dashboard.key("escape")
    dashboard.wait(r"^ D download")


@both_levels
def test_walking_and_looking(dashboard: Dashboard, engine: Machine, sandbox: str) -> None:
    top = engine.workspace(sandbox)
    (top / "src" / "deep").mkdir(parents=True)
    (top / "src" / "main.py").write_text("import os\n\nprint('häppy')\n")
    (top / "picture.bin").write_bytes(bytes(range(256)) * 64)
    (top / "empty").touch()
    go_to_files(dashboard)
    dashboard.wait(r"^▌? *src/")
    assert re.search(r"picture\.bin +16K", dashboard.text()), dashboard.picture()

    dashboard.key("enter")
    dashboard.wait(r"^ /workspace/src *$|^ /workspace/src\b")
    select(dashboard, r"main\.py")
    dashboard.key("enter")
    dashboard.wait(r"print\('häppy'\)")
    back_to_the_list(dashboard)
    dashboard.key("left")
    dashboard.wait(r"^▌ *src/")
    select(dashboard, r"picture\.bin")
    dashboard.key("enter")
    dashboard.wait(r"A binary file of 16K")
    back_to_the_list(dashboard)
    select(dashboard, "empty")
    dashboard.key("enter")
    dashboard.wait(r"The file is empty")
    dashboard.leave()


@both_levels
def test_up_and_down_again(dashboard: Dashboard, engine: Machine, sandbox: str) -> None:
    content = random.Random(1).randbytes(3_000_000)
    (engine.work / "data.bin").write_bytes(content)
    go_to_files(dashboard)
    dashboard.type("U")
    dashboard.wait(r"Upload into /workspace")
    dashboard.type("no-such-file\r")
    dashboard.wait(r"There is no such file on this machine")
    dashboard.key("ctrl+u")
    dashboard.wait_gone(r"no-such-file")
    dashboard.type("dat")
    dashboard.wait(r"^\W+dat +│")
    dashboard.wait(r"data\.bin *│")
    dashboard.key("tab")
    dashboard.wait(r"^\W+data\.bin +│")
    dashboard.key("enter")
    dashboard.wait(r"Uploaded to /workspace/data\.bin")
    dashboard.wait(r"^▌? *data\.bin +2\.9M")
    assert digest(engine.workspace(sandbox) / "data.bin") == hashlib.sha256(content).hexdigest()

    select(dashboard, r"data\.bin")
    dashboard.type("D")
    dashboard.wait(r"Download to")
    dashboard.key("enter")
    dashboard.wait(r"Downloaded to")
    assert digest(engine.home / "Downloads" / "data.bin") == hashlib.sha256(content).hexdigest()
    dashboard.type("D")
    dashboard.wait(r"Download to")
    dashboard.key("enter")
    dashboard.wait(r"exists already")
    dashboard.press("Cancel")
    assert [path.name for path in (engine.home / "Downloads").iterdir()] == ["data.bin"]
    (engine.home / "Downloads" / "data.bin").unlink()
    dashboard.leave()


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@both_levels
def test_making_and_deleting(dashboard: Dashboard, engine: Machine, sandbox: str) -> None:
    top = engine.workspace(sandbox)
    go_to_files(dashboard)
    dashboard.wait(r"This folder is empty")
    dashboard.type("a")
    dashboard.wait(r"New file, or a folder")
    dashboard.type("things/\r")
    dashboard.wait(r"^▌? *things/")
    assert (top / "things").is_dir()
    dashboard.type("a")
    dashboard.wait(r"New file, or a folder")
    dashboard.type("note.txt\r")
    dashboard.wait(r"^▌ *note\.txt +0B")
    assert (top / "note.txt").read_bytes() == b""
    (top / "things" / "inside").touch()

    select(dashboard, "things")
    dashboard.key("ctrl+d")
    dashboard.wait_question(r"Delete 1 entry\?")
    dashboard.wait(r"/workspace/things and everything in it")
    dashboard.key("enter")
    dashboard.wait_gone(r"Delete 1 entry\?")
    assert (top / "things" / "inside").exists()
    dashboard.key("f8")
    dashboard.press("Delete")
    dashboard.wait_gone(r"things/")
    assert sorted(path.name for path in top.iterdir()) == ["note.txt"]
    dashboard.wait(r"● running")  # it is the entry that was deleted, never the sandbox

    for name in ("one", "two"):
        (top / name).touch()
    dashboard.wait(r"^▌? *two +0B")
    dashboard.key("home", "space", "space", "ctrl+d")
    dashboard.wait(r"Delete 2 entries\?")
    dashboard.type("2\r")
    dashboard.wait_gone(r"Delete 2 entries\?")
    wait_for(lambda: sorted(path.name for path in top.iterdir()) == ["two"], "two deleted entries")
    dashboard.wait_gone(r"note\.txt")
    dashboard.leave()


@both_levels
def test_strange_names(dashboard: Dashboard, engine: Machine, sandbox: str) -> None:
    top = bytes(engine.workspace(sandbox))
    strange = [
        b"two\nlines",
        b"not-utf8-\xff\xfe",
        b"\x1b[31mred\x1b[0m",
        "e\u0301 日本.txt".encode(),
        b"-rf *",
        b"[bold]b",
    ]
    for name in strange:
        with open(top + b"/" + name, "wb") as file:
            file.write(b"content of " + name.split(b"\n")[0][:4] + b"\n")
    go_to_files(dashboard)
    dashboard.wait(r"日本\.txt")
    text = dashboard.text()
    assert "[bold]b" in text, dashboard.picture()
    assert "-rf *" in text

    select(dashboard, r"not-utf8-")
    dashboard.key("enter")
    dashboard.wait(r"content of not-")
    back_to_the_list(dashboard)
    dashboard.type("D")
    dashboard.wait(r"Download to")
    dashboard.key("enter")
    dashboard.wait(r"Downloaded to")
    assert [path.read_text() for path in (engine.home / "Downloads").iterdir()] == ["content of not-\n"]
    for path in (engine.home / "Downloads").iterdir():
        path.unlink()
    select(dashboard, r"two")
    dashboard.key("enter")
    dashboard.wait(r"content of two")
    back_to_the_list(dashboard)
    for name in (b"two\nlines", b"not-utf8-\xff\xfe"):
        label = "two" if name.startswith(b"two") else "not-utf8-"
        select(dashboard, label)
        dashboard.key("ctrl+d")
        dashboard.press("Delete")
        dashboard.wait_until(lambda _, name=name: name not in os.listdir(top), f"{name!r} deleted")
        dashboard.wait_gone(rf"^[▌ ] *{label}")
    assert sorted(os.listdir(top)) == sorted(strange[2:])
    dashboard.leave()


def test_a_folder_of_fifty_thousand(dashboard: Dashboard, engine: Machine, sandbox: str) -> None:
    engine.run_in(sandbox, "mkdir many && cd many && seq -f 'file-%05g.txt' 50000 | xargs touch")
    go_to_files(dashboard)
    dashboard.wait(r"^▌ *many/")
    dashboard.key("enter")
    dashboard.wait(r"^▌? *file-00001\.txt", 5)
    dashboard.type("G")
    dashboard.wait(r"^▌ *file-50000\.txt", 5)
    dashboard.key("pageup", "pageup", "home")
    dashboard.wait(r"^▌ *file-00001\.txt", 5)
    engine.run_in(sandbox, "echo new > many/aaa-new.txt")
    dashboard.wait(r"aaa-new\.txt", 10)
    dashboard.key("left")
    dashboard.wait(r"^▌ *many/")
    dashboard.leave()


def test_a_file_of_two_gigabytes(
    dashboard: Dashboard, engine: Machine, sandbox: str, needs: Callable[..., None]
) -> None:
    needs("truncate")
    engine.run_in(sandbox, "truncate -s 2G holes; { echo start of text; seq 400000; } > long.txt")
    go_to_files(dashboard)
    dashboard.wait(r"holes +2(\.0)?G")
    select(dashboard, "holes")
    dashboard.key("enter")
    dashboard.wait(r"A binary file of 2(\.0)?G", 5)
    back_to_the_list(dashboard)
    select(dashboard, r"long\.txt")
    dashboard.key("enter")
    dashboard.wait(r"start of text", 5)
    dashboard.wait(r"first 256K of 2\.\dM")
    back_to_the_list(dashboard)

    select(dashboard, "holes")
    dashboard.type("D")
    dashboard.wait(r"Download to")
    dashboard.key("enter")
    dashboard.wait(r"ctrl\+x cancels")
    dashboard.key("ctrl+x")
    dashboard.wait(r"cancelled, nothing was left behind")
    assert list((engine.home / "Downloads").iterdir()) == []
    dashboard.leave()
