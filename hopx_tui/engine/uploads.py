"""Uploaded files of COPY steps: links that are signed and expire, archives kept by the client's hash."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import os
import secrets
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from hopx_tui.engine import archives
from hopx_tui.engine.errors import ControlError, invalid
from hopx_tui.engine.tokens import rfc3339

LARGEST = 1 << 30
KEPT_BYTES = 4 << 30  # of all archives together; the longest unused go first
LINK_SECONDS = 3600
PREFIX = "/uploads/"


class Uploads:
    """The archives of one state directory. `key` signs the links, which clients use without the API key."""

    def __init__(self, folder: Path, key: bytes, clock: Callable[[], float]) -> None:
        self._folder = folder
        self._key = hmac.new(key, b"uploads", hashlib.sha256).digest()
        self._clock = clock

    def path(self, files_hash: str) -> Path:
        """Where the archive of a (checked) hash lies or would lie."""
        return self._folder / f"{files_hash}.tar.gz"

    def has(self, files_hash: str) -> bool:
        return self.path(files_hash).is_file()

    def link(self, origin: str, files_hash: str, length: int) -> dict[str, Any]:
        """The answer to an upload-link request. Raises ControlError 400."""
        if not 1 <= length <= LARGEST:
            raise invalid(f"content_length must be between 1 and {LARGEST}", content_length=length)
        if self.has(files_hash):
            with contextlib.suppress(OSError):
                os.utime(self.path(files_hash))
            return {"present": True, "files_hash": files_hash}
        expires = int(self._clock()) + LINK_SECONDS
        query = f"expires={expires}&length={length}&signature={self._sign(files_hash, expires, length)}"
        return {
            "present": False,
            "upload_url": f"{origin}{PREFIX}{files_hash}?{query}",
            "expires_at": rfc3339(expires),
            "files_hash": files_hash,
        }

    def check(self, files_hash: str, expires: str, length: str, signature: str) -> int:
        """The length that a link allows. Raises ControlError 401."""
        numbers = expires.isascii() and expires.isdigit() and length.isascii() and length.isdigit()
        if numbers and len(expires) < 16 and len(length) < 16:
            wanted = self._sign(files_hash, int(expires), int(length))
            same = hmac.compare_digest(wanted.encode(), signature.encode(errors="replace"))
            if same and int(expires) > self._clock():
                return int(length)
        raise ControlError(401, "UNAUTHORIZED", "This upload link is not valid, or not any more")

    async def take(self, files_hash: str, length: int, chunks: AsyncIterator[bytes]) -> int:
        """Keep an archive once it has come whole and is safe; its size. Raises ControlError 400, 413, OSError."""
        partial = self._folder / f".{files_hash}.{secrets.token_hex(6)}.partial"
        size = 0
        try:
            with open(partial, "xb", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
                async for chunk in chunks:
                    size += len(chunk)
                    if size > length:
                        raise ControlError(413, "PAYLOAD_TOO_LARGE", f"More than the {length} bytes announced")
                    await asyncio.to_thread(file.write, chunk)
            if size != length:
                raise invalid(f"{size} bytes came, {length} were announced")
            await asyncio.to_thread(archives.check, partial)
            os.replace(partial, self.path(files_hash))
        except archives.ArchiveError as error:
            raise invalid(f"The upload was refused: {error}") from error
        finally:
            partial.unlink(missing_ok=True)
        await asyncio.to_thread(self._prune, self.path(files_hash))
        return size

    def sweep(self) -> None:
        """Remove what uploads that an earlier engine did not finish have left."""
        for left in self._folder.glob(".*.partial"):
            left.unlink(missing_ok=True)

    def _prune(self, newest: Path) -> None:
        rows = sorted((entry.stat().st_mtime, entry.stat().st_size, entry) for entry in self._folder.glob("*.tar.gz"))
        total = sum(size for _, size, _ in rows)
        for _, size, entry in rows:
            if total > KEPT_BYTES and entry != newest:
                entry.unlink(missing_ok=True)
                total -= size

    def _sign(self, files_hash: str, expires: int, length: int) -> str:
        return hmac.new(self._key, f"{files_hash}:{expires}:{length}".encode(), hashlib.sha256).hexdigest()
