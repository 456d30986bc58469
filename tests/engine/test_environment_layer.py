"""The Python environment inside sandboxes of code-interpreter: first on PATH, read-only, the same for all."""

import json

from hopx_tui.engine.layers import READY, PythonLayer
from tests.engine.driver import inside


def test_it_is_first_on_path_and_read_only(engines, level, tmp_path):
    layer = tmp_path / "state" / "layers" / PythonLayer(tmp_path).key
    (layer / "bin").mkdir(parents=True)
    (layer / READY).write_text(json.dumps({"packages": []}))
    program = layer / "bin" / "python3"
    program.write_text('#!/bin/sh\necho "layer: $0"\n')
    program.chmod(0o755)
    engine = engines("--isolation", level)
    row = engine.api.get("/v1/templates/code-interpreter").json()
    assert (row["status"], row["is_active"], row["unavailable_reason"]) == ("active", True, None)
    sandbox = engine.create(template_name="code-interpreter")
    seen = inside(sandbox, "python3; echo x > $(dirname $(command -v python3))/x && echo written || echo refused")
    assert seen.startswith("layer: " + ("/run/hopx-python/bin" if level == "bwrap" else str(layer)))
    if level == "bwrap":
        assert seen.endswith("refused\n")
        assert str(tmp_path) not in inside(sandbox, "env; cat /proc/mounts | cut -d' ' -f2")
    assert engine.move(sandbox, "stop").status_code == 200
    (layer / READY).unlink()
    refused = engine.move(sandbox, "start")  # without it the sandbox would be another one
    assert refused.status_code == 409
    assert "engine build code-interpreter" in refused.json()["error"]["message"]
    (layer / READY).write_text("{}")
    assert engine.move(sandbox, "start").status_code == 200
    plain = engine.create()
    assert "layer" not in inside(plain, "command -v python3")


def test_a_build_request_for_it_answers_as_all_builds_do(engines, tmp_path):
    layer = tmp_path / "state" / "layers" / PythonLayer(tmp_path).key
    layer.mkdir(parents=True)
    (layer / READY).write_text("{}")
    engine = engines("--isolation", "none")
    body = {"name": "code-interpreter", "from_image": "python", "cpu": 1, "memory": 512, "diskGB": 1}
    answer = engine.api.post("/v1/templates/build", json=body)
    assert answer.status_code == 201
    assert answer.json()["template_id"] == "101"
    status = engine.api.get("/v1/templates/build/101/status").json()
    assert (status["status"], status["progress"]) == ("active", 100)
