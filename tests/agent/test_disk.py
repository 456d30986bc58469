"""Disk usage."""

from __future__ import annotations

import asyncio
import os

import pytest

from hopx_tui.agent.disk import DiskWatch, tree_bytes
from hopx_tui.agent.errors import AgentError


def test_hard_links_count_once_and_links_are_not_followed(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep/a").write_bytes(b"x" * 100_000)
    before = tree_bytes([os.fsencode(tmp_path)])
    assert 100_000 <= before < 130_000
    os.link(tmp_path / "deep/a", tmp_path / "b")
    (tmp_path / "c").symlink_to("/usr")
    assert tree_bytes([os.fsencode(tmp_path)]) - before <= 4096
    assert tree_bytes([os.fsencode(tmp_path / "no such folder")]) == 0


async def test_the_quota_is_announced_once(tmp_path):
    told = []
    watch = DiskWatch((os.fsencode(tmp_path),), 50_000, on_full=lambda *numbers: told.append(numbers))
    loop = asyncio.get_running_loop()
    await watch.scan(loop)
    assert told == []
    (tmp_path / "a").write_bytes(b"x" * 60_000)
    await watch.scan(loop)
    await watch.scan(loop)
    assert len(told) == 1
    assert watch.usage() == (50_000, watch.used)
    with pytest.raises(AgentError):
        watch.check(1, os.fsencode(tmp_path), "a")
    watch.check(1, b"/tmp", "elsewhere")
    (tmp_path / "a").unlink()
    await watch.scan(loop)
    watch.check(1, os.fsencode(tmp_path), "a")
    (tmp_path / "a").write_bytes(b"x" * 60_000)
    await watch.scan(loop)
    assert len(told) == 2


def test_without_a_limit_the_file_system_is_the_total(tmp_path):
    watch = DiskWatch((os.fsencode(tmp_path),), 0, on_full=lambda *_: None)
    assert watch.usage()[0] > 1 << 20


def test_the_hosts_reserve_is_kept(tmp_path, monkeypatch):
    watch = DiskWatch((os.fsencode(tmp_path),), 0, on_full=lambda *_: None)
    space = os.statvfs(tmp_path)
    with pytest.raises(AgentError):
        watch.check(space.f_bavail * space.f_frsize, os.fsencode(tmp_path), "a")
