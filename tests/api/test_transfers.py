"""Files on this machine: whole or not at all, and in constant memory."""

from __future__ import annotations

import errno
import os
import resource
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from hopx_tui.api.agent import Agent
from hopx_tui.api.errors import LocalFileError
from hopx_tui.api.transfers import FileSource, multipart, save


async def pieces(*data: bytes | Exception) -> AsyncIterator[bytes]:
    for piece in data:
        if isinstance(piece, Exception):
            raise piece
        yield piece


async def store(to: Path, *data: bytes | Exception, overwrite: bool = False) -> None:
    await save(pieces(*data), to, total=None, progress=None, overwrite=overwrite)


async def test_a_whole_file(tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    to = tmp_path / "a"
    await save(
        pieces(b"ab", b"c"), to, total=3, progress=lambda done, total: seen.append((done, total)), overwrite=False
    )
    assert to.read_bytes() == b"abc"
    assert seen == [(0, 3), (2, 3), (3, 3)]
    assert to.stat().st_nlink == 1
    assert to.stat().st_mode & 0o111 == 0


async def test_a_name_as_long_as_names_can_be(tmp_path: Path) -> None:
    await store(tmp_path / ("x" * 255), b"abc")
    assert len(list(tmp_path.iterdir())) == 1


async def test_an_error_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="broken"):
        await store(tmp_path / "a", b"ab", ValueError("broken"))
    assert not list(tmp_path.iterdir())


async def test_overwriting_keeps_the_old_file_until_the_new_is_whole(tmp_path: Path) -> None:
    to = tmp_path / "a"
    to.write_bytes(b"old")
    with pytest.raises(ValueError, match="broken"):
        await store(to, b"new", ValueError("broken"), overwrite=True)
    assert to.read_bytes() == b"old"
    await store(to, b"new", overwrite=True)
    assert to.read_bytes() == b"new"


async def test_a_file_that_appears_meanwhile_is_kept(tmp_path: Path) -> None:
    to = tmp_path / "a"

    async def slow() -> AsyncIterator[bytes]:
        yield b"new"
        to.write_bytes(b"somebody else's")

    with pytest.raises(LocalFileError) as caught:
        await save(slow(), to, total=None, progress=None, overwrite=False)
    assert caught.value.code == "EEXIST"
    assert to.read_bytes() == b"somebody else's"
    assert len(list(tmp_path.iterdir())) == 1


async def test_a_dangling_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(LocalFileError):
        await store(tmp_path / "link", b"x")
    assert not (tmp_path / "elsewhere").exists()


async def test_a_disk_without_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(errno.EPERM, "no links here")

    monkeypatch.setattr(os, "link", refuse)
    await store(tmp_path / "a", b"x")
    assert (tmp_path / "a").read_bytes() == b"x"

    async def slow() -> AsyncIterator[bytes]:
        yield b"new"
        (tmp_path / "b").write_bytes(b"other")

    with pytest.raises(LocalFileError, match="already exists"):
        await save(slow(), tmp_path / "b", total=None, progress=None, overwrite=False)
    assert {path.name for path in tmp_path.iterdir()} == {"a", "b"}


@pytest.mark.parametrize("overwrite", [True, False])
async def test_a_full_disk(overwrite: bool) -> None:
    """Every write to /dev/full fails with ENOSPC; the copy beside it cannot be made there, so fake the opening."""
    real = os.open
    target = Path(f"/tmp/full-disk-test-{os.getpid()}")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "open", lambda path, flags, mode=0: real("/dev/full", os.O_WRONLY))
        with pytest.raises(LocalFileError) as caught:
            await store(target, *[bytes(1 << 20)] * 3, overwrite=overwrite)
    assert "the disk is full" in caught.value.message
    assert caught.value.code == "ENOSPC"
    assert "space" in caught.value.hint
    assert not target.exists()


async def test_a_disk_that_fills_at_the_very_end() -> None:
    real = os.open
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "open", lambda path, flags, mode=0: real("/dev/full", os.O_WRONLY))
        with pytest.raises(LocalFileError, match="the disk is full"):
            await store(Path("/tmp/full-disk-test-end"), b"still in the buffer")


async def test_places_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for to, words in (
        (tmp_path, "is a directory"),
        (tmp_path / "none" / "a", "no such file or directory"),
        (tmp_path / "file" / "a", "not a directory"),
        (tmp_path / ("x" * 300), "too long"),
        (tmp_path / "a\0b", "cannot be a file name"),
    ):
        with pytest.raises(LocalFileError, match=words):
            await store(to, b"x")


# -- sending -------------------------------------------------------------------------------------------------


def test_what_cannot_be_sent(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for source, words in (
        (tmp_path / "none", "no such file"),
        (tmp_path, "not a regular file"),
        (tmp_path / "pipe", "not a regular file"),
    ):
        with pytest.raises(LocalFileError, match=words):
            FileSource(source)


async def test_files_that_change_while_they_are_sent(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(bytes(600_000))
    source = FileSource(path)
    with path.open("ab") as file:
        file.write(b"more")
    sent = [len(piece) async for piece in source.pieces(None)]
    source.close()
    assert sum(sent) == 600_000
    source = FileSource(path)
    os.truncate(path, 10)
    with pytest.raises(LocalFileError, match="became shorter"):
        async for _ in source.pieces(None):
            pass
    source.close()


async def test_a_form() -> None:
    headers, body = multipart({"path": "/workspace/ü"}, 'a"b\r\nc', 3, pieces(b"ab", b"c"))
    data = b"".join([piece async for piece in body])
    assert int(headers["Content-Length"]) == len(data)
    boundary = headers["Content-Type"].partition("boundary=")[2].encode()
    assert data == (
        b"--" + boundary + b'\r\nContent-Disposition: form-data; name="path"\r\n\r\n/workspace/\xc3\xbc\r\n'
        b"--" + boundary + b'\r\nContent-Disposition: form-data; name="file"; filename="a%22b%0D%0Ac"\r\n'
        b"Content-Type: application/octet-stream\r\n\r\nabc\r\n--" + boundary + b"--\r\n"
    )


async def test_big_files_in_constant_memory(agent: Agent, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """256 MB there and back, client and server both in this process; only the last step of the disk is left out."""
    size = 256 << 20
    with (tmp_path / "big").open("wb") as file:
        file.truncate(size)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    await agent.upload(tmp_path / "big", "/workspace/big")
    done = 0

    def progress(now: int, total: int | None) -> None:
        nonlocal done
        done = now
        assert total == size

    real = os.open
    monkeypatch.setattr(os, "open", lambda path, flags, mode=0: real(os.devnull, os.O_WRONLY))
    monkeypatch.setattr("hopx_tui.api.transfers._publish", lambda *_, **__: None)
    await agent.download("/workspace/big", tmp_path / "back", progress=progress)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert done == size
    assert grown < 48 * 1024, f"{grown} KB more"
