"""`GET /terminal`: one shell per websocket. One frame is sent, then the next is read: that is the whole
back-pressure. With `?session=NAME` the shell outlives the socket (sessions.py)."""

from __future__ import annotations

import asyncio
import codecs
import time
from collections.abc import Callable, Iterable

import msgspec
from aiohttp.web_response import StreamResponse
from aiohttp.web_ws import WebSocketResponse

from hopx_tui.agent.children import Children
from hopx_tui.agent.counters import Counters
from hopx_tui.agent.environment import Environment
from hopx_tui.agent.errors import AgentError
from hopx_tui.agent.http import Call, Route, query_int
from hopx_tui.agent.pacing import Pace
from hopx_tui.agent.paths import PathMap
from hopx_tui.agent.pty import PtySession
from hopx_tui.agent.sessions import Sessions
from hopx_tui.agent.shell import interactive_shell
from hopx_tui.agent.terminal_frames import LARGEST_MESSAGE, LARGEST_SIZE, FrameReader, small_send_buffer


class Terminals:
    """Serves terminals; `leaders` are the process ids of the open ones' shells, and so their sessions' ids. `clock`
    stands still while the sandbox is paused."""

    def __init__(
        self,
        children: Children,
        environment: Environment,
        paths: PathMap,
        counters: Counters,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._children = children
        self._environment = environment
        self._paths = paths
        self._counters = counters
        self.leaders: set[int] = set()
        self._sessions = Sessions(self._open, counters, self.leaders, clock=clock)

    def routes(self) -> Iterable[Route]:
        """The one websocket, and what there is about named sessions."""
        return (Route("GET", "/terminal", self._serve, socket=True), *self._sessions.routes())

    async def close(self) -> None:
        """End the named sessions; plain terminals end with their sockets."""
        await self._sessions.close()

    async def _serve(self, request: Call) -> StreamResponse:
        name = request.query.get("session")
        if name is not None:
            return await self._sessions.serve(request, name)
        columns = query_int(request, "cols", low=1, high=LARGEST_SIZE) or 80
        lines = query_int(request, "rows", low=1, high=LARGEST_SIZE) or 24
        websocket = WebSocketResponse(compress=False, max_msg_size=LARGEST_MESSAGE, autoping=False)
        websocket.headers["X-Request-ID"] = request.call_id
        if not websocket.can_prepare(request):
            raise AgentError(400, "INVALID_REQUEST", "/terminal is a websocket")
        session = self._open(columns, lines)
        self._counters.streams += 1
        self.leaders.add(session.child.pid)
        try:
            await websocket.prepare(request)
            small_send_buffer(request)
            await _join(websocket, session)
        except ConnectionError:
            # The client went away while we were sending; the hang-up below is all there is to do.
            pass
        finally:
            self._counters.streams -= 1
            await session.hang_up()
            self.leaders.discard(session.child.pid)
        return websocket

    def _open(self, columns: int, lines: int) -> PtySession:
        defaults = {"TERM": "xterm-256color", "COLORTERM": "truecolor"}
        argv, shell = interactive_shell(self._environment.of_child())
        variables = self._environment.of_child(defaults={**defaults, **shell})
        directory = self._paths.working_directory(None)
        try:
            return PtySession.start(self._children, argv, cwd=directory, env=variables, columns=columns, lines=lines)
        except OSError as error:
            raise AgentError(400, "COMMAND_FAILED", f"No terminal could be started: {error.strerror}") from error


async def _join(websocket: WebSocketResponse, session: PtySession) -> None:
    """Until the shell has ended and all of its output is sent, or the socket closes."""
    pace = Pace(websocket)
    output = asyncio.create_task(_send_output(websocket, pace, session))
    keys = asyncio.create_task(_take_input(pace, session))
    try:
        await asyncio.wait((output, keys), return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (output, keys):
            task.cancel()
        results = await asyncio.gather(output, keys, return_exceptions=True)
    for result in results:
        if isinstance(result, BaseException) and not isinstance(result, asyncio.CancelledError):
            raise result
    if not websocket.closed:
        await websocket.close(code=1000)


async def _send_output(websocket: WebSocketResponse, pace: Pace, session: PtySession) -> None:
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    encoder = msgspec.json.Encoder()
    while data := await session.read():
        text = decoder.decode(data)
        if text:
            await websocket.send_str(encoder.encode({"type": "output", "data": text}).decode())
            # A send that fits the buffer does not yield; keys must get their turn.
            await asyncio.sleep(0)
    rest = decoder.decode(b"", final=True)
    if rest:
        await websocket.send_str(encoder.encode({"type": "output", "data": rest}).decode())
    code = session.exited.result() if session.exited.done() else 0
    # Pacing all of the output would be felt; losing its end would be waited for.
    await pace.sent()
    await pace.handled()
    await websocket.send_str(encoder.encode({"type": "exit", "code": code}).decode())


async def _take_input(pace: Pace, session: PtySession) -> None:
    reader = FrameReader(pace.receive)
    while (message := await reader.next()) is not None:
        if message.type == "input":
            await session.write(message.data.encode("utf-8", "replace"))
        elif message.is_resize:
            session.resize(message.cols, message.rows)
