"""Watching a tree, by events and by rescans: both must tell the same."""

from __future__ import annotations

import contextlib
import errno
import os
import random
import select
import shutil
from pathlib import Path

import pytest

from hopx_tui.agent import tree_watch as module
from hopx_tui.agent.inotify import IN_Q_OVERFLOW, Inotify, InotifyEvent
from hopx_tui.agent.tree_snapshot import Snapshot
from hopx_tui.agent.tree_watch import TreeWatch
from hopx_tui.agent.watch import Pending
from tests.agent.running import wait_until


@pytest.fixture(params=["events", "rescans"])
def watch(request, tmp_path, monkeypatch):
    """Starts watches of the test's directory or below."""
    if request.param == "rescans":

        def none_left():
            raise OSError(errno.EMFILE, "too many")

        monkeypatch.setattr(module, "Inotify", none_left)
    started = []

    def start(path=tmp_path):
        tree = TreeWatch(os.fsencode(path))
        assert (tree.descriptor is None) is (request.param == "rescans")
        started.append(tree)
        return tree

    yield start
    for tree in started:
        tree.close()


def told(tree, root):
    """All that happened up to now, as {path: kinds}."""
    found = {}
    while True:
        for change in tree.step():
            found.setdefault(os.fsdecode(os.path.relpath(change.path, os.fsencode(root))), []).append(change.kind)
        if tree.descriptor is None or not (tree.waits or select.select([tree.descriptor], [], [], 0)[0]):
            return found


def last(tree, root):
    return {path: kinds[-1] for path, kinds in told(tree, root).items()}


def test_files_come_change_and_go(watch, tmp_path):
    (tmp_path / "old").write_text("1")
    tree = watch()
    assert told(tree, tmp_path) == {}
    (tmp_path / "new").write_text("x")
    (tmp_path / "old").write_text("22")
    assert told(tree, tmp_path) == {"new": ["created"], "old": ["modified"]}
    (tmp_path / "new").chmod(0o600)
    (tmp_path / "old").unlink()
    assert told(tree, tmp_path) == {"new": ["modified"], "old": ["deleted"]}
    assert told(tree, tmp_path) == {}


def test_directories_that_appear_bring_what_is_in_them(watch, tmp_path):
    outside = tmp_path / "outside"
    (outside / "a/b").mkdir(parents=True)
    (outside / "a/b/leaf").write_text("x")
    inside = tmp_path / "inside"
    inside.mkdir()
    tree = watch(inside)
    (outside / "a").rename(inside / "a")
    assert last(tree, inside) == {"a": "created", "a/b": "created", "a/b/leaf": "created"}
    (inside / "a/b/more").write_text("x")
    (inside / "a/b/deep/er").mkdir(parents=True)
    (inside / "a/b/deep/er/x").write_text("")
    expected = {"a/b/more": "created", "a/b/deep": "created", "a/b/deep/er": "created", "a/b/deep/er/x": "created"}
    assert last(tree, inside) == expected
    (inside / "a/b/deep/er/x").write_text("y")
    assert told(tree, inside) == {"a/b/deep/er/x": ["modified"]}
    shutil.rmtree(inside / "a/b/deep")
    assert last(tree, inside) == {"a/b/deep": "deleted", "a/b/deep/er": "deleted", "a/b/deep/er/x": "deleted"}


def test_a_directory_that_leaves(watch, tmp_path):
    (tmp_path / "in/a").mkdir(parents=True)
    (tmp_path / "in/a/x").write_text("")
    tree = watch(tmp_path / "in")
    (tmp_path / "in/a").rename(tmp_path / "a")
    assert last(tree, tmp_path / "in")["a"] == "deleted"
    (tmp_path / "a/x").write_text("outside now")
    assert told(tree, tmp_path / "in") == {}


def test_renames(watch, tmp_path):
    (tmp_path / "d").mkdir()
    (tmp_path / "d/x").write_text("")
    (tmp_path / "one").write_text("1")
    tree = watch()
    (tmp_path / "one").rename(tmp_path / "two")
    (tmp_path / "d").rename(tmp_path / "e")
    found = last(tree, tmp_path)
    assert found["one"] in ("renamed", "deleted")
    assert found["d"] in ("renamed", "deleted")
    assert {found[name] for name in ("two", "e", "e/x")} == {"created"}
    (tmp_path / "e/x").write_text("still watched")
    assert told(tree, tmp_path) == {"e/x": ["modified"]}


