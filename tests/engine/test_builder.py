"""The builder that runs inside, here in this process and without isolation: its events say all that happens."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tarfile
import threading

import pytest

from hopx_tui.engine import builder, requests
from hopx_tui.engine.builder import Builder, Line
from tests.engine.archive import entry, packed


class Engine:
    """The other end of the line."""

    def __init__(self, end):
        self._reader = end.makefile("rb")
        self.end = end

    def close(self):
        self._reader.close()

    def send(self, **message):
        self.end.sendall(json.dumps(message).encode() + b"\n")

    def read(self):
        return json.loads(self._reader.readline() or b"null")

    def all(self):
        """Every event up to the last one."""
        events = []
        while not events or events[-1]["event"] not in ("built", "build_failed"):
            events.append(self.read())
        return events


@pytest.fixture
def line():
    ours, theirs = socket.socketpair()
    with ours, theirs:
        engine, own = Engine(ours), Line(theirs)
        yield engine, own
        engine.close()
        own.close()


@pytest.fixture
def config(tmp_path):
    for name in ("workspace", "root", "uploads"):
        (tmp_path / name).mkdir()
    (tmp_path / "uploads" / "abc.tar.gz").write_bytes(packed(("one", b"1")))
    return {
        "isolation": "none",
        "workspace": str(tmp_path / "workspace"),
        "home": str(tmp_path / "root"),
        "build": {
            "uploads": str(tmp_path / "uploads"),
            "steps": [],
            "start_command": None,
            "ready": None,
            "workdir": "/workspace",
            "environment": {"OLD": "1"},
        },
    }


def run(line, config, *steps, **more):
    """Build; all events, and what was printed."""
    engine, own = line
    config["build"].update(steps=[{"type": kind, "args": args, "files": "abc"} for kind, args in steps], **more)
    thread = threading.Thread(target=Builder(own, config).run)
    thread.start()
    events = engine.all()
    thread.join(20)
    return events, "".join(row.get("data", "") for row in events)


def test_steps_and_their_result(line, config, tmp_path):
    events, said = run(
        line,
        config,
        ("WORKDIR", ["sub/dir"]),
        ("COPY", ["one", "/root/copied/"]),
        ("COPY", ["one", "near"]),
        ("ENV", ["NEW", "${OLD}$MISSING-$OLD"]),
        ("RUN", ["echo", "$NEW; pwd; cat near; echo err >&2"]),
        ("USER", ["root"]),
        ("USER", ["me"]),
        ("WORKDIR", ["/root"]),
    )
    assert events[-1] == {
        "op": "event",
        "event": "built",
        "environment": {"OLD": "1", "NEW": "1-1"},
        "workdir": "/root",
    }
    assert [row["number"] for row in events if row["event"] == "step"] == list(range(1, 9))
    assert said == f"1-1\n{tmp_path}/workspace/sub/dir\n1err\nWARN USER me is ignored: a local sandbox has one user.\n"
    assert (tmp_path / "root" / "copied" / "one").read_text() == "1"
    assert sorted(each.name for each in (tmp_path / "workspace").iterdir()) == ["sub"]


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (("RUN", ["exit 9"]), "ended with 9"),
        (("RUN", ["kill -TERM $$"]), "signal 15"),
        (("COPY", ["other", "/workspace"]), "nothing was uploaded"),
        (("WORKDIR", ["/root/file/x"]), "Not a directory"),
    ],
)
def test_failures(line, config, tmp_path, step, words):
    (tmp_path / "root" / "file").write_text("")
    events, _ = run(line, config, step, ("RUN", ["echo never"]))
    assert events[-1]["event"] == "build_failed"
    assert words in events[-1]["message"]
    assert len([row for row in events if row["event"] == "step"]) == 1


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ([("WORKDIR", ["a/" * 3000 + "a"])], "too deep"),
        ([("COPY", ["one", "/workspace/" + "a/" * 1900 + "b/"])], "too deep"),
        ([("COPY", ["one", "/workspace/x"]), ("COPY", ["one", "/workspace/x/"])], "'/.*x' is a file"),
        ([("ENV", [f"V{number}", "x" * 60_000]) for number in range(3)], "ENV V1: .* more than the 65536"),
        ([("ENV", ["A", "x" * 60_000]), ("ENV", ["B", "$A" * 30_000])], "ENV B: .* more than the 65536"),
        ([("ENV", [f"É{number}", "é" * 900]) for number in range(60)], "more than the 65536"),
    ],
    ids=["workdir", "deep", "file", "env", "doubled", "bytes"],
)
def test_every_failure_is_told_in_words(line, config, steps, words):
    events, _ = run(line, config, *steps)
    assert events[-1]["event"] == "build_failed"
    assert re.search(words, events[-1]["message"])
    assert "None" not in events[-1]["message"]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (RecursionError("x"), "too deep"),
        (MemoryError(), "too little memory"),
        (OSError(28, "No space left"), "No space left"),
        (shutil.Error([("a", "b", "it cannot be copied")]), "it cannot be copied"),
    ],
    ids=["recursion", "memory", "disk", "shutil"],
)
def test_errors_of_any_kind_are_told(line, config, monkeypatch, error, words):
    monkeypatch.setattr(builder.archives, "unpack", Raises(error))
    events, _ = run(line, config, ("COPY", ["one", "x"]))
    assert words in events[-1]["message"]
    assert "None" not in events[-1]["message"]


def test_the_bound_of_variables_is_the_engine_s(line, config):
    assert builder.VARIABLES_BYTES == requests.VARIABLES_BYTES
    events, _ = run(line, config, *[("ENV", ["A", "x" * 60_000])] * 2, ("ENV", ["A", "$A."]))
    assert len(events[-1]["environment"]["A"]) == 60_001


def test_what_nobody_thought_of_ends_the_build_too(line, config, monkeypatch):
    monkeypatch.setattr(builder.archives, "unpack", Raises(KeyError("odd")))
    config["build"]["steps"] = [{"type": "COPY", "args": ["one", "x"], "files": "abc"}]
    with pytest.raises(KeyError):
        Builder(line[1], config).run()
    last = line[0].all()[-1]
    assert last["event"] == "build_failed"
    assert "COPY one x" in last["message"]


class Raises:
    def __init__(self, error):
        self.error = error

    def __call__(self, *_):
        raise self.error


def test_copying_a_folder_with_a_link_twice(line, config, tmp_path):
    files = packed(entry("app", tarfile.DIRTYPE, mode=0o755), ("app/x", b"1"), entry("app/l", tarfile.SYMTYPE, "x"))
    (tmp_path / "uploads" / "abc.tar.gz").write_bytes(files)
    events, _ = run(line, config, *[("COPY", ["app", "/workspace/app"])] * 2)
    assert events[-1]["event"] == "built"
    assert os.readlink(tmp_path / "workspace" / "app" / "l") == "x"


def test_a_daemon_of_a_step_does_not_hold_the_build(line, config, monkeypatch, tmp_path):
    monkeypatch.setattr(builder, "DRAIN_SECONDS", 0.05)
    daemon = ("RUN", ["echo now; (echo $BASHPID > pid; exec sleep 60) &"])
    events, said = run(line, config, daemon, ("RUN", ["echo on"]))
    assert events[-1]["event"] == "built"
    assert "now" in said
    assert "on" in said
    os.kill(int((tmp_path / "workspace" / "pid").read_text()), 9)
    for thread in threading.enumerate():
        if thread.name.startswith("pump-"):
            thread.join(10)


def test_output_has_an_end(line, config, monkeypatch):
    monkeypatch.setattr(builder, "OUTPUT_BYTES", 1000)
    engine, _ = line
    small = Line(line[1]._connection)
    _, said = run((engine, small), config, ("RUN", ["head -c 5000 /dev/zero | tr '\\0' x; echo last"]))
    small.close()
    assert said == "x" * 1000 + "\n(more output is left out)\n"


def test_ready_and_not(line, config):
    ready = {"type": "file", "path": "there", "timeout": 10_000, "interval": 10}
    events, said = run(line, config, start_command="echo serving; touch there; exec sleep 0.2", ready=ready)
    assert events[-1]["event"] == "built"
    assert "serving" in said
    never = {**ready, "path": "never", "timeout": 50}
    events, _ = run(line, config, start_command="sleep 0.3", ready=never)
    assert "not ready within 0.05 seconds" in events[-1]["message"]
    events, _ = run(line, config, start_command="exit 5", ready={**never, "timeout": 10_000})
    assert "ended with 5" in events[-1]["message"]


def test_what_official_builders_call_is_there(tmp_path, monkeypatch):
    monkeypatch.setattr(builder, "FORWARD_TO", str(tmp_path / "bin"))
    monkeypatch.setattr(builder.shutil, "which", lambda name: "/usr/bin/npm" if name == "npm" else None)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "pip").write_text("own")
    Builder._forward()
    assert (tmp_path / "bin" / "pip").read_text() == "own"
    assert "exec python3 -m pip" in (tmp_path / "bin" / "pip3").read_text()
    assert "exec /usr/bin/npm" in (tmp_path / "bin" / "npm").read_text()
    monkeypatch.setattr(builder, "FORWARD_TO", str(tmp_path / "bin" / "pip" / "x"))
    Builder._forward()  # read-only or worse: the steps will say what is missing


def test_the_program_serves_its_line_and_ends_with_it(config):
    ours, theirs = socket.socketpair()
    listener = socket.create_server(("127.0.0.1", 0))
    config["build"]["steps"] = [{"type": "RUN", "args": ["echo hi; sleep 60"], "files": None}]
    with ours, theirs, listener:
        engine = Engine(ours)
        child = subprocess.Popen(
            [
                *(sys.executable, "-m", "hopx_tui.engine.builder"),
                *("--control-fd", str(theirs.fileno()), "--listen-fd", str(listener.fileno())),
            ],
            pass_fds=(theirs.fileno(), listener.fileno()),
        )
        engine.send(**config)
        assert engine.read() == {"op": "ready", "pid": child.pid}
        while engine.read().get("data") != "hi\n":
            pass
        engine.send(op="stop")
        assert engine.read() == {"op": "stop", "ok": True}
        assert child.wait(20) == 0
        engine.close()
    ours, theirs = socket.socketpair()
    with theirs, socket.create_server(("127.0.0.1", 0)) as listener:
        ours.close()
        arguments = ["--control-fd", str(os.dup(theirs.fileno())), "--listen-fd", str(os.dup(listener.fileno()))]
        assert builder.main(arguments) == 1
