"""The `/files/*` routes but upload. Whatever touches the disk runs in a thread."""

from __future__ import annotations

import asyncio
import base64
import binascii
import os
from collections.abc import Iterable

import msgspec
from aiohttp.web_response import Response, StreamResponse

from hopx_tui.agent.disk import DiskWatch
from hopx_tui.agent.errors import AgentError, invalid_request, missing_parameter, os_errors
from hopx_tui.agent.http import Call, Route, answer, query_int, read_body, timestamp
from hopx_tui.agent.listing import listing_chunks
from hopx_tui.agent.paths import Location, PathMap, encoded, requested
from hopx_tui.agent.reading import TextReader, send_file
from hopx_tui.agent.writing import make_directory, parse_mode, remove, write_file

LARGEST_LIMIT = 1 << 30


class _WriteBody(msgspec.Struct):
    path: str | None = None
    path_b64: str | None = None
    content: str | None = None
    mode: str | int | None = None
    encoding: str | None = None
    overwrite: bool | None = None


class _PathBody(msgspec.Struct):
    path: str | None = None
    path_b64: str | None = None


def changed(location: Location, size: int, message: str) -> Response:
    """The contract's FileResponse."""
    raw = encoded(location.spelled)
    return answer(
        {
            "success": True,
            "path": location.text,
            "size": size,
            "message": message,
            "timestamp": timestamp(),
            **({"path_b64": raw} if raw is not None else {}),
        }
    )


def _requested_by_query(request: Call, default: bytes | None = None) -> bytes:
    return requested(request.query.get("path"), request.query.get("path_b64"), default)


class Files:
    """Files of the sandbox."""

    def __init__(self, paths: PathMap, disk: DiskWatch) -> None:
        self._paths = paths
        self._disk = disk
        self._texts = TextReader()

    def routes(self) -> Iterable[Route]:
        """Seven of the eight."""
        return (
            Route("GET", "/files/list", self._list),
            Route("GET", "/files/read", self._read),
            Route("GET", "/files/download", self._download),
            Route("GET", "/files/exists", self._exists),
            Route("POST", "/files/write", self._write),
            Route("POST", "/files/mkdir", self._mkdir),
            Route("DELETE", "/files/remove", self._remove),
        )

    async def _list(self, request: Call) -> StreamResponse:
        raw = _requested_by_query(request, default=b".")
        loop = asyncio.get_running_loop()
        location = await loop.run_in_executor(None, self._listed, raw)
        chunks = listing_chunks(location, self._paths)

        def following() -> bytes:
            return next(chunks, b"")

        with os_errors(location.text):
            first = await loop.run_in_executor(None, following)
        second = await loop.run_in_executor(None, following)
        if not second:
            return Response(body=first, content_type="application/json")
        response = StreamResponse(headers={"Content-Type": "application/json", "X-Request-ID": request.call_id})
        await response.prepare(request)
        await response.write(first)
        while second:
            await response.write(second)
            second = await loop.run_in_executor(None, following)
        await response.write_eof()
        return response

    def _listed(self, raw: bytes) -> Location:
        if raw == b"/" and self._paths.roots():
            return Location(b"/", b"/")
        return self._paths.locate(raw)

    async def _read(self, request: Call) -> StreamResponse:
        raw = _requested_by_query(request)
        limit = query_int(request, "limit", low=0, high=LARGEST_LIMIT)
        return await self._texts.answer(request, lambda: self._paths.locate(raw), limit)

    async def _download(self, request: Call) -> StreamResponse:
        raw = _requested_by_query(request)
        location = await asyncio.get_running_loop().run_in_executor(None, self._paths.locate, raw)
        return await send_file(request, location)

    async def _exists(self, request: Call) -> Response:
        raw = _requested_by_query(request)

        def work() -> tuple[Location, bool]:
            location = self._paths.locate(raw, follow=False)
            try:
                return location, os.path.lexists(location.real)
            except (OSError, ValueError):
                return location, False

        location, exists = await asyncio.get_running_loop().run_in_executor(None, work)
        return answer({"exists": exists, "path": location.text})

    async def _write(self, request: Call) -> Response:
        body = await read_body(request, _WriteBody)
        raw = requested(body.path, body.path_b64)
        if body.content is None:
            raise missing_parameter("content")
        text, encoding = body.content, (body.encoding or "utf-8").lower()
        mode = parse_mode(body.mode)
        overwrite = body.overwrite is not False

        def work() -> tuple[Location, int]:
            content = _content(text, encoding)
            location = self._paths.locate_for_writing(raw)
            write_file(location, content, mode=mode, overwrite=overwrite, disk=self._disk)
            return location, len(content)

        location, size = await asyncio.get_running_loop().run_in_executor(None, work)
        return changed(location, size, f"Wrote {location.text}")

    async def _mkdir(self, request: Call) -> Response:
        body = await read_body(request, _PathBody)
        raw = requested(body.path, body.path_b64)

        def work() -> Location:
            location = self._paths.locate_for_writing(raw)
            make_directory(location)
            return location

        location = await asyncio.get_running_loop().run_in_executor(None, work)
        return changed(location, 0, f"Created {location.text}")

    async def _remove(self, request: Call) -> Response:
        raw = _requested_by_query(request)

        def work() -> tuple[Location, int]:
            location = self._paths.locate_for_writing(raw, follow=False)
            return location, remove(location, self._paths)

        location, size = await asyncio.get_running_loop().run_in_executor(None, work)
        return changed(location, size, f"Removed {location.text}")


def _content(text: str, encoding: str) -> bytes:
    if encoding == "base64":
        try:
            return base64.b64decode("".join(text.split()), validate=True)
        except (binascii.Error, ValueError) as error:
            raise invalid_request("The content is not base64") from error
    if encoding not in ("utf-8", "utf8", "text", "plain", ""):
        raise AgentError(400, "INVALID_REQUEST", f"Unknown encoding {encoding!r}; known are utf-8 and base64")
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise invalid_request("The content is not valid Unicode") from error