def test_saving_over_a_file_is_a_modification(watch, tmp_path):
    (tmp_path / "f").write_text("1")
    tree = watch()
    (tmp_path / ".f.tmp").write_text("2")
    (tmp_path / ".f.tmp").rename(tmp_path / "f")
    assert last(tree, tmp_path)["f"] == "modified"


def test_one_file(watch, tmp_path):
    (tmp_path / "f").write_text("1")
    tree = watch(tmp_path / "f")
    (tmp_path / "g").write_text("not mine")
    (tmp_path / "f").write_text("22")
    assert told(tree, tmp_path) == {"f": ["modified"]}
    (tmp_path / "f").unlink()
    assert told(tree, tmp_path) == {"f": ["deleted"]}
    (tmp_path / "h").write_text("x")
    (tmp_path / "h").rename(tmp_path / "f")
    assert told(tree, tmp_path) == {"f": ["created"]}


def test_a_file_where_a_directory_was(watch, tmp_path):
    (tmp_path / "d").mkdir()
    (tmp_path / "d/x").write_text("")
    tree = watch()
    shutil.rmtree(tmp_path / "d")
    (tmp_path / "d").write_text("a file")
    found = last(tree, tmp_path)
    assert found["d"] == "modified" or found["d"] == "created"
    assert (tmp_path / "d").is_file()
    (tmp_path / "d").unlink()
    (tmp_path / "d").mkdir()
    (tmp_path / "d/y").write_text("")
    assert last(tree, tmp_path)["d/y"] == "created"


def test_the_root_goes_and_comes_back(watch, tmp_path):
    root = tmp_path / "root"
    root.mkdir()
    (root / "x").write_text("")
    tree = watch(root)
    shutil.rmtree(root)
    found = told(tree, root)
    assert found.get("x", found.get(".", [""]))[-1] == "deleted"
    assert told(tree, root) == {}
    root.mkdir()
    (root / "y").write_text("")
    assert told(tree, root) == {"y": ["created"]}
    (root / "y").write_text("again")
    assert told(tree, root) == {"y": ["modified"]}


def test_nothing_to_watch(tmp_path):
    with pytest.raises(FileNotFoundError):
        TreeWatch(os.fsencode(tmp_path / "none"))


class Overflowing(Inotify):
    """Says that its queue ran over, whenever it is told to."""

    over = False

    def read(self):
        events = super().read()
        if self.over:
            type(self).over = False
            return [InotifyEvent(-1, IN_Q_OVERFLOW, 0, b"")]
        return events


def test_an_overflow_costs_a_rescan_only(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "Inotify", Overflowing)
    (tmp_path / "d").mkdir()
    (tmp_path / "gone").write_text("")
    tree = TreeWatch(os.fsencode(tmp_path))
    (tmp_path / "gone").unlink()
    (tmp_path / "d").rename(tmp_path / "e")
    (tmp_path / "e/x").write_text("")
    Overflowing.over = True
    assert last(tree, tmp_path) == {"gone": "deleted", "d": "deleted", "e": "created", "e/x": "created"}
    (tmp_path / "e/x").write_text("after")
    assert told(tree, tmp_path) == {"e/x": ["modified"]}, "events go on, by the new name"
    assert tree.descriptor is not None
    tree.close()


