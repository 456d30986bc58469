"""Tells a URL of the user's how an asynchronous execution ended (contract 2.5, "Callback").

The agent posts from where the sandbox's own programs could post as well, so it reaches nothing that they do not. It
follows no redirect, uses no proxy, reads no answer beyond its status, and gives up after three tries.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import importlib
import re
import time
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import msgspec

from hopx_tui.agent.errors import invalid_request, missing_parameter
from hopx_tui.agent.execution import Outcome
from hopx_tui.agent.http import timestamp
from hopx_tui.agent.jobs import AfterEnd, Job

TRIES = 3
PAUSES_SECONDS = (1.0, 4.0)
TRY_SECONDS = 10.0
URL_LIMIT = 8192
HEADERS_LIMIT = 50
HEADER_BYTES = 16 << 10
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# What frames the message or names its receiver is ours to say.
RESERVED = {"connection", "content-length", "expect", "host", "keep-alive", "te", "trailer", "transfer-encoding",
            "upgrade", "x-hopx-signature", "x-hopx-timestamp"}  # fmt: skip


class Callback(NamedTuple):
    """Where to, with which headers; `secret` signs the body."""

    url: str
    headers: dict[str, str]
    secret: str | None


def checked_callback(url: str | None, headers: dict[str, str] | None, secret: str | None) -> Callback:
    """Raises AgentError MISSING_PARAMETER or INVALID_REQUEST."""
    if not url:
        raise missing_parameter("callback_url")
    _check_url(url)
    headers = headers or {}
    _check_headers(headers)
    return Callback(url, headers, secret or None)


def _check_url(url: str) -> None:
    if len(url) > URL_LIMIT or not url.isprintable() or " " in url or "\\" in url:
        raise invalid_request("callback_url is not a usable URL")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise invalid_request(f"callback_url is not a usable URL: {error}") from error
    if parts.scheme.lower() not in ("http", "https"):
        raise invalid_request("callback_url must begin with http:// or https://")
    if not host:
        raise invalid_request("callback_url names no host")
    if parts.username is not None or parts.password is not None:
        raise invalid_request("callback_url must not hold a password; use callback_headers")


def _check_headers(headers: dict[str, str]) -> None:
    if len(headers) > HEADERS_LIMIT or sum(len(name) + len(value) for name, value in headers.items()) > HEADER_BYTES:
        raise invalid_request("callback_headers are too many or too long")
    for name, value in headers.items():
        if not _TOKEN.fullmatch(name) or name.lower() in RESERVED:
            raise invalid_request(f"Not a usable callback header: {name!r}")
        if not value.isascii() or not value.replace("\t", " ").isprintable():
            raise invalid_request(f"The callback header {name!r} has a value that no header can carry")


def callback_body(job: Job, outcome: Outcome) -> bytes:
    """execution_id, status completed|failed|timeout, outputs, exit code; `error` says why it is not completed."""
    status, error = "completed", None
    if job.status == "killed":
        status, error = "failed", "The execution was killed"
    elif outcome.timed_out:
        status, error = "timeout", outcome.stderr.rstrip().rpartition("\n")[2]
    elif outcome.exit_code != 0:
        status, error = "failed", f"The code ended with exit code {outcome.exit_code}"
    fields: dict[str, Any] = {
        "execution_id": job.execution_id,
        "process_id": job.id,
        "status": status,
        "stdout": outcome.stdout,
        "stderr": outcome.stderr,
        "exit_code": outcome.exit_code,
        "execution_time": round(outcome.seconds, 6),
        "timestamp": timestamp(),
        **({} if error is None else {"error": error}),
    }
    return msgspec.json.encode(fields)


def signature(secret: str, body: bytes) -> str:
    """`sha256=` and the HMAC-SHA256 of the raw body, in hexadecimal."""
    return "sha256=" + hmac.new(secret.encode("utf-8", "replace"), body, hashlib.sha256).hexdigest()


Post = Callable[[str, bytes, dict[str, str]], Awaitable[int]]


async def post(url: str, body: bytes, headers: dict[str, str]) -> int:
    """The answer's status. Raises OSError (TimeoutError included) where there is none."""
    # Most sandboxes never call back: the client and TLS are loaded by the first that does, in a thread, as that
    # takes a tenth of a second. Not `import aiohttp`: see lean.py.
    client = await asyncio.get_running_loop().run_in_executor(None, importlib.import_module, "aiohttp.client")
    timeout = client.ClientTimeout(total=TRY_SECONDS)
    try:
        async with (
            client.ClientSession(timeout=timeout, trust_env=False, auto_decompress=False) as session,
            session.post(url, data=body, headers=headers, allow_redirects=False) as response,
        ):
            return int(response.status)
    except (client.ClientError, ValueError) as error:
        raise ConnectionError(str(error)) from error


class Callbacks:
    """Delivers; `send` posts once and returns the status."""

    def __init__(
        self, *, send: Post = post, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._send = send
        self._sleep = sleep

    def after(self, callback: Callback) -> AfterEnd:
        """What a job does at its end; its `callback_status` becomes delivered or failed."""

        async def deliver(job: Job, outcome: Outcome) -> None:
            job.callback_status = "sending"
            delivered = await self.deliver(callback, callback_body(job, outcome))
            job.callback_status = "delivered" if delivered else "failed"

        return deliver

    async def deliver(self, callback: Callback, body: bytes) -> bool:
        """True once an answer was 2xx; three tries at most, a minute in all."""
        for number in range(TRIES):
            if number:
                await self._sleep(PAUSES_SECONDS[number - 1])
            headers = {"Content-Type": "application/json", "User-Agent": "hopx-tui-agent"}
            given = {name.lower() for name in callback.headers}
            headers = {name: value for name, value in headers.items() if name.lower() not in given}
            headers |= {**callback.headers, "X-HOPX-Timestamp": str(int(time.time()))}
            if callback.secret is not None:
                headers["X-HOPX-Signature"] = signature(callback.secret, body)
            try:
                status = await self._send(callback.url, body, headers)
            except OSError:
                continue
            if 200 <= status < 300:
                return True
        return False
