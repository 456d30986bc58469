"""Lets a client handle one frame before it gets the next.

The JavaScript SDK listens for one message at a time (contract 3.6): the second of two that it reads at once is lost,
and the end of a stream with it, so that its user waits for ever. How far it has read only its pongs tell: a ping
follows a frame, and the next frame follows the pong.
"""

from __future__ import annotations

import asyncio

from aiohttp.http_websocket import WSMessage, WSMsgType
from aiohttp.web_ws import WebSocketResponse

PONG_SECONDS = 1.0
# For clients that answer no pings (or are long about it).
GAP_SECONDS = 0.001


class Pace:
    """Of one socket, which must be made with `autoping=False` and be read through `receive` all the time."""

    def __init__(self, websocket: WebSocketResponse) -> None:
        self._websocket = websocket
        self._handled = asyncio.Event()
        self._handled.set()
        self._sent = 0
        self._answers = True

    async def receive(self, timeout: float | None = None) -> WSMessage:
        """The next frame that is no ping and no pong. Raises TimeoutError."""
        async with asyncio.timeout(timeout):
            while True:
                frame: WSMessage = await self._websocket.receive()
                if frame.type == WSMsgType.PING:
                    await self._websocket.pong(frame.data)
                elif frame.type == WSMsgType.PONG:
                    self._answers = True
                    if frame.data == self._mark():
                        self._handled.set()
                else:
                    return frame

    async def sent(self) -> None:
        """Ask to be told when what was sent so far is handled. Raises ConnectionError."""
        self._sent += 1
        self._handled.clear()
        await self._websocket.ping(self._mark())

    async def handled(self) -> None:
        """Until then, or until it is clear that the client does not tell."""
        if self._answers:
            try:
                await asyncio.wait_for(self._handled.wait(), PONG_SECONDS)
            except TimeoutError:
                self._answers = False
        else:
            await asyncio.sleep(GAP_SECONDS)

    def _mark(self) -> bytes:
        return b"%d" % self._sent
