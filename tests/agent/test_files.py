"""The file routes over HTTP: ordinary use, and every hostile path."""

from __future__ import annotations

import asyncio
import base64
import os

import pytest

from tests.agent.conftest import assert_error


def b64(path: bytes) -> str:
    return base64.b64encode(path).decode()


async def test_write_read_list_exists_remove(site):
    answer = await site.post("/files/write", path="/workspace/deep/er/a.txt", content="héllo", mode="0600")
    assert answer.json()["size"] == 6
    assert answer.json()["path"] == "/workspace/deep/er/a.txt"
    file = site.workspace / "deep/er/a.txt"
    assert file.read_text() == "héllo"
    assert file.stat().st_mode & 0o777 == 0o600
    read = (await site.get("/files/read", path="/workspace/deep/er/a.txt")).json()
    assert read == {
        "content": "héllo",
        "path": "/workspace/deep/er/a.txt",
        "size": 6,
        "truncated": False,
        "binary": False,
    }
    listing = (await site.get("/files/list", path="/workspace/deep/er")).json()
    assert (listing["count"], listing["path"]) == (1, "/workspace/deep/er")
    row = listing["files"][0]
    assert (row["name"], row["size"], row["is_directory"], row["is_dir"]) == ("a.txt", 6, False, False)
    assert (row["permissions"], row["mode"]) == ("-rw-------", "0600")
    assert row["modified_time"] == row["modified"]
    assert row["modified_time"].endswith("Z")
    assert (await site.get("/files/exists", path="/workspace/deep")).json()["exists"] is True
    removed = await site.http.delete("/files/remove", params={"path": "/workspace/deep"})
    assert removed.json()["success"] is True
    assert (await site.get("/files/exists", path="/workspace/deep")).json() == {
        "exists": False,
        "path": "/workspace/deep",
    }


async def test_the_list_defaults_to_the_workspace_and_relative_paths_start_there(site):
    (site.workspace / "x").mkdir()
    assert [row["path"] for row in (await site.get("/files/list")).json()["files"]] == ["/workspace/x"]
    assert (await site.post("/files/write", path="x/y", content="")).json()["path"] == "/workspace/x/y"
    assert (await site.get("/files/list", path="/")).json()["count"] == 2


async def test_base64_is_decoded_and_files_are_replaced_in_place(site):
    target = site.workspace / "bin"
    await site.post("/files/write", path="bin", content=b64(b"\0\xff"), encoding="base64", mode=None)
    assert target.read_bytes() == b"\0\xff"
    target.chmod(0o750)
    await site.post("/files/write", path="bin", content="new")
    assert target.read_text() == "new"
    assert target.stat().st_mode & 0o777 == 0o750, "without a mode the old one stays"
    assert_error(await site.post("/files/write", path="bin", content="!!", encoding="base64"), 400, "INVALID_REQUEST")
    assert_error(await site.post("/files/write", path="bin", content="", encoding="rot13"), 400, "INVALID_REQUEST")
    assert_error(await site.post("/files/write", path="bin", content="", mode="9"), 400, "INVALID_REQUEST")
    assert_error(await site.post("/files/write", path="bin", content="", overwrite=False), 409, "FILE_ALREADY_EXISTS")
    assert (await site.post("/files/write", path="bin2", content="", overwrite=False)).status_code == 200


async def test_links_are_kept_and_written_through(site):
    (site.workspace / "real").write_text("old")
    (site.workspace / "link").symlink_to("real")
    (site.workspace / "gone").symlink_to("nothing")
    (site.workspace / "up").symlink_to(".")
    await site.post("/files/write", path="link", content="new")
    assert (site.workspace / "link").is_symlink()
    assert (site.workspace / "real").read_text() == "new"
    rows = {row["name"]: row for row in (await site.get("/files/list")).json()["files"]}
    assert rows["link"]["is_symlink"] is True
    assert (rows["link"]["size"], rows["link"]["target"]) == (3, "real")
    assert rows["up"]["is_directory"] is True
    assert rows["gone"]["is_directory"] is False
    assert (await site.get("/files/exists", path="gone")).json()["exists"] is True
    await site.http.delete("/files/remove", params={"path": "up"})
    assert (site.workspace / "real").exists()
    assert not (site.workspace / "up").is_symlink()


