"""The manifest: what it holds, what it keeps, what it refuses."""

from __future__ import annotations

import os
import time

import pytest

from hopx_tui.agent import manifest
from hopx_tui.agent.manifest import ManifestError, Root, is_binary, load, read_file, take


@pytest.fixture
def place():
    descriptor = os.memfd_create("test")
    yield descriptor
    os.close(descriptor)


def fill(root):
    (root / "sub").mkdir()
    (root / "sub" / "text").write_text("grüße\n")
    (root / "binary").write_bytes(b"a\0b")
    (root / "large").write_text("x" * 400_000)
    (root / "link").symlink_to("sub/text")
    (root / "to-sub").symlink_to("sub")
    os.mkfifo(root / "fifo")
    (root / os.fsdecode(b"bad\xff")).write_text("n")


def test_what_is_known_of_each(tmp_path, place):
    fill(tmp_path)
    before = time.time()
    take((Root(b"/workspace", os.fsencode(tmp_path)),), place)
    found = load(place)
    assert before - 1 <= found.taken_at <= time.time() + 1
    assert not found.truncated
    entries = {name.removeprefix(b"/workspace/"): entry for name, entry in found.entries.items()}
    assert {name: entry.kind for name, entry in entries.items()} == {
        b"sub": "d",
        b"sub/text": "f",
        b"binary": "f",
        b"large": "f",
        b"link": "l",
        b"to-sub": "l",
        b"fifo": "o",
        b"bad\xff": "f",
    }
    assert found.content(entries[b"sub/text"]) == "grüße\n".encode()
    assert found.content(entries[b"link"]) == b"sub/text"
    assert found.content(entries[b"large"]) is None
    assert found.content(entries[b"binary"]) is None
    assert entries[b"binary"].binary
    assert not entries[b"large"].binary
    status = os.lstat(tmp_path / "binary")
    assert entries[b"binary"].size == 3
    assert entries[b"binary"][2:5] == (status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
    assert entries[b"binary"].mode == status.st_mode & 0o7777


def test_bounds(tmp_path, place, monkeypatch):
    for number in range(10):
        (tmp_path / f"f{number}").write_text("12345")
    monkeypatch.setattr(manifest, "KEPT_LIMIT", 12)
    take((Root(b"/w", os.fsencode(tmp_path)),), place)
    kept = [entry for entry in load(place).entries.values() if entry.offset >= 0]
    assert len(kept) == 2
    monkeypatch.setattr(manifest, "ENTRY_LIMIT", 4)
    os.ftruncate(place, 0)
    os.lseek(place, 0, os.SEEK_SET)
    take((Root(b"/w", os.fsencode(tmp_path)),), place)
    assert load(place).truncated
    assert len(load(place).entries) == 4


def test_what_is_no_manifest(place):
    for content in (b"", b"HOPX", b"x" * 100, manifest._HEAD.pack(b"HOPXBL01", 50) + b"junk"):
        os.ftruncate(place, 0)
        os.pwrite(place, content, 0)
        with pytest.raises(ManifestError):
            load(place)
    with pytest.raises(ManifestError):
        load(-1)


def test_reading_never_hangs_nor_follows(tmp_path):
    fill(tmp_path)
    for name in ("fifo", "link", "sub", "none"):
        assert read_file(os.fsencode(tmp_path / name), 100) is None
    assert read_file(os.fsencode(tmp_path / "large"), 100_000) == b"x" * 100_000


def test_what_is_text():
    whole = "aé".encode()
    assert not is_binary(whole)
    assert is_binary(whole[:-1])
    assert not is_binary(whole[:-1], cut=True)
    assert is_binary(b"\xff" + whole, cut=True)
    assert is_binary(b"a\0")
