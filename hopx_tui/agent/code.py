"""`/execute`, `/execute/background` and `/execute/async`: one short-lived interpreter per call."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Callable, Iterable
from typing import NamedTuple

import msgspec
from aiohttp.web_response import Response

from hopx_tui.agent.callbacks import Callbacks, checked_callback
from hopx_tui.agent.commands import (
    BACKGROUND_OUTPUT_LIMIT,
    Launcher,
    NotStartedError,
    outcome_fields,
    time_limit,
)
from hopx_tui.agent.errors import AgentError, missing_parameter
from hopx_tui.agent.execution import OUTPUT_LIMIT, Ending, Outcome, P, Running, captured, collect
from hopx_tui.agent.guest import guest_command
from hopx_tui.agent.http import Call, Route, answer, new_id, read_body, timestamp
from hopx_tui.agent.jobs import Jobs
from hopx_tui.agent.languages import PYTHON, Interpreter, find_program, interpreter_of
from hopx_tui.agent.pausing import Pausing
from hopx_tui.agent.rich import read_frames, rich_fields

DEFAULT_TIMEOUT_SECONDS = 30.0
DEFAULT_BACKGROUND_SECONDS = 300.0
DEFAULT_ASYNC_SECONDS = 1800.0
CALLBACK_OUTPUT_LIMIT = 4 << 20
# The kernel takes 128 KiB per argument.
INLINE_BYTES = 100_000
# No sandbox has a screen.
PYTHON_DEFAULTS = {"MPLBACKEND": "Agg"}


class CodeRequest(msgspec.Struct):
    """The union of what the clients send; null is absent."""

    code: str | None = None
    language: str | None = None
    timeout: float | None = None
    workdir: str | None = None
    working_dir: str | None = None
    env: dict[str, str] | None = None
    name: str | None = None
    callback_url: str | None = None
    callback_headers: dict[str, str] | None = None
    callback_signature_secret: str | None = None


class _WithFile(Running[P]):
    """An execution whose code lies in a file of the agent's, removed at its end."""

    def __init__(self, inner: Running[P], file: str) -> None:
        super().__init__(inner.pid, inner.out, inner.err, inner.rich)
        self._inner = inner
        self._file = file

    async def ended(self) -> Ending:
        ending = await self._inner.ended()
        await asyncio.get_running_loop().run_in_executor(None, _remove, self._file)
        return ending

    async def kill(self) -> None:
        await self._inner.kill()


class Interpreters:
    """Starts code. It is handed over as an argument, or, where it is too long for one, in a file of the agent's
    scratch directory. Python runs under guest/capture.py."""

    def __init__(self, launcher: Launcher, *, scratch: str) -> None:
        self._launcher = launcher
        self._scratch = scratch

    async def start(
        self,
        sent: CodeRequest,
        interpreter: Interpreter,
        limit: float | None,
        pipe: Callable[[int], P],
        *,
        rich: bool = False,
    ) -> Running[P]:
        """`rich`: gather what is displayed. Raises AgentError and NotStartedError."""
        program = find_program(interpreter, self._launcher.search_path())
        if program is None:
            raise NotStartedError(127, f"{interpreter.language} is not installed in this sandbox\n")
        code = (sent.code or "").encode("utf-8", "replace")
        file = ""
        if interpreter.inline is None or len(code) > INLINE_BYTES or b"\0" in code:
            file = os.path.join(self._scratch, new_id("code") + interpreter.suffix)
            await asyncio.get_running_loop().run_in_executor(None, _write, file, code)
        command = _command(program, interpreter, code.decode(), file)
        try:
            execution = self._launcher.start(
                command.argv,
                workdir=sent.workdir or sent.working_dir,
                env=sent.env,
                timeout=limit,
                pipe=pipe,
                rich_at=command.descriptor_at if rich else None,
                defaults=PYTHON_DEFAULTS if interpreter is PYTHON else None,
            )
        except (AgentError, NotStartedError):
            await asyncio.get_running_loop().run_in_executor(None, _remove, file)
            raise
        return _WithFile(execution, file) if file else execution


class _Command(NamedTuple):
    argv: list[str]
    descriptor_at: int | None = None


