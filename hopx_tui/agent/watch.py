"""`/files/watch`: what changes below a path, told as it happens.

{"action":"watch","path":P} (or "path_b64") arms a recursive watch before anything else is read; more of them watch more
paths. Nothing but {"type":"change","path","event","timestamp"} is ever sent; `renamed` bears the old path (and
"new_path" where it is known), followed by `created` for the new one ("old_path"). At most one change per path is told
every 100 ms; what came and went in between is not told. A path that cannot be watched closes the socket with 1008 and
the reason.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

import msgspec
from aiohttp.http_websocket import WSMsgType
from aiohttp.web_response import StreamResponse
from aiohttp.web_ws import WebSocketResponse

from hopx_tui.agent.counters import Counters
from hopx_tui.agent.errors import AgentError, from_os_error, invalid_request
from hopx_tui.agent.http import Call, Route, timestamp
from hopx_tui.agent.paths import Location, PathMap, display, encoded, requested
from hopx_tui.agent.tree_watch import Change, TreeWatch

TICK_SECONDS = 0.1
RESCAN_SECONDS = 1.0
RESCAN_SHARE = 10
"""A rescan may take a tenth of the time."""
PENDING_LIMIT = 10_000
"""Paths that wait to be told before the kernel's queue is left to fill up (and to end in one rescan)."""
MOST_SOCKETS = 32
MOST_PATHS = 16
LARGEST_MESSAGE = 64 << 10
REASON_BYTES = 120
POLICY_VIOLATION = 1008


class _Order(msgspec.Struct):
    action: str = ""
    path: str | None = None
    path_b64: str | None = None


class Pending:
    """Changes that wait for the next tick, at most one a path, in the order of the last that happened to each."""

    def __init__(self) -> None:
        self._changes: dict[bytes, Change] = {}
        self._next: list[Change] = []

    def __len__(self) -> int:
        return len(self._changes)

    def add(self, change: Change) -> None:
        """Merge it with what waits of the same path."""
        before = self._changes.pop(change.path, None)
        if change.kind in ("deleted", "renamed") and self._next:
            self._next = [each for each in self._next if each.path != change.path]
        if change.tree:
            below = change.path + b"/"
            for path in [path for path in self._changes if path.startswith(below)]:
                del self._changes[path]
        if before is None:
            self._changes[change.path] = change
        elif change.kind in ("deleted", "renamed"):
            if before.kind != "created":
                self._changes[change.path] = change
            # else nobody ever heard of it
        elif before.kind in ("deleted", "renamed"):
            if before.tree:
                # Both must be told, but one path is told once a tick.
                self._changes[change.path] = before
                self._next.append(change)
            else:
                self._changes[change.path] = Change(change.path, "modified")  # another one took its place
        else:
            self._changes[change.path] = before

    def take(self) -> list[Change]:
        """All that is due; what a path could not be told of twice waits for the next time."""
        taken = list(self._changes.values())
        self._changes.clear()
        following, self._next = self._next, []
        for change in following:
            self.add(change)
        return taken


