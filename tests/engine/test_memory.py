"""The memory watch: kills the largest process of a sandbox over its limit, counts what the kernel killed."""

import asyncio
import os
import subprocess
import sys
from types import SimpleNamespace

import pytest

from hopx_tui.engine import memory, processes
from hopx_tui.engine.memory import MemoryWatch, count_kills
from tests.engine.driver import until

HOLD = "import sys; x = bytearray(int(sys.argv[1]) << 20); print(len(x), flush=True); sys.stdin.read()"


class Box:
    """A sandbox whose processes are ours: a parent with a small and a large child."""

    def __init__(self, memory_mb, *sizes):
        script = (
            "import subprocess, sys\n"
            f"start = [sys.executable, '-c', {HOLD!r}]\n"
            "children = [subprocess.Popen([*start, size], stdin=subprocess.PIPE) for size in sys.argv[1:]]\n"
            "for child in children: child.wait()\n"
        )
        self.process = subprocess.Popen(
            [sys.executable, "-c", script, *(str(size) for size in sizes)], stdout=subprocess.PIPE
        )
        for _ in sizes:
            self.process.stdout.readline()
        self.record = SimpleNamespace(id="box", memory_mb=memory_mb)
        self.session = SimpleNamespace(alive=True, root=processes.read(self.process.pid), agent_pids=set())
        self.memory_kills = 0
        self.told = []

    def lost_to_memory(self, kills, **details):
        self.memory_kills = kills
        self.told.append(details)

    def children(self):
        return [row.pid for row in processes.descendants(self.process.pid)]

    def largest(self):
        return max(self.children(), key=memory.resident_bytes)

    def close(self):
        for row in processes.descendants(self.process.pid):
            os.kill(row.pid, 9)
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def box():
    made = []

    def make(*arguments):
        made.append(Box(*arguments))
        return made[-1]

    yield make
    for each in made:
        each.close()


def watched(*boxes):
    watch = MemoryWatch(lambda: list(boxes), limited=False, free=lambda: None)
    return asyncio.create_task(watch.run())


async def end(task):
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_the_largest_is_killed_and_the_rest_lives(box):
    full, fine = box(120, 20, 150), box(120, 20)
    victim = full.largest()
    task = watched(full, fine)
    await asyncio.to_thread(until, lambda: full.told, "the kill", 10)
    await end(task)
    await asyncio.to_thread(until, lambda: not processes.is_alive(victim, None), "the end of the largest", 10)
    assert len(full.children()) == 1
    assert full.memory_kills == 1
    assert full.told[0]["used_mb"] >= 150
    assert fine.told == []


async def test_the_agent_is_never_killed(box):
    full = box(50, 20, 100)
    full.session.agent_pids = {full.largest()}
    task = watched(full)
    await asyncio.to_thread(until, lambda: full.told, "the kill of the other", 10)
    await asyncio.to_thread(until, lambda: len(full.children()) == 1, "one to be left", 10)
    await end(task)
    assert full.session.agent_pids == set(full.children())


def test_pages_that_are_shared_count_once():
    """A parent with much memory whose forked children have the same pages."""
    script = (
        "import os, sys\nx = bytearray(80 << 20)\n"
        "for _ in range(3):\n    if not os.fork(): sys.stdin.read(); os._exit(0)\n"
        "print('up', flush=True)\nsys.stdin.read()\n"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
        parent.stdout.readline()
        until(lambda: len(processes.descendants(parent.pid)) == 3, "the children")
        rows = [*processes.descendants(parent.pid), processes.read(parent.pid)]
        resident = sum(memory.resident_bytes(row.pid) for row in rows)
        shared = sum(memory.proportional_bytes(row.pid, 0) for row in rows)
        told = []
        box = SimpleNamespace(
            record=SimpleNamespace(id="x", memory_mb=(resident >> 20) - 100), lost_to_memory=lambda *_: told.append(1)
        )
        MemoryWatch(list, limited=False)._police(box, SimpleNamespace(agent_pids=set()), rows)
        assert resident > 320 << 20 > 160 << 20 > shared
        assert told == []


def test_processes_are_looked_at_only_when_the_machine_lost_memory():
    free = [1 << 30]
    watch = MemoryWatch(list, limited=False, free=lambda: free[0])
    looks = []
    for now in (1 << 30, 1 << 30, (1 << 30) + 5, 900 << 20, 890 << 20):
        free[0] = now
        looks.append(watch._may_have_grown())
    assert looks == [True, False, False, True, False]
    assert sum(watch._may_have_grown() for _ in range(memory.RESCAN_LOOKS * 2)) == 2


def test_kills_of_the_kernel_are_told_once():
    kills = [0]
    group = SimpleNamespace(memory_kills=lambda: kills[0])
    told = []
    box = SimpleNamespace(session=SimpleNamespace(alive=True, group=group), memory_kills=0)

    def lost(count):
        box.memory_kills = count
        told.append(count)

    box.lost_to_memory = lost
    for now in (0, 2, 2, 3):
        kills[0] = now
        count_kills(box)
    assert told == [2, 3]
    box.session = None
    count_kills(box)
    assert told == [2, 3]


async def test_the_counting_watch(monkeypatch):
    monkeypatch.setattr(memory, "COUNT_SECONDS", 0.01)
    looks = []
    group = SimpleNamespace(memory_kills=lambda: looks.append(1) or 0)
    box = SimpleNamespace(session=SimpleNamespace(alive=True, group=group), memory_kills=0)
    task = asyncio.create_task(MemoryWatch(lambda: [box], limited=True).run())
    while len(looks) < 3:
        await asyncio.sleep(0.005)
    await end(task)


def test_figures_of_what_is_gone():
    assert memory.resident_bytes(2**22 + 1) == 0
    assert memory.proportional_bytes(2**22 + 1, 7) == 7
    assert (memory.free_bytes() or 0) > 1 << 20
