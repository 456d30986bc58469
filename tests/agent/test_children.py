"""Starting and collecting."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import pytest

from hopx_tui.agent.children import Children
from tests.agent.running import ROOT


@pytest.fixture
async def children():
    collecting = Children(adopt=False)
    collecting.start()
    yield collecting
    collecting.close()
    collecting.close()


async def test_exit_codes_and_signals(children):
    env = dict(os.environ)
    done = children.spawn(["sh", "-c", "exit 3"], cwd=b"/", env=env)
    killed = children.spawn(["sh", "-c", "kill -TERM $$"], cwd=b"/", env=env)
    assert await done.exited == 3
    assert await killed.exited == 128 + 15
    assert done.process.returncode == 3


async def test_a_child_somebody_else_waited_for(children):
    child = children.spawn(["true"], cwd=b"/", env={})
    os.waitpid(child.pid, 0)  # noqa: ASYNC222
    children.collect()
    assert await child.exited == 0


def test_adopted_orphans_are_collected():
    """In a process of its own: collecting every child would take those of this test run."""
    script = """
    import asyncio, os
    from hopx_tui.agent import prctl
    from hopx_tui.agent.children import Children

    async def main():
        prctl.gather_orphans()
        children = Children(adopt=True)
        children.start()
        child = children.spawn(["sh", "-c", "(sleep 0.05 &) ; exit 4"], cwd=b"/", env=dict(os.environ))
        assert await child.exited == 4
        while True:
            try:
                os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                break
            await asyncio.sleep(0.01)

    asyncio.run(main())
    print("collected")
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], cwd=ROOT, capture_output=True, timeout=20, check=False
    )
    assert done.stdout == b"collected\n", done.stderr
