"""Lets a pause cut long calls: whoever waits long waits here."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from hopx_tui.agent.errors import AgentError

T = TypeVar("T")


class Pausing:
    """`active` while the engine freezes the sandbox."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Future[None]] = set()
        self._left: set[asyncio.Task[Any]] = set()
        self.active = False

    def begin(self) -> None:
        """Answer every waiting call with 409 SANDBOX_PAUSED; what it waits for goes on after the thaw."""
        self.active = True
        for future in self._waiting:
            if not future.done():
                future.set_result(None)

    def end(self) -> None:
        """The sandbox runs again."""
        self.active = False

    async def wait(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of `work`. Raises AgentError 409 when a pause comes first; `work` is then left running.

        Cancellation (the client is gone) leaves `work` running as well: it ends by its own time limit.
        """
        task = asyncio.ensure_future(work)
        paused: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.add(paused)
        # The loop holds tasks weakly, and a task that is left behind has no reader of its error.
        self._left.add(task)
        task.add_done_callback(self._forget)
        try:
            await asyncio.wait((task, paused), return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._waiting.discard(paused)
        if task.done():
            return task.result()
        raise AgentError(
            409, "SANDBOX_PAUSED", "The sandbox was paused while this call ran; its work goes on after resume"
        )

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._left.discard(task)
        if not task.cancelled():
            task.exception()
