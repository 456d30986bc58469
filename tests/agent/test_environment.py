"""`/env`, and what programs see of it."""

from __future__ import annotations

from hopx_tui.agent.config import Config
from hopx_tui.agent.environment import base_variables, utf8_locale
from tests.agent.conftest import assert_error


async def test_all_verbs(site):
    assert (await site.get("/env")).json()["env_vars"] == {"FROM_CREATE": "yes"}
    answer = await site.http.patch("/env", json={"env_vars": {"A": "1", "N": 5}, "merge": True})
    assert answer.json()["env_vars"] == {"FROM_CREATE": "yes", "A": "1", "N": "5"}
    assert answer.json()["count"] == 3
    assert (await site.http.delete("/env/A")).json()["env_vars"] == {"FROM_CREATE": "yes", "N": "5"}
    assert (await site.http.delete("/env/ABSENT")).status_code == 200
    assert (await site.http.put("/env", json={"env_vars": {"B": "2"}, "merge": True})).json()["count"] == 3
    assert (await site.http.put("/env", json={"env_vars": {"B": "2"}})).json()["env_vars"] == {"B": "2"}
    assert (await site.http.request("DELETE", "/env")).json()["env_vars"] == {}


async def test_a_mask_keeps_the_old_value(site):
    await site.http.patch("/env", json={"env_vars": {"API_KEY": "s3cret"}})
    answer = await site.http.put("/env", json={"env_vars": {"API_KEY": "***MASKED***"}})
    assert answer.json()["env_vars"] == {"API_KEY": "s3cret"}


async def test_what_no_process_can_have(site):
    for name, value in (("", "x"), ("A=B", "x"), ("A\0", "x"), ("A", "x\0y")):
        assert_error(await site.http.patch("/env", json={"env_vars": {name: value}}), 400, "INVALID_REQUEST")
    assert_error(await site.http.patch("/env", json={}), 400, "MISSING_PARAMETER")


async def test_it_reaches_programs_and_requests_win(site):
    await site.http.patch("/env", json={"env_vars": {"A": "global", "B": "global"}})
    out = await site.run("echo $A $B $FROM_CREATE $HOME", env={"A": "mine"})
    assert out["stdout"] == f"mine global yes {site.home}\n"
    assert (await site.run("echo $A"))["stdout"] == "global\n"
    await site.http.put("/env", json={"env_vars": {}})
    assert (await site.run("ls / >/dev/null && echo $A ok"))["stdout"] == "ok\n"


def test_the_agents_own_environment_stays_outside():
    config = Config(
        sandbox_id="x", token_key="", isolation="none", workspace="/w", home="/h", state="/s", allowed_hosts=[]
    )
    inherited = {"HOPX_API_KEY": "k", "PATH": "/p", "LC_ALL": "POSIX", "AWS_SECRET": "s", "SHELL": "/bin/bash"}
    variables = base_variables(config, inherited)
    assert variables["PATH"] == "/p"
    assert variables["HOME"] == "/h"
    assert variables["SHELL"] == "/bin/bash"
    assert not {"HOPX_API_KEY", "AWS_SECRET", "LC_ALL"} & variables.keys()
    assert base_variables(config, {})["PATH"].startswith("/usr/local/sbin")
    assert utf8_locale({"LANG": "de_DE.utf8"}) == "de_DE.utf8"
