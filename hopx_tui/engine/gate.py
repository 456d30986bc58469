"""What every request passes: request id, Host and Origin, the key; and every answer: JSON, whatever happened."""

from __future__ import annotations

import hmac
import json
import logging
import re
import secrets
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.typedefs import Middleware

from hopx_tui.engine.errors import ControlError

log = logging.getLogger(__name__)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_GIVEN_ID = re.compile(r"[A-Za-z0-9._-]{1,80}")
OPEN_PATHS = frozenset({"/health"})
OPEN_PREFIX = "/uploads/"  # signed links: their handler checks them before anything else
CODES = {404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED", 413: "PAYLOAD_TOO_LARGE"}


class Gate:
    """The middleware. `port` is that of the engine; `on_request` hears of every request (idleness)."""

    def __init__(self, api_key: str, port: int, on_request: Callable[[], None]) -> None:
        self._api_key = api_key.encode()
        self._hosts = frozenset({f"127.0.0.1:{port}", f"localhost:{port}"})
        self._origins = frozenset(f"http://{host}" for host in self._hosts)
        self._on_request = on_request

    def middleware(self) -> Middleware:
        """For `web.Application(middlewares=[...])`."""

        @web.middleware
        async def pass_gate(request: web.Request, handler: Handler) -> web.StreamResponse:
            given = request.headers.get("X-Request-ID", "")
            request_id = given if _GIVEN_ID.fullmatch(given) else new_request_id()
            request["request_id"] = request_id
            try:
                self._check(request)
                self._on_request()
                response = await handler(request)
            except ControlError as error:
                response = failure(error, request_id)
                if error.status == 429:
                    response.headers["Retry-After"] = str(error.details.get("retry_after_seconds", 1))
            except OSError as error:
                log.exception("%s %s", request.method, request.path)
                words = ControlError(500, "INTERNAL", f"The engine could not do it: {error.strerror or 'I/O error'}")
                response = failure(words, request_id)
            except (HttpProcessingError, web.RequestPayloadError):  # a body that is not what its headers say
                response = failure(ControlError(400, "VALIDATION_ERROR", "The request body is broken"), request_id)
                response.force_close()
            except web.HTTPException as error:
                response = self._plain(request, error)
            response.headers["X-Request-ID"] = request_id
            if "Upgrade" in request.headers:  # the parser takes what follows for the other protocol, for ever
                response.force_close()
            return response

        return pass_gate

    def _check(self, request: web.Request) -> None:
        if request.headers.get("Host", "").lower() not in self._hosts:
            raise ControlError(403, "FORBIDDEN", "This Host is not served here (use 127.0.0.1)")
        origin = request.headers.get("Origin")
        if origin is not None and origin.lower() not in self._origins:
            raise ControlError(403, "FORBIDDEN", "Requests from other web pages are refused")
        is_open = request.path in OPEN_PATHS or request.path.startswith(OPEN_PREFIX)
        if not is_open and not self._is_known(request):
            raise ControlError(401, "UNAUTHORIZED", "Invalid or missing API key")

    def _is_known(self, request: web.Request) -> bool:
        given = request.headers.get("X-API-Key")
        if given is None:
            scheme, _, rest = request.headers.get("Authorization", "").partition(" ")
            given = rest.strip() if scheme.lower() == "bearer" else ""
        return hmac.compare_digest(given.encode(errors="surrogateescape"), self._api_key)

    @staticmethod
    def _plain(request: web.Request, error: web.HTTPException) -> web.Response:
        code = CODES.get(error.status, "BAD_REQUEST" if error.status < 500 else "INTERNAL")
        words = ControlError(error.status, code, f"{error.reason}: {request.method} {request.path[:200]}")
        response = failure(words, request["request_id"])
        if "Allow" in error.headers:
            response.headers["Allow"] = error.headers["Allow"]
        return response


def answer(request: web.Request, body: dict[str, Any], status: int = 200) -> web.Response:
    """A JSON answer with the request's id in it."""
    body.setdefault("request_id", request["request_id"])
    return _json(body, status)


def failure(error: ControlError, request_id: str) -> web.Response:
    """The answer an error is told in."""
    response = _json({**error.envelope(request_id), "request_id": request_id}, error.status)
    response.headers["X-Request-ID"] = request_id
    return response


def new_request_id() -> str:
    """For a request that brought none."""
    return f"req_{secrets.token_hex(10)}"


def _json(body: dict[str, Any], status: int) -> web.Response:
    return web.Response(
        body=json.dumps(body, ensure_ascii=True).encode(),
        status=status,
        content_type="application/json",
        charset="utf-8",
    )
