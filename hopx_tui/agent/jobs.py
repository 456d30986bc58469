"""Background executions: started by `/commands/background`, `/execute/background` and `/execute/async`, listed and
killed here."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from aiohttp.web_response import Response

from hopx_tui.agent.errors import AgentError, missing_parameter
from hopx_tui.agent.execution import Outcome, Running, collect
from hopx_tui.agent.http import Call, Route, answer, new_id, path_parameter, timestamp
from hopx_tui.agent.pipes import Capture

FINISHED_KEPT = 500


class Job:
    """One background execution; `status` is running, completed, failed or killed."""

    def __init__(self, job_id: str, name: str, language: str, command: str, execution: Running[Capture]) -> None:
        self.id = job_id
        self.execution_id = new_id("exec")
        self.name = name
        self.language = language
        self.command = command
        self.execution = execution
        self.status = "running"
        self.exit_code: int | None = None
        self.started_at = time.time()
        self.ended_at: float | None = None
        self.callback_status: str | None = None

    def row(self) -> dict[str, Any]:
        """The process row of contract 2.5 with every alias."""
        started = timestamp(self.started_at)
        ended = timestamp(self.ended_at) if self.ended_at is not None else None
        duration = round((self.ended_at or time.time()) - self.started_at, 3)
        return {
            "process_id": self.id,
            "execution_id": self.execution_id,
            "name": self.name,
            "status": self.status,
            "language": self.language,
            "command": self.command,
            "pid": self.execution.pid,
            "start_time": started,
            "started_at": started,
            "end_time": ended,
            "ended_at": ended,
            "exit_code": self.exit_code,
            "duration": duration,
            "execution_time": duration,
            **({} if self.callback_status is None else {"callback_status": self.callback_status}),
        }


AfterEnd = Callable[[Job, Outcome], Awaitable[None]]


class Jobs:
    """All of them, the finished ones too (the last 500)."""

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def add(
        self,
        prefix: str,
        execution: Running[Capture],
        *,
        name: str,
        language: str,
        command: str,
        then: AfterEnd | None = None,
    ) -> Job:
        """Watch over a started execution from now on, and do `then` after its end."""
        job_id = new_id(prefix)
        job = Job(job_id, name or job_id, language, command, execution)
        self._jobs[job.id] = job
        finished = [known.id for known in self._jobs.values() if known.status != "running"]
        for old in finished[: max(len(finished) - FINISHED_KEPT, 0)]:
            del self._jobs[old]
        task = asyncio.create_task(self._watch(job, then))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return job

    async def _watch(self, job: Job, then: AfterEnd | None) -> None:
        outcome = await collect(job.execution)
        job.exit_code = outcome.exit_code
        job.ended_at = time.time()
        if job.status == "running":
            job.status = "completed" if outcome.exit_code == 0 else "failed"
        if then is not None:
            await then(job, outcome)

    def by_pid(self) -> dict[int, str]:
        """Running jobs: pid -> id."""
        return {job.execution.pid: job.id for job in self._jobs.values() if job.status == "running"}

    def routes(self) -> Iterable[Route]:
        """List, and the three spellings of kill that clients use."""
        return (
            Route("GET", "/execute/processes", self._list),
            Route("DELETE", "/execute/kill", self._kill_by_query),
            Route("POST", "/execute/kill/{id}", self._kill),
            Route("POST", "/processes/{id}/kill", self._kill),
        )

    async def _list(self, _request: Call) -> Response:
        rows = [job.row() for job in self._jobs.values()]
        return answer({"processes": rows, "count": len(rows), "timestamp": timestamp()})

    async def _kill_by_query(self, request: Call) -> Response:
        job_id = request.query.get("process_id")
        if not job_id:
            raise missing_parameter("process_id")
        return await self._end(job_id)

    async def _kill(self, request: Call) -> Response:
        return await self._end(path_parameter(request, "id"))

    async def _end(self, job_id: str) -> Response:
        job = self._jobs.get(job_id) or self._by_execution(job_id) or self._jobs.get(self._id_of_pid(job_id))
        if job is None:
            raise AgentError(404, "PROCESS_NOT_FOUND", f"Process not found: {job_id}", details={"process_id": job_id})
        if job.status == "running":
            job.status = "killed"
            await job.execution.kill()
        message = f"Process {job.id} {job.status}"
        return answer(
            {
                "message": message,
                "process_id": job.id,
                "status": job.status,
                "success": True,
                "timestamp": timestamp(),
            }
        )

    def _by_execution(self, execution_id: str) -> Job | None:
        return next((job for job in self._jobs.values() if job.execution_id == execution_id), None)

    def _id_of_pid(self, text: str) -> str:
        """Some clients show the pid and send that back."""
        if not text.isascii() or not text.isdecimal() or len(text) > 10:
            return ""
        return self.by_pid().get(int(text), "")
