"""`/system`, `/metrics*`, `/processes` and the signal extension."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from aiohttp.web_response import Response

from hopx_tui.agent.config import Config
from hopx_tui.agent.counters import Counters
from hopx_tui.agent.disk import DiskWatch
from hopx_tui.agent.errors import AgentError, invalid_request, missing_parameter
from hopx_tui.agent.http import Call, Route, answer, path_parameter, read_body, timestamp
from hopx_tui.agent.jobs import Jobs
from hopx_tui.agent.proctable import CLOCK_TICKS, ProcessStat
from hopx_tui.agent.sampler import Measurement, Sampler, host_memory, network_bytes
from hopx_tui.agent.treekill import send_signal

STATES = {
    "R": "running",
    "S": "sleeping",
    "D": "disk-sleep",
    "I": "idle",
    "T": "stopped",
    "t": "traced",
    "Z": "zombie",
}


def usage(total: int, used: int) -> dict[str, Any]:
    """total, used, free in bytes and the percentage."""
    percent = round(100 * used / total, 2) if total else 0.0
    return {"total": total, "used": used, "free": max(total - used, 0), "usage_percent": percent}


class _SignalBody(msgspec.Struct):
    signal: str | int | None = None
    start_ticks: int | None = None


class Metrics:
    """Answers from one sampler."""

    def __init__(
        self,
        config: Config,
        sampler: Sampler,
        disk: DiskWatch,
        counters: Counters,
        jobs: Jobs,
        *,
        uptime: Callable[[], float],
    ) -> None:
        self._config = config
        self._sampler = sampler
        self._disk = disk
        self._counters = counters
        self._jobs = jobs
        self._uptime = uptime
        self._memory_total = (config.limits.memory_mb << 20) or host_memory()

    def routes(self) -> Iterable[Route]:
        """Everything about numbers and processes."""
        return (
            Route("GET", "/system", self._system),
            Route("GET", "/metrics", self._snapshot),
            Route("GET", "/metrics/snapshot", self._snapshot),
            Route("GET", "/metrics/prometheus", self._prometheus),
            Route("GET", "/processes", self._processes),
            Route("POST", "/processes/{pid}/signal", self._signal),
        )

    def _cores(self) -> int:
        vcpu = self._config.limits.vcpu
        if vcpu and self._config.enforced.get("cpu") == "hard":
            return max(int(vcpu), 1)
        return os.cpu_count() or 1

    async def _system_fields(self, measured: Measurement) -> dict[str, Any]:
        loop = asyncio.get_running_loop()
        disk = await loop.run_in_executor(None, self._disk.usage)
        # cut off from the network it has a namespace of its own all the same, whose counters stay at 0
        network = network_bytes() if self._config.network != "host" and self._config.isolated else None
        return {
            "cpu": {"usage_percent": measured.cpu_percent, "cores": self._cores()},
            "memory": usage(self._memory_total, measured.memory_used),
            "disk": usage(*disk),
            "uptime": round(self._uptime(), 3),
            "network": None if network is None else {"rx_bytes": network[0], "tx_bytes": network[1]},
        }

    async def _system(self, _request: Call) -> Response:
        return answer(await self._system_fields(await self._sampler.measure()))

    async def _fields(self) -> dict[str, Any]:
        measured = await self._sampler.measure()
        mean, p95 = self._counters.durations()
        counters = self._counters
        running = sum(stat.state == "R" for stat in measured.processes)
        return {
            "uptime_seconds": round(self._uptime(), 3),
            "total_requests": counters.requests,
            "requests_total": counters.requests,
            "total_errors": counters.errors,
            "error_count": counters.errors,
            "active_executions": counters.active_executions,
            "total_executions": counters.executions,
            "active_streams": counters.streams,
            "avg_duration_ms": round(mean, 3),
            "p95_duration_ms": round(p95, 3),
            "system": await self._system_fields(measured),
            "process": {"count": len(measured.processes), "running": running},
            "cache": {"size": 0, "hits": 0, "misses": 0, "hit_rate": 0.0},
            "timestamp": timestamp(),
        }

    async def _snapshot(self, _request: Call) -> Response:
        return answer(await self._fields())

    async def _prometheus(self, _request: Call) -> Response:
        fields = await self._fields()
        system = fields["system"]
        rows = (
            ("uptime_seconds", "gauge", fields["uptime_seconds"]),
            ("requests_total", "counter", fields["total_requests"]),
            ("errors_total", "counter", fields["total_errors"]),
            ("executions_total", "counter", fields["total_executions"]),
            ("active_executions", "gauge", fields["active_executions"]),
            ("active_streams", "gauge", fields["active_streams"]),
            ("processes", "gauge", fields["process"]["count"]),
            ("cpu_usage_percent", "gauge", system["cpu"]["usage_percent"]),
            ("memory_used_bytes", "gauge", system["memory"]["used"]),
            ("memory_total_bytes", "gauge", system["memory"]["total"]),
            ("disk_used_bytes", "gauge", system["disk"]["used"]),
            ("disk_total_bytes", "gauge", system["disk"]["total"]),
        )
        text = "".join(f"# TYPE hopx_{name} {kind}\nhopx_{name} {value}\n" for name, kind, value in rows)
        return Response(body=text.encode(), headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"})

    async def _processes(self, _request: Call) -> Response:
        managed = self._jobs.by_pid()
        # Clients look for what they have just started (contract D3).
        measured = await self._sampler.measure(showing=managed)
        loop = asyncio.get_running_loop()
        body = await loop.run_in_executor(None, self._listing, measured, managed)
        return Response(body=body, content_type="application/json")

    def _listing(self, measured: Measurement, managed: dict[int, str]) -> bytes:
        rows = [self._row(stat, measured, managed) for stat in measured.processes]
        return msgspec.json.encode({"processes": rows, "count": len(rows), "timestamp": timestamp()})

    def _row(self, stat: ProcessStat, measured: Measurement, managed: dict[int, str]) -> dict[str, Any]:
        identity = self._sampler.identity(stat)
        row = {
            "pid": stat.pid,
            "ppid": stat.ppid,
            "name": stat.name,
            "command": identity.command,
            "user": identity.user,
            "status": STATES.get(stat.state, stat.state),
            "state": stat.state,
            "cpu_percent": measured.process_percent.get(stat.pid, 0.0),
            "memory_percent": round(100 * stat.rss_bytes / self._memory_total, 2),
            "rss_bytes": stat.rss_bytes,
            "cpu_seconds": round((stat.user_ticks + stat.system_ticks) / CLOCK_TICKS, 2),
            "nice": stat.nice,
            "threads": stat.threads,
            "start_ticks": stat.start_ticks,
            "started_at": timestamp(self._sampler.started_at(stat)),
        }
        if stat.pid in managed:
            row["process_id"] = managed[stat.pid]
        return row

    async def _signal(self, request: Call) -> Response:
        text = path_parameter(request, "pid")
        body = await read_body(request, _SignalBody)
        if not text.isascii() or not text.isdecimal() or len(text) > 10:
            raise invalid_request("The process id must be a number")
        if body.signal is None:
            raise missing_parameter("signal")
        if body.start_ticks is None:
            raise missing_parameter("start_ticks")
        number = signal_number(body.signal)
        pid = int(text)
        stat = (await self._sampler.scan()).get(pid)
        if stat is None or stat.start_ticks != body.start_ticks:
            raise _gone(pid)
        try:
            alive = send_signal(pid, body.start_ticks, number)
        except PermissionError as error:
            raise AgentError(403, "PERMISSION_DENIED", f"Process {pid} may not be signalled") from error
        if not alive:
            raise _gone(pid)
        name = signal.Signals(number).name.removeprefix("SIG")
        return answer({"success": True, "pid": pid, "signal": name, "message": f"{name} sent to process {pid}"})


def signal_number(wanted: str | int) -> int:
    """`TERM`, `SIGTERM`, `15` and 15. Raises AgentError INVALID_REQUEST."""
    try:
        if isinstance(wanted, int) or (wanted.isascii() and wanted.isdecimal()):
            return int(signal.Signals(int(wanted)))
        name = wanted.upper()
        return int(signal.Signals[name if name.startswith("SIG") else f"SIG{name}"])
    except (KeyError, ValueError) as error:
        raise invalid_request(f"Unknown signal {wanted!r}") from error


def _gone(pid: int) -> AgentError:
    return AgentError(404, "PROCESS_NOT_FOUND", f"Process not found: {pid}", details={"pid": pid})