@pytest.mark.parametrize(
    "path",
    ["/workspace/../etc/passwd", "/etc/passwd", "../../../etc/passwd", "/workspace/out/passwd", "/proc/1/environ"],
)
async def test_nothing_outside_at_level_none(site, path):
    (site.workspace / "out").symlink_to("/etc")
    for route in ("/files/read", "/files/download", "/files/list", "/files/exists"):
        assert_error(await site.get(route, path=path), 403, "PATH_NOT_ALLOWED")
    assert_error(await site.post("/files/write", path=path, content=""), 403, "PATH_NOT_ALLOWED")
    assert_error(await site.post("/files/mkdir", path=path), 403, "PATH_NOT_ALLOWED")
    assert_error(await site.http.delete("/files/remove", params={"path": path}), 403, "PATH_NOT_ALLOWED")


async def test_a_link_out_of_the_workspace_may_go_but_not_be_written(site, tmp_path):
    (tmp_path / "outside").write_text("x")
    (site.workspace / "evil").symlink_to(tmp_path / "outside")
    assert_error(await site.post("/files/write", path="evil", content="y"), 403, "PATH_NOT_ALLOWED")
    assert (await site.http.delete("/files/remove", params={"path": "evil"})).status_code == 200
    assert (tmp_path / "outside").read_text() == "x"


async def test_fifos_and_loops_and_directories_do_not_hang(site):
    os.mkfifo(site.workspace / "fifo")
    (site.workspace / "loop").symlink_to("loop")
    (site.workspace / "dir").mkdir()
    (site.workspace / "file").write_text("")
    async with asyncio.timeout(5):
        for name in ("fifo", "dir", "loop"):
            assert_error(await site.get("/files/read", path=name), 400, "INVALID_PATH")
            assert_error(await site.get("/files/download", path=name), 400, "INVALID_PATH")
        for name in ("fifo", "dir"):
            assert_error(await site.post("/files/write", path=name, content="x"), 400, "INVALID_PATH")
        assert_error(await site.post("/files/mkdir", path="file"), 400, "INVALID_PATH")
        assert_error(await site.get("/files/read", path="file/below"), 400, "INVALID_PATH")
        assert_error(await site.get("/files/list", path="file"), 400, "INVALID_PATH")
        assert (await site.http.delete("/files/remove", params={"path": "fifo"})).status_code == 200


async def test_missing_things_are_404_and_bad_names_400(site):
    for route in ("/files/read", "/files/download", "/files/list"):
        body = assert_error(await site.get(route, path="/workspace/none"), 404, "FILE_NOT_FOUND")
        assert body["details"]["path"] == body["path"] == "/workspace/none"
    assert_error(await site.http.delete("/files/remove", params={"path": "none"}), 404, "FILE_NOT_FOUND")
    assert_error(await site.get("/files/read"), 400, "MISSING_PARAMETER")
    assert_error(await site.post("/files/write", path="x"), 400, "MISSING_PARAMETER")
    assert_error(await site.post("/files/mkdir"), 400, "MISSING_PARAMETER")
    for path in ("a\0b", "x" * 300, "x/" * 3000):
        assert_error(await site.post("/files/write", path=path, content=""), 400, "INVALID_PATH")
    assert_error(await site.get("/files/read", path_b64="%%%"), 400, "INVALID_PATH")
    answer = await site.http.post("/files/write", content=b'{"path": "\\ud800", "content": ""}')
    assert answer.status_code == 400


async def test_the_roots_stay(site):
    for path in ("/workspace", "/root", ".", str(site.workspace)):
        assert_error(await site.http.delete("/files/remove", params={"path": path}), 403, "PATH_NOT_ALLOWED")
    assert site.workspace.is_dir()


async def test_strange_names(site):
    names = ["with\nnewline", "tab\t", "ünï", "a+b &#%.txt", " ", "-rf", "~", "\x1b[31m"]
    for name in names:
        assert (await site.post("/files/write", path=f"/workspace/{name}", content=name)).status_code == 200
        assert (await site.get("/files/read", path=f"/workspace/{name}")).json()["content"] == name
    assert sorted(row["name"] for row in (await site.get("/files/list")).json()["files"]) == sorted(names)


