"""Atomic writes where links and space are short."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time

import pytest

from hopx_tui.agent import writing
from hopx_tui.agent.disk import DiskWatch
from hopx_tui.agent.errors import AgentError
from hopx_tui.agent.paths import Location
from hopx_tui.agent.writing import parse_mode, remove_leftovers, write_file


@pytest.mark.parametrize(
    ("text", "mode"), [("0644", 0o644), ("644", 0o644), ("0o755", 0o755), (600, 0o600), (None, None), ("", None)]
)
def test_modes(text, mode):
    assert parse_mode(text) == mode


@pytest.mark.parametrize("text", ["rw", "99", "-1", "77777"])
def test_no_modes(text):
    with pytest.raises(AgentError):
        parse_mode(text)


def location(path):
    raw = os.fsencode(path)
    return Location(raw, raw)


def watch(path):
    return DiskWatch((os.fsencode(path),), 0, on_full=lambda *_: None)


def test_without_hard_links(tmp_path, monkeypatch):
    def refuse(*_):
        raise PermissionError(1, "no links here")

    monkeypatch.setattr("hopx_tui.agent.writing.os.link", refuse)
    target = location(tmp_path / "a")
    write_file(target, b"1", mode=None, overwrite=False, disk=watch(tmp_path))
    assert (tmp_path / "a").read_bytes() == b"1"
    with pytest.raises(AgentError) as caught:
        write_file(target, b"2", mode=None, overwrite=False, disk=watch(tmp_path))
    assert caught.value.code == "FILE_ALREADY_EXISTS"


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="mounting a small tmpfs needs root")
def test_a_full_disk_says_so_and_leaves_nothing(tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(small)], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip(f"no tmpfs can be mounted here: {mounted.stderr.decode()}")
    try:
        (small / "kept").write_bytes(b"old")
        for disk in (watch(small), DiskWatch((b"/nonexistent",), 0, on_full=lambda *_: None)):
            with pytest.raises(AgentError) as caught:
                write_file(location(small / "kept"), b"x" * (5 << 20), mode=None, overwrite=True, disk=disk)
            assert (caught.value.status, caught.value.code) == (400, "FILE_OPERATION_FAILED")
            assert "full" in caught.value.message
            assert os.listdir(small) == ["kept"]
            assert (small / "kept").read_bytes() == b"old"
    finally:
        subprocess.run(["umount", str(small)], check=True)
        shutil.rmtree(small)


def test_enospc_itself_is_explained(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("hopx_tui.agent.writing.os.write", full)
    with pytest.raises(AgentError) as caught:
        write_file(location(tmp_path / "a"), b"x", mode=None, overwrite=True, disk=watch(tmp_path))
    monkeypatch.undo()
    assert caught.value.code == "FILE_OPERATION_FAILED"
    assert os.listdir(tmp_path) == []


def test_leftovers_are_old_drafts_and_nothing_else(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    outside = tmp_path / "outside"
    outside.mkdir()
    name = ".hopx-upload-0123456789abcdef"
    kept = [".hopx-upload-notes", ".hopx-upload-0123456789abcdef.txt", "x.hopx-upload-0123456789abcdef"]
    drafts = [outside / name, tmp_path / "a" / name, tmp_path / "a" / "b" / name]
    for path in (*drafts, *(tmp_path / "a" / other for other in kept)):
        path.write_bytes(b"x")
    (tmp_path / "a" / "link").symlink_to(outside)
    roots = (os.fsencode(tmp_path / "a"), b"/nonexistent")
    assert remove_leftovers(roots, before=0.0) == 0
    assert remove_leftovers(roots, before=time.time() + 1) == 2
    assert sorted(os.listdir(tmp_path / "a")) == sorted([*kept, "b", "link"])
    assert (outside / name).exists()


def test_what_is_mounted_below_is_not_looked_at(tmp_path, monkeypatch):
    """An interpreter below the home, bound into the sandbox, has tens of thousands of files."""
    for name in ("mounted", "own"):
        (tmp_path / name).mkdir()
        (tmp_path / name / ".hopx-upload-0123456789abcdef").touch()
    monkeypatch.setattr(writing, "mount_points", lambda: frozenset((os.fsencode(tmp_path / "mounted"),)))
    assert remove_leftovers((os.fsencode(tmp_path),), before=time.time() + 1) == 1
    assert os.listdir(tmp_path / "own") == []
    assert len(os.listdir(tmp_path / "mounted")) == 1
