"""Deleting: out of sight at once, gone soon, whatever the permissions; and the bounded diary."""

import json
import os

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


def test_the_diary_is_bounded(tmp_path):
    file = tmp_path / "events.jsonl"
    diary = EventLog(file, lambda: 0.0, limit=200)
    for number in range(10):
        diary.record("event", "s", number=number)
    assert file.stat().st_size < 400
    assert json.loads(file.read_text().splitlines()[-1])["number"] == 9
    assert (tmp_path / "events.1.jsonl").exists()
    EventLog(tmp_path / "no" / "folder", lambda: 0.0).record("lost")  # never an error
