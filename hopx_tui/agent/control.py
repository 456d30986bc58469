"""The line to the engine: one JSON object a line, orders in, answers and events out. Its end is the end of
the sandbox.

Besides, the agent asks the engine for what only the engine can do: {"op":"ask","id":n,"ask":name,...} is answered
with {"op":"grant","id":n,"ok":bool,"error"?:str,...}, and where that is what was asked for, a descriptor comes with it.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec

from hopx_tui.agent.wire import Wire, receive

LINE_LIMIT = 16 << 20
ASK_SECONDS = 10.0
Order = Callable[[], Awaitable[None]]


class AskError(Exception):
    """The engine refused, or does not answer; the text says why."""


class Grant(msgspec.Struct, frozen=True):
    """The engine's answer to an ask."""

    id: int
    ok: bool = False
    error: str = ""
    port: int = 0


class _Line(msgspec.Struct):
    op: str = ""


def read_config_line(connection: socket.socket) -> tuple[bytes, bytes, list[int]]:
    """Blocks for the first line: it, what came after it, and the descriptors that came with it. Raises EOFError when
    the engine goes first."""
    data = bytearray()
    descriptors: list[int] = []
    while (end := data.find(b"\n")) < 0:
        piece, passed = receive(connection)
        descriptors += passed
        if not piece or len(data) > LINE_LIMIT:
            raise EOFError("the engine sent no configuration")
        data += piece
    return bytes(data[:end]), bytes(data[end + 1 :]), descriptors


class Control:
    """`orders` by name; each is answered when it is done. `last` names the order after which `run`
    returns."""

    def __init__(self, connection: socket.socket, early: bytes, orders: Mapping[str, Order], *, last: str) -> None:
        self._connection = connection
        self._early = early
        self._orders = orders
        self._last = last
        self._wire: Wire | None = None
        self._unsent: list[Mapping[str, Any]] = []
        self._asked: dict[int, asyncio.Future[tuple[Grant, int | None]]] = {}
        self._asks = 0

    async def run(self, ready: Mapping[str, Any]) -> bool:
        """Announce `ready`, then obey. True after the last order, False when the engine is gone."""
        self._wire = wire = Wire(self._connection)
        for message in (ready, *self._unsent):
            self._send(message)
        self._unsent.clear()
        # Orders are obeyed one after another, but a grant must be read while an order runs.
        orders: asyncio.Queue[bytes | None] = asyncio.Queue()
        reading = asyncio.create_task(self._read(wire, orders))
        try:
            while (line := await orders.get()) is not None:
                if await self._obey(line):
                    await wire.drain()
                    return True
            return False
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
            wire.close()
            for waiting in self._asked.values():
                if not waiting.done():
                    waiting.set_exception(AskError("the engine is gone"))

    async def _read(self, wire: Wire, orders: asyncio.Queue[bytes | None]) -> None:
        pending = bytearray(self._early)
        descriptors: list[int] = []
        try:
            while True:
                while (end := pending.find(b"\n")) >= 0:
                    line = bytes(pending[:end])
                    del pending[: end + 1]
                    if not self._granted(line, descriptors):
                        orders.put_nowait(line)
                piece, passed = await wire.receive()
                descriptors += passed
                if not piece or len(pending) > LINE_LIMIT:
                    return
                pending += piece
        finally:
            for each in descriptors:
                os.close(each)
            orders.put_nowait(None)

    def _granted(self, line: bytes, descriptors: list[int]) -> bool:
        """Whether the line was the answer to an ask; it takes the oldest descriptor if it speaks of one."""
        if b'"grant"' not in line:
            return False
        try:
            if msgspec.json.decode(line, type=_Line).op != "grant":
                return False
            grant = msgspec.json.decode(line, type=Grant)
        except msgspec.DecodeError:
            return False
        descriptor = descriptors.pop(0) if grant.ok and grant.port and descriptors else None
        waiting = self._asked.pop(grant.id, None)
        if waiting is not None and not waiting.done():
            waiting.set_result((grant, descriptor))
        elif descriptor is not None:
            os.close(descriptor)
        return True

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

    async def ask(self, name: str, **fields: Any) -> tuple[Grant, int | None]:
        """Ask the engine, and wait: its answer and the descriptor that came with it, which is then the caller's.
        Raises AskError."""
        if self._wire is None or self._wire.closed:
            raise AskError("the engine does not listen")
        self._asks += 1
        number = self._asks
        waiting = self._asked[number] = asyncio.get_running_loop().create_future()
        self._send({"op": "ask", "id": number, "ask": name, **fields})
        try:
            async with asyncio.timeout(ASK_SECONDS):
                grant, descriptor = await asyncio.shield(waiting)
        except TimeoutError as error:
            raise AskError("the engine does not answer") from error
        finally:
            if not waiting.done():
                waiting.cancel()
            self._asked.pop(number, None)
        if not grant.ok:
            raise AskError(grant.error or "the engine refused")
        return grant, descriptor

    def event(self, name: str, **fields: Any) -> None:
        """Tell the engine something unasked."""
        self._send({"op": "event", "event": name, **fields})

    def _send(self, message: Mapping[str, Any]) -> None:
        if self._wire is None:
            # Nothing may come before "ready".
            self._unsent.append(message)
        else:
            self._wire.send(msgspec.json.encode(message) + b"\n")