async def test_names_that_are_not_utf8(site):
    raw = b"/workspace/caf\xe9/f\xff"
    assert (await site.post("/files/mkdir", path_b64=b64(b"/workspace/caf\xe9"))).json()["path_b64"]
    await site.post("/files/write", path_b64=b64(raw), content="x")
    row = (await site.get("/files/list")).json()["files"][0]
    assert row["name"] == "caf\\xe9"
    listing = (await site.get("/files/list", path_b64=row["path_b64"])).json()
    assert listing["path_b64"] == row["path_b64"]
    inner = listing["files"][0]
    assert base64.b64decode(inner["path_b64"]) == raw
    read = (await site.get("/files/read", path_b64=inner["path_b64"])).json()
    assert (read["content"], read["path_b64"]) == ("x", inner["path_b64"])
    assert (await site.get("/files/download", path_b64=inner["path_b64"])).content == b"x"
    assert (await site.get("/files/exists", path_b64=inner["path_b64"])).json()["exists"] is True
    assert (await site.http.delete("/files/remove", params={"path_b64": inner["path_b64"]})).status_code == 200


async def test_the_real_directory_is_understood_too(site):
    (site.workspace / "a").write_text("x")
    read = (await site.get("/files/read", path=str(site.workspace / "a"))).json()
    assert read["path"] == "/workspace/a"
    await site.post("/files/write", path="/root/.profile", content="p")
    assert (site.home / ".profile").read_text() == "p"


async def test_fifty_thousand_entries(site):
    many = site.workspace / "many"
    many.mkdir()
    descriptor = os.open(many, os.O_RDONLY)
    for number in range(50_000):
        os.close(os.open(f"f{number:05}", os.O_CREAT | os.O_WRONLY, dir_fd=descriptor))
    os.close(descriptor)
    answer = await site.get("/files/list", path="/workspace/many")
    listing = answer.json()
    assert listing["count"] == 50_000
    assert [row["name"] for row in listing["files"][::10_000]] == ["f00000", "f10000", "f20000", "f30000", "f40000"]


async def test_a_full_quota_refuses_writes(make_site):
    from hopx_tui.agent.config import Limits

    site = await make_site(limits=Limits(memory_mb=0, disk_mb=1))
    big = "x" * (1 << 20)
    body = assert_error(await site.post("/files/write", path="big", content=big + "x"), 400, "FILE_OPERATION_FAILED")
    assert "quota" in body["error"]
    assert (await site.post("/files/write", path="half", content="x" * 600_000)).status_code == 200
    refused = await site.post("/files/write", path="more", content="x" * 600_000)
    assert_error(refused, 400, "FILE_OPERATION_FAILED")
    assert sorted(os.listdir(site.workspace)) == ["half"]


async def test_a_path_of_thousands_of_levels(site):
    deep = "/".join(["d"] * 5000)
    for path in (deep, "/".join(["d"] * 2040), "x" * 100_000):
        answer = await site.post("/files/mkdir", path=path)
        assert_error(answer, 400, "INVALID_PATH")
        assert len(answer.content) < 100_000
        assert_error(await site.post("/files/write", path=path, content=""), 400, "INVALID_PATH")
    fits = "/".join(["e"] * ((4000 - len(str(site.workspace))) // 2))  # more levels than Python's stack
    assert (await site.post("/files/mkdir", path=fits)).status_code == 200
    assert os.path.isdir(site.workspace / fits)
    assert (await site.http.delete("/files/remove", params={"path": "e"})).status_code == 200
    assert os.listdir(site.workspace) == []


async def test_a_chain_of_links_longer_than_the_stack(site):
    for i in range(1500):
        os.symlink(f"l{i + 1}", site.workspace / f"l{i}")
    for route in ("/files/list", "/files/read", "/files/download"):
        assert (await site.get(route, path="l0")).json()["code"] in ("INVALID_PATH", "FILE_NOT_FOUND")
