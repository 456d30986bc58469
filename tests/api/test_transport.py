"""Foreign errors become ApiErrors here, and nothing is repeated that must not be."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest

from hopx_tui.api.errors import (
    ApiError,
    BadResponse,
    Closed,
    InvalidRequest,
    NotFound,
    ServerError,
    TimedOut,
    Unreachable,
)
from hopx_tui.api.transport import Http, is_loopback, origin_of
from tests.fake_cloud import FakeCloud

FAR = "https://api.example.invalid"


async def fetch(http: Http, url: str, method: str = "GET", **more: Any) -> bytes:
    return await http.fetch(method, url, what="do it", headers={}, **more)


@pytest.fixture
async def http() -> AsyncIterator[Http]:
    one = Http(timeout=5)
    yield one
    await one.aclose()


def answering(*answers: Any) -> tuple[Http, list[httpx.Request]]:
    """An Http whose answers (responses or exceptions) are given."""
    seen: list[httpx.Request] = []
    left = list(answers)

    async def handle(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        answer = left.pop(0)
        if isinstance(answer, Exception):
            raise answer
        assert isinstance(answer, httpx.Response)
        return answer

    return Http(timeout=5, transport=httpx.MockTransport(handle)), seen


def chained(outer: Exception, *causes: BaseException) -> Exception:
    """`outer`, raised from the first cause, which was raised from the next."""
    current: BaseException = outer
    for cause in causes:
        current.__cause__ = cause
        current = cause
    return outer


@pytest.mark.parametrize(
    ("raised", "kind", "words"),
    [
        (chained(httpx.ConnectError("All connection attempts failed"), ConnectionRefusedError(errno.ECONNREFUSED, "x")),
         Unreachable, "connection refused"),
        (chained(httpx.ConnectError("x"), OSError(errno.ENETUNREACH, "x")), Unreachable, "no route to it"),
        (chained(httpx.ConnectError("x"), OSError(errno.EMFILE, "x")), Unreachable, "too many open files"),
        (chained(httpx.ConnectError("x"), socket.gaierror(-2, "Name or service not known")), Unreachable, "not known"),
        (chained(httpx.ConnectError("x"), ssl.SSLCertVerificationError("bad")), Unreachable, "not trusted"),
        (chained(httpx.ConnectError("x"), ssl.SSLError("bad")), Unreachable, "TLS"),
        (httpx.ProxyError("403 Forbidden"), Unreachable, "the proxy refused (403 Forbidden)"),
        (httpx.ConnectError("strange"), Unreachable, "strange"),
        (httpx.ConnectError(""), Unreachable, "no connection"),
        (httpx.ConnectTimeout("x"), Unreachable, "no answer to the connection attempt"),
        (httpx.ReadTimeout("x"), TimedOut, "within 5 s"),
        (httpx.PoolTimeout("x"), TimedOut, "within 5 s"),
        (httpx.LocalProtocolError("Illegal header value"), InvalidRequest, "Illegal header value"),
        (httpx.UnsupportedProtocol("x"), Unreachable, "x"),
        (httpx.DecodingError("gzip"), BadResponse, "packed"),
        (httpx.InvalidURL("bad url"), Unreachable, "bad url"),
    ],
)  # fmt: skip
async def test_foreign_errors(raised: Exception, kind: type[ApiError], words: str) -> None:
    http, _ = answering(raised, raised)
    with pytest.raises(kind) as caught:
        await fetch(http, FAR)
    assert words in caught.value.message
    assert caught.value.message.isprintable()
    await http.aclose()


@pytest.mark.parametrize("dropped", [httpx.RemoteProtocolError("x"), httpx.ReadError("x"), httpx.WriteError("x")])
async def test_only_a_get_is_sent_again_after_a_drop(dropped: Exception) -> None:
    http, seen = answering(dropped, httpx.Response(200, content=b"{}"))
    assert await fetch(http, FAR) == b"{}"
    assert len(seen) == 2
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        http, seen = answering(dropped, httpx.Response(200, content=b"{}"))
        with pytest.raises(Closed) as caught:
            await fetch(http, FAR, method)
        assert len(seen) == 1
        assert "may have been carried out" in caught.value.hint
    http, seen = answering(dropped, dropped)
    with pytest.raises(Closed):
        await fetch(http, FAR)
    assert len(seen) == 2


async def test_refusals_are_not_repeated() -> None:
    http, seen = answering(httpx.Response(503, json={"error": "busy"}))
    with pytest.raises(ServerError):
        await fetch(http, FAR)
    assert len(seen) == 1


async def test_html_and_redirects() -> None:
    page = httpx.Response(200, html="<html><title>Sign in</title></html>")
    http, _ = answering(page, httpx.Response(302, headers={"Location": "https://other/"}))
    with pytest.raises(BadResponse, match="HTML: Sign in"):
        await fetch(http, FAR, "DELETE")
    with pytest.raises(BadResponse, match="https://other/"):
        await fetch(http, FAR)


async def test_an_endless_answer_is_cut() -> None:
    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield bytes(1 << 16)

    http, _ = answering(httpx.Response(200, content=endless()), httpx.Response(500, content=endless()))
    with pytest.raises(BadResponse, match="larger than"):
        await fetch(http, FAR)
    with pytest.raises(ServerError):
        await fetch(http, FAR)


async def test_an_error_whose_body_breaks_off_is_still_that_error() -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"{"
        raise httpx.ReadError("x")

    http, _ = answering(httpx.Response(404, content=broken()))
    with pytest.raises(NotFound):
        await fetch(http, FAR)


async def test_refused_by_this_machine(http: Http) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(Unreachable) as caught:
            await fetch(http, url + "/v1/sandboxes")
    assert str(caught.value) == f"Could not reach {url}: connection refused. Is the engine running?"


async def test_a_server_that_never_answers(http: Http, cloud: FakeCloud) -> None:
    cloud.knobs.hang.add("/health")
    with pytest.raises(TimedOut) as caught:
        await fetch(http, cloud.url + "/health", timeout=0.05)
    assert "within 0.05 s" in caught.value.message


async def test_cancelling_is_not_mapped(http: Http, cloud: FakeCloud) -> None:
    cloud.knobs.hang.add("/health")
    task = asyncio.create_task(fetch(http, cloud.url + "/health"))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_drop_in_the_middle_of_a_stream(http: Http, cloud: FakeCloud) -> None:
    cloud.knobs.drop_mid_body.add("/health")
    with pytest.raises(Closed) as caught:
        async with http.stream("GET", cloud.url + "/health", what="do it", headers={}) as response:
            await response.aread()
    assert "broke off" in caught.value.message


async def test_usable_again_after_closing(http: Http, cloud: FakeCloud) -> None:
    for _ in range(2):
        assert b"healthy" in await fetch(http, cloud.url + "/health")
        await http.aclose()


async def test_proxies_are_for_far_servers_only(
    cloud: FakeCloud, monkeypatch: pytest.MonkeyPatch, unused_tcp_port: int
) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{unused_tcp_port}")
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    http = Http(timeout=5)
    assert b"healthy" in await fetch(http, cloud.url + "/health")
    with pytest.raises(Unreachable):
        await fetch(http, "http://far.invalid/health")
    await http.aclose()


async def test_a_broken_proxy_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "gopher://x")
    http = Http(timeout=5)
    with pytest.raises(Unreachable) as caught:
        await fetch(http, FAR)
    assert "ALL_PROXY" in caught.value.hint
    await http.aclose()


async def test_the_ssl_context_is_made_late_and_once(
    cloud: FakeCloud, monkeypatch: pytest.MonkeyPatch, unused_tcp_port: int
) -> None:
    made = []

    def create() -> ssl.SSLContext:
        made.append(1)
        return ssl.create_default_context()

    monkeypatch.setattr("httpx.create_ssl_context", create)
    http = Http(timeout=5)
    await fetch(http, cloud.url + "/health")
    assert not made
    for _ in range(2):
        with pytest.raises(Unreachable):
            await fetch(http, f"https://127.0.0.1:{unused_tcp_port}")
        assert http.ssl_context is http.ssl_context
    assert len(made) == 1
    await http.aclose()


@pytest.mark.parametrize(
    ("url", "near"),
    [
        ("http://127.0.0.1:80/x", True), ("http://127.9.9.9", True), ("http://localhost:1", True),
        ("ws://[::1]:1", True),
        ("https://127.0.0.1", False), ("http://10.0.0.1", False), ("http://localhost.evil.com", False), ("", False),
        ("http://127.0.0.1.evil.com", False), ("wss://localhost", False),
    ],
)  # fmt: skip
def test_what_is_loopback(url: str, near: bool) -> None:
    assert is_loopback(url) is near


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://api.hopx.dev", "https://api.hopx.dev"),
        (" https://user:secret@h:8443/a/b?c#d ", "https://h:8443"),
        ("7777-x.eu.vms.hopx.dev", "https://7777-x.eu.vms.hopx.dev"),
        ("http://127.0.0.1:44855/", "http://127.0.0.1:44855"),
        ("http://[::1]:80", "http://[::1]:80"),
    ],
)
def test_origins(url: str, origin: str) -> None:
    assert origin_of(url) == origin


@pytest.mark.parametrize("url", ["", "ftp://x", "http://", "http://h:port", "file:///etc", "http://[::1"])
def test_what_is_no_url(url: str) -> None:
    with pytest.raises(InvalidRequest) as caught:
        origin_of(url)
    assert "http" in caught.value.hint


@pytest.fixture
def unused_tcp_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def test_messages_hold_no_credentials() -> None:
    reach: Callable[..., Unreachable]
    from hopx_tui.api.transport import unreachable as reach

    assert "secret" not in str(reach("http://user:secret@h/path", OSError("x")))
