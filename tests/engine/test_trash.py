"""Deleting: out of sight at once, gone soon, whatever the permissions; and the bounded diary."""

import json
import os

from hopx_tui.engine import trash as trash_module
from hopx_tui.engine.events import EventLog
from hopx_tui.engine.trash import Trash, delete
from tests.engine.driver import until


def test_thrown_away_and_left_overs_of_a_crash(tmp_path):
    folder = tmp_path / "trash"
    folder.mkdir()
    (folder / "left").mkdir()
    trash = Trash(folder)
    victim = tmp_path / "victim"
    (victim / "deep").mkdir(parents=True)
    (victim / "deep" / "file").write_text("x")
    trash.throw(victim)
    assert not victim.exists()
    trash.throw(victim)  # gone already: fine
    until(lambda: not list(folder.iterdir()), "the deletion")


def test_permissions_and_links_do_not_stop_it(tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    victim = tmp_path / "victim"
    locked = victim / "locked"
    locked.mkdir(parents=True)
    (locked / "file").write_text("x")
    os.symlink(outside, victim / "link")
    locked.chmod(0)
    delete(victim)
    assert not victim.exists()
    assert outside.exists()
    delete(victim)
    outside.rmdir()


def test_the_thread_outlives_what_it_cannot_delete(tmp_path, monkeypatch):
    told = []
    errors = [OSError(5, "I/O error"), RecursionError(), ValueError("embedded null byte")]

    def failing(path):
        if errors:
            raise errors.pop()
        return delete(path)

    monkeypatch.setattr(trash_module, "delete", failing)
    folder = tmp_path / "trash"
    folder.mkdir()
    trash = Trash(folder, lambda name, reason: told.append((name, reason)))
    for name in "abcd":
        (tmp_path / name).mkdir()
        trash.throw(tmp_path / name)
    until(lambda: len(list(folder.iterdir())) == 3, "the fourth")
    assert [name[0] for name, _ in told] == ["a", "b", "c"]
    assert all(reason for _, reason in told)


def test_depth_permissions_links_and_fifos_at_once(tmp_path):
    outside = tmp_path / "outside"
    (outside / "kept").mkdir(parents=True)
    victim = tmp_path / "victim"
    victim.mkdir()
    here = os.open(victim, os.O_RDONLY)
    for number in range(1500):
        os.mkdir("d" * 200, dir_fd=here)
        deeper = os.open("d" * 200, os.O_RDONLY, dir_fd=here)
        os.symlink(outside, "link", dir_fd=deeper)
        os.mkfifo("fifo", dir_fd=deeper)
        if number % 7 == 0:
            os.mkdir("locked", 0, dir_fd=deeper)
        os.close(here)
        here = deeper
    os.close(here)
    for number in range(5000):
        (victim / str(number)).touch()
    os.symlink(outside, tmp_path / "alias")
    assert delete(victim) == delete(tmp_path / "alias") == []
    assert [path.name for path in tmp_path.iterdir()] == ["outside"]
    assert (outside / "kept").is_dir()


def test_the_diary_is_bounded(tmp_path):
    file = tmp_path / "events.jsonl"
    diary = EventLog(file, lambda: 0.0, limit=200)
    for number in range(10):
        diary.record("event", "s", number=number)
    assert file.stat().st_size < 400
    assert json.loads(file.read_text().splitlines()[-1])["number"] == 9
    assert (tmp_path / "events.1.jsonl").exists()
    EventLog(tmp_path / "no" / "folder", lambda: 0.0).record("lost")  # never an error
