"""Spelling and confinement."""

from __future__ import annotations

import os
import threading

import pytest

from hopx_tui.agent.config import Config
from hopx_tui.agent.errors import AgentError
from hopx_tui.agent.paths import Location, PathMap, display, encoded, requested, within


def config(**more):
    values = {
        "sandbox_id": "x",
        "token_key": "",
        "isolation": "bwrap",
        "workspace": "/workspace",
        "home": "/root",
        "state": "/s",
        "allowed_hosts": [],
    }
    return Config(**{**values, **more})


@pytest.fixture
def inside():
    return PathMap(config(), agent_pids=frozenset((7,)))


@pytest.mark.parametrize(
    ("raw", "spelled"),
    [
        (b"a", b"/workspace/a"),
        (b".", b"/workspace"),
        (b"//etc//hosts", b"/etc/hosts"),
        (b"/a/./b/../c", b"/a/c"),
        (b"/../..", b"/"),
        (b"/", b"/"),
    ],
)
def test_inside_every_path_is_its_own(inside, raw, spelled):
    assert inside.locate(raw) == Location(spelled, spelled)
    assert inside.locate(raw, follow=False) == Location(spelled, spelled)


@pytest.mark.parametrize(
    "raw", [b"/etc/shadow", b"/etc/../etc/gshadow-", b"/etc/ssh/key", b"/proc/7/environ", b"/proc/7"]
)
def test_what_is_never_touched(inside, raw):
    with pytest.raises(AgentError) as caught:
        inside.locate(raw)
    assert (caught.value.status, caught.value.code) == (403, "PATH_NOT_ALLOWED")


@pytest.mark.parametrize("raw", [b"/proc/x", b"/sys", b"/dev/shm/x"])
def test_the_kernels_trees_are_not_written(inside, raw):
    inside.locate(raw)
    with pytest.raises(AgentError):
        inside.locate_for_writing(raw)


def test_nul_bytes(inside):
    with pytest.raises(AgentError) as caught:
        inside.locate(b"a\0")
    assert caught.value.code == "INVALID_PATH"


def test_at_level_none_both_spellings_lead_to_the_same(tmp_path):
    workspace = tmp_path / "w"
    workspace.mkdir()
    paths = PathMap(
        config(isolation="none", workspace=str(workspace), home=str(tmp_path / "h")), agent_pids=frozenset()
    )
    for raw in (b"/workspace/a", b"a", bytes(workspace / "a")):
        assert paths.locate(raw) == Location(b"/workspace/a", bytes(workspace / "a"))
    assert paths.locate(b"/workspace").real == bytes(workspace)
    with pytest.raises(AgentError):
        paths.locate(b"/workspace-other")
    assert paths.is_root(paths.locate(b"/root"))
    assert paths.working_directory("/") == b"/"


def test_requested_paths():
    assert requested("a", "L3g=") == b"/x"
    assert requested(None, "_w==") == b"\xff"
    assert requested("", None, b".") == b"."
    for path, raw, code in (
        (None, None, "MISSING_PARAMETER"),
        ("\ud800", None, "INVALID_PATH"),
        ("a", "?", "INVALID_PATH"),
    ):
        with pytest.raises(AgentError) as caught:
            requested(path, raw)
        assert caught.value.code == code


def test_display_and_base64():
    assert display(b"a\xff") == "a\\xff"
    assert encoded(b"a\xff") == "Yf8="
    assert encoded("ü".encode()) is None
    assert within(b"/a/b", b"/a")
    assert within(b"/a", b"/")
    assert not within(b"/ab", b"/a")


def test_programs_start_in_the_templates_working_directory(tmp_path):
    (tmp_path / "app").mkdir()
    own = PathMap(config(workdir=str(tmp_path / "app")), agent_pids=frozenset())
    assert own.working_directory(None) == os.fsencode(tmp_path / "app")
    assert own.working_directory(str(tmp_path)) == os.fsencode(tmp_path)
    for gone in (str(tmp_path / "gone"), "/etc/shadow", "a\0b"):
        assert PathMap(config(workdir=gone), agent_pids=frozenset()).working_directory(None) == b"/workspace"


def test_without_isolation_it_is_never_a_directory_of_the_host(tmp_path):
    (tmp_path / "app").mkdir()
    real = {"isolation": "none", "workspace": str(tmp_path), "home": str(tmp_path)}
    mapped = PathMap(config(workdir="/workspace/app", **real), agent_pids=frozenset())
    assert mapped.working_directory(None) == os.fsencode(tmp_path / "app")
    for foreign in ("/usr", "/workspace/../usr"):
        assert PathMap(config(workdir=foreign, **real), agent_pids=frozenset()).working_directory(None) == os.fsencode(
            tmp_path
        )


def test_threads_of_the_agent_are_the_agents(tmp_path):
    me = PathMap(config(), agent_pids=frozenset((os.getpid(),)))
    held = threading.Event()
    thread = threading.Thread(target=held.wait)
    thread.start()
    try:
        for number in (os.getpid(), thread.native_id):
            with pytest.raises(AgentError, match="agent"):
                me.locate(b"/proc/%d/environ" % number)
    finally:
        held.set()
        thread.join()
    assert me.locate(b"/proc/1/environ").real == b"/proc/1/environ"
