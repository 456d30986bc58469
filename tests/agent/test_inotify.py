"""The kernel's events."""

from __future__ import annotations

import os
import select
import sys

import pytest

from hopx_tui.agent import inotify
from hopx_tui.agent.inotify import Inotify


def test_events_and_the_end_of_a_watch(tmp_path):
    instance = Inotify()
    assert not os.get_inheritable(instance.descriptor)
    watch = instance.add(os.fsencode(tmp_path))
    assert instance.read() == []
    (tmp_path / "a").write_text("x")
    (tmp_path / "a").rename(tmp_path / "b")
    assert select.select([instance.descriptor], [], [], 5)[0]
    events = instance.read()
    assert {event.watch for event in events} == {watch}
    assert [event.name for event in events if event.mask & inotify.IN_CREATE] == [b"a"]
    moved = {event.name: event.cookie for event in events if event.mask & (inotify.IN_MOVED_FROM | inotify.IN_MOVED_TO)}
    assert list(moved) == [b"a", b"b"]
    assert moved[b"a"] == moved[b"b"] != 0
    instance.remove(watch)
    instance.remove(watch)
    assert instance.read()[-1].mask & inotify.IN_IGNORED
    instance.close()
    instance.close()


def test_what_cannot_be_watched(tmp_path, monkeypatch):
    instance = Inotify()
    with pytest.raises(FileNotFoundError):
        instance.add(os.fsencode(tmp_path / "none"))
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError):
        instance.add(os.fsencode(tmp_path / "file"))
    instance.close()
    monkeypatch.setattr(sys, "platform", "darwin")
    with pytest.raises(OSError, match="Linux"):
        Inotify()
