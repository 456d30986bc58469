"""`/execute` and `/execute/background`: one short-lived interpreter per call."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import sys
from collections.abc import Callable, Iterable
from typing import NamedTuple

import msgspec
from aiohttp.web_response import Response

from hopx_tui.agent.commands import (
    BACKGROUND_OUTPUT_LIMIT,
    Launcher,
    NotStartedError,
    outcome_fields,
    time_limit,
)
from hopx_tui.agent.errors import AgentError, invalid_request, missing_parameter
from hopx_tui.agent.execution import Execution, Outcome
from hopx_tui.agent.http import Call, Route, answer, new_id, read_body
from hopx_tui.agent.jobs import Jobs
from hopx_tui.agent.pausing import Pausing

DEFAULT_TIMEOUT_SECONDS = 30.0
DEFAULT_BACKGROUND_SECONDS = 300.0
# The kernel takes 128 KiB per argument.
INLINE_BYTES = 100_000


class Interpreter(NamedTuple):
    """A language: its canonical name, the programs that run it (the first that exists), arguments before the
    code, the option that takes code as an argument (None: files only), file suffix."""

    language: str
    programs: tuple[str, ...]
    arguments: tuple[str, ...]
    inline: str | None
    suffix: str


PYTHON = Interpreter("python", ("python3", "python"), ("-u",), "-c", ".py")
NODE = Interpreter("javascript", ("node", "nodejs"), (), "-e", ".js")
BASH = Interpreter("bash", ("bash", "sh"), (), "-c", ".sh")
GO = Interpreter("go", ("go",), ("run",), None, ".go")
LANGUAGES = {
    **dict.fromkeys(("python", "python3"), PYTHON),
    **dict.fromkeys(("javascript", "js", "node", "nodejs"), NODE),
    **dict.fromkeys(("bash", "sh", "shell"), BASH),
    "go": GO,
}


class CodeRequest(msgspec.Struct):
    """The union of what the clients send; null is absent."""

    code: str | None = None
    language: str | None = None
    timeout: float | None = None
    workdir: str | None = None
    working_dir: str | None = None
    env: dict[str, str] | None = None
    name: str | None = None


def find_program(interpreter: Interpreter, search_path: str | None) -> str | None:
    """The interpreter's path; this very Python serves where the sandbox has no other."""
    for name in interpreter.programs:
        found = shutil.which(name, path=search_path)
        if found:
            return found
    return sys.executable if interpreter is PYTHON else None


def available_languages(search_path: str | None) -> list[str]:
    """Canonical names of what can run here."""
    return [each.language for each in (PYTHON, NODE, BASH, GO) if find_program(each, search_path)]


class Code:
    """Hands the code over as an argument, or, where it is too long for one, in a file of the agent's scratch
    directory."""

    def __init__(
        self, launcher: Launcher, jobs: Jobs, pausing: Pausing, *, scratch: str, search_path: Callable[[], str | None]
    ) -> None:
        self._launcher = launcher
        self._jobs = jobs
        self._pausing = pausing
        self._scratch = scratch
        self._search_path = search_path

    def routes(self) -> Iterable[Route]:
        """Foreground and background."""
        return (
            Route("POST", "/execute", self._execute),
            Route("POST", "/execute/background", self._background),
        )

    async def _execute(self, request: Call) -> Response:
        sent, interpreter = await self._read(request)
        limit = time_limit(sent.timeout, DEFAULT_TIMEOUT_SECONDS)
        try:
            file, execution = await self._start(sent, interpreter, limit, None)
            outcome = await self._pausing.wait(self._finish(file, execution))
        except NotStartedError as error:
            outcome = Outcome("", str(error), error.exit_code, 0.0, 0, False)
        return answer({**outcome_fields(outcome), "language": interpreter.language, "rich_outputs": []})

    async def _background(self, request: Call) -> Response:
        sent, interpreter = await self._read(request)
        limit = time_limit(sent.timeout, DEFAULT_BACKGROUND_SECONDS)
        try:
            _, execution = await self._start(sent, interpreter, limit, BACKGROUND_OUTPUT_LIMIT)
        except NotStartedError as error:
            raise AgentError(400, "EXECUTION_FAILED", str(error).strip()) from error
        command = f"{interpreter.programs[0]} {(sent.code or '').strip()[:200]}"
        job = self._jobs.add("proc", execution, name=sent.name or "", language=interpreter.language, command=command)
        return answer({**job.row(), "message": f"Background execution started: {job.id}", "success": True})

    async def _finish(self, file: str, execution: Execution) -> Outcome:
        outcome = await execution.outcome()
        await asyncio.get_running_loop().run_in_executor(None, _remove, file)
        return outcome

    async def _read(self, request: Call) -> tuple[CodeRequest, Interpreter]:
        sent = await read_body(request, CodeRequest)
        if sent.code is None:
            raise missing_parameter("code")
        language = (sent.language or "python").lower()
        interpreter = LANGUAGES.get(language)
        if interpreter is None:
            known = ", ".join(sorted(LANGUAGES))
            raise invalid_request(f"Unknown language {language!r}; known are {known}")
        return sent, interpreter

    async def _start(
        self, sent: CodeRequest, interpreter: Interpreter, limit: float | None, output_limit: int | None
    ) -> tuple[str, Execution]:
        program = find_program(interpreter, self._search_path())
        if program is None:
            raise NotStartedError(127, f"{interpreter.language} is not installed in this sandbox\n")
        code = (sent.code or "").encode("utf-8", "replace")
        loop = asyncio.get_running_loop()
        file = ""
        argv = [program, *interpreter.arguments]
        if interpreter.inline is not None and len(code) <= INLINE_BYTES:
            argv += [interpreter.inline, code.decode()]
        else:
            file = os.path.join(self._scratch, new_id("code") + interpreter.suffix)
            await loop.run_in_executor(None, _write, file, code)
            argv.append(file)
        try:
            execution = self._launcher.start(
                argv,
                workdir=sent.workdir or sent.working_dir,
                env=sent.env,
                timeout=limit,
                output_limit=output_limit,
            )
        except (AgentError, NotStartedError):
            await loop.run_in_executor(None, _remove, file)
            raise
        return file, execution


def _write(file: str, code: bytes) -> None:
    os.makedirs(os.path.dirname(file), exist_ok=True)
    with open(file, "wb") as handle:
        handle.write(code)


def _remove(file: str) -> None:
    if file:
        with contextlib.suppress(OSError):
            os.unlink(file)
