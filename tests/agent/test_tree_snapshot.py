"""What is known of a tree."""

from __future__ import annotations

import os

from hopx_tui.agent.tree_snapshot import Snapshot, entries, look


def test_putting_and_dropping(tmp_path):
    (tmp_path / "d/e").mkdir(parents=True)
    (tmp_path / "d/e/f").write_text("x")
    root = os.fsencode(tmp_path)
    snapshot = Snapshot(limit=3)
    for path in (root + b"/d", root + b"/d/e", root + b"/d/e/f"):
        assert snapshot.put(path, look(path))
    assert not snapshot.put(root + b"/g", look(root))
    assert snapshot.put(root + b"/d", look(root + b"/d")), "a known one has its room"
    assert snapshot.children(root) == {root + b"/d"}
    assert snapshot.drop(root + b"/d") == [root + b"/d", root + b"/d/e", root + b"/d/e/f"]
    assert len(snapshot) == 0
    assert snapshot.children(root) == set()
    assert snapshot.drop(root + b"/d") == []


def test_looking(tmp_path):
    assert look(os.fsencode(tmp_path / "none")) is None
    assert list(entries(os.fsencode(tmp_path / "none"))) == []
    (tmp_path / "l").symlink_to("/nowhere")
    ((path, facts),) = entries(os.fsencode(tmp_path))
    assert path == os.fsencode(tmp_path / "l")
    assert not facts.directory


def test_long_paths_are_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr("hopx_tui.agent.tree_snapshot.PATH_BYTES", 10)
    snapshot = Snapshot()
    facts = look(os.fsencode(tmp_path))
    assert snapshot.put(b"/a/long/path", facts)
    assert snapshot.full
    assert not snapshot.put(b"/b", facts)
    snapshot.drop(b"/a/long/path")
    assert snapshot.put(b"/b", facts)
