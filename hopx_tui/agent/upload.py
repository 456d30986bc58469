"""`POST /files/upload`: a multipart body in any part order, straight to disk."""

from __future__ import annotations

import asyncio
import posixpath
from collections.abc import Iterable

from aiohttp.multipart import BodyPartReader, MultipartReader
from aiohttp.web_response import Response

from hopx_tui.agent.disk import DiskWatch
from hopx_tui.agent.errors import AgentError, invalid_request, missing_parameter
from hopx_tui.agent.files import changed
from hopx_tui.agent.http import Call, Route
from hopx_tui.agent.paths import Location, PathMap, requested
from hopx_tui.agent.writing import Draft, parse_mode, prepare_destination

BLOCK = 1 << 20
FIELD_LIMIT = 64 << 10
FIELDS = ("path", "path_b64", "mode", "overwrite", "encoding", "filename")


class Upload:
    """Writes are in a thread, one block behind the network."""

    def __init__(self, paths: PathMap, disk: DiskWatch) -> None:
        self._paths = paths
        self._disk = disk

    def routes(self) -> Iterable[Route]:
        """The one route."""
        return (Route("POST", "/files/upload", self._upload),)

    async def _upload(self, request: Call) -> Response:
        if not request.content_type.startswith("multipart/"):
            raise invalid_request("An upload is a multipart/form-data request")
        fields = {name: request.query[name] for name in FIELDS if name in request.query}
        loop = asyncio.get_running_loop()
        draft: Draft | None = None
        try:
            try:
                reader = await request.multipart()
                while (part := await reader.next()) is not None:
                    if isinstance(part, MultipartReader):
                        raise invalid_request("Nested multipart bodies are not understood")
                    if part.name == "file" or (part.filename is not None and draft is None):
                        if draft is not None:
                            raise invalid_request("One file per upload")
                        fields.setdefault("filename", part.filename or "")
                        draft = await loop.run_in_executor(None, self._begin, fields)
                        await self._receive(part, draft)
                    elif part.name in FIELDS:
                        fields[part.name] = await _read_field(part)
                    else:
                        await part.release()
            except (ValueError, AssertionError, KeyError) as error:
                # aiohttp's words for a malformed multipart body.
                raise invalid_request("The multipart body is malformed") from error
            if draft is None:
                raise missing_parameter("file")
            location = await loop.run_in_executor(None, self._finish, fields, draft)
        finally:
            if draft is not None:
                await asyncio.shield(loop.run_in_executor(None, draft.discard))
        return changed(location, draft.size, f"Uploaded {location.text}")

    def _begin(self, fields: dict[str, str]) -> Draft:
        """Beside the destination where it is known by now, else in the workspace."""
        if "path" in fields or "path_b64" in fields:
            location = self._destination(fields)
            directory = prepare_destination(location, overwrite=_overwrite(fields))
            return Draft(directory, location.text, self._disk)
        return Draft(self._paths.workspace, fields.get("filename", "upload"), self._disk)

    def _finish(self, fields: dict[str, str], draft: Draft) -> Location:
        location = self._destination(fields)
        overwrite = _overwrite(fields)
        prepare_destination(location, overwrite=overwrite)
        draft.commit(location, mode=parse_mode(fields.get("mode")), overwrite=overwrite)
        return location

    def _destination(self, fields: dict[str, str]) -> Location:
        raw = requested(fields.get("path"), fields.get("path_b64"))
        location = self._paths.locate_for_writing(raw)
        if raw.endswith(b"/") or posixpath.isdir(location.real):
            name = posixpath.basename(fields.get("filename", "").encode("utf-8", "replace"))
            if name in (b"", b".", b".."):
                raise invalid_request(f"{location.text} is a directory, and the file part has no file name")
            location = self._paths.locate_for_writing(posixpath.join(location.spelled, name))
        return location

    async def _receive(self, part: BodyPartReader, draft: Draft) -> None:
        loop = asyncio.get_running_loop()
        writing: asyncio.Future[None] | None = None
        block = bytearray()
        try:
            while True:
                chunk = await part.read_chunk(BLOCK >> 2)
                block += chunk
                if len(block) >= BLOCK or (not chunk and block):
                    if writing is not None:
                        await writing
                    writing = loop.run_in_executor(None, draft.write, block)
                    block = bytearray()
                if not chunk:
                    break
        finally:
            if writing is not None:
                # Also on the way out: the draft must not be closed under the thread.
                await asyncio.shield(writing)


def _overwrite(fields: dict[str, str]) -> bool:
    return fields.get("overwrite", "true").lower() not in ("false", "0", "no")


async def _read_field(part: BodyPartReader) -> str:
    data = bytearray()
    while chunk := await part.read_chunk(8192):
        data += chunk
        if len(data) > FIELD_LIMIT:
            raise invalid_request("A form field is too long")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise AgentError(400, "INVALID_PATH", "Form fields are UTF-8; send other names as path_b64") from error
