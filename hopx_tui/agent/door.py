"""Accepts connections on a descriptor shared with the engine; shuts for a pause and opens again."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from typing import Protocol

from aiohttp.web_server import Server

from hopx_tui.accepting import stop_accepting
from hopx_tui.agent.gate import Gate
from hopx_tui.agent.pausing import Pausing

BACKLOG = 512
CALL_GRACE_SECONDS = 0.7
CUT_GRACE_SECONDS = 0.2
_POLL_SECONDS = 0.01
_TURNS = 10
"""Of the loop, in which a connection that was just accepted is made and its call begins (five do)."""


class Pausable(Protocol):
    """What must know of a pause besides the HTTP server. Both are quick, and idempotent."""

    def pause(self) -> None:
        """Every process is about to be frozen."""

    def resume(self) -> None:
        """They run again."""


class Door:
    """The listening socket stays open while the door is shut: connections wait in its backlog for whoever
    accepts next."""

    def __init__(
        self,
        listener: socket.socket,
        server: Server,
        gate: Gate,
        pausing: Pausing,
        pausables: Sequence[Pausable] = (),
    ) -> None:
        self._listener = listener
        self._server = server
        self._gate = gate
        self._pausing = pausing
        self._pausables = pausables
        self._accepting: asyncio.Server | None = None

    async def open(self) -> None:
        """Accept."""
        self._pausing.end()
        for each in self._pausables:
            each.resume()
        if self._accepting is None:
            own = self._listener.dup()
            self._accepting = await asyncio.get_running_loop().create_server(self._server, sock=own, backlog=BACKLOG)

    async def shut(self) -> None:
        """Stop accepting; finish calls in flight, or cut them, within a second; close idle connections.
        Sockets stay."""
        if self._accepting is not None:
            stop_accepting(self._accepting)
            self._accepting = None
        self._pausing.begin()
        for each in self._pausables:
            each.pause()
        for _ in range(_TURNS):
            await asyncio.sleep(0)
        self._close_idle()
        await self._until_idle(CALL_GRACE_SECONDS)
        for request in list(self._gate.busy.values()):
            if request.transport is not None:
                request.transport.abort()
        await self._until_idle(CUT_GRACE_SECONDS)

    def _close_idle(self) -> None:
        kept = {request.protocol for request in self._gate.sockets.values()}
        busy = {request.protocol for request in self._gate.busy.values()}
        for connection in self._server.connections:
            if connection in busy:
                connection.close()
            elif connection not in kept:
                # `close` alone would end the connection's task and leave its client waiting.
                connection.force_close()

    async def _until_idle(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        # A moment for answers that are ready to leave, and for closed connections to be gone.
        await asyncio.sleep(0)
        while self._gate.busy and loop.time() < deadline:
            await asyncio.sleep(_POLL_SECONDS)
        await asyncio.sleep(_POLL_SECONDS)
