"""How programs of ours are started inside."""

import os
import subprocess
import sys

from hopx_tui.engine.runtime import Runtime, this_runtime


def test_the_agent_starts_without_site_and_finds_all_it_imports():
    command = this_runtime().command("--control-fd", "x")
    assert command[:4] == [sys.executable, "-I", "-S", "-c"]
    probe = (
        "import sys; from hopx_tui.agent.lean import import_server; import_server(); import hopx_tui.agent.server; "
        "assert not {'site', 'sitecustomize'} & set(sys.modules); print(hopx_tui.agent.server.__file__)"
    )
    words = command[4].partition("from hopx_tui")[0] + probe
    # nothing of the caller's environment is taken
    done = subprocess.run(
        [*command[:4], words], env={"PYTHONPATH": "/nowhere"}, cwd="/", capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert os.path.isfile(done.stdout.strip())
    wrong = subprocess.run(command, env={}, cwd="/", capture_output=True, text=True, check=False)
    assert wrong.returncode == 2
    assert "usage: " in wrong.stderr


def test_other_programs_start_as_modules_and_a_script_instead_of_the_agent():
    runtime = Runtime("/py/bin/python", ("/py",), ("/libs",), "/src/hopx_tui", "/tests/stub.py", ("/src", "/libs"))
    assert runtime.command("a") == ["/py/bin/python", "-I", "/tests/stub.py", "a"]
    words = runtime.command("a", program="hopx_tui.engine.builder")
    assert words[:3] == ["/py/bin/python", "-I", "-c"]
    assert "'/libs', '/src'" in words[3]
    assert words[4:] == ["a"]
