"""Build requests: what is refused, with a sentence, before anything runs."""

import pytest

from hopx_tui.engine import recipes
from hopx_tui.engine.errors import ControlError
from hopx_tui.engine.recipes import BuildBody, Ready, Step


def body(*steps, **more):
    given = {"name": "mine", "from_image": "base", "cpu": 1, "memory": 512, "disk_gb": 1, "steps": list(steps)}
    return BuildBody(**{**given, **more})


RUN = Step("RUN", ["true"])
HASH = "a" * 64


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (body(RUN, name=""), "name must be"),
        (body(RUN, name="-x"), "name must be"),
        (body(RUN, name="123"), "not be a number"),
        (body(RUN, name="a/b"), "name must be"),
        (body(RUN, name="x" * 64), "name must be"),
        (body(RUN, cpu=0), "cpu"),
        (body(RUN, memory=0), "memory"),
        (body(RUN, disk_gb=5000), "diskGB"),
        (body(*[RUN] * 201), "at most 200"),
        (body(Step("FROM", ["x"])), "known types"),
        (body(Step("RUN", [])), "needs 1 argument"),
        (body(Step("RUN", [" "])), "needs 1 argument"),
        (body(Step("RUN", ["a\0b"])), "NUL"),
        (body(Step("RUN", ["x" * 70_000])), "longer"),
        (body(Step("ENV", ["A"])), "needs 2 arguments"),
        (body(Step("ENV", ["A=B", "x"])), "no name of a variable"),
        (body(Step("WORKDIR", ["/usr/share/x"])), "read-only"),
        (body(Step("WORKDIR", ["/workspace/../usr"])), "read-only"),
        (body(Step("COPY", ["a", "/bin/x"], HASH)), "read-only"),
        (body(Step("COPY", ["a", "/app"])), "filesHash"),
        (body(Step("COPY", ["a", "/app"], "../../x")), "files_hash"),
        (body(RUN, ready_cmd=Ready("magic")), "known types"),
        (body(RUN, ready_cmd=Ready("port")), "not what to wait for"),
        (body(RUN, ready_cmd=Ready("command", path="/x")), "not what to wait for"),
        (body(RUN, ready_cmd=Ready("port", port=70_000)), "65535"),
        (body(RUN, ready_cmd=Ready("port", port=1, timeout=0)), "milliseconds"),
        (body(RUN, ready_cmd=Ready("file", path="a\0")), "NUL"),
        (body(RUN, start_cmd="a\0"), "NUL"),
    ],
)
def test_refused(wrong, words):
    with pytest.raises(ControlError, match=words) as caught:
        recipes.check_build(wrong, isolated=True)
    assert caught.value.status == 400


def test_accepted():
    fine = body(
        RUN,
        Step("COPY", ["a,b", "/app/"], HASH),
        Step("COPY", ["a", "relative"], HASH),
        Step("WORKDIR", ["/data/x"]),
        Step("WORKDIR", ["/tmp/x"]),
        Step("WORKDIR", ["/opt"]),
        Step("ENV", ["A", "$B"]),
        Step("USER", ["me"]),
        Step("CMD", ["serve", "--fast"]),
        ready_cmd=Ready("process", process_name="x"),
    )
    recipes.check_build(fine, isolated=True)
    assert recipes.own_folders(fine) == {"/app": "own-app", "/data": "own-data"}
    assert recipes.start_command(fine) == "serve --fast"
    assert recipes.start_command(body(RUN, start_cmd="x")) == "x"
    assert recipes.start_command(body(RUN)) is None
    assert [step["type"] for step in recipes.steps_of(fine)][-2:] == ["ENV", "USER"]
    recipes.check_build(body(steps=None), isolated=True)


def test_without_isolation_there_are_only_the_two_folders():
    recipes.check_build(body(Step("WORKDIR", ["/root/x"]), Step("WORKDIR", ["x"])), isolated=False)
    for place in ("/app", "/opt/x", "/workspace/../x", "/"):
        with pytest.raises(ControlError, match="without isolation"):
            recipes.check_build(body(Step("WORKDIR", [place])), isolated=False)
