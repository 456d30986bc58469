"""The Python environment: built once, movable, and nothing half-made stays."""

import os
import subprocess
import sys
import threading
import zipfile

import pytest

from hopx_tui.engine import layers, owner
from hopx_tui.engine.layers import LayerError, PythonLayer


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """A package with a module and a script, so that no network is needed."""
    path = tmp_path_factory.mktemp("wheel") / "tinymod-1.0-py3-none-any.whl"
    info = "tinymod-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("tinymod.py", "ANSWER = 42\ndef main():\n    print(ANSWER)\n")
        file.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\nName: tinymod\nVersion: 1.0\n")
        file.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        file.writestr(f"{info}/entry_points.txt", "[console_scripts]\ntinymod = tinymod:main\n")
        file.writestr(f"{info}/RECORD", "")
    return path


@pytest.fixture(autouse=True)
def offline(monkeypatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_DISABLE_PIP_VERSION_CHECK", "1")


def test_built_once_and_movable(tmp_path, wheel):
    layer = PythonLayer(tmp_path / "layers", (str(wheel),), ("tinymod",))
    assert layer.path is None
    assert not layer.own_modules
    assert layer.obstacle() is None
    left = tmp_path / "layers" / f"{layer.key}.partial-dead"
    left.mkdir(parents=True)
    said = []
    results = []
    both = [
        threading.Thread(target=lambda: results.append(layer.build(said.append, threading.Event()))) for _ in range(2)
    ]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join(120)
    assert results == [layer.path, layer.path]
    assert len([line for line in said if line.startswith("Making")]) == 1
    assert not left.exists()
    assert [each.name for each in (tmp_path / "layers").iterdir() if "partial" in each.name] == []
    moved = tmp_path / "else where"
    os.rename(results[0], moved)
    script = subprocess.run([moved / "bin" / "tinymod"], capture_output=True, text=True, check=True)
    assert script.stdout == "42\n"
    linked = tmp_path / "link"
    linked.symlink_to(moved / "bin" / "tinymod")
    assert subprocess.run([linked], capture_output=True, text=True, check=True).stdout == "42\n"
    assert not list((moved / "bin").glob("activate*"))
    assert "include-system-site-packages = true" in (moved / "pyvenv.cfg").read_text()
    assert str(tmp_path / "layers") not in (moved / "pyvenv.cfg").read_text()


def test_a_failure_has_a_reason_and_leaves_nothing(tmp_path):
    layer = PythonLayer(tmp_path, ("no-such-package-anywhere",), ("none",))
    with pytest.raises(LayerError, match=r"ERROR: .*no-such-package-anywhere"):
        layer.build(lambda _line: None, threading.Event())
    assert layer.path is None
    assert [each.suffix for each in tmp_path.iterdir()] == [".lock"]


def test_cancelled_while_a_tool_runs(tmp_path):
    cancelled = threading.Event()
    told = threading.Timer(0.3, cancelled.set)
    told.start()
    with pytest.raises(LayerError, match="cancelled"):
        layers._run([sys.executable, "-c", "import time; time.sleep(60)"], lambda _line: None, cancelled)
    told.join()


def test_another_process_that_builds_is_waited_for(tmp_path):
    layer = PythonLayer(tmp_path, ("x",), ("none",))
    lock = owner.lock(tmp_path / f"{layer.key}.lock", wait=False)
    said = []
    cancelled = threading.Event()

    def report(line):
        said.append(line)
        cancelled.set()

    with pytest.raises(LayerError, match="cancelled"):
        layer.build(report, cancelled)
    os.close(lock)
    assert said == ["Another process builds it: waiting for that one."]


def test_obstacles(tmp_path, monkeypatch):
    layer = PythonLayer(tmp_path, ("x",), ("none",))
    monkeypatch.setattr(layers.importlib.util, "find_spec", lambda _name: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "no pip" in (layer.obstacle() or "")
    with pytest.raises(LayerError, match="no pip"):
        layer.build(lambda _line: None, threading.Event())
    monkeypatch.undo()
    monkeypatch.setattr(layers, "NEEDED_BYTES", 1 << 60)
    with pytest.raises(LayerError, match="GiB of disk"):
        layer.build(lambda _line: None, threading.Event())
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(LayerError, match="directory"):
        PythonLayer(file / "x").build(lambda _line: None, threading.Event())


def test_a_tool_that_says_nothing_for_too_long(monkeypatch):
    monkeypatch.setattr(layers, "BUILD_SECONDS", 0.1)
    with pytest.raises(LayerError, match="longer than"):
        layers._run(["/bin/sleep", "60"], lambda _line: None, threading.Event())


def test_long_interpreter_lines_are_replaced_too(tmp_path):
    place = tmp_path / "venv"
    (place / "bin").mkdir(parents=True)
    (place / "pyvenv.cfg").write_text("home = /x\ncommand = y\n")
    long = place / "bin" / "tool"
    long.write_bytes(b"#!/bin/sh\n'''exec' /very/long \"$0\" \"$@\"\n' '''\nprint(1)\n")
    other = place / "bin" / "other"
    other.write_bytes(b"#!/bin/sh\ntrue\n")
    kernel = place / "share" / "jupyter" / "kernels" / "python3" / "kernel.json"
    kernel.parent.mkdir(parents=True)
    kernel.write_text('{"argv": ["/long/python", "-m", "ipykernel_launcher"]}')
    layers._make_movable(place)
    assert long.read_bytes() == layers.LAUNCHER + b"print(1)\n"
    assert other.read_bytes() == b"#!/bin/sh\ntrue\n"
    assert '"python3", "-m"' in kernel.read_text()
    assert (place / "pyvenv.cfg").read_text() == "home = /x\ninclude-system-site-packages = true\n"
