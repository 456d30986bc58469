"""Processes by identity: a pid that another process has now is never signalled."""

import os
import signal
import subprocess
from dataclasses import replace

import pytest

from hopx_tui.engine import processes
from tests.engine.driver import until


@pytest.fixture
def child():
    with subprocess.Popen(["sleep", "1000"], env={"MARK": "mine", "PATH": os.defpath}) as process:
        yield process
        process.kill()


def test_identity(child):
    row = processes.read(child.pid)
    assert row is not None
    assert row.parent == os.getpid()
    assert processes.is_alive(row.pid, row.start_ticks)
    assert not processes.is_alive(row.pid, row.start_ticks + 1)
    assert not processes.send(replace(row, start_ticks=row.start_ticks + 1), signal.SIGKILL)
    assert child.poll() is None
    assert processes.send(row, signal.SIGKILL)
    until(lambda: child.poll() is not None, "the death")
    assert processes.read(row.pid) is None
    assert not processes.send(row, signal.SIGKILL)
    assert not processes.is_alive(row.pid, None)


def test_family_namespace_and_mark(child):
    until(lambda: processes.marked("MARK", "mine"), "the exec")
    assert child.pid in [row.pid for row in processes.descendants(os.getpid())]
    assert [row.pid for row in processes.marked("MARK", "mine")] == [child.pid]
    namespace = processes.namespace_of(os.getpid())
    assert namespace is not None
    assert child.pid in [row.pid for row in processes.namespace_members(namespace)]
    assert processes.namespace_of(2**22 + 5) is None
