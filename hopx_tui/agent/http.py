"""The small vocabulary all routes are written in: a route, its request's parameters and body, its JSON
answer."""

from __future__ import annotations

import os
import time
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, TypeVar

import msgspec
from aiohttp.web_request import BaseRequest
from aiohttp.web_response import Response, StreamResponse

from hopx_tui.agent.errors import AgentError, invalid_request, missing_parameter

T = TypeVar("T")
BODY_LIMIT = 512 << 20


class Call(BaseRequest):
    """A request with what the gate found out: its id, and the route's `{name}` parameter."""

    ATTRS = BaseRequest.ATTRS | frozenset(("call_id", "parameters"))
    call_id: str
    parameters: dict[str, str]


Handler = Callable[[Call], Awaitable[StreamResponse]]


class Route(NamedTuple):
    """`path` is exact, or ends in or contains ONE `{name}` segment. `open` routes answer without a token;
    `socket` routes live on while the sandbox pauses."""

    method: str
    path: str
    handler: Handler
    open: bool = False
    socket: bool = False


def timestamp(at: float | None = None) -> str:
    """RFC 3339 with milliseconds, UTC."""
    now = time.time() if at is None else at
    whole = int(now // 1)
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(whole)) + f".{int((now - whole) * 1000):03d}Z"


def new_id(prefix: str) -> str:
    """`prefix_` and 64 random bits."""
    return f"{prefix}_{os.urandom(8).hex()}"


def answer(value: dict[str, Any], status: int = 200) -> Response:
    """A JSON object."""
    return Response(body=msgspec.json.encode(value), status=status, content_type="application/json")


def error_body(error: AgentError, request_id: str) -> bytes:
    """The JSON of contract 2.3; `message` repeats `error`, as some clients read only one of them."""
    body: dict[str, Any] = {
        "error": error.message,
        "message": error.message,
        "code": error.code,
        "request_id": request_id,
        "timestamp": timestamp(),
        "details": error.details,
    }
    if error.path is not None:
        body["path"] = error.path
    return msgspec.json.encode(body)


async def read_body(request: Call, shape: type[T]) -> T:
    """The JSON body as `shape`; an empty body is an empty object. Raises AgentError INVALID_JSON or
    INVALID_REQUEST."""
    raw = await request.read()
    try:
        return msgspec.json.decode(raw.strip() or b"{}", type=shape)
    except msgspec.ValidationError as error:
        raise invalid_request(f"Invalid request: {error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise AgentError(400, "INVALID_JSON", f"Invalid JSON: {error}") from error
    except RecursionError as error:
        raise AgentError(400, "INVALID_JSON", "Invalid JSON: it is nested too deeply") from error


def query_int(request: Call, name: str, *, low: int, high: int) -> int | None:
    """A whole number of the query, None where absent. Raises AgentError INVALID_REQUEST outside low..high."""
    text = request.query.get(name)
    if text is None or text == "":
        return None
    if not text.isascii() or not text.isdecimal() or len(text) > 18 or not low <= int(text) <= high:
        raise invalid_request(f"{name} must be a whole number from {low} to {high}")
    return int(text)


def path_parameter(request: Call, name: str) -> str:
    """The `{name}` segment of the route."""
    value = request.parameters.get(name, "")
    if not value:
        raise missing_parameter(name)
    return value
