"""README's "Use it as a local HOPX", done to the letter."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract import toolchains

ROOT = Path(__file__).parents[2]


def blocks() -> list[tuple[str, str]]:
    """(language, code) of every block of the section, in order."""
    section = (ROOT / "README.md").read_text().split("### Use it as a local HOPX\n")[1].split("\n## ")[0]
    return re.findall(r"```(\w+)\n(.*?)```", section, re.DOTALL)


def test_the_section_has_a_block_for_each_client() -> None:
    assert [language for language, _ in blocks()] == ["sh", "python", "sh", "js"]


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, dict[str, str]]]:
    """A folder with `hopx-tui` in it, the environment that finds it, and an engine of its own."""
    folder = tmp_path_factory.mktemp("machine")
    launcher = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from hopx_tui.cli import main; sys.exit(main())"
    (folder / "hopx-tui").write_text(f'#!/bin/sh\nexec {sys.executable} -c "{launcher}" "$@"\n')
    (folder / "hopx-tui").chmod(0o755)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HOPX_")} | {
        "PATH": f"{folder}:{os.environ['PATH']}",
        "HOPX_TUI_STATE_DIR": str(folder / "state"),
        "HOME": str(folder),
        "no_proxy": "127.0.0.1",
        "COLUMNS": "200",
    }
    yield folder, environment
    subprocess.run([folder / "hopx-tui", "engine", "stop", "--force"], env=environment, check=True, timeout=60)


def shell(script: str, machine: tuple[Path, dict[str, str]], **more: str) -> str:
    """Run the first block and then this; what it printed."""
    folder, environment = machine
    whole = f"set -e\n{blocks()[0][1]}{script}"
    place = {"env": environment | more, "cwd": folder}
    ran = subprocess.run(["sh", "-c", whole], capture_output=True, text=True, timeout=120, check=False, **place)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_python(machine: tuple[Path, dict[str, str]]) -> None:
    (machine[0] / "example.py").write_text(blocks()[1][1])
    said = shell(f"{sys.executable} example.py\n", machine)
    assert said.rstrip().splitlines()[-1] == "42"


def test_the_command_line(machine: tuple[Path, dict[str, str]], pytestconfig: pytest.Config) -> None:
    programs = toolchains.command_line(pytestconfig)
    create, listing, command = blocks()[2][1].splitlines()
    path = f"{programs}:{machine[1]['PATH']}"
    made = shell(f"{create}\n{listing}\n", machine, PATH=path)
    names = re.findall(r"\b\d{10}[0-9a-z]{8}\b", made)
    assert len(set(names)) == 1, made
    assert "hello" in shell(command.replace("ID", names[0]) + "\n", machine, PATH=path)
    shell(f"hopx sandbox kill {names[0]} --force\n", machine, PATH=path)


def test_javascript(machine: tuple[Path, dict[str, str]], pytestconfig: pytest.Config) -> None:
    folder = toolchains.javascript(pytestconfig)
    (machine[0] / "example.cjs").write_text(blocks()[3][1])
    assert shutil.which("node") is not None
    said = shell("node example.cjs\n", machine, NODE_PATH=str(folder / "node_modules"))
    assert said.rstrip().splitlines()[-1] == "42"
