"""What a template runs at each start of its sandboxes, given to the sandbox's own agent."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from collections.abc import Callable

from hopx_tui.engine.events import EventLog
from hopx_tui.engine.record import Record

log = logging.getLogger(__name__)
ANSWER_SECONDS = 10.0
ANSWER_BYTES = 64 * 1024


class StartCommands:
    """Starts them in the background; a failure is an event, and the sandbox runs all the same."""

    def __init__(self, token: Callable[[str], str], events: EventLog) -> None:
        self._token = token
        self._events = events

    async def run(self, record: Record) -> None:
        """Return when the agent has taken it. Never raises for what an agent does."""
        if not record.start_command:
            return
        body = {"command": record.start_command, "name": "start command"}
        if record.workdir:
            body["workdir"] = record.workdir
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                status = await self._post(record, json.dumps(body).encode())
        except (OSError, TimeoutError, ValueError, asyncio.LimitOverrunError, asyncio.IncompleteReadError) as error:
            self._failed(record, str(error) or type(error).__name__)
            return
        if status != 200:
            self._failed(record, f"the agent answered {status}")

    async def _post(self, record: Record, body: bytes) -> int:
        reader, writer = await asyncio.open_connection("127.0.0.1", record.port, limit=ANSWER_BYTES)
        try:
            head = (
                "POST /commands/background HTTP/1.1\r\n"
                f"Host: 127.0.0.1:{record.port}\r\n"
                f"Authorization: Bearer {self._token(record.id)}\r\n"
                f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
            )
            writer.write(head.encode() + body)
            await writer.drain()
            answer = await reader.readuntil(b"\r\n")
            return int(answer.split()[1])
        except IndexError as error:
            raise ValueError("the agent answered no HTTP") from error
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    def _failed(self, record: Record, reason: str) -> None:
        log.warning("the start command of sandbox %s was not started: %s", record.id, reason)
        self._events.record("start_command_failed", record.id, reason=reason)
