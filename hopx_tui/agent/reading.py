"""Opens files with care, reads text, and sends whole files with constant memory."""

from __future__ import annotations

import asyncio
import codecs
import os
import stat
from collections.abc import Callable, Mapping
from typing import IO, Any, NamedTuple
from urllib.parse import quote

import msgspec
from aiohttp.web_response import Response, StreamResponse

from hopx_tui.agent.errors import AgentError, invalid_path, operation_failed, os_errors
from hopx_tui.agent.http import Call
from hopx_tui.agent.paths import Location, encoded

TEXT_LIMIT = 16 << 20
LARGE = 1 << 20
SEND_SECONDS = 60.0
CHUNK = 256 << 10
BINARY_PROBE = 8192


def open_regular(location: Location) -> IO[bytes]:
    """A regular file, opened without following into a FIFO or device: those would block for ever. Raises
    AgentError."""
    with os_errors(location.text):
        descriptor = os.open(location.real, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        what = "a directory" if stat.S_ISDIR(mode) else "not a regular file"
        raise invalid_path(f"{location.text} is {what}", location.text)
    return os.fdopen(descriptor, "rb", buffering=0)


def read_text(location: Location, limit: int | None) -> dict[str, Any]:
    """The answer of `/files/read`: at most `limit` bytes (and never more than `TEXT_LIMIT`), cut before a character
    that does not fit. For a thread."""
    with open_regular(location) as file, os_errors(location.text):
        size = os.fstat(file.fileno()).st_size
        if limit is None and size > TEXT_LIMIT:
            raise operation_failed(
                f"{location.text} is too large to read as text ({size} bytes, at most {TEXT_LIMIT}); "
                "get it from /files/download, or pass a limit",
                location.text,
            )
        wanted = TEXT_LIMIT if limit is None else min(limit, TEXT_LIMIT)
        data = _read_up_to(file, wanted + 1)
    truncated = len(data) > wanted
    data = data[:wanted]
    text, valid = _decode(data, truncated)
    answer: dict[str, Any] = {
        "content": text,
        "path": location.text,
        # Files of /proc claim to be empty.
        "size": max(size, len(data)),
        "truncated": truncated,
        "binary": not valid or b"\0" in data[:BINARY_PROBE],
    }
    raw = encoded(location.spelled)
    if raw is not None:
        answer["path_b64"] = raw
    return answer


class TextReader:
    """Answers `/files/read`. Large files go one at a time, until the client has them: each is held several times
    over (bytes, text, JSON), and eight at once would not fit a small sandbox."""

    def __init__(self) -> None:
        self._turn = asyncio.Lock()

    async def answer(self, request: Call, locate: Callable[[], Location], limit: int | None) -> StreamResponse:
        """The response, sent already where it is large. Raises AgentError."""
        loop = asyncio.get_running_loop()
        location, size = await loop.run_in_executor(None, _measured, locate)
        if min(size, TEXT_LIMIT if limit is None else limit) <= LARGE:
            body = await loop.run_in_executor(None, _encoded_text, location, limit)
            return Response(body=body, content_type="application/json")
        async with self._turn:
            body = await loop.run_in_executor(None, _encoded_text, location, limit)
            response = StreamResponse(headers={"Content-Type": "application/json", "X-Request-ID": request.call_id})
            response.content_length = len(body)
            try:
                async with asyncio.timeout(SEND_SECONDS):
                    await response.prepare(request)
                    for start in range(0, len(body) if request.method != "HEAD" else 0, CHUNK):
                        await response.write(body[start : start + CHUNK])
                    await response.write_eof()
            except TimeoutError as error:
                if request.transport is not None:
                    request.transport.abort()
                raise ConnectionResetError("the client does not take the answer") from error
            return response


def _measured(locate: Callable[[], Location]) -> tuple[Location, int]:
    """Where it is and its size; 0 where it will turn out that there is nothing to read."""
    location = locate()
    try:
        return location, os.stat(location.real).st_size
    except (OSError, ValueError):
        return location, 0


def _encoded_text(location: Location, limit: int | None) -> bytes:
    return msgspec.json.encode(read_text(location, limit))


def _read_up_to(file: IO[bytes], count: int) -> bytes:
    pieces: list[bytes] = []
    while count > 0:
        piece = file.read(min(count, 4 << 20))
        if not piece:
            break
        pieces.append(piece)
        count -= len(piece)
    return b"".join(pieces)


def _decode(data: bytes, truncated: bool) -> tuple[str, bool]:
    try:
        return codecs.getincrementaldecoder("utf-8")("strict").decode(data, final=not truncated), True
    except UnicodeDecodeError:
        return data.decode("utf-8", "replace"), False


class Span(NamedTuple):
    """Which bytes of a file are asked for; `partial` where it is not all of them."""

    start: int
    length: int
    partial: bool


def requested_span(headers: Mapping[str, str], size: int, etag: str) -> Span:
    """One range of `Range`; several, or malformed ones, mean the whole file as RFC 9110 allows. Raises
    AgentError 416."""
    whole = Span(0, size, False)
    unit, _, ranges = headers.get("Range", "").partition("=")
    if unit.strip().lower() != "bytes" or headers.get("If-Range", etag) != etag:
        return whole
    first, dash, last = ranges.strip().partition("-")
    if not dash or not all(not part or (part.isascii() and part.isdecimal()) for part in (first, last)):
        return whole
    if first:
        start, end = int(first), min(int(last) if last else size - 1, size - 1)
        if last and int(last) < start:
            return whole
    elif last:
        start, end = max(size - int(last), 0), size - 1
    else:
        return whole
    if start >= size or end < start:
        raise AgentError(416, "INVALID_REQUEST", f"The file has {size} bytes", details={"size": size})
    return Span(start, end - start + 1, True)


async def send_file(request: Call, location: Location) -> StreamResponse:
    """The file's bytes, by sendfile. A file that shrinks meanwhile breaks the connection rather than being
    padded."""
    loop = asyncio.get_running_loop()
    file = await loop.run_in_executor(None, open_regular, location)
    try:
        status = os.fstat(file.fileno())
        etag = f'"{status.st_mtime_ns:x}-{status.st_size:x}"'
        span = requested_span(request.headers, status.st_size, etag)
        response = StreamResponse(status=206 if span.partial else 200)
        response.headers.update(_file_headers(location, etag, request.call_id))
        if span.partial:
            end = span.start + span.length - 1
            response.headers["Content-Range"] = f"bytes {span.start}-{end}/{status.st_size}"
        sized = status.st_size > 0
        if sized:
            response.content_length = span.length
        await response.prepare(request)
        if request.method != "HEAD":
            if sized:
                await _send_span(request, file, span)
            else:
                # Files of /proc have content and no size.
                await _send_unsized(response, file)
        await response.write_eof()
    finally:
        file.close()
    return response


def _file_headers(location: Location, etag: str, request_id: str) -> dict[str, str]:
    name = quote(location.spelled.rsplit(b"/", 1)[-1])
    return {
        "Content-Type": "application/octet-stream",
        "Content-Disposition": f"attachment; filename*=UTF-8''{name}",
        "Accept-Ranges": "bytes",
        "ETag": etag,
        "X-Request-ID": request_id,
        "X-Content-Type-Options": "nosniff",
    }


async def _send_span(request: Call, file: IO[bytes], span: Span) -> None:
    transport = request.transport
    if transport is None:
        raise ConnectionResetError("the client is gone")
    loop = asyncio.get_running_loop()
    sent = await loop.sendfile(transport, file, span.start, span.length)
    if sent < span.length:
        transport.abort()
        raise ConnectionResetError("the file shrank while it was sent")


async def _send_unsized(response: StreamResponse, file: IO[bytes]) -> None:
    loop = asyncio.get_running_loop()
    while data := await loop.run_in_executor(None, file.read, CHUNK):
        await response.write(data)
