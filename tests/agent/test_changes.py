"""`/changes`: against a tree that changes in every way."""

from __future__ import annotations

import asyncio
import base64
import os
import socket
import time

import pytest

from hopx_tui.agent import changes as module
from hopx_tui.agent import manifest as manifests
from tests.agent.conftest import Site, assert_error


@pytest.fixture
async def filled(tmp_path):
    """A site whose workspace held something before its agent came."""
    running = Site(tmp_path)
    work = running.workspace
    (work / "deep/er").mkdir(parents=True)
    for name in ("keep", "edit", "touch", "gone", "mode", "forged", "deep/er/leaf", "becomes-dir"):
        (work / name).write_text(f"{name}\nsecond\nthird\n")
    (work / "binary").write_bytes(bytes(range(256)))
    (work / "large").write_text("line\n" * 100_000)
    (work / "link").symlink_to("keep")
    (running.home / ".profile").write_text("x\n")
    await running.process.start()
    yield running
    await running.close()


async def changes(site):
    answer = await site.get("/changes")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def diff(site, path, **more):
    answer = await site.get("/changes", path=path, diff="1", **more)
    assert answer.status_code == 200, answer.text
    return answer.json()


def paths(rows):
    return [row["path"].removeprefix("/workspace/") for row in rows]


async def test_nothing_changed_at_first(filled):
    found = await changes(filled)
    assert (found["added"], found["modified"], found["deleted"], found["count"]) == ([], [], [], 0)
    assert found["truncated"] is False
    assert found["roots"] == ["/workspace", "/root"]
    assert found["since"].endswith("Z")
    assert (await filled.get("/info")).json()["features"]["changes"] is True


