"""Background executions."""

from __future__ import annotations

import asyncio

import pytest

from tests.agent.conftest import assert_error
from tests.agent.running import alive, marked, wait_until


async def row_of(site, job_id):
    rows = (await site.get("/execute/processes")).json()["processes"]
    return next(row for row in rows if row["process_id"] == job_id)


async def until_status(site, job_id, status):
    async with asyncio.timeout(10):
        while (row := await row_of(site, job_id))["status"] == "running":
            await asyncio.sleep(0.01)
    assert row["status"] == status
    return row


async def test_a_command_in_the_background(site):
    started = (await site.post("/commands/background", command="exit 4")).json()
    assert started["process_id"].startswith("cmd_")
    assert started["status"] == "running"
    row = await until_status(site, started["process_id"], "failed")
    assert row["exit_code"] == 4
    assert row["start_time"] == row["started_at"]
    assert row["command"] == "exit 4"
    assert row["end_time"]


async def test_code_in_the_background_with_a_name(site):
    body = {"code": "print(1)", "language": "python", "name": "job"}
    started = (await site.post("/execute/background", **body)).json()
    assert started["process_id"].startswith("proc_")
    assert started["name"] == "job"
    row = await until_status(site, started["process_id"], "completed")
    assert row["language"] == "python"


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/execute/kill/{}"),
        ("POST", "/processes/{}/kill"),
        ("DELETE", "/execute/kill?process_id={}"),
    ],
)
async def test_three_ways_to_kill(site, method, path):
    started = (await site.post("/commands/background", command="setsid sleep 4251 & sleep 4252")).json()
    wait_until(lambda: marked("sleep\x004251"))
    job_id = started["process_id"]
    listed = (await site.get("/processes")).json()["processes"]
    assert job_id in [row.get("process_id") for row in listed]
    answer = await site.http.request(method, path.format(job_id))
    assert answer.json()["success"] is True
    await until_status(site, job_id, "killed")
    assert not alive(started["pid"])
    assert not marked("sleep\x004251")
    assert not marked("sleep\x004252")
    assert (await site.http.request(method, path.format(job_id))).json()["status"] == "killed"
    assert_error(await site.http.request(method, path.format("cmd_unknown")), 404, "PROCESS_NOT_FOUND")


async def test_kill_by_pid_and_without_an_id(site):
    started = (await site.post("/commands/background", command="sleep", args=["4253"])).json()
    assert (await site.http.post(f"/execute/kill/{started['pid']}")).json()["process_id"] == started["process_id"]
    assert_error(await site.http.request("DELETE", "/execute/kill"), 400, "MISSING_PARAMETER")


async def test_what_cannot_start(site):
    assert_error(await site.post("/commands/background", command="nope", args=["x"]), 400, "COMMAND_FAILED")


async def test_a_time_limit_ends_a_job(site):
    started = (await site.post("/commands/background", command="sleep 4254", timeout=0.2)).json()
    row = await until_status(site, started["process_id"], "failed")
    assert row["exit_code"] == 124


async def test_the_list_of_finished_jobs_is_bounded(site, monkeypatch):
    monkeypatch.setattr("hopx_tui.agent.jobs.FINISHED_KEPT", 2)
    for number in range(4):
        started = (await site.post("/commands/background", command=f"exit {number}")).json()
        await until_status(site, started["process_id"], "completed" if number == 0 else "failed")
    assert (await site.get("/execute/processes")).json()["count"] == 3
