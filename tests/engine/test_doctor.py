"""The doctor: what each finding says, and the command it names."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hopx_tui.engine import doctor
from hopx_tui.engine.cgroups import Controllers
from hopx_tui.engine.isolation import Isolation
from hopx_tui.engine.paths import StateDir
from tests.engine.driver import LEVEL_WORDS, MODULE, Engine, command, isolation_works

ISOLATED = Isolation("bwrap", None, "own", None, None)


def run(state, **environment):
    done = subprocess.run(
        [*MODULE, "doctor", "--json", "--state-dir", str(state)],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == ""
    report = json.loads(done.stdout)
    return done.returncode, report, {row["name"]: row for row in report["findings"]}


def test_this_machine(tmp_path):
    code, report, rows = run(tmp_path / "none")
    assert code == (0 if isolation_works() else 1)
    assert report["isolated"] is isolation_works()
    assert {"python", "terminal", "bubblewrap", "isolation", "network", "limits", "disk", "languages"} <= set(rows)
    assert {"base", "python", "nodejs", "go", "code-interpreter", "engine"} <= set(rows)
    assert rows["engine"]["fix"] == "hopx-tui engine start"
    assert all(row["state"] in ("ok", "note", "problem") for row in report["findings"])
    assert not (tmp_path / "none").exists()  # it only looks


def test_without_tools(tmp_path):
    code, _, rows = run(tmp_path, PATH=str(tmp_path))
    assert code == 1
    assert rows["isolation"]["fix"] == rows["bubblewrap"]["fix"] == "apt install bubblewrap passt"
    assert "not installed: python3, node, go, bash" in rows["languages"]["text"]
    assert "go is not installed" in rows["go"]["text"]
    text = command("doctor", "--state-dir", str(tmp_path))
    assert LEVEL_WORDS[isolation_works()] in text.stdout


def test_a_running_engine_is_named_and_its_key_is_not(tmp_path):
    engine = Engine(tmp_path, "--isolation", "none")
    done = command("doctor", "--state-dir", str(tmp_path))
    engine.close()
    assert engine.url in done.stdout
    assert engine.key not in done.stdout + done.stderr


@pytest.mark.parametrize(
    ("environ", "state", "words"),
    [
        ({"TERM": "dumb"}, "problem", "nothing can be drawn"),
        ({}, "problem", "(unset)"),
        ({"TERM": "xterm"}, "note", "80x24"),
    ],
)
def test_terminals(monkeypatch, environ, state, words):
    monkeypatch.setattr(sys, "stdout", Screen("utf-8"))
    monkeypatch.setattr(shutil, "get_terminal_size", lambda: os.terminal_size((40, 10)))
    found = doctor.terminal(environ)
    assert (found.state, words in found.text) == (state, True)


class Screen:
    def __init__(self, encoding):
        self.encoding = encoding

    def isatty(self):
        return True


def test_terminals_that_are_fine_and_without_letters(monkeypatch):
    monkeypatch.setattr(shutil, "get_terminal_size", lambda: os.terminal_size((100, 30)))
    monkeypatch.setattr(sys, "stdout", Screen("utf-8"))
    assert doctor.terminal({"TERM": "xterm"}).state == "ok"
    monkeypatch.setattr(sys, "stdout", Screen("ascii"))
    assert doctor.terminal({"TERM": "xterm"}).fix == "export LC_ALL=C.UTF-8"


@pytest.mark.parametrize(
    ("reason", "fix"),
    [
        ("pasta is not installed", "apt install passt"),
        ("/dev/net/tun does not exist", "modprobe tun"),
        ("setpriv is not installed", "apt install util-linux"),
    ],
)
def test_networks(reason, fix):
    found = doctor.network(Isolation("bwrap", None, "host", reason, None))
    assert (found.state, found.fix) == ("note", fix)
    assert doctor.network(ISOLATED).state == "ok"
    assert "shared" in doctor.network(Isolation("none", "x", "host", None, None)).text


def test_limits():
    assert "watched (soft)" in doctor.limits(Controllers()).text
    here = Path("/")
    assert doctor.limits(Controllers(here, here, None, 2, here)).state == "ok"


def test_disks(tmp_path, monkeypatch):
    assert doctor.disk(StateDir(tmp_path / "a" / "b")).state in ("ok", "problem")
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert doctor.disk(StateDir(tmp_path)).fix.startswith("export HOPX_TUI_STATE_DIR")
    monkeypatch.undo()
    monkeypatch.setattr(doctor, "LOW_BYTES", 1 << 60)
    assert doctor.disk(StateDir(tmp_path)).state == "problem"


def test_what_forbids_namespaces(monkeypatch, tmp_path):
    refused = Isolation("none", "bubblewrap does not work here: no", "host", None, None)
    monkeypatch.setattr(shutil, "which", lambda _name: "/usr/bin/bwrap")
    values = {}
    monkeypatch.setattr(Path, "read_text", lambda self: values[self.name] if self.name in values else _missing())
    monkeypatch.setattr(os.path, "exists", lambda path: path == "/.dockerenv" and "docker" in values)
    assert doctor.isolated(refused).fix is None
    values["docker"] = ""
    assert "privileged" in doctor.isolated(refused).fix
    values["unprivileged_userns_clone"] = "0"
    assert doctor.isolated(refused).fix == "sysctl -w kernel.unprivileged_userns_clone=1"
    values["apparmor_restrict_unprivileged_userns"] = "1"
    assert "apparmor" in doctor.isolated(refused).fix
    assert doctor.isolated(ISOLATED).state == "ok"


def _missing():
    raise FileNotFoundError(2, "No such file")


def test_a_bubblewrap_that_does_not_run(monkeypatch, tmp_path):
    program = tmp_path / "bwrap"
    program.write_text("")
    monkeypatch.setattr(shutil, "which", lambda _name: str(program))
    assert doctor.bubblewrap().state == "problem"


def test_an_older_engine(monkeypatch, tmp_path):
    old = type("Running", (), {"version": "0.0.1", "url": "http://127.0.0.1:1", "isolation": "none"})()
    monkeypatch.setattr(doctor.daemon, "answering", lambda _state: old)
    assert doctor.engine(StateDir(tmp_path)).fix == "hopx-tui engine stop && hopx-tui engine start"
