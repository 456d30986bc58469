"""Templates and builds over the end of an engine, wished for or not."""

import signal

import pytest

from tests.engine.driver import build, built, command, shell, until


def running(engine):
    answer = build(engine, "long", [{"type": "RUN", "args": ["echo begun; sleep 600"]}])
    path = f"/v1/templates/build/{answer.json()['build_id']}/logs"
    until(lambda: "begun" in engine.api.get(path).json()["logs"], "the step to run")
    return answer.json()["build_id"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["end", "kill"])
def test_what_is_built_stays_and_what_was_building_failed(engines, level, number):
    first = engines("--isolation", level, agent=None)
    answer = build(first, "kept", [{"type": "RUN", "args": ["echo kept > k"]}])
    assert built(first, answer)["status"] == "active"
    cut = running(first)
    first.close(number)
    second = engines("--isolation", level, agent=None)
    assert not list((second.state / "workshop").iterdir())
    status = second.api.get(f"/v1/templates/build/{cut}/status").json()
    assert status["status"] == "failed"
    assert status["error_message"] in ("It was cancelled", "The engine ended before the build did")
    sandbox = second.create(template_name="kept")
    assert shell(sandbox, "cat k")["stdout"] == "kept\n"
    logs = second.api.get(f"/v1/templates/build/{answer.json()['build_id']}/logs").json()
    assert "Done." in logs["logs"]
    second.close()
    if level == "bwrap":
        other = engines("--isolation", "none", agent=None)
        row = other.api.get("/v1/templates/kept").json()
        assert "with isolation" in row["unavailable_reason"]
        assert other.api.post("/v1/sandboxes", json={"template_name": "kept"}).status_code == 400


def test_a_build_keeps_the_engine_alive(engines):
    engine = engines("--isolation", "none", "--idle-seconds", "0.5", agent=None)
    answer = build(engine, "slow", [{"type": "RUN", "args": ["sleep 1.5"]}])
    assert answer.status_code == 201
    assert engine.process.wait(30) == 0
    again = engines("--isolation", "none", agent=None)
    assert again.api.get("/v1/templates/slow").json()["is_active"]


def test_the_environment_is_ready_or_says_why(tmp_path, monkeypatch):
    """`engine build` without any package to be had: a sentence, and nothing half-made."""
    for name, value in {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path), "PIP_CONFIG_FILE": "/dev/null"}.items():
        monkeypatch.setenv(name, value)
    done = command("build", "code-interpreter", "--state-dir", str(tmp_path / "state"), timeout=120)
    assert done.returncode == 1
    assert "could not be built: ERROR" in done.stderr
    assert "Installing numpy" in done.stdout
    assert "Traceback" not in done.stderr
    assert [each.suffix for each in (tmp_path / "state" / "layers").iterdir()] == [".lock"]
