"""Builds on record: exactly the keys clients accept, bounded logs, and what a restart brings back."""

import inspect
import json
import warnings

import pytest

from hopx_tui.engine import builds as module
from hopx_tui.engine.builds import Builds
from hopx_tui.engine.errors import ControlError

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # it uses websockets' old names
    from hopx_ai.template.types import BuildStatusResponse, LogsResponse


class Clock:
    now = 1000.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def builds(tmp_path, clock):
    return Builds(tmp_path, clock)


def test_the_keys_are_those_of_the_official_dataclasses(builds):
    build = builds.begin("t1", "mine")
    status = BuildStatusResponse(**build.describe(), request_id="r")
    assert (status.status, status.progress, status.completed_at) == ("building", 0, None)
    assert set(build.describe()) | {"request_id"} == set(inspect.signature(BuildStatusResponse).parameters)
    assert LogsResponse(**build.logs(0)).complete is False


def test_logs_go_on_where_they_were(builds):
    build = builds.begin("t1", "mine")
    build.say("half")
    first = build.logs(0)
    build.line("a line")
    build.say("bars\r 50 %\r\n\x1b[31mred\x1b[0m\x07")
    more = build.logs(first["offset"])
    assert first["logs"] + more["logs"] == "half\na line\nbars\n 50 %\nred"
    assert build.logs(10_000)["logs"] == ""
    assert build.logs(10_000)["offset"] == 10_000


def test_a_log_has_an_end(builds, monkeypatch):
    monkeypatch.setattr(module, "LOG_CHARACTERS", 10)
    build = builds.begin("t1", "mine")
    for _ in range(5):
        build.say("abcd")
    assert build.log == "abcdabcdab"


def test_progress_never_goes_back(builds, clock):
    build = builds.begin("t1", "mine")
    build.advance("two", 50)
    build.advance("one", 20)
    assert (build.progress, build.current_step) == (50, "one")
    clock.now += 2
    builds.finish(build)
    builds.finish(build, "too late")
    assert build.describe()["build_duration_ms"] == 2000
    assert (build.status, build.progress, build.error_message) == ("active", 100, None)


def test_found_by_build_template_and_name(builds):
    first, second = builds.begin("t1", "mine"), builds.begin("t1", "mine")
    assert builds.find(first.id) is first
    assert builds.find("t1") is builds.find("mine") is second
    with pytest.raises(ControlError) as caught:
        builds.find("other")
    assert caught.value.status == 404


def test_after_a_restart(builds, tmp_path, clock):
    done, failed, cut = (builds.begin(f"t{number}", f"n{number}") for number in range(3))
    done.line("all is well")
    builds.finish(done)
    builds.finish(failed, "no luck")
    (tmp_path / "broken.json").write_text("{")
    (tmp_path / "odd.json").write_text('{"name": 1}')
    clock.now += 5
    again = Builds(tmp_path, clock)
    again.load()
    assert again.find(done.id).logs(0)["logs"] == "all is well\nDone.\n"
    assert again.find(failed.id).error_message == "no luck"
    assert (again.find(cut.id).status, again.find(cut.id).completed_at) == ("failed", 1005.0)
    assert "ended before" in json.loads((tmp_path / f"{cut.id}.json").read_text())["error_message"]


def test_only_so_many_are_kept(builds, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "KEPT_BUILDS", 3)
    running = builds.begin("t", "first")
    for _ in range(6):
        builds.finish(builds.begin("t", "n"))
    assert len(list(tmp_path.glob("*.json"))) == 3
    assert builds.find(running.id) is running


def test_a_full_disk_does_not_end_a_build(tmp_path, clock):
    builds = Builds(tmp_path / "missing", clock)
    builds.load()
    builds.finish(builds.begin("t", "n"))
    assert builds.find("t").complete
