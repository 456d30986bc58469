"""Ending processes for certain."""

from __future__ import annotations

import os
import signal
import subprocess

import pytest

from hopx_tui.agent import treekill
from hopx_tui.agent.proctable import read_stat
from tests.agent.running import alive, wait_until


@pytest.fixture
def sleeper():
    process = subprocess.Popen(["sleep", "4500"], start_new_session=True)
    yield process
    process.kill()
    process.wait()


def test_only_the_process_that_is_meant(sleeper):
    start = read_stat(sleeper.pid).start_ticks
    assert treekill.send_signal(sleeper.pid, start + 1, signal.SIGKILL) is False
    assert alive(sleeper.pid)
    assert treekill.send_signal(sleeper.pid, start, signal.SIGTERM) is True
    assert sleeper.wait(5) == -signal.SIGTERM
    assert treekill.send_signal(sleeper.pid, start, signal.SIGTERM) is False


@pytest.mark.parametrize("way", ["missing", "refused"])
def test_without_pidfds(sleeper, monkeypatch, way):
    def refuse(_pid):
        raise OSError(38, "not implemented")

    if way == "missing":
        monkeypatch.delattr(os, "pidfd_open")
    else:
        monkeypatch.setattr(os, "pidfd_open", refuse)
    start = read_stat(sleeper.pid).start_ticks
    assert treekill.send_signal(sleeper.pid, start + 1, signal.SIGKILL) is False
    assert treekill.send_signal(sleeper.pid, start, signal.SIGKILL) is True
    sleeper.wait(5)


def test_a_fork_bomb_ends(tmp_path):
    bomb = tmp_path / "bomb.sh"
    bomb.write_text("while [ ! -e stop ]; do sh -c 'sleep 0.01; sleep 0.01' & sleep 0.005; done\n")
    process = subprocess.Popen(["sh", str(bomb)], cwd=tmp_path, start_new_session=True)
    try:
        wait_until(lambda: len(treekill.session_members(process.pid)) > 3)
        assert treekill.kill_until_gone(lambda: treekill.session_members(process.pid))
        assert not treekill.session_members(process.pid)
    finally:
        process.kill()
        process.wait()


def test_it_gives_up_at_the_deadline(sleeper, monkeypatch):
    monkeypatch.setattr(treekill, "signal_all", lambda *_: 0)
    stat = read_stat(sleeper.pid)
    assert treekill.kill_until_gone(lambda: [stat], seconds=0.05) is False


def test_strangers_are_left_alone(sleeper, monkeypatch):
    def refuse(*_):
        raise PermissionError

    monkeypatch.setattr(treekill, "send_signal", refuse)
    assert treekill.signal_all([read_stat(sleeper.pid)], signal.SIGKILL) == 0
