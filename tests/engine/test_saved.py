"""Saved templates on disk: taken over whole, replaced whole, and copied without following anything."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from hopx_tui.engine.saved import Saved, SavedTemplates, copy_tree


def saved(build_id="b1", **more):
    given = {
        "id": "77", "name": "mine", "base": "base", "level": "bwrap", "build_id": build_id, "created_at": 1.0,
        "updated_at": 2.0, "vcpu": 1, "memory_mb": 256, "disk_gb": 1, "environment": {}, "workdir": "/app",
        "start_command": None, "folders": {"/app": "own-app"},
    }  # fmt: skip
    return Saved(**{**given, **more})


def workshop(tmp_path, text):
    folder = tmp_path / f"work-{text}"
    for name in ("workspace", "etc", "own-app", "uploads"):
        (folder / name).mkdir(parents=True)
        (folder / name / "x").write_text(text)
    for name in ("hosts", "hostname", "resolv.conf"):
        (folder / "etc" / name).write_text("of the build")
    (folder / "opt").symlink_to("/")
    return folder


@pytest.fixture
def shelf(tmp_path):
    folder = tmp_path / "templates"
    folder.mkdir()
    return SavedTemplates(folder, shutil.rmtree)


def test_kept_replaced_loaded_and_removed(shelf, tmp_path):
    first = saved()
    shelf.keep(first, workshop(tmp_path, "one"))
    files = shelf.files(first)
    assert sorted(each.name for each in files.iterdir()) == ["etc", "own-app", "workspace"]
    assert [each.name for each in (files / "etc").iterdir()] == ["x"]
    second = saved("b2")
    shelf.keep(second, workshop(tmp_path, "two"))
    assert not files.exists()
    assert (shelf.files(second) / "workspace" / "x").read_text() == "two"
    (tmp_path / "templates" / "77" / "files-b9").mkdir()  # an engine died here
    (tmp_path / "templates" / "88" / "files-b1").mkdir(parents=True)
    again = SavedTemplates(tmp_path / "templates", shutil.rmtree)
    again.load()
    assert [each.name for each in (tmp_path / "templates").rglob("files-*")] == ["files-b2"]
    assert again.all() == (second,)
    assert again.find("mine") == again.find("77") == second
    assert len(again.new_id()) == 10
    again.remove(second)
    assert again.find("mine") is None
    assert list((tmp_path / "templates").iterdir()) == []


@pytest.mark.parametrize(
    "change", [{"id": "other"}, {"environment": []}, {"vcpu": "2"}, {"name": None}, {"build_id": "../../x"}]
)
def test_what_is_broken_is_not_offered(shelf, tmp_path, change):
    shelf.keep(saved(), workshop(tmp_path, "one"))
    file = tmp_path / "templates" / "77" / "template.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **change}))
    again = SavedTemplates(tmp_path / "templates", shutil.rmtree)
    again.load()
    assert again.all() == ()


def test_no_folder_at_all(tmp_path):
    shelf = SavedTemplates(tmp_path / "none", shutil.rmtree)
    shelf.load()
    assert shelf.all() == ()


def test_a_copy_is_its_own_and_follows_nothing(tmp_path):
    source, target = tmp_path / "a", tmp_path / "b"
    (source / "d").mkdir(parents=True)
    target.mkdir()
    (source / "d" / "f").write_text("1")
    os.link(source / "d" / "f", source / "d" / "g")
    (source / "l").symlink_to("/etc/passwd")
    os.mkfifo(source / "fifo")
    (source / os.fsdecode(b"\xff")).write_text("")
    copy_tree(source, target)
    (target / "d" / "f").write_text("2")
    assert (source / "d" / "f").read_text() == "1"
    assert os.readlink(target / "l") == "/etc/passwd"
    assert len(list(target.iterdir())) == 4


def test_a_copy_that_fails(tmp_path):
    with pytest.raises(OSError, match="cannot be copied"):
        copy_tree(tmp_path / "none", tmp_path)

    def slow(*_arguments, **_options):
        raise subprocess.TimeoutExpired("cp", 1)

    with pytest.raises(OSError, match="too long"):
        copy_tree(Path("/"), tmp_path, slow)
