"""The engine's end of the line to one agent: JSON lines over a socket pair, requests matched by their op.

The agent may ask for things as well: {"op":"ask","id":n,"ask":name,...} is answered with
{"op":"grant","id":n,"ok",...}, and a descriptor may come with a line (SCM_RIGHTS).
"""

from __future__ import annotations

import asyncio
import json
import logging
import socket
from collections.abc import Callable, Mapping
from typing import Any

from hopx_tui.engine.descriptors import Sender

log = logging.getLogger(__name__)
LINE_LIMIT = 1 << 20


class ChannelError(Exception):
    """The agent hung up, or did not answer in time."""


Granted = tuple[Mapping[str, Any], int]
"""The fields of a grant, and a descriptor to send with it (-1 = none; it stays the granter's)."""


def refuse_all(_ask: dict[str, Any]) -> Granted:
    """Grants nothing."""
    return {"ok": False, "error": "the engine does not know this"}, -1


class ControlChannel:
    """Sends operations and waits for their answers; hands unasked events to a callback, and asks to another one,
    which answers at once."""

    def __init__(
        self,
        on_event: Callable[[dict[str, Any]], None],
        on_closed: Callable[[], None],
        on_ask: Callable[[dict[str, Any]], Granted] = refuse_all,
    ) -> None:
        self._on_event = on_event
        self._on_closed = on_closed
        self._on_ask = on_ask
        self._sender: Sender | None = None
        self._waiting: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._writer: asyncio.StreamWriter | None = None
        self._task: asyncio.Task[None] | None = None
        self.closed = False

    async def open(self, end: socket.socket) -> None:
        """Take over our end of the pair and begin to listen."""
        self._sender = Sender(end.dup())
        reader, self._writer = await asyncio.open_connection(sock=end, limit=LINE_LIMIT)
        self._task = asyncio.create_task(self._listen(reader))

    def configure(self, config: Mapping[str, Any], descriptor: int = -1) -> None:
        """Write the first line, the agent's whole configuration. Secrets travel only here. `descriptor` goes with it
        and stays the caller's."""
        self._write(config, descriptor)

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
        self._hang_up()

    def _hang_up(self) -> None:
        if self._sender is not None:
            self._sender.close()
        if self._writer is not None:
            self._writer.close()

    def _write(self, line: Mapping[str, Any], descriptor: int = -1) -> None:
        if self._sender is None:
            raise ChannelError("the line to the agent is not open")
        try:
            self._sender.send(json.dumps(line).encode() + b"\n", descriptor)
        except OSError as error:  # also: no descriptor is left to duplicate
            raise ChannelError(f"the agent cannot be told: {error.strerror or error}") from error

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
            self._hang_up()
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
        elif op == "ask":
            fields, descriptor = self._on_ask(message)
            try:
                self._write({"op": "grant", "id": message.get("id"), **fields}, descriptor)
            except ChannelError as error:
                log.warning("an answer was lost: %s", error)
        elif waiting is not None and not waiting.done():
            waiting.set_result(message)
