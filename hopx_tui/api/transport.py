"""HTTP for both planes: one pair of clients, and the one place where foreign errors become ApiErrors."""

from __future__ import annotations

import asyncio
import errno
import ssl
from collections.abc import AsyncIterable, AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from ipaddress import ip_address
from urllib.parse import urlsplit

import httpx
import msgspec

from hopx_tui.api.answers import error_from_answer
from hopx_tui.api.errors import ApiError, BadResponse, Closed, InvalidRequest, TimedOut, Unreachable
from hopx_tui.api.loopback import LoopbackTransport
from hopx_tui.api.wire import LARGEST_BODY, excerpt, plain

__all__ = ["Http", "is_loopback", "mapped_errors", "origin_of", "unreachable"]

_KEEPALIVE_SECONDS = 60.0
_CONNECT_SECONDS = 10.0
_LARGEST_ERROR_BODY = 64 * 1024
_DROPPED = (httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError)


class Http:
    """Sends requests and answers with bytes or an ApiError.

    Loopback addresses take the lean transport and never a proxy; everything else takes httpx's own, built with
    one shared SSL context when it is first needed. `timeout` (seconds) bounds a whole exchange. `transport`
    replaces both, for tests.
    """

    def __init__(self, *, timeout: float = 60.0, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self.timeout = timeout
        self._transport = transport
        self._near: httpx.AsyncClient | None = None
        self._far: httpx.AsyncClient | None = None
        self._ssl_context: ssl.SSLContext | None = None

    @property
    def ssl_context(self) -> ssl.SSLContext:
        """The one context of this process's connections; making it costs 16 ms, so it is made late."""
        if self._ssl_context is None:
            self._ssl_context = httpx.create_ssl_context()
        return self._ssl_context

    async def fetch(
        self,
        method: str,
        url: str,
        *,
        what: str,
        headers: Mapping[str, str],
        params: Mapping[str, str] | None = None,
        json: object = None,
        timeout: float | None = None,
        largest: int = LARGEST_BODY,
    ) -> bytes:
        """The body of a 2xx answer, BadResponse beyond `largest` bytes. `what` names the request in messages.

        A GET is sent once more when a kept-alive connection turns out to be dropped; nothing else ever is.
        """
        content = None if json is None else msgspec.json.encode(json)
        if content is not None:
            headers = {**headers, "Content-Type": "application/json"}
        seconds = self.timeout if timeout is None else timeout
        with mapped_errors(url, what, seconds, repeatable=method == "GET"):
            async with asyncio.timeout(seconds):
                try:
                    return await self._exchange(method, url, what, headers, params, content, largest)
                except _DROPPED:
                    if method != "GET":
                        raise
                return await self._exchange(method, url, what, headers, params, content, largest)

    async def _exchange(
        self,
        method: str,
        url: str,
        what: str,
        headers: Mapping[str, str],
        params: Mapping[str, str] | None,
        content: bytes | None,
        largest: int,
    ) -> bytes:
        client = self._client(url)
        timeout = httpx.Timeout(None, connect=_CONNECT_SECONDS)
        request = client.build_request(method, url, headers=headers, params=params, content=content, timeout=timeout)
        response = await client.send(request, stream=True)
        try:
            if response.is_success:
                body = await _read(response, largest)
                if len(body) > largest:
                    raise BadResponse(f"{what}: the answer is larger than {largest >> 20} MiB.")
                if body[:64].lstrip()[:1] == b"<" and "html" in response.headers.get("content-type", ""):
                    raise _html(response, body, what)
                return body
            raise await _refusal(response, what)
        finally:
            await response.aclose()

    @asynccontextmanager
    async def stream(
        self,
        method: str,
        url: str,
        *,
        what: str,
        headers: Mapping[str, str],
        params: Mapping[str, str] | None = None,
        content: AsyncIterable[bytes] | None = None,
    ) -> AsyncIterator[httpx.Response]:
        """A 2xx answer whose body is still to be read (within the context); only silence is timed."""
        with mapped_errors(url, what, self.timeout, repeatable=method == "GET"):
            client = self._client(url)
            timeout = httpx.Timeout(self.timeout, connect=_CONNECT_SECONDS)
            request = client.build_request(
                method, url, headers=headers, params=params, content=content, timeout=timeout
            )
            response = await client.send(request, stream=True)
            try:
                if not response.is_success:
                    raise await _refusal(response, what)
                yield response
            finally:
                await response.aclose()

    def _client(self, url: str) -> httpx.AsyncClient:
        if self._transport is not None or is_loopback(url):
            if self._near is None:
                transport = self._transport or LoopbackTransport(keepalive=_KEEPALIVE_SECONDS)
                self._near = httpx.AsyncClient(transport=transport, trust_env=False)
            return self._near
        if self._far is None:
            limits = httpx.Limits(max_connections=64, max_keepalive_connections=64, keepalive_expiry=_KEEPALIVE_SECONDS)
            try:
                self._far = httpx.AsyncClient(verify=self.ssl_context, limits=limits)
            except (ValueError, ImportError, OSError) as error:  # a broken proxy or certificate setting
                raise Unreachable(
                    f"The network settings of this environment do not work: {plain(str(error))}",
                    hint="Look at HTTPS_PROXY, ALL_PROXY and SSL_CERT_FILE.",
                ) from error
        return self._far

    async def aclose(self) -> None:
        """Close all connections; the object can be used again."""
        near, far = self._near, self._far
        self._near = self._far = None
        try:
            if near is not None:
                await near.aclose()
        finally:
            if far is not None:
                await far.aclose()


def is_loopback(url: str) -> bool:
    """Whether `url` is plain HTTP (or a plain websocket) to this machine."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    if parts.scheme not in ("http", "ws"):
        return False
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def origin_of(url: str) -> str:
    """`scheme://host[:port]` of a base URL, without credentials and path; InvalidRequest when it is none."""
    text = url.strip()
    try:
        parts = urlsplit(text if "://" in text else f"https://{text}")
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    if parts.scheme not in ("http", "https") or not parts.hostname or " " in plain(text):
        raise InvalidRequest(
            f"{plain(text, 120) or 'An empty text'} is not the URL of a server.",
            hint="It must look like https://api.example.com or http://127.0.0.1:8080.",
        )
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}" + (f":{port}" if port else "")


@contextmanager
def mapped_errors(url: str, what: str, seconds: float, *, repeatable: bool) -> Iterator[None]:
    """Raise what httpx, ssl and the sockets raise as ApiErrors; `repeatable` when asking again does no harm."""
    try:
        yield
    except ApiError:
        raise
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.ProxyError) as error:
        raise unreachable(url, error) from error
    except (httpx.TimeoutException, TimeoutError) as error:
        raise TimedOut(
            f"{what}: no answer from {_place(url)} within {seconds:g} s.",
            hint="It may be busy or the link slow; try again.",
        ) from error
    except httpx.DecodingError as error:
        raise BadResponse(f"{what}: the answer is packed in a way that cannot be read.") from error
    except _DROPPED as error:
        raise Closed(
            f"{what}: the connection to {_place(url)} broke off.",
            hint="Try again." if repeatable else "It may have been carried out; look before trying again.",
        ) from error
    except httpx.LocalProtocolError as error:
        raise InvalidRequest(f"{what}: the request cannot be sent: {plain(str(error))}") from error
    # UnicodeError: the resolver's word for a name that can be none.
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, ssl.SSLError, UnicodeError) as error:
        raise Unreachable(f"{what}: {plain(str(error)) or type(error).__name__}") from error


def unreachable(url: str, error: Exception) -> Unreachable:
    """The error for a connection that could not be made, with the cause found along its chain."""
    near = is_loopback(url)
    hint = "Is the engine running?" if near else "Check the network and the base URL."
    reason = "no answer to the connection attempt" if isinstance(error, httpx.ConnectTimeout) else ""
    cause: BaseException | None = error
    while cause is not None and not reason:
        reason = _reason(cause)
        cause = cause.__cause__ or cause.__context__
    reason = reason or plain(str(error)) or "no connection"
    return Unreachable(f"Could not reach {_place(url)}: {reason}.", hint=hint)


def _reason(error: BaseException) -> str:
    """Plain words for one link of the chain of causes; "" when it says nothing."""
    text = str(error)
    if isinstance(error, ssl.SSLCertVerificationError) or "CERTIFICATE_VERIFY_FAILED" in text:
        return "its certificate is not trusted"
    if isinstance(error, ssl.SSLError):
        return "no secure connection (TLS) could be made"
    if isinstance(error, httpx.ProxyError):
        return f"the proxy refused ({plain(text, 80)})"
    if isinstance(error, OSError):
        if error.errno == errno.ECONNREFUSED or "refused" in text:
            return "connection refused"
        if error.errno in (errno.ENETUNREACH, errno.EHOSTUNREACH):
            return "no route to it"
        if error.errno in (errno.EMFILE, errno.ENFILE):
            return "too many open files here"
        if type(error).__name__ == "gaierror":
            return "its name is not known"
    return ""


def _place(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


async def _read(response: httpx.Response, limit: int) -> bytes:
    """The body, or a little more than `limit` bytes of a longer one."""
    body = bytearray()
    async for piece in response.aiter_bytes():
        body += piece
        if len(body) > limit:
            break
    return bytes(body)


async def _refusal(response: httpx.Response, what: str) -> ApiError:
    try:
        body = await _read(response, _LARGEST_ERROR_BODY)
    except (httpx.HTTPError, httpx.StreamError):
        body = b""  # the status alone says enough
    return error_from_answer(response.status_code, response.headers, body, what=what)


def _html(response: httpx.Response, body: bytes, what: str) -> BadResponse:
    return BadResponse(
        f"The answer to {what} is HTML: {excerpt(body)}",
        hint="Is this the right server?",
        status=response.status_code,
    )
