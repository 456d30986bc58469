"""Templates built for real: steps in a sandbox, its folders become the template, failures say why."""

import tarfile
from unittest.mock import Mock

import pytest

from hopx_tui.engine.builds import Build
from hopx_tui.engine.workshop import Workshop
from tests.engine.archive import entry, packed
from tests.engine.driver import ask_agent, build, build_log, built, shell, until
from tests.engine.test_uploads import link, put

FILES = packed(
    entry("app", tarfile.DIRTYPE, mode=0o755), ("app/main.py", b"print(6 * 7)\n"), ("note", b"from the note\n")
)


@pytest.fixture(scope="module")
def engine(real_engine):
    """These sandboxes need the real agent."""
    answer = link(real_engine, len(FILES), "a1" * 32).json()
    assert put(answer["upload_url"], FILES).status_code == 200
    return real_engine


def make(engine, name, *steps, **more):
    return build(engine, name, [{"type": kind, "args": args, **extra} for kind, args, extra in steps], **more)


def run(command):
    return ("RUN", [command], {})


def test_a_template_from_every_step(engine, level):
    place = "/app" if level == "bwrap" else "/workspace/app"
    answer = make(
        engine,
        "whole",
        ("WORKDIR", [place], {}),
        ("COPY", ["app,note", place + "/"], {"filesHash": "a1" * 32}),
        ("ENV", ["GREETING", "hello ${NOBODY}from $HOPX_SANDBOX_ID"], {}),
        ("ENV", ["TWICE", "$GREETING"], {"skipCache": True}),
        ("USER", ["me"], {}),
        run("pwd; python3 main.py > made; cat note; echo in-home > ~/home-file"),
        ("RUN", ["mkdir sub"], {}),
        ("WORKDIR", ["sub"], {}),
        startCmd="echo $TWICE > started; pwd >> started",
        readyCmd={"type": "file", "path": "started", "timeout": 10_000, "interval": 50},
    )
    assert set(answer.json()) == {"build_id", "template_id", "status", "logs_url", "request_id"}
    status = built(engine, answer)
    said = build_log(engine, answer)
    assert status["status"] == "active", said
    assert status["progress"] == 100
    assert "[1/8] WORKDIR" in said
    assert "from the note" in said
    assert "WARN USER me is ignored" in said
    template = engine.api.get("/v1/templates/whole").json()
    assert (template["is_public"], template["is_active"], template["status"]) == (False, True, "active")
    assert template["default_resources"] == {"vcpu": 1, "memory_mb": 512, "disk_gb": 1}
    assert template["id"] == answer.json()["template_id"]
    sandbox = engine.create(template_name="whole", env_vars={"MINE": "1", "TWICE": "mine"})
    assert sandbox["resources"]["memory_mb"] == 512
    until(lambda: shell(sandbox, f"cat {place}/sub/started")["exit_code"] == 0 or level == "none", "the start command")
    where = place if level == "bwrap" else "$PWD/.."  # programs start in the WORKDIR
    assert shell(sandbox, "pwd")["stdout"].endswith("/app/sub\n")
    seen = shell(sandbox, f"cd {where}; cat made ~/home-file; echo $MINE; cat sub/started; rm made; hostname")["stdout"]
    lines = seen.splitlines()
    assert lines[:3] == ["42", "in-home", "1"]
    assert "mine" in lines  # the user's own variables win
    if level == "bwrap":
        assert "hello from build-" not in seen
        assert lines[-1] == sandbox["id"]
    other = engine.create(template_name=None, template_id=template["id"])
    assert shell(other, f"cat {where}/made")["stdout"] == "42\n"  # a copy of its own
    assert engine.move(other, "stop").status_code == engine.move(other, "start").status_code == 200
    again = until(lambda: shell(other, f"cat {where}/sub/started; cat {where}/made")["stdout"], "the second start")
    assert "42" in again
    removed = engine.api.delete(f"/v1/templates/{template['id']}")
    assert removed.json()["deleted"] is True
    assert engine.api.get("/v1/templates/whole").status_code == 404
    assert engine.api.delete("/v1/templates/whole").status_code == 404
    assert engine.move(other, "stop").status_code == engine.move(other, "start").status_code == 200
    for each in (sandbox, other):
        engine.kill(each)


