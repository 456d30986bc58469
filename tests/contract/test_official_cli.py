"""The vendor's CLI works against the engine.

Left out, as no server can help it (contract 4, "CLI-only defects", and 5): `run`, `system` and the account commands
call the vendor's own address; `sandbox url` wants one of its names; `sandbox token`, `sandbox health --wait`,
`run --preflight` and `template build` end in errors of the CLI's own; `cmd run` loses the exit code of what failed.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.contract import official, toolchains
from tests.contract.conftest import Server

DRIVER = Path(__file__).with_name("cli_driver.py")


class Hopx:
    """The CLI, told by the environment alone where the engine is (as `engine env` does it)."""

    def __init__(self, programs: Path, engine: Server, home: Path) -> None:
        self.home = home
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("HOPX_", "PYTHON", "COV_"))},
            "HOPX_BASE_URL": engine.url,
            "HOPX_API_KEY": engine.api_key,
            "HOME": str(home),
            "COLUMNS": "200",
            "NO_COLOR": "1",
            "no_proxy": "127.0.0.1",
        }
        self.program = programs / "hopx"
        self._process = subprocess.Popen(
            [programs / "python", DRIVER],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=home,
            env=self.environment,
        )

    def __call__(self, *arguments: str, code: int = 0) -> str:
        """Run a command; what it printed. Fails on another exit code."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(arguments) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        assert answer["code"] == code, (arguments, answer)
        return str(answer["stdout"])

    def json(self, *arguments: str) -> Any:
        """The same with `-o json`, without the lines of the spinner that come along (contract 4)."""
        return self.parsed(self("-o", "json", *arguments))

    @staticmethod
    def parsed(text: str) -> Any:
        """The JSON in what was printed."""
        lines = text.splitlines()
        begin = next(number for number, line in enumerate(lines) if line[:1] in ("{", "["))
        return json.JSONDecoder().raw_decode("\n".join(lines[begin:]))[0]

    def close(self) -> None:
        """End the driver."""
        self._process.communicate(timeout=15)


@pytest.fixture(scope="module")
def hopx(engine: Server, pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hopx]:
    made = Hopx(toolchains.command_line(pytestconfig), engine, tmp_path_factory.mktemp("home"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def sandbox(hopx: Hopx) -> Iterator[str]:
    made = hopx.json("sandbox", "create", "-t", "base", "-T", "600", "-e", "GREETING=hello")
    assert made["status"] == "running"
    yield made["sandbox_id"]
    hopx("sandbox", "kill", made["sandbox_id"], "--force")


def test_the_program_itself(hopx: Hopx, sandbox: str) -> None:
    listed = subprocess.run(
        [hopx.program, "-o", "json", "sandbox", "list"],
        env=hopx.environment,
        cwd=hopx.home,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
        stdin=subprocess.DEVNULL,
    )
    assert sandbox in {row["sandbox_id"] for row in Hopx.parsed(listed.stdout)}


def test_the_life_of_a_sandbox(hopx: Hopx, engine: Server) -> None:
    cut_off = official.can_cut_off(engine)
    made = hopx.json("sandbox", "create", "-t", "base", "-T", "0", *(["--no-internet"] if cut_off else []))
    name = made["sandbox_id"]
    assert (made["internet_access"], made["expires_at"]) == (not cut_off, None)
    assert hopx.json("sandbox", "info", name)["template_name"] == "base"
    hopx("sandbox", "pause", name)
    assert name in {row["sandbox_id"] for row in hopx.json("sandbox", "list", "--status", "paused")}
    hopx("sandbox", "resume", name)
    assert hopx.json("sandbox", "connect", name)["status"] == "running"
    hopx("sandbox", "timeout", name, "900")
    assert 800 < hopx.json("sandbox", "expiry", name)["time_to_expiry"] <= 900
    hopx("sandbox", "timeout", name, "0")
    assert hopx.json("sandbox", "expiry", name)["has_timeout"] is False
    assert "True" in hopx("-o", "json", "sandbox", "health", name)
    hopx("sandbox", "kill", name, "--force")
    hopx("sandbox", "info", name, code=4)
    hopx("sandbox", "create", "-t", "no-such-template", code=4)


def test_files(hopx: Hopx, sandbox: str, tmp_path: Path) -> None:
    hopx("files", "write", sandbox, "/workspace/d/a b.txt", "--data", "text, grüße")
    assert "text, grüße" in hopx("files", "read", sandbox, "/workspace/d/a b.txt")
    rows = hopx.json("files", "list", sandbox, "/workspace/d")
    assert [(row["name"], row["is_file"]) for row in rows] == [("a b.txt", True)]
    assert hopx.json("files", "info", sandbox, "/workspace/d/a b.txt")["size"] == len("text, grüße".encode())
    (tmp_path / "up").write_bytes(bytes(range(256)) * 100)
    hopx("files", "upload", sandbox, str(tmp_path / "up"), "/workspace/up")
    hopx("files", "download", sandbox, "/workspace/up", str(tmp_path / "down"))
    assert (tmp_path / "down").read_bytes() == (tmp_path / "up").read_bytes()
    hopx("files", "delete", sandbox, "/workspace/d", "--force")
    assert "d" not in {row["name"] for row in hopx.json("files", "list", sandbox, "/workspace")}


def test_commands(hopx: Hopx, sandbox: str) -> None:
    ran = hopx.json("cmd", "run", sandbox, "echo $GREETING | tr a-z A-Z")
    assert (ran["stdout"], ran["exit_code"]) == ("HELLO\n", 0)
    assert hopx.json("cmd", "exec", sandbox, "--", "echo", "a b")["stdout"] == "a b\n"
    hopx("cmd", "run", sandbox, "exit 3", code=1)  # its own defect: the exit code is lost


def test_variables(hopx: Hopx, sandbox: str) -> None:
    hopx("env", "set", sandbox, "B", "2")
    assert hopx.json("env", "list", sandbox)["B"] == "2"
    assert "2" in hopx("env", "get", sandbox, "B")
    (hopx.home / "more.env").write_text("C=3\nD=four words and more\n")
    hopx("env", "load", sandbox, "--file", str(hopx.home / "more.env"))
    hopx("env", "delete", sandbox, "B", "--force")
    assert hopx.json("cmd", "run", sandbox, "echo $GREETING-$B-$C-$D")["stdout"] == "hello--3-four words and more\n"


def test_templates(hopx: Hopx) -> None:
    assert {"base", "python"} <= {row["name"] for row in hopx.json("template", "list")}
    assert {row["language"] for row in hopx.json("template", "list", "--language", "python")} == {"python"}
    assert hopx.json("template", "info", "base")["is_active"] is True
    hopx("template", "info", "no-such-template", code=4)


def test_a_terminal(hopx: Hopx, sandbox: str) -> None:
    assert "42-hello" in hopx("terminal", "connect", sandbox, "-c", "echo $((40+2))-$GREETING")
    assert hopx.json("terminal", "info", sandbox)["terminal_url"].startswith("ws://127.0.0.1:")
    assert hopx.json("terminal", "url", sandbox)["url"].endswith("/terminal")


def test_the_key_is_valid(hopx: Hopx) -> None:
    assert "API connectivity: Working" in hopx("auth", "validate")
