"""The HTTP server below the routes: what is no HTTP, and our own bugs, are answered in the API's envelope too."""

from __future__ import annotations

import logging

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.web_protocol import RequestHandler

from hopx_tui.engine.errors import ControlError
from hopx_tui.engine.gate import failure, new_request_id

log = logging.getLogger(__name__)


class Connection(RequestHandler):
    """One connection; never answers in plain text."""

    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        request_id = new_request_id()
        if exc is not None and not isinstance(exc, HttpProcessingError):
            log.error("%s %s %s", request_id, request.method, request.path, exc_info=exc)
        if request.writer.output_size > 0:
            raise ConnectionError("the response had begun")
        if status >= 500:
            error = ControlError(500, "INTERNAL", "The engine failed; its log has more")
        else:
            error = ControlError(400, "VALIDATION_ERROR", "This is not a valid HTTP request")
        response = failure(error, request_id)
        response.force_close()
        return response


class EngineServer(web.Server):
    """aiohttp's server with our connections."""

    def __init__(self, plain: web.Server) -> None:
        self._answer = plain.request_handler
        super().__init__(
            self._handle,
            request_factory=plain.request_factory,
            handler_cancellation=plain.handler_cancellation,
            loop=plain._loop,
            **plain._kwargs,
        )

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Catches what aiohttp raises before any middleware runs (an `Expect` it does not know)."""
        try:
            return await self._answer(request)
        except web.HTTPException as error:
            text = f"This request cannot be answered ({error.reason})"
            return failure(ControlError(400, "VALIDATION_ERROR", text), new_request_id())

    def __call__(self) -> RequestHandler:
        return Connection(self, loop=self._loop, **self._kwargs)


class EngineRunner(web.AppRunner):
    """Runs an application on an `EngineServer`."""

    __slots__ = ()

    async def _make_server(self) -> web.Server:
        return EngineServer(await super()._make_server())
