"""`/commands/run` and `/commands/background`."""

from __future__ import annotations

import errno
import shlex
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from aiohttp.web_response import Response

from hopx_tui.agent.environment import Environment, check_variables
from hopx_tui.agent.errors import AgentError, invalid_request, missing_parameter
from hopx_tui.agent.execution import OUTPUT_LIMIT, Execution, Executions, Outcome, P, captured, collect
from hopx_tui.agent.http import Call, Route, answer, read_body, timestamp
from hopx_tui.agent.jobs import Jobs
from hopx_tui.agent.paths import PathMap
from hopx_tui.agent.pausing import Pausing
from hopx_tui.agent.pipes import Capture
from hopx_tui.agent.shell import find_shell

DEFAULT_TIMEOUT_SECONDS = 30.0
NOT_FOUND, NOT_EXECUTABLE = 127, 126
BACKGROUND_OUTPUT_LIMIT = 1 << 20


class RunRequest(msgspec.Struct):
    """The union of what the clients send: `workdir` wins over `working_dir`; null is absent."""

    command: str | None = None
    args: list[str] | None = None
    timeout: float | None = None
    workdir: str | None = None
    working_dir: str | None = None
    env: dict[str, str] | None = None
    name: str | None = None


class NotStartedError(Exception):
    """The program could not be started; `exit_code` as a shell would give it."""

    def __init__(self, exit_code: int, message: str) -> None:
        super().__init__(message)
        self.exit_code = exit_code


class Launcher:
    """Turns a request's directory, variables and time limit into a started execution. Raises AgentError and
    NotStartedError."""

    def __init__(self, executions: Executions, environment: Environment, paths: PathMap) -> None:
        self._executions = executions
        self._environment = environment
        self._paths = paths

    def search_path(self) -> str | None:
        """The PATH that programs get."""
        return self._environment.of_child().get("PATH")

    def start(
        self,
        argv: list[str],
        *,
        workdir: str | None,
        env: dict[str, str] | None,
        timeout: float | None,
        pipe: Callable[[int], P],
        rich_at: int | None = None,
        defaults: dict[str, str] | None = None,
    ) -> Execution[P]:
        """`argv` in `workdir`; request variables win over the global ones, and those over `defaults`."""
        check_variables(env or {})
        directory = self._paths.working_directory(workdir)
        variables = self._environment.of_child(env or {}, defaults=defaults)
        try:
            return self._executions.start(
                argv, cwd=directory, env=variables, timeout=timeout, pipe=pipe, rich_at=rich_at
            )
        except FileNotFoundError as error:
            raise NotStartedError(NOT_FOUND, f"{argv[0]}: command not found\n") from error
        except OSError as error:
            if error.errno == errno.E2BIG:
                raise invalid_request(
                    "The command with its arguments and variables is longer than this system takes"
                ) from error
            raise NotStartedError(NOT_EXECUTABLE, f"{argv[0]}: {error.strerror}\n") from error
        except ValueError as error:
            raise invalid_request(f"Not a usable command: {error}") from error


def time_limit(seconds: float | None, default: float | None) -> float | None:
    """Null and anything not above zero mean the default."""
    return seconds if seconds is not None and seconds > 0 else default


class Commands:
    """Runs what the user asks; a program that fails is a success of the call."""

    def __init__(self, launcher: Launcher, jobs: Jobs, pausing: Pausing) -> None:
        self._launcher = launcher
        self._jobs = jobs
        self._pausing = pausing

    def routes(self) -> Iterable[Route]:
        """Foreground and background."""
        return (
            Route("POST", "/commands/run", self._run),
            Route("POST", "/commands/background", self._background),
        )

    async def _run(self, request: Call) -> Response:
        sent = await read_body(request, RunRequest)
        argv, shown = command_line(sent)
        limit = time_limit(sent.timeout, DEFAULT_TIMEOUT_SECONDS)
        try:
            execution = self.start(argv, sent, limit, captured(OUTPUT_LIMIT))
        except NotStartedError as error:
            return _answer(Outcome("", str(error), error.exit_code, 0.0, 0, False), shown)
        return _answer(await self._pausing.wait(collect(execution)), shown)

    async def _background(self, request: Call) -> Response:
        sent = await read_body(request, RunRequest)
        argv, shown = command_line(sent)
        try:
            execution: Execution[Capture] = self.start(
                argv, sent, time_limit(sent.timeout, None), captured(BACKGROUND_OUTPUT_LIMIT)
            )
        except NotStartedError as error:
            raise AgentError(400, "COMMAND_FAILED", str(error).strip()) from error
        job = self._jobs.add("cmd", execution, name=sent.name or "", language="bash", command=shown)
        return answer({**job.row(), "success": True, "message": f"Background process started: {job.id}"})

    def start(
        self, argv: list[str], sent: RunRequest, timeout: float | None, pipe: Callable[[int], P]
    ) -> Execution[P]:
        """Raises AgentError and NotStartedError."""
        workdir = sent.workdir or sent.working_dir
        return self._launcher.start(argv, workdir=workdir, env=sent.env, timeout=timeout, pipe=pipe)


def command_line(sent: RunRequest) -> tuple[list[str], str]:
    """The argv and how it is shown. Raises AgentError MISSING_PARAMETER."""
    if not sent.command:
        raise missing_parameter("command")
    if sent.args:
        argv = [sent.command, *sent.args]
        return argv, shlex.join(argv)
    return [find_shell(), "-c", sent.command], sent.command


def outcome_fields(outcome: Outcome) -> dict[str, Any]:
    """What every finished execution answers."""
    return {
        "stdout": outcome.stdout,
        "stderr": outcome.stderr,
        "exit_code": outcome.exit_code,
        "execution_time": round(outcome.seconds, 6),
        "success": outcome.exit_code == 0,
        "timed_out": outcome.timed_out,
        "timestamp": timestamp(),
    }


def _answer(outcome: Outcome, command: str) -> Response:
    return answer({**outcome_fields(outcome), "command": command, "pid": outcome.pid})
