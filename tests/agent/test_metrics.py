"""Numbers, processes, signals."""

from __future__ import annotations

import asyncio
import os
import signal
import time

import pytest

from hopx_tui.agent.errors import AgentError
from hopx_tui.agent.metrics import signal_number, usage
from hopx_tui.agent.proctable import read_stat
from tests.agent.conftest import assert_error
from tests.agent.running import alive, wait_until


async def test_system_has_every_field(site):
    system = (await site.get("/system")).json()
    assert {"cpu", "memory", "disk", "uptime", "network"} <= system.keys()
    assert system["cpu"]["cores"] >= 1
    assert system["memory"]["total"] == 512 << 20
    assert system["disk"]["total"] == 100 << 20
    for kind in ("memory", "disk"):
        assert system[kind]["free"] == max(system[kind]["total"] - system[kind]["used"], 0)
    assert system["network"] is None


async def test_a_busy_loop_is_about_one_core(site):
    job = (await site.post("/commands/background", command="while :; do :; done")).json()
    async with asyncio.timeout(20):
        while True:
            system, processes = await asyncio.gather(site.get("/system"), site.get("/processes"))
            rows = {row["pid"]: row for row in processes.json()["processes"]}
            if system.json()["cpu"]["usage_percent"] > 30 and rows[job["pid"]]["cpu_percent"] > 30:
                break
            await asyncio.sleep(0.45)
    row = rows[job["pid"]]
    assert row["process_id"] == job["process_id"]
    assert row["state"] == "R"
    assert row["status"] == "running"
    assert row["command"].endswith("while :; do :; done")
    assert row["user"]
    assert {"ppid", "name", "nice", "threads", "rss_bytes", "start_ticks", "cpu_seconds", "started_at"} <= row.keys()
    assert abs(time.time() - _unix(row["started_at"])) < 60
    await site.http.post(f"/execute/kill/{job['process_id']}")


def _unix(text):
    from datetime import datetime

    return datetime.fromisoformat(text).timestamp()


async def test_memory_is_what_the_sandbox_holds(agent):
    with agent.client() as client:
        assert client.get("/system").json()["memory"]["used"] == 0
        code = "x = b'1' * (60 << 20)\nimport time; time.sleep(99)"
        client.post("/execute/background", json={"code": code})
        wait_until(lambda: client.get("/system").json()["memory"]["used"] > 60 << 20)


async def test_reaped_children_count(agent):
    with agent.client() as client:
        client.get("/system")
        spend = "for i in 1 2 3 4 5 6 7 8; do bash -c 'i=0; while [ $i -lt 40000 ]; do i=$((i+1)); done'; done"
        client.post("/commands/run", json={"command": spend})
        wait_until(lambda: client.get("/system").json()["cpu"]["usage_percent"] > 5, what="cpu of reaped children")


async def test_snapshot_metrics_and_prometheus(site):
    await site.run("true")
    for path in ("/metrics", "/metrics/snapshot"):
        metrics = (await site.get(path)).json()
        for key in ("uptime_seconds", "total_requests", "requests_total", "error_count", "active_executions"):
            assert isinstance(metrics[key], int | float)
        assert {"system", "process", "cache"} <= metrics.keys()
        assert metrics["total_executions"] == 1
    answer = await site.get("/metrics/prometheus")
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert "\nhopx_requests_total 3" in answer.text


async def test_signal_by_identity(site):
    job = (await site.post("/commands/background", command="sleep", args=["4400"])).json()
    rows = (await site.get("/processes")).json()["processes"]
    row = next(row for row in rows if row["pid"] == job["pid"])
    route = f"/processes/{row['pid']}/signal"
    wrong = await site.post(route, signal="TERM", start_ticks=row["start_ticks"] + 1)
    assert_error(wrong, 404, "PROCESS_NOT_FOUND")
    stopped = await site.post(route, signal="SIGSTOP", start_ticks=row["start_ticks"])
    assert stopped.json()["signal"] == "STOP"
    wait_until(lambda: read_stat(row["pid"]).state == "T")
    assert (await site.post(route, signal=9, start_ticks=row["start_ticks"])).status_code == 200
    wait_until(lambda: not alive(row["pid"]))
    assert_error(await site.post(route, signal="TERM", start_ticks=row["start_ticks"]), 404, "PROCESS_NOT_FOUND")


async def test_what_was_just_started_is_listed(site):
    started = []
    for number in range(3):
        await site.get("/processes")  # the answers of a short while are the same, but not without these
        started.append((await site.post("/commands/background", command="sleep", args=[f"440{number}"])).json())
        rows = (await site.get("/processes")).json()["processes"]
        assert {job["process_id"] for job in started} <= {row.get("process_id") for row in rows}
    for job in started:
        await site.post(f"/execute/kill/{job['process_id']}")


async def test_signals_that_are_none_and_strangers(site):
    assert_error(await site.post("/processes/1/signal", signal="TERM", start_ticks=1), 404, "PROCESS_NOT_FOUND")
    own = f"/processes/{os.getpid()}/signal"
    assert_error(await site.post(own, signal="TERM", start_ticks=1), 404, "PROCESS_NOT_FOUND")
    assert_error(await site.post("/processes/x/signal", signal="TERM", start_ticks=1), 400, "INVALID_REQUEST")
    assert_error(await site.post("/processes/1/signal", signal="NOPE", start_ticks=1), 400, "INVALID_REQUEST")
    assert_error(await site.post("/processes/1/signal", start_ticks=1), 400, "MISSING_PARAMETER")
    assert_error(await site.post("/processes/1/signal", signal="TERM"), 400, "MISSING_PARAMETER")


def test_signal_names():
    assert signal_number("term") == signal_number("SIGTERM") == signal_number("15") == signal.SIGTERM
    with pytest.raises(AgentError):
        signal_number(0)


def test_usage_without_a_total():
    assert usage(0, 5) == {"total": 0, "used": 5, "free": 0, "usage_percent": 0.0}


async def test_cut_off_from_the_network_nothing_came_and_nothing_went(make_site):
    """A sandbox without internet has a namespace of its own: its counters are known."""
    site = await make_site(isolation="bwrap", network="none")
    network = (await site.get("/system")).json()["network"]
    assert set(network) == {"rx_bytes", "tx_bytes"}
    assert (await (await make_site(isolation="bwrap", network="host")).get("/system")).json()["network"] is None