@pytest.mark.parametrize(
    ("steps", "more", "words"),
    [
        ([run("echo so far; exit 3")], {}, "RUN echo so far; exit 3: it ended with 3"),
        ([run("kill -9 $$")], {}, "signal 9"),
        ([("COPY", ["none", "/workspace/x"], {"filesHash": "a1" * 32})], {}, "nothing was uploaded for none"),
        ([("WORKDIR", ["/workspace/x"], {}), run("rmdir ../x"), run("true")], {}, "No such file"),
        (
            [("ENV", [f"V{number}", "x" * 60_000], {}) for number in range(25)],
            {},
            "ENV V1: with it the template's variables hold more than the 65536 bytes",
        ),
        ([("WORKDIR", ["/workspace/" + "a/" * 1800], {})], {}, "too deep"),
        (
            [run("true")],
            {
                "startCmd": "sleep 60",
                "readyCmd": {"type": "command", "command": "false", "timeout": 200, "interval": 50},
            },
            "not ready within 0.2 seconds",
        ),
        (
            [run("true")],
            {"startCmd": "exit 4", "readyCmd": {"type": "port", "port": 1, "timeout": 5000, "interval": 50}},
            "startCmd ended with 4",
        ),
    ],
    ids=["run", "signal", "copy", "folder", "variables", "deep", "ready", "start"],
)
def test_a_build_that_fails_says_why_and_leaves_nothing(engine, steps, more, words):
    answer = make(engine, "broken", *steps, **more)
    status = built(engine, answer)
    assert status["status"] == "failed"
    assert words in status["error_message"]
    assert f"ERROR {status['error_message']}" in build_log(engine, answer)
    template = engine.api.get(f"/v1/templates/{answer.json()['template_id']}").json()
    assert (template["status"], template["is_active"]) == ("failed", False)
    assert "broken" not in {row["name"] for row in engine.api.get("/v1/templates").json()["data"]}
    until(lambda: not list((engine.state / "workshop").iterdir()), "the folder to go")
    assert engine.api.post("/v1/sandboxes", json={"template_name": "broken"}).status_code == 404


async def test_what_nobody_thought_of_does_not_leave_a_build_building(tmp_path):
    parts = ("builds", "saved", "catalogue", "preparation", "uploads", "sessions", "trash", "events")
    mocks = {name: Mock() for name in parts}
    mocks["builds"].finish = lambda build, error=None: build.finish(1.0, error)
    workshop = Workshop(tmp_path, level="none", **mocks)
    workshop._lay_out = Mock(side_effect=KeyError("odd"))
    found = Build("b1", "t1", "name", 0.0)
    with pytest.raises(KeyError):
        await workshop._work(found, Mock(), Mock(base="base"))
    assert (found.status, found.error_message) == ("failed", "The engine itself failed at it")
    mocks["trash"].throw.assert_called_once()


def test_names_conflict_unless_updated_and_templates_stand_on_templates(engine):
    first = make(engine, "lower", run("echo 1 > v; echo kept > k"), ("ENV", ["A", "1"], {}))
    assert built(engine, first)["status"] == "active"
    clash = make(engine, "lower", run("true"))
    assert (clash.status_code, clash.json()["error"]["code"]) == (409, "CONFLICT")
    upper = make(engine, "upper", run("echo $A > a; cat k"), from_image="lower")
    assert built(engine, upper)["status"] == "active"
    second = make(engine, "lower", run("echo 2 > v"), update=True)
    assert built(engine, second)["status"] == "active"
    assert second.json()["template_id"] == first.json()["template_id"]
    for name, seen in (("lower", "2\n"), ("upper", "1\nkept\n1\n")):
        sandbox = engine.create(template_name=name)
        assert shell(sandbox, "cat v k a 2>/dev/null")["stdout"] == seen
        engine.kill(sandbox)
    by_template = engine.api.get(f"/v1/templates/build/{first.json()['template_id']}/status").json()
    assert by_template["build_id"] == second.json()["build_id"]


