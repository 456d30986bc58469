"""The one door of the HTTP server: host and origin, token, route, errors, counting. Nothing is read of a body
before."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Iterable

from aiohttp.abc import AbstractStreamWriter
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.http_parser import RawRequestMessage
from aiohttp.streams import StreamReader
from aiohttp.web_exceptions import HTTPException
from aiohttp.web_protocol import RequestHandler, RequestPayloadError
from aiohttp.web_request import BaseRequest
from aiohttp.web_response import Response, StreamResponse
from aiohttp.web_server import Server

from hopx_tui.agent.counters import Counters
from hopx_tui.agent.errors import AgentError
from hopx_tui.agent.http import BODY_LIMIT, Call, Route, error_body, new_id
from hopx_tui.agent.tokens import TokenVerifier


class Gate:
    """Dispatches requests to routes. `busy` holds the connections with a call in flight that a pause must
    end; `sockets` those that a pause leaves open."""

    def __init__(
        self, routes: Iterable[Route], *, verifier: TokenVerifier, allowed_hosts: Iterable[str], counters: Counters
    ) -> None:
        self._exact: dict[str, dict[str, Route]] = {}
        self._patterns: list[tuple[str, str, str, dict[str, Route]]] = []
        for route in routes:
            self._add(route)
        self._verifier = verifier
        self._hosts = {host.lower() for host in allowed_hosts}
        self._counters = counters
        self.busy: dict[str, Call] = {}
        self.sockets: dict[str, Call] = {}

    def _add(self, route: Route) -> None:
        if "{" not in route.path:
            self._exact.setdefault(route.path, {})[route.method] = route
            return
        prefix, _, rest = route.path.partition("{")
        name, _, suffix = rest.partition("}")
        for known_prefix, known_name, known_suffix, methods in self._patterns:
            if (known_prefix, known_name, known_suffix) == (prefix, name, suffix):
                methods[route.method] = route
                return
        self._patterns.append((prefix, name, suffix, {route.method: route}))

    def find(self, path: str) -> tuple[dict[str, Route], dict[str, str]]:
        """The routes of a path by method ("*" = any), with the parameters; empty where there is none."""
        exact = self._exact.get(path)
        if exact is not None:
            return exact, {}
        for prefix, name, suffix, methods in self._patterns:
            if path.startswith(prefix) and path.endswith(suffix) and len(path) > len(prefix) + len(suffix):
                value = path[len(prefix) : len(path) - len(suffix)]
                if suffix == "" or "/" not in value:
                    return methods, {name: value}
        return {}, {}

    async def __call__(self, request: BaseRequest) -> StreamResponse:
        assert isinstance(request, Call)
        started = time.perf_counter()
        request_id = new_id("req")
        request.call_id = request_id
        try:
            response = await self._dispatch(request)
        except AgentError as error:
            response = _error_response(error, request_id)
        except (RequestPayloadError, HttpProcessingError):  # gzip that is none, a part whose head is none
            refusal = AgentError(400, "INVALID_REQUEST", "The body is not what the request's head says")
            response = _error_response(refusal, request_id)
            response.force_close()
        except HTTPException as error:
            response = _error_response(AgentError(error.status, "INVALID_REQUEST", error.reason), request_id)
        finally:
            self.busy.pop(request_id, None)
            self.sockets.pop(request_id, None)
        if not response.prepared:
            response.headers["X-Request-ID"] = request_id
            if "Upgrade" in request.headers:  # the parser takes what follows for the other protocol, for ever
                response.force_close()
        self._counters.request_ended(time.perf_counter() - started, failed=response.status >= 400)
        return response

    async def _dispatch(self, request: Call) -> StreamResponse:
        self._check_source(request)
        methods, parameters = self.find(request.path)
        method = "GET" if request.method == "HEAD" and "HEAD" not in methods else request.method
        route = methods.get(method) or methods.get("*")
        if route is None or not route.open:
            self._verifier.check(request.headers.get("Authorization"))
        if route is None:
            if not methods:
                raise AgentError(404, "NOT_FOUND", f"No such endpoint: {request.path}")
            allowed = ", ".join(sorted(methods))
            raise AgentError(
                405, "METHOD_NOT_ALLOWED", f"{request.path} answers {allowed}", details={"allowed": sorted(methods)}
            )
        request.parameters = parameters
        (self.sockets if route.socket else self.busy)[request.call_id] = request
        if request.headers.get("Expect", "").lower() == "100-continue":
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            # The response's own head still has to come; aiohttp takes written bytes for it.
            request.writer.output_size = 0
        return await route.handler(request)

    def _check_source(self, request: Call) -> None:
        """A web page must not reach the agent: neither by a name that resolves to loopback nor by its own
        origin."""
        if request.headers.get("Host", "").lower() not in self._hosts:
            raise AgentError(403, "INVALID_REQUEST", "This host name is not served here")
        if "Origin" in request.headers:
            raise AgentError(403, "INVALID_REQUEST", "Requests from web pages are refused")


def _error_response(error: AgentError, request_id: str) -> Response:
    response = Response(body=error_body(error, request_id), status=error.status, content_type="application/json")
    if error.status == 405:
        response.headers["Allow"] = ", ".join(error.details.get("allowed", ()))
    return response


class Connection(RequestHandler):
    """Answers what is no HTTP, and our own bugs, in the agent's error shape; a bug's traceback goes to
    stderr."""

    __slots__ = ()

    def handle_error(
        self,
        request: BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> StreamResponse:
        request_id = getattr(request, "call_id", "") or new_id("req")
        if exc is not None and not isinstance(exc, HttpProcessingError):
            _log_bug(request, request_id, exc)
        if request.writer.output_size > 0:
            raise ConnectionError("the response had begun")
        if status >= 500:
            error = AgentError(500, "INTERNAL_ERROR", "The agent failed; its log has more")
        else:
            error = AgentError(status, "INVALID_REQUEST", "This is not a valid HTTP request")
        response = _error_response(error, request_id)
        response.headers["X-Request-ID"] = request_id
        response.force_close()
        return response


def _log_bug(request: BaseRequest, request_id: str, error: BaseException) -> None:
    import traceback

    # Where, never what: the message of an exception may hold a file's content or a variable's value.
    frames = "".join(traceback.format_tb(error.__traceback__))
    sys.stderr.write(f"{request_id} {request.method} {request.path}: {type(error).__name__}\n{frames}")
    sys.stderr.flush()


class AgentServer(Server):
    """aiohttp's server with our requests and connections."""

    def __init__(self, gate: Gate) -> None:
        super().__init__(gate, request_factory=self._make_call)

    def __call__(self) -> RequestHandler:
        return Connection(self, loop=self._loop, keepalive_timeout=75.0)

    def _make_call(
        self,
        message: RawRequestMessage,
        payload: StreamReader,
        protocol: RequestHandler,
        writer: AbstractStreamWriter,
        task: asyncio.Task[None],
    ) -> Call:
        return Call(message, payload, protocol, writer, task, self._loop, client_max_size=BODY_LIMIT)
