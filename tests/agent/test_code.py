"""`/execute`."""

from __future__ import annotations

import asyncio
import shutil

import pytest

from hopx_tui.agent.languages import available_languages
from tests.agent.conftest import assert_error


@pytest.mark.parametrize(
    ("language", "code"),
    [("python", "print(6*7)"), ("bash", "echo $((6*7))"), ("sh", "echo 42"), (None, "print(42)")],
)
async def test_languages(site, language, code):
    out = (await site.post("/execute", code=code, language=language)).json()
    assert (out["stdout"], out["exit_code"], out["success"]) == ("42\n", 0, True)


@pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed here")
async def test_javascript(site):
    out = (await site.post("/execute", code="console.log(6*7)", language="javascript")).json()
    assert (out["stdout"], out["language"]) == ("42\n", "javascript")


async def test_failing_code_is_a_success_of_the_call(site):
    out = (await site.post("/execute", code="raise ValueError('no')", language="python")).json()
    assert (out["success"], out["exit_code"]) == (False, 1)
    assert "ValueError: no" in out["stderr"]


async def test_directory_environment_and_timeout(site):
    (site.workspace / "mine.py").write_text("x = 5")
    out = (await site.post("/execute", code="import mine, os; print(mine.x, os.environ['A'])", env={"A": "b"})).json()
    assert out["stdout"] == "5 b\n"
    out = (await site.post("/execute", code="import time; print(1, flush=True); time.sleep(60)", timeout=0.5)).json()
    assert (out["exit_code"], out["stdout"]) == (124, "1\n")


async def test_code_too_long_for_an_argument(site, tmp_path):
    code = f"x = '''{'y' * 300_000}'''\nprint(len(x))"
    assert (await site.post("/execute", code=code)).json()["stdout"] == "300000\n"
    assert not list((tmp_path / "state").iterdir())


async def test_what_no_argument_can_carry_fails_as_code_does(site):
    for language in ("python", "bash"):
        out = (await site.post("/execute", code="print('x')\0", language=language)).json()
        assert (out["success"], out["exit_code"] != 0) == (False, True)
        assert out["stderr"]


async def test_a_killed_execution_leaves_no_file(site, tmp_path):
    code = f"import time; x = '{'y' * 200_000}'; time.sleep(60)"
    started = (await site.post("/execute/background", code=code)).json()
    assert len(list((tmp_path / "state").iterdir())) == 1
    assert (await site.http.post(f"/execute/kill/{started['execution_id']}")).json()["status"] == "killed"
    async with asyncio.timeout(5):
        while list((tmp_path / "state").iterdir()):
            await asyncio.sleep(0.01)


async def test_what_is_not_possible(site, monkeypatch):
    assert_error(await site.post("/execute", code="x", language="cobol"), 400, "INVALID_REQUEST")
    assert_error(await site.post("/execute", language="python"), 400, "MISSING_PARAMETER")
    monkeypatch.setattr("hopx_tui.agent.languages.shutil.which", lambda *_, **__: None)
    out = (await site.post("/execute", code="x", language="go")).json()
    assert (out["exit_code"], out["success"]) == (127, False)
    answer = await site.post("/execute/background", code="x", language="go")
    assert_error(answer, 400, "EXECUTION_FAILED")
    assert available_languages(None) == ["python"]
    long = "y" * 300_000
    answer = await site.post("/execute", code=long, language="python", workdir="/workspace/none")
    assert_error(answer, 404, "DIRECTORY_NOT_FOUND")
