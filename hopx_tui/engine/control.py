"""The engine's end of the line to one agent: JSON lines over a socket pair, requests matched by their op."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from collections.abc import Callable, Mapping
from typing import Any

log = logging.getLogger(__name__)
LINE_LIMIT = 1 << 20


class ChannelError(Exception):
    """The agent hung up, or did not answer in time."""


class ControlChannel:
    """Sends operations and waits for their answers; hands unasked events to a callback."""

    def __init__(self, on_event: Callable[[dict[str, Any]], None], on_closed: Callable[[], None]) -> None:
        self._on_event = on_event
        self._on_closed = on_closed
        self._waiting: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._writer: asyncio.StreamWriter | None = None
        self._task: asyncio.Task[None] | None = None
        self.closed = False

    async def open(self, end: socket.socket) -> None:
        """Take over our end of the pair and begin to listen."""
        reader, self._writer = await asyncio.open_connection(sock=end, limit=LINE_LIMIT)
        self._task = asyncio.create_task(self._listen(reader))

    def configure(self, config: Mapping[str, Any]) -> None:
        """Write the first line, the agent's whole configuration. Secrets travel only here."""
        self._write(config)

    async def answer(self, op: str, timeout: float) -> dict[str, Any]:
        """Wait for a line with this op. Raises ChannelError."""
        if self.closed:
            raise ChannelError(f"the agent hung up before {op}")
        waiting = self._waiting.setdefault(op, asyncio.get_running_loop().create_future())
        try:
            return await asyncio.wait_for(asyncio.shield(waiting), timeout)
        except TimeoutError as error:
            raise ChannelError(f"the agent did not answer {op} within {timeout:g} s") from error
        finally:
            if not waiting.done():
                waiting.cancel()
            self._waiting.pop(op, None)

    async def request(self, op: str, timeout: float) -> dict[str, Any]:
        """Send an operation and wait for its answer. Raises ChannelError."""
        if self.closed:
            raise ChannelError(f"the agent hung up before {op}")
        self._write({"op": op})
        return await self.answer(op, timeout)

    def close(self) -> None:
        """Hang up; the agent ends everything when it notices."""
        self.closed = True
        if self._task is not None:
            self._task.cancel()
        if self._writer is not None:
            self._writer.close()

    def _write(self, line: Mapping[str, Any]) -> None:
        if self._writer is None:
            raise ChannelError("the line to the agent is not open")
        self._writer.write(json.dumps(line).encode() + b"\n")

    async def _listen(self, reader: asyncio.StreamReader) -> None:
        try:
            while line := await reader.readline():
                self._dispatch(line)
        except (OSError, ValueError) as error:
            log.warning("control line broken: %s", error)
        finally:
            already, self.closed = self.closed, True
            for waiting in self._waiting.values():
                if not waiting.done():
                    waiting.set_exception(ChannelError("the agent ended"))
                    waiting.exception()  # nobody may be waiting any more
            if self._writer is not None:
                self._writer.close()
            if not already:
                self._on_closed()

    def _dispatch(self, line: bytes) -> None:
        try:
            message = json.loads(line)
        except (ValueError, RecursionError):
            log.warning("the agent sent a line that is no JSON")
            return
        if not isinstance(message, dict):
            return
        op = str(message.get("op"))
        waiting = self._waiting.get(op)
        if op == "event":
            self._on_event(message)
        elif waiting is not None and not waiting.done():
            waiting.set_result(message)
