"""`/execute/ipython` and `/jupyter/sessions`: code whose state lives on from call to call.

The body is {code, timeout, env}; there is no working directory, as the kernel has its own, kept by its state. The
answer is `/execute`'s. The time limit includes the wait for calls before this one, not the first start of the kernel.
`DELETE /jupyter/sessions/{kernel_id}` (an extension) ends the kernel; the next call starts a new one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from aiohttp.web_response import Response

from hopx_tui.agent.code import DEFAULT_TIMEOUT_SECONDS, CodeRequest, code_answer
from hopx_tui.agent.commands import time_limit
from hopx_tui.agent.environment import check_variables
from hopx_tui.agent.errors import AgentError, missing_parameter
from hopx_tui.agent.execution import OUTPUT_LIMIT, P, captured, collect
from hopx_tui.agent.http import Call, Route, answer, path_parameter, read_body, timestamp
from hopx_tui.agent.kernel import Kernel, KernelCall
from hopx_tui.agent.pausing import Pausing


def start_call(kernel: Kernel, sent: CodeRequest, pipe: Callable[[int], P]) -> KernelCall[P]:
    """Raises AgentError."""
    if sent.code is None:
        raise missing_parameter("code")
    check_variables(sent.env or {})
    code = sent.code.encode("utf-8", "replace").decode()
    limit = time_limit(sent.timeout, None) or DEFAULT_TIMEOUT_SECONDS
    return kernel.call(code, sent.env or {}, limit, pipe)


class IPython:
    """The routes."""

    def __init__(self, kernel: Kernel, pausing: Pausing) -> None:
        self._kernel = kernel
        self._pausing = pausing

    def routes(self) -> Iterable[Route]:
        """Run, and see."""
        return (
            Route("POST", "/execute/ipython", self._execute),
            Route("GET", "/jupyter/sessions", self._sessions),
            Route("DELETE", "/jupyter/sessions/{id}", self._end),
        )

    async def _execute(self, request: Call) -> Response:
        sent = await read_body(request, CodeRequest)
        call = start_call(self._kernel, sent, captured(OUTPUT_LIMIT))
        return code_answer(await self._pausing.wait(collect(call)), "python")

    async def _sessions(self, _request: Call) -> Response:
        rows = self._kernel.sessions()
        return answer({"sessions": rows, "count": len(rows), "timestamp": timestamp()})

    async def _end(self, request: Call) -> Response:
        kernel_id = path_parameter(request, "id")
        if not await self._kernel.end(kernel_id):
            raise AgentError(404, "PROCESS_NOT_FOUND", f"No such kernel: {kernel_id}", details={"kernel_id": kernel_id})
        message = f"Kernel {kernel_id} ended; the next call starts a new one"
        return answer({"message": message, "kernel_id": kernel_id, "success": True, "timestamp": timestamp()})
