"""What happens to a real sandbox that harms itself: the agent killed, the disk filled; and many created at once."""

import json
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from tests.engine.driver import ask_agent, shell, until


def test_user_code_that_kills_its_agent(real_engine):
    """The sandbox is stopped, says why, and starts again on the same files."""
    sandbox = real_engine.create(timeout_seconds=600)
    shell(sandbox, "echo precious > file")
    kill = "for p in /proc/[0-9]*; do grep -qs hopx- $p/comm && kill -9 ${p#/proc/}; done"
    if sandbox["isolation"] == "none":  # all of the machine's agents are to be seen here: only its own parents
        kill = (
            "p=$$; while p=$(awk '{print $4}' /proc/$p/stat); do "
            "case $(cat /proc/$p/comm) in hopx-*) kill -9 $p;; *) break;; esac; done"
        )
    try:
        ask_agent(sandbox, "POST", "/commands/run", json={"command": kill})
    except httpx.TransportError:
        pass  # it died before it could answer
    until(lambda: real_engine.status(sandbox) == "stopped", "the end to be noticed", 10)
    shown = real_engine.get(sandbox["id"]).json()
    assert shown["status_reason"] == "agent_died"
    refused = ask_agent(sandbox, "GET", "/health")
    assert (refused.status_code, refused.json()["code"]) == (409, "SANDBOX_STOPPED")
    assert real_engine.move(sandbox, "start").status_code == 200
    assert shell(sandbox, "cat file")["stdout"] == "precious\n"
    real_engine.kill(sandbox)


@pytest.mark.parametrize("number", [1])
def test_a_full_quota_is_a_clear_error_and_an_event(engines, level, number):
    engine = engines("--isolation", level, agent=None)
    sandbox = engine.create()
    engine.close()
    meta = engine.state / "sandboxes" / sandbox["id"] / "meta.json"
    meta.write_text(json.dumps({**json.loads(meta.read_text()), "disk_mb": number}))
    again = engines("--isolation", level, agent=None)
    assert again.move(sandbox, "start").status_code == 200
    body = {"path": "/workspace/big", "content": "x" * (2 << 20)}
    refused = ask_agent(sandbox, "POST", "/files/write", json=body)
    assert refused.status_code == 400
    assert "quota of 1 MiB is used up" in refused.json()["error"]
    shell(sandbox, "head -c 3000000 /dev/zero > big")  # programs may pass it; the next look sees that
    assert again.move(sandbox, "stop").status_code == again.move(sandbox, "start").status_code == 200

    def told():
        rows = [row for row in again.events() if row["sandbox_id"] == sandbox["id"]]
        return [row for row in rows if row["event"] == "agent:disk_full"]

    assert until(told, "the event", 10)[0]["limit"] == 1 << 20
    assert ask_agent(sandbox, "POST", "/files/write", json={**body, "content": "x"}).status_code == 400


def test_forty_at_once_all_come_up(real_engine, level):
    """Each client with its own request; starts are bounded, so none starves and none meets another's network."""
    if level == "none":
        pytest.skip("without networks of their own there is nothing to race for")

    def create(_number):
        with httpx.Client(timeout=120, trust_env=False, headers={"X-API-Key": real_engine.key}) as client:
            return client.post(f"{real_engine.url}/v1/sandboxes", json={"template_name": "base"})

    with ThreadPoolExecutor(40) as pool:
        answers = list(pool.map(create, range(40)))
    assert [answer.text for answer in answers if answer.status_code != 201] == []
    with ThreadPoolExecutor(10) as pool:
        ended = list(pool.map(real_engine.kill, [answer.json() for answer in answers]))
    assert {answer.status_code for answer in ended} == {200}
