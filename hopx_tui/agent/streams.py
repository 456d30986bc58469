"""`/execute/stream`, `/stream`, `/stream/ipython` and `/commands/stream`: one execution per websocket.

The client sends one `execute` frame; output comes as it is written, and a program whose client does not read blocks
in its own `write`. Who closes early ends the program with all it started (the kernel: interrupts it). Further frames
of the client are ignored. `/stream*` send what code displays as `rich` frames, just before the result.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

import msgspec
from aiohttp.http_websocket import WSMsgType
from aiohttp.web_response import StreamResponse
from aiohttp.web_ws import WebSocketResponse

from hopx_tui.agent.code import DEFAULT_TIMEOUT_SECONDS, CodeRequest, Interpreters, checked_code
from hopx_tui.agent.commands import Commands, NotStartedError, RunRequest, command_line, time_limit
from hopx_tui.agent.counters import Counters
from hopx_tui.agent.errors import AgentError, invalid_request
from hopx_tui.agent.execution import Ending, Running
from hopx_tui.agent.frames import Frames
from hopx_tui.agent.http import Call, Route
from hopx_tui.agent.ipython import start_call
from hopx_tui.agent.kernel import Kernel
from hopx_tui.agent.pacing import Pace
from hopx_tui.agent.pipes import Flow
from hopx_tui.agent.rich import read_frames

LARGEST_MESSAGE = 64 << 20
FIRST_FRAME_SECONDS = 30.0
# For what is left to send when the program has ended; a client that does not read is then cut off.
REST_SECONDS = 60.0

T = TypeVar("T")
Begin = Callable[[bytes], Awaitable[Running[Flow]]]


class Streams:
    """The four websockets."""

    def __init__(self, interpreters: Interpreters, commands: Commands, kernel: Kernel, counters: Counters) -> None:
        self._interpreters = interpreters
        self._commands = commands
        self._kernel = kernel
        self._counters = counters

    def routes(self) -> Iterable[Route]:
        """They live on while the sandbox pauses."""
        return (
            Route("GET", "/execute/stream", self._execute, socket=True),
            Route("GET", "/stream", self._rich, socket=True),
            Route("GET", "/stream/ipython", self._ipython, socket=True),
            Route("GET", "/commands/stream", self._command, socket=True),
        )

    async def _execute(self, request: Call) -> StreamResponse:
        return await self._serve(request, lambda message: self._begin_code(message, rich=False))

    async def _rich(self, request: Call) -> StreamResponse:
        return await self._serve(request, lambda message: self._begin_code(message, rich=True))

    async def _ipython(self, request: Call) -> StreamResponse:
        return await self._serve(request, self._begin_call)

    async def _command(self, request: Call) -> StreamResponse:
        return await self._serve(request, self._begin_command)

    async def _begin_code(self, message: bytes, *, rich: bool) -> Running[Flow]:
        sent = _decoded(message, CodeRequest)
        interpreter = checked_code(sent)
        limit = time_limit(sent.timeout, DEFAULT_TIMEOUT_SECONDS)
        return await self._interpreters.start(sent, interpreter, limit, Flow, rich=rich)

    async def _begin_call(self, message: bytes) -> Running[Flow]:
        return start_call(self._kernel, _decoded(message, CodeRequest), Flow)

    async def _begin_command(self, message: bytes) -> Running[Flow]:
        sent = _decoded(message, RunRequest)
        argv, _ = command_line(sent)
        return self._commands.start(argv, sent, time_limit(sent.timeout, DEFAULT_TIMEOUT_SECONDS), Flow)

    async def _serve(self, request: Call, begin: Begin) -> StreamResponse:
        websocket = WebSocketResponse(compress=False, max_msg_size=LARGEST_MESSAGE, autoping=False)
        websocket.headers["X-Request-ID"] = request.call_id
        if not websocket.can_prepare(request):
            raise invalid_request(f"{request.path} is a websocket")
        await websocket.prepare(request)
        self._counters.streams += 1
        try:
            if await self._stream(websocket, begin):
                await websocket.close(code=1000)
            elif request.transport is not None:
                request.transport.abort()
        except ConnectionError:
            pass  # the client is gone, and its program with it
        finally:
            self._counters.streams -= 1
        return websocket

    async def _stream(self, websocket: WebSocketResponse, begin: Begin) -> bool:
        """False where the client does not read, so that not even a close would reach it."""
        pace = Pace(websocket)
        frames = Frames(websocket, pace)
        message = await _first_message(pace)
        if message is None:
            return True
        gone = asyncio.create_task(_closed(pace))
        try:
            running = await begin(message)
        except NotStartedError as error:
            await frames.output("stderr", str(error))
            await frames.result(Ending(error.exit_code, 0.0, False))
        except AgentError as error:
            await frames.error(error.message, error.code)
        else:
            return await _relay(gone, frames, running)
        finally:
            gone.cancel()
            await asyncio.gather(gone, return_exceptions=True)
        return True


def _decoded(message: bytes, shape: type[T]) -> T:
    """Raises AgentError INVALID_JSON or INVALID_REQUEST."""
    try:
        return msgspec.json.decode(message, type=shape)
    except msgspec.ValidationError as error:
        raise invalid_request(f"Invalid request: {error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise AgentError(400, "INVALID_JSON", "Invalid JSON") from error


async def _first_message(pace: Pace) -> bytes | None:
    """None where the client closes or says nothing for half a minute."""
    try:
        frame = await pace.receive(FIRST_FRAME_SECONDS)
    except TimeoutError:
        return None
    if frame.type == WSMsgType.TEXT:
        return str(frame.data).encode("utf-8", "replace")
    return bytes(frame.data) if frame.type == WSMsgType.BINARY else None


async def _closed(pace: Pace) -> None:
    while (await pace.receive()).type in (WSMsgType.TEXT, WSMsgType.BINARY):
        pass


async def _relay(gone: asyncio.Task[None], frames: Frames, running: Running[Flow]) -> bool:
    """Until the program has ended and all is sent, or the client is gone; False where it does not take the rest."""
    ending = asyncio.create_task(running.ended())
    sending = asyncio.create_task(_send_all(frames, running, ending))
    try:
        await asyncio.wait((ending, gone), return_when=asyncio.FIRST_COMPLETED)
        if not gone.done():
            await asyncio.wait((sending, gone), timeout=REST_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        return sending.done() or gone.done()
    finally:
        for task in (gone, sending):
            task.cancel()
        await asyncio.gather(gone, sending, return_exceptions=True)
        # A program that is blocked in its `write` goes on, and can be interrupted.
        running.out.discard()
        running.err.discard()
        if not ending.done():
            await running.kill()
        await ending
        running.rich_frames()


async def _send_all(frames: Frames, running: Running[Flow], ending: asyncio.Task[Ending]) -> None:
    pumps = [
        asyncio.create_task(frames.pump("stdout", running.out)),
        asyncio.create_task(frames.pump("stderr", running.err)),
    ]
    try:
        ended = await asyncio.shield(ending)
        running.out.finish()
        running.err.finish()
        await asyncio.gather(*pumps)
    finally:
        for pump in pumps:
            pump.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)
    if ended.note:
        await frames.output("stderr", f"{ended.note}\n")
    for shown in read_frames(running.rich_frames()):
        await frames.rich(shown)
    await frames.result(ended)
