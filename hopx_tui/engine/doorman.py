"""Answers on a sandbox's port while its agent cannot: 409 with the agent's error body, to every request."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import socket
from datetime import UTC, datetime

from hopx_tui.accepting import stop_accepting

HEAD_LIMIT = 64 * 1024
HEAD_SECONDS = 5.0
DRAIN_SECONDS = 1.0
MESSAGES = {
    "SANDBOX_PAUSED": "The sandbox is paused: resume it to go on.",
    "SANDBOX_STOPPED": "The sandbox is stopped: start it to go on.",
}


class Doorman:
    """Serves a dup of the sandbox's listening socket, so that the port is never silent."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._server: asyncio.Server | None = None
        self._code = "SANDBOX_STOPPED"

    async def open(self, code: str) -> None:
        """Begin to answer with this code (or change to it)."""
        self._code = code
        if self._server is None:
            self._server = await asyncio.start_server(
                self._answer, sock=self._listener.dup(), limit=HEAD_LIMIT, backlog=128
            )

    def close(self) -> None:
        """Stop accepting; connections then wait for the agent. Answers under way are finished."""
        if self._server is not None:
            stop_accepting(self._server)
            self._server = None

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), HEAD_SECONDS)
            writer.write(response(self._code))
            await writer.drain()
            writer.write_eof()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(_swallow(reader), DRAIN_SECONDS)  # a reset would eat the answer
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            writer.close()


async def _swallow(reader: asyncio.StreamReader) -> None:
    while await reader.read(1 << 16):
        pass


def response(code: str) -> bytes:
    """The whole HTTP answer, as the agent itself would word it."""
    request_id = f"req_{secrets.token_hex(8)}"
    message = MESSAGES[code]
    body = json.dumps(
        {
            "error": message,
            "message": message,
            "code": code,
            "details": {},
            "request_id": request_id,
            "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        }
    ).encode()
    head = (
        "HTTP/1.1 409 Conflict\r\n"
        "Content-Type: application/json; charset=utf-8\r\n"
        f"Content-Length: {len(body)}\r\n"
        f"X-Request-ID: {request_id}\r\n"
        "Connection: close\r\n\r\n"
    )
    return head.encode() + body
