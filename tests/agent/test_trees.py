"""Trees deeper than the stack and than a path can name."""

from __future__ import annotations

import os

import pytest

from hopx_tui.agent import trees
from hopx_tui.agent.trees import make_parents, remove_tree


def dig(root, levels):
    """Nested directories "d", with a file in each tenth."""
    here = os.open(root, os.O_RDONLY)
    for level in range(levels):
        os.mkdir("d", dir_fd=here)
        if level % 10 == 0:
            os.close(os.open("f", os.O_CREAT | os.O_WRONLY, dir_fd=here))
        inner = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    os.close(here)


def test_three_thousand_levels(tmp_path):
    (tmp_path / "top").mkdir()
    dig(tmp_path / "top", 3000)
    before = len(os.listdir("/proc/self/fd"))
    remove_tree(os.fsencode(tmp_path / "top"))
    assert os.listdir(tmp_path) == []
    assert len(os.listdir("/proc/self/fd")) == before


def test_links_are_removed_and_not_followed(tmp_path):
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "file").touch()
    top = tmp_path / "top"
    for name in ("a", "b", "c"):
        (top / name / "in").mkdir(parents=True)
        (top / name / "file").touch()
    (top / "a" / "in" / "link").symlink_to(kept)
    (top / "dangling").symlink_to("nowhere")
    os.mkfifo(top / "fifo")
    (tmp_path / "entry").symlink_to(kept)
    with pytest.raises(OSError, match="Not a directory"):
        remove_tree(os.fsencode(tmp_path / "entry"))
    remove_tree(os.fsencode(top))
    assert sorted(os.listdir(tmp_path)) == ["entry", "kept"]
    assert os.listdir(kept) == ["file"]


def test_a_directory_that_is_moved_away_meanwhile_leads_nowhere(tmp_path, monkeypatch):
    (tmp_path / "top" / "a" / "b").mkdir(parents=True)
    (tmp_path / "else" / "b").mkdir(parents=True)
    plain = trees._remove_files

    def moving(directory):
        found = plain(directory)
        if os.path.isdir(tmp_path / "top" / "a" / "b") and not found:
            os.rename(tmp_path / "top" / "a" / "b", tmp_path / "else" / "moved")
        return found

    monkeypatch.setattr(trees, "_remove_files", moving)
    with pytest.raises(OSError, match="moved"):
        remove_tree(os.fsencode(tmp_path / "top"))
    assert sorted(os.listdir(tmp_path / "else")) == ["b", "moved"]


def test_parents(tmp_path):
    make_parents(os.fsencode(tmp_path / "a" / "b" / "c"))
    make_parents(os.fsencode(tmp_path / "a" / "b" / "c"))
    assert (tmp_path / "a" / "b" / "c").is_dir()
    (tmp_path / "file").touch()
    (tmp_path / "dangling").symlink_to("nowhere")
    for name, error in (("file", FileExistsError), ("dangling", FileExistsError), ("file/in", NotADirectoryError)):
        with pytest.raises(error):
            make_parents(os.fsencode(tmp_path / name))
