"""The JSON frames of a streaming websocket: outputs, result, error, complete; one at a time and never two at once."""

from __future__ import annotations

import asyncio
import codecs
from typing import Any

import msgspec
from aiohttp.web_ws import WebSocketResponse

from hopx_tui.agent.execution import Ending
from hopx_tui.agent.http import timestamp
from hopx_tui.agent.pacing import Pace
from hopx_tui.agent.pipes import Flow
from hopx_tui.agent.rich import Shown

# An unbuffered Python writes "x" and its newline apart: a little output waits for what belongs to it.
SMALL_BYTES = 4096
GATHER_SECONDS = 0.002
GATHERS = 5


class Frames:
    """Sends. Raises ConnectionError once the client is gone."""

    def __init__(self, websocket: WebSocketResponse, pace: Pace) -> None:
        self._websocket = websocket
        self._pace = pace
        self._encoder = msgspec.json.Encoder()
        self._lock = asyncio.Lock()

    async def _send(self, frame: dict[str, Any]) -> None:
        async with self._lock:
            await self._pace.handled()
            # Waits while the client does not read.
            await self._websocket.send_str(self._encoder.encode(frame).decode())
            if frame["type"] != "complete":  # nothing follows
                await self._pace.sent()

    async def output(self, kind: str, text: str) -> None:
        """`kind` is stdout or stderr."""
        if text:
            await self._send({"type": kind, "data": text, "timestamp": timestamp()})

    async def pump(self, kind: str, flow: Flow) -> None:
        """All of one output, in pieces of what is there; characters stay whole."""
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        while data := await flow.read():
            for _ in range(GATHERS):
                if len(data) >= SMALL_BYTES:
                    break
                await asyncio.sleep(GATHER_SECONDS)
                data += flow.ready()
                if data.endswith(b"\n"):
                    break
            await self.output(kind, decoder.decode(data))
        await self.output(kind, decoder.decode(b"", final=True))

    async def rich(self, shown: Shown) -> None:
        """One form of one displayed value."""
        await self._send({"type": "rich", "mime": shown.mime, "data": shown.data, "timestamp": timestamp()})

    async def result(self, ending: Ending) -> None:
        """How it ended, and that this is all."""
        frame = {
            "type": "result",
            "exit_code": ending.exit_code,
            "execution_time": round(ending.seconds, 6),
            "timed_out": ending.timed_out,
            "timestamp": timestamp(),
        }
        await self._send(frame)
        await self._complete(ending.exit_code == 0)

    async def error(self, message: str, code: str) -> None:
        """A request that cannot be met; clients wait for `complete` all the same."""
        frame = {"type": "error", "error": message, "message": message, "code": code, "timestamp": timestamp()}
        await self._send(frame)
        await self._complete(False)

    async def _complete(self, success: bool) -> None:
        await self._send({"type": "complete", "success": success, "timestamp": timestamp()})