async def test_every_way_of_changing(filled):
    work = filled.workspace
    (work / "edit").write_text("edit\nSECOND\nthird\n")
    os.utime(work / "touch")
    (work / "mode").chmod(0o755)
    (work / "gone").unlink()
    stamp = os.stat(work / "forged")
    (work / "forged").write_text("forged\nsecONd\nthird\n")
    os.utime(work / "forged", ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    (work / "becomes-dir").unlink()
    (work / "becomes-dir").mkdir()
    (work / "link").unlink()
    (work / "link").symlink_to("edit")
    (work / "binary").write_bytes(b"\0" * 256)
    for name in ("er/leaf", "er", ""):
        (work / "deep" / name).rmdir() if (work / "deep" / name).is_dir() else (work / "deep" / name).unlink()
    (work / "new").mkdir()
    (work / "new" / os.fsdecode(b"odd\xff")).write_text("12345")
    (filled.home / ".profile").write_text("changed\n")
    found = await changes(filled)
    assert paths(found["added"]) == ["new", "new/odd\\xff"]
    assert found["added"][1]["size"] == 5
    assert base64.b64decode(found["added"][1]["path_b64"]) == b"/workspace/new/odd\xff"
    assert [row["type"] for row in found["added"]] == ["directory", "file"]
    assert paths(found["modified"]) == ["/root/.profile", "becomes-dir", "binary", "edit", "forged", "link", "mode"]
    assert found["modified"][0]["previous_size"] == 2
    assert paths(found["deleted"]) == ["deep", "deep/er", "deep/er/leaf", "gone"]
    assert found["deleted"][3]["size"] == len("gone\nsecond\nthird\n")
    assert found["count"] == 13


async def test_diffs(filled):
    work = filled.workspace
    (work / "edit").write_text("edit\nSECOND\nthird\n")
    (work / "gone").unlink()
    (work / "added").write_text("a\n")
    (work / "binary").write_bytes(b"\0\1")
    (work / "link").unlink()
    (work / "link").symlink_to("edit")
    found = await diff(filled, "/workspace/edit")
    assert found == {
        "path": "/workspace/edit",
        "status": "modified",
        "diff": "--- a/workspace/edit\n+++ b/workspace/edit\n@@ -1,3 +1,3 @@\n edit\n-second\n+SECOND\n third\n",
        "truncated": False,
        "binary": False,
        "reason": "",
    }
    assert (await diff(filled, "/workspace/gone"))["diff"].startswith("--- a/workspace/gone\n+++ /dev/null\n@@ -1,3 +0")
    assert (await diff(filled, "added"))["diff"] == "--- /dev/null\n+++ b/workspace/added\n@@ -0,0 +1 @@\n+a\n"
    assert (await diff(filled, "/workspace/link"))["diff"].splitlines()[3:] == [
        "-keep",
        "\\ No newline at end of file",
        "+edit",
        "\\ No newline at end of file",
    ]
    assert (await diff(filled, "/workspace/keep"))["status"] == "unchanged"
    assert (await diff(filled, "/workspace/keep"))["diff"] == ""
    assert (await diff(filled, "/workspace/binary"))["binary"] is True
    assert "diff" not in (await filled.get("/changes", path="/workspace/edit")).json()


async def test_diffs_that_cannot_be(filled):
    work = filled.workspace
    (work / "large").write_text("line\n" * 100_001)
    (work / "added").write_text("12345678\n" * 200_000)
    (work / "edit").write_text("y" * (2 << 20))
    os.mkfifo(work / "fifo")
    large = await diff(filled, "/workspace/large")
    assert (large["diff"], large["truncated"], large["binary"]) == ("", True, False)
    assert "not kept" in large["reason"]
    added = await diff(filled, "/workspace/added")
    assert added["truncated"] is True
    assert len(added["diff"]) > 500_000
    assert "1 MiB now" in (await diff(filled, "/workspace/edit"))["reason"]
    assert (await diff(filled, "/workspace/fifo"))["diff"] == ""
    assert_error(await filled.get("/changes", path="/workspace/none"), 404, "FILE_NOT_FOUND")
    assert_error(await filled.get("/changes", path="/etc/passwd"), 403, "PATH_NOT_ALLOWED")
    assert_error(await filled.get("/changes", path_b64="%%"), 400, "INVALID_PATH")


async def test_bounds(filled, monkeypatch):
    for number in range(20):
        (filled.workspace / f"n{number}").write_text("")
    monkeypatch.setattr(module, "ENTRY_LIMIT", 5)
    found = await changes(filled)
    assert found["count"] == 5
    assert found["truncated"] is True
    monkeypatch.setattr(module, "ENTRY_LIMIT", 100)
    monkeypatch.setattr(module, "VISIT_LIMIT", 3)
    found = await changes(filled)
    assert found["truncated"] is True
    assert found["deleted"] == [], "what was not visited is not gone"


async def test_a_tree_too_large_for_the_manifest(tmp_path, monkeypatch):
    monkeypatch.setattr(manifests, "ENTRY_LIMIT", 3)
    running = Site(tmp_path)
    for number in range(10):
        (running.workspace / f"n{number}").write_text("")
    await running.process.start()
    try:
        await asyncio.sleep(0.03)  # files' times come from a clock that ticks every few milliseconds
        (running.workspace / "new").write_text("")
        found = await changes(running)
        assert paths(found["added"]) == ["new"]
        assert found["truncated"] is True
    finally:
        await running.close()


async def test_the_engines_descriptor_is_written_once_and_then_read(tmp_path):
    """What a stop and start is to the agent: another process, the same file."""

    async def run(flags):
        running = Site(tmp_path)
        descriptor = os.open(tmp_path / "baseline", flags)
        running.process._changes._descriptor = descriptor
        await running.process.start()
        return running

    first = await run(os.O_RDWR | os.O_CREAT)
    (first.workspace / "note").write_text("x")
    assert paths((await changes(first))["added"]) == ["note"]
    since = (await changes(first))["since"]
    await first.close()
    kept = (tmp_path / "baseline").read_bytes()
    second = await run(os.O_RDONLY)
    found = await changes(second)
    assert paths(found["added"]) == ["note"]
    assert found["since"] == since
    await second.close()
    assert (tmp_path / "baseline").read_bytes() == kept
    (tmp_path / "baseline").write_bytes(b"broken")
    third = await run(os.O_RDONLY)
    found = await changes(third)
    assert found["count"] == 0, "counted from now on"
    assert found["since"] > since
    await third.close()


async def test_without_any_place_it_says_so(site, monkeypatch):
    site.process._changes.close()
    assert_error(await site.get("/changes"), 400, "FILE_OPERATION_FAILED")
    reading, writing = os.pipe()
    os.close(writing)
    site.process._changes._descriptor = reading
    assert_error(await site.get("/changes"), 400, "FILE_OPERATION_FAILED")

    def full(*_):
        raise OSError(28, "full")

    monkeypatch.setattr(module, "take", full)
    await site.process._changes.prepare()
    assert site.process._changes._descriptor is None


def test_where_there_is_no_memory_file(monkeypatch):
    monkeypatch.delattr(os, "memfd_create")
    descriptor = module._nameless_file()
    os.write(descriptor, b"x")
    os.close(descriptor)


async def test_thousands_of_files_are_quick(tmp_path):
    running = Site(tmp_path)
    for folder in range(50):
        (running.workspace / f"d{folder}").mkdir()
        for number in range(60):
            os.mknod(running.workspace / f"d{folder}" / f"f{number}")
    await running.process.start()
    try:
        began = time.perf_counter()
        assert (await changes(running))["count"] == 0
        # 3,000; the machine may be busy, so this only keeps out what is far slower.
        assert time.perf_counter() - began < 1
        quick = asyncio.create_task(changes(running))
        await running.get("/ping")
        await quick
    finally:
        await running.close()


def test_sockets_are_something_else(tmp_path):
    with socket.socket(socket.AF_UNIX) as each:
        each.bind(str(tmp_path / "s"))
        assert manifests.describe(os.lstat(tmp_path / "s")).kind == "o"


async def test_what_cannot_be_looked_into_is_named(filled):
    deep = os.open(filled.workspace, os.O_RDONLY)
    for _ in range(30):  # deeper than a path can say
        os.mkdir("x" * 200, dir_fd=deep)
        inner = os.open("x" * 200, os.O_RDONLY, dir_fd=deep)
        os.close(deep)
        deep = inner
    os.close(os.open("leaf", os.O_CREAT | os.O_WRONLY, dir_fd=deep))
    os.close(deep)
    found = await changes(filled)
    assert 15 < found["count"] < 30
    (unreadable,) = found["unreadable"]
    assert unreadable.startswith("/workspace/xxx")
    await filled.http.delete("/files/remove", params={"path": "/workspace/" + "x" * 200})


async def test_long_paths_are_bounded(filled, monkeypatch):
    monkeypatch.setattr(module, "PATH_BYTES", 100)
    for number in range(10):
        (filled.workspace / f"n{number}").write_text("")
    found = await changes(filled)
    assert 1 < found["count"] < 10
    assert found["truncated"] is True