def _command(program: str, interpreter: Interpreter, code: str, file: str) -> _Command:
    if interpreter is PYTHON:
        argv = guest_command(program, "capture.py", ["-1", *(("", file) if file else (code,))])
        return _Command(argv, argv.index("-1"))
    if file or interpreter.inline is None:
        return _Command([program, *interpreter.arguments, file])
    return _Command([program, *interpreter.arguments, interpreter.inline, code])


async def read_code(request: Call) -> tuple[CodeRequest, Interpreter]:
    """The request's body. Raises AgentError."""
    sent = await read_body(request, CodeRequest)
    return sent, checked_code(sent)


def checked_code(sent: CodeRequest) -> Interpreter:
    """Its language. Raises AgentError where that is unknown or there is no code."""
    if sent.code is None:
        raise missing_parameter("code")
    return interpreter_of(sent.language)


class Code:
    """The routes."""

    def __init__(self, interpreters: Interpreters, jobs: Jobs, pausing: Pausing, callbacks: Callbacks) -> None:
        self._interpreters = interpreters
        self._jobs = jobs
        self._pausing = pausing
        self._callbacks = callbacks

    def routes(self) -> Iterable[Route]:
        """Foreground, background, and with a callback at the end."""
        return (
            Route("POST", "/execute", self._execute),
            Route("POST", "/execute/background", self._background),
            Route("POST", "/execute/async", self._async),
        )

    async def _execute(self, request: Call) -> Response:
        sent, interpreter = await read_code(request)
        limit = time_limit(sent.timeout, DEFAULT_TIMEOUT_SECONDS)
        try:
            execution = await self._interpreters.start(sent, interpreter, limit, captured(OUTPUT_LIMIT), rich=True)
            outcome = await self._pausing.wait(collect(execution))
        except NotStartedError as error:
            outcome = Outcome("", str(error), error.exit_code, 0.0, 0, False)
        return code_answer(outcome, interpreter.language)

    async def _background(self, request: Call) -> Response:
        sent, interpreter = await read_code(request)
        limit = time_limit(sent.timeout, DEFAULT_BACKGROUND_SECONDS)
        try:
            execution = await self._interpreters.start(sent, interpreter, limit, captured(BACKGROUND_OUTPUT_LIMIT))
        except NotStartedError as error:
            raise AgentError(400, "EXECUTION_FAILED", str(error).strip()) from error
        job = self._jobs.add(
            "proc", execution, name=sent.name or "", language=interpreter.language, command=_shown(sent, interpreter)
        )
        return answer({**job.row(), "message": f"Background execution started: {job.id}", "success": True})

    async def _async(self, request: Call) -> Response:
        sent, interpreter = await read_code(request)
        callback = checked_callback(sent.callback_url, sent.callback_headers, sent.callback_signature_secret)
        limit = time_limit(sent.timeout, DEFAULT_ASYNC_SECONDS)
        try:
            execution = await self._interpreters.start(sent, interpreter, limit, captured(CALLBACK_OUTPUT_LIMIT))
        except NotStartedError as error:
            raise AgentError(400, "EXECUTION_FAILED", str(error).strip()) from error
        job = self._jobs.add(
            "proc",
            execution,
            name=sent.name or "",
            language=interpreter.language,
            command=_shown(sent, interpreter),
            then=self._callbacks.after(callback),
        )
        return answer(
            {
                "execution_id": job.execution_id,
                "process_id": job.id,
                "status": "queued",
                "callback_url": callback.url,
                "message": f"The code runs; its result will be sent to {callback.url}",
                "timestamp": timestamp(),
                "success": True,
            }
        )


def code_answer(outcome: Outcome, language: str) -> Response:
    """What `/execute` and `/execute/ipython` answer."""
    rich = rich_fields(read_frames(outcome.rich))
    return answer({**outcome_fields(outcome), "language": language, **rich})


def _shown(sent: CodeRequest, interpreter: Interpreter) -> str:
    return f"{interpreter.programs[0]} {(sent.code or '').strip()[:200]}"


def _write(file: str, code: bytes) -> None:
    os.makedirs(os.path.dirname(file), exist_ok=True)
    with open(file, "wb") as handle:
        handle.write(code)


def _remove(file: str) -> None:
    if file:
        with contextlib.suppress(OSError):
            os.unlink(file)