class Watches:
    """The route."""

    def __init__(self, paths: PathMap, counters: Counters) -> None:
        self._paths = paths
        self._counters = counters
        self._sockets = 0

    def routes(self) -> Iterable[Route]:
        """The one websocket."""
        return (Route("GET", "/files/watch", self._serve, socket=True),)

    async def _serve(self, request: Call) -> StreamResponse:
        websocket = WebSocketResponse(compress=False, max_msg_size=LARGEST_MESSAGE)
        websocket.headers["X-Request-ID"] = request.call_id
        if not websocket.can_prepare(request):
            raise invalid_request("/files/watch is a websocket")
        if self._sockets >= MOST_SOCKETS:
            raise AgentError(409, "CONFLICT", f"{MOST_SOCKETS} watches are open; close one first")
        self._sockets += 1
        self._counters.streams += 1
        try:
            await websocket.prepare(request)
            await self._converse(websocket)
        except ConnectionError:
            # The client went away while we were sending.
            pass
        finally:
            self._sockets -= 1
            self._counters.streams -= 1
        return websocket

    async def _converse(self, websocket: WebSocketResponse) -> None:
        decoder = msgspec.json.Decoder(_Order)
        tellers: list[asyncio.Task[None]] = []
        try:
            while True:
                frame = await websocket.receive()
                if frame.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                    return
                try:
                    order = decoder.decode(frame.data)
                except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                    continue
                if order.action != "watch":
                    continue
                try:
                    if len(tellers) >= MOST_PATHS:
                        raise invalid_request(f"One socket watches at most {MOST_PATHS} paths")
                    told = await self._arm(order, websocket)
                except AgentError as error:
                    await websocket.close(code=POLICY_VIOLATION, message=_reason(error.message))
                    return
                tellers.append(asyncio.create_task(told.run()))
        finally:
            for task in tellers:
                task.cancel()
            await asyncio.gather(*tellers, return_exceptions=True)

    async def _arm(self, order: _Order, websocket: WebSocketResponse) -> Teller:
        raw = requested(order.path, order.path_b64)
        loop = asyncio.get_running_loop()
        location = await loop.run_in_executor(None, self._paths.locate, raw)
        try:
            tree = await loop.run_in_executor(None, TreeWatch, location.real)
        except OSError as error:
            raise from_os_error(error, location.text) from error
        return Teller(tree, location, websocket)


def _reason(message: str) -> bytes:
    """A close frame has room for 123 bytes."""
    return message.encode("utf-8", "replace")[:REASON_BYTES].decode("utf-8", "ignore").encode()


class Teller:
    """Tells one socket about one tree, until it is cancelled."""

    def __init__(self, tree: TreeWatch, location: Location, websocket: WebSocketResponse) -> None:
        self._tree = tree
        self._location = location
        self._websocket = websocket
        self._pending = Pending()
        self._loop = asyncio.get_running_loop()

    async def run(self) -> None:
        """Look, gather for a tick, tell, for ever. While the socket takes nothing nothing is read either."""
        try:
            while True:
                seconds = await self._look(wait=True)
                until = self._loop.time() + TICK_SECONDS
                while self._pending and len(self._pending) < PENDING_LIMIT and self._loop.time() < until:
                    await asyncio.sleep(min(0.02, max(until - self._loop.time(), 0)))
                    if self._tree.descriptor is not None:
                        await self._look(wait=False)
                for change in self._pending.take():
                    await self._websocket.send_str(self._frame(change))
                if self._tree.descriptor is None:
                    await asyncio.sleep(max(RESCAN_SECONDS, RESCAN_SHARE * seconds))
        except ConnectionError:
            # The reading side notices it too.
            pass
        finally:
            await asyncio.shield(self._loop.run_in_executor(None, self._tree.close))

    async def _look(self, *, wait: bool) -> float:
        """One step; the seconds that it took."""
        if wait and self._tree.descriptor is not None and not self._tree.waits:
            await self._readable(self._tree.descriptor)
        began = self._loop.time()
        step = self._loop.run_in_executor(None, self._tree.step)
        try:
            changes = await asyncio.shield(step)
        except asyncio.CancelledError:
            await asyncio.wait((step,))  # the tree must not be closed under its feet
            raise
        for change in changes:
            self._pending.add(change)
        return self._loop.time() - began

    async def _readable(self, descriptor: int) -> None:
        ready: asyncio.Future[None] = self._loop.create_future()

        def wake() -> None:
            if not ready.done():
                ready.set_result(None)

        self._loop.add_reader(descriptor, wake)
        try:
            await ready
        finally:
            self._loop.remove_reader(descriptor)

    def _frame(self, change: Change) -> str:
        path = self._spelled(change.path)
        frame: dict[str, Any] = {
            "type": "change",
            "path": display(path),
            "event": change.kind,
            "timestamp": timestamp(),
        }
        raw = encoded(path)
        if raw is not None:
            frame["path_b64"] = raw
        if change.other is not None:
            frame["new_path" if change.kind == "renamed" else "old_path"] = display(self._spelled(change.other))
        return msgspec.json.encode(frame).decode()

    def _spelled(self, real: bytes) -> bytes:
        return self._location.spelled.rstrip(b"/") + real[len(self._location.real.rstrip(b"/")) :]