def test_what_cannot_be_built_is_refused_at_once(engine):
    image = make(engine, "x", run("true"), from_image="python:3.12")
    assert image.status_code == 400
    assert "registry" in image.json()["error"]["message"]
    assert "base, python" in image.json()["error"]["message"]
    assert make(engine, "x", ("COPY", ["a", "/workspace"], {"filesHash": "b" * 64})).status_code == 400
    assert make(engine, "base", run("true")).status_code == 409
    assert make(engine, "base", run("true"), update=True).status_code == 403
    assert make(engine, "code-interpreter", run("true")).status_code == 409
    assert engine.api.delete("/v1/templates/base").status_code == 403
    assert engine.api.delete("/v1/templates/1").status_code == 403
    missing = [row["name"] for row in engine.api.get("/v1/templates").json()["data"] if not row["is_active"]]
    for name in missing:
        assert make(engine, "x", run("true"), from_image=name).status_code == 400
    for body in (b"{", b"{}", b'{"name": "x", "from_image": "base", "cpu": "1", "memory": 1, "diskGB": 1}'):
        assert engine.api.post("/v1/templates/build", content=body).status_code == 400
    for path in ("status", "logs"):
        assert engine.api.get(f"/v1/templates/build/none/{path}").status_code == 404
    assert engine.api.get("/v1/templates/build/x/logs?offset=-1").status_code == 400


def test_a_running_build_is_seen_and_cancelled(engine):
    answer = make(engine, "endless", run("echo begun; sleep 600 & sleep 600"))
    template_id, build_id = answer.json()["template_id"], answer.json()["build_id"]

    def begun():
        logs = engine.api.get(f"/v1/templates/build/{template_id}/logs").json()["logs"]
        return "begun" in logs.splitlines()  # what it printed, not the name of the step

    until(begun, "the step to run")
    first = engine.api.get(f"/v1/templates/build/{build_id}/logs").json()
    assert set(first) == {"logs", "offset", "status", "complete", "request_id"}
    assert (first["status"], first["complete"]) == ("building", False)
    rest = engine.api.get(f"/v1/templates/build/{build_id}/logs", params={"offset": first["offset"]}).json()
    assert rest["logs"] == ""
    assert engine.api.get("/v1/templates/endless").json()["status"] == "building"
    assert make(engine, "endless", run("true")).status_code == 409
    assert make(engine, "endless", run("true"), update=True).status_code == 409
    assert engine.api.delete(f"/v1/templates/{template_id}").status_code == 200
    status = engine.api.get(f"/v1/templates/build/{build_id}/status").json()
    assert (status["status"], status["error_message"]) == ("failed", "It was cancelled")


def test_a_build_that_floods_is_bounded(engine):
    answer = make(engine, "flood", run("yes abcdefgh | head -c 6000000; echo last"))
    assert built(engine, answer)["status"] == "active"
    said = build_log(engine, answer)
    assert len(said) < 5 << 20
    assert "left out" in said


def test_a_hog_is_killed_by_its_limit_and_seen(engine, level):
    """A template with little memory, and a program of its sandbox that wants more."""
    assert built(engine, make(engine, "small", run("true"), memory=160))["status"] == "active"
    sandbox = engine.create(template_name="small")
    if sandbox["enforced"]["memory"] != "hard":
        pytest.skip("no control group here: test_memory.py has the watch")
    hog = "python3 -c \"x = bytearray(400 << 20); print('survived')\""
    assert shell(sandbox, hog)["stdout"] == ""
    until(lambda: engine.get(sandbox["id"]).json()["memory_kills"] > 0, "the kill to be seen")
    shown = engine.get(sandbox["id"]).json()
    assert shown["status"] == "running"  # the agent lives
    found = [row for row in engine.events() if row["event"] == "oom_killed" and row["sandbox_id"] == sandbox["id"]]
    assert found[0]["memory_mb"] == 160
    assert ask_agent(sandbox, "GET", "/health").json()["status"] == "healthy"
    engine.kill(sandbox)
