"""The line to the engine: one JSON object a line, orders in, answers and events out. Its end is the end of
the sandbox."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec

LINE_LIMIT = 16 << 20
Order = Callable[[], Awaitable[None]]


class _Line(msgspec.Struct):
    op: str = ""


def read_config_line(connection: socket.socket) -> tuple[bytes, bytes]:
    """Blocks for the first line: it and what came after it. Raises EOFError when the engine goes first."""
    data = bytearray()
    while (end := data.find(b"\n")) < 0:
        piece = connection.recv(65536)
        if not piece or len(data) > LINE_LIMIT:
            raise EOFError("the engine sent no configuration")
        data += piece
    return bytes(data[:end]), bytes(data[end + 1 :])


class Control:
    """`orders` by name; each is answered when it is done. `last` names the order after which `run`
    returns."""

    def __init__(self, connection: socket.socket, early: bytes, orders: Mapping[str, Order], *, last: str) -> None:
        self._connection = connection
        self._early = early
        self._orders = orders
        self._last = last
        self._writer: asyncio.StreamWriter | None = None
        self._unsent: list[Mapping[str, Any]] = []

    async def run(self, ready: Mapping[str, Any]) -> bool:
        """Announce `ready`, then obey. True after the last order, False when the engine is gone."""
        reader, self._writer = await asyncio.open_connection(sock=self._connection, limit=LINE_LIMIT)
        pending = bytearray(self._early)
        for message in (ready, *self._unsent):
            self._send(message)
        self._unsent.clear()
        try:
            while True:
                while (end := pending.find(b"\n")) >= 0:
                    line = bytes(pending[:end])
                    del pending[: end + 1]
                    if await self._obey(line):
                        await self._writer.drain()
                        return True
                piece = await reader.read(65536)
                if not piece:
                    return False
                pending += piece
        except ConnectionError:
            return False
        finally:
            self._writer.close()

    async def _obey(self, line: bytes) -> bool:
        try:
            name = msgspec.json.decode(line, type=_Line).op
        except msgspec.DecodeError:
            self._send({"op": "", "ok": False, "error": "not JSON"})
            return False
        order = self._orders.get(name)
        if order is None:
            self._send({"op": name, "ok": False, "error": "unknown"})
            return False
        await order()
        self._send({"op": name, "ok": True})
        return name == self._last

    def event(self, name: str, **fields: Any) -> None:
        """Tell the engine something unasked."""
        self._send({"op": "event", "event": name, **fields})

    def _send(self, message: Mapping[str, Any]) -> None:
        if self._writer is None:
            # Nothing may come before "ready".
            self._unsent.append(message)
        elif not self._writer.is_closing():
            self._writer.write(msgspec.json.encode(message) + b"\n")