def test_a_real_overflow(tmp_path):
    """More events than the kernel's queue holds."""
    limit = int(Path("/proc/sys/fs/inotify/max_queued_events").read_text())
    if limit > 50_000:
        pytest.skip("the queue is too long to fill quickly")
    tree = TreeWatch(os.fsencode(tmp_path))
    for number in range(limit // 2 + 100):
        descriptor = os.open(tmp_path / f"{number % 50}", os.O_WRONLY | os.O_CREAT)
        os.write(descriptor, b"x")
        os.close(descriptor)
    found = last(tree, tmp_path)
    assert set(found) == {str(number) for number in range(50)}
    tree.close()


def test_the_limit_of_watches_ends_in_rescans(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "WATCH_LIMIT", 3)
    tree = TreeWatch(os.fsencode(tmp_path))
    (tmp_path / "a/b/c/d").mkdir(parents=True)
    (tmp_path / "a/b/c/d/x").write_text("")
    found = wait_until(lambda: last(tree, tmp_path))
    assert found["a/b/c/d/x"] == "created"
    assert tree.descriptor is None
    (tmp_path / "a/b/c/d/x").write_text("seen all the same")
    assert told(tree, tmp_path) == {"a/b/c/d/x": ["modified"]}
    tree.close()


def test_a_broken_instance_ends_in_rescans(tmp_path, monkeypatch):
    tree = TreeWatch(os.fsencode(tmp_path))

    def broken(_self):
        raise OSError(errno.EIO, "broken")

    monkeypatch.setattr(Inotify, "read", broken)
    (tmp_path / "x").write_text("")
    assert told(tree, tmp_path) == {"x": ["created"]}
    assert tree.descriptor is None


class Chaos:
    """Random operations on a tree, and a client that believes what it is told."""

    def __init__(self, root, outside, seed):
        self.root, self.outside = str(root), str(outside)
        self.chance = random.Random(seed)
        self.believed = set()
        self.number = 0

    def there(self, *kinds):
        found = []
        for here, directories, files in os.walk(self.root):
            names = (directories if "d" in kinds else []) + (files if "f" in kinds else [])
            found += [os.path.join(here, name) for name in names]
        return found

    def some(self, *kinds):
        return self.chance.choice(sorted(self.there(*kinds)))

    def new(self):
        base = self.some("d") if self.chance.random() < 0.7 and self.there("d") else self.root
        return os.path.join(base, f"n{self.chance.randrange(12)}")

    def act(self):
        self.number += 1
        with contextlib.suppress(OSError, IndexError):
            match self.chance.randrange(9):
                case 0 | 1:
                    os.mkdir(self.new())
                case 2 | 3 | 4:
                    Path(self.new()).write_text(str(self.number))
                case 5:
                    os.rename(self.some("d", "f"), self.new())
                case 6:
                    os.unlink(self.some("f"))
                case 7:
                    shutil.rmtree(self.some("d")) if self.chance.random() < 0.3 else os.rmdir(self.some("d"))
                case 8 if self.chance.random() < 0.5:
                    os.rename(self.some("d"), os.path.join(self.outside, str(self.number)))
                case 8:
                    os.rename(
                        os.path.join(self.outside, self.chance.choice(sorted(os.listdir(self.outside)))), self.new()
                    )

    def hear(self, changes):
        pending = Pending()
        for change in changes:
            pending.add(change)
        for change in (*pending.take(), *pending.take()):
            path = os.fsdecode(change.path)
            if change.kind in ("created", "modified"):
                self.believed.add(path)
            else:
                self.believed -= {each for each in self.believed if each == path or each.startswith(f"{path}/")}


@pytest.mark.parametrize("seed", range(8))
def test_whoever_believes_what_is_told_knows_what_is_there(watch, tmp_path, seed):
    root, outside = tmp_path / "root", tmp_path / "outside"
    root.mkdir()
    outside.mkdir()
    tree = watch(root)
    chaos = Chaos(root, outside, seed)
    for _ in range(400):
        chaos.act()
        if chaos.chance.random() < 0.15:
            chaos.hear(tree.step())
    for _ in range(3):
        chaos.hear(tree.step())
    assert chaos.believed == set(chaos.there("d", "f"))


def test_more_than_is_remembered_is_watched_all_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "Snapshot", lambda: Snapshot(1))
    for name in "abc":
        (tmp_path / name).write_text("")
    tree = TreeWatch(os.fsencode(tmp_path))
    for name in "abc":
        (tmp_path / name).write_text("x")
    found = told(tree, tmp_path)
    assert {path: set(kinds) for path, kinds in found.items()} == {name: {"modified"} for name in "abc"}
    tree.close()
