"""One terminal's websocket: text, exits, drops, refusals."""

from __future__ import annotations

import asyncio
import logging
import socket
import time
from collections.abc import AsyncIterator

import pytest
from websockets.asyncio.server import ServerConnection, serve

from hopx_tui.api.agent import Agent
from hopx_tui.api.control import ControlPlane
from hopx_tui.api.errors import (
    ApiError,
    AuthError,
    Closed,
    Conflict,
    Forbidden,
    NotFound,
    RateLimited,
    TimedOut,
    Unreachable,
)
from hopx_tui.api.models import Token
from hopx_tui.api.sockets import PtyExit, PtyLink
from hopx_tui.api.tokens import TokenKeeper
from tests.fake_cloud import FakeCloud


@pytest.fixture
async def link(agent: Agent) -> AsyncIterator[PtyLink]:
    one = agent.terminal(100, 30)
    await one.connect()
    yield one
    await one.close()


def link_to(url: str, *, ping_seconds: float = 20.0, open_seconds: float = 5.0) -> PtyLink:
    async def refresh() -> Token:
        return Token("t")

    def no_context() -> None:
        raise AssertionError("no TLS here")

    keeper = TokenKeeper(refresh)
    return PtyLink(
        url,
        keeper,
        size=(80, 24),
        ssl_context=no_context,
        ping_seconds=ping_seconds,
        open_seconds=open_seconds,  # type: ignore[arg-type]
    )


async def read_until(link: PtyLink, text: str) -> str:
    seen = ""
    async with asyncio.timeout(10):
        while text not in seen:
            piece = await link.read()
            assert isinstance(piece, str)
            seen += piece
    return seen


async def read_exit(link: PtyLink) -> PtyExit:
    async with asyncio.timeout(10):
        while True:
            piece = await link.read()
            if isinstance(piece, PtyExit):
                return piece


async def test_a_session(link: PtyLink, cloud: FakeCloud) -> None:
    await link.write("echo $((40+2))\r")
    assert "42\r\n" in await read_until(link, "42\r\n")
    await link.resize(132, 50)
    await link.write("stty size\r")
    assert "50 132" in await read_until(link, "50 132")
    assert cloud.sandbox(cloud.id_of(0)).sizes == [(100, 30), (132, 50)]
    await link.write("exit 7\r")
    assert await read_exit(link) == PtyExit(7)
    with pytest.raises(Closed):
        await link.read()


async def test_junk_is_skipped_and_half_pairs_are_mended(link: PtyLink) -> None:
    await link.write("junk\r")
    assert "half \ufffd pair" in await read_until(link, "pair")
    await link.write("echo \ud83d\r")
    await read_until(link, "echo")


async def test_long_input_arrives_in_order(link: PtyLink) -> None:
    text = "".join(f"{number:06d}" for number in range(20_000))
    reading = asyncio.create_task(read_until(link, "019999"))
    await link.write(text)
    assert text in await reading


@pytest.mark.parametrize(
    ("line", "words", "code"),
    [
        ("drop", "the connection was lost", "1006"),
        ("closewith 1001", "the sandbox is going away (as asked)", "1001"),
        ("closewith 1011", "the server failed", "1011"),
        ("closewith 4321", "closed with code 4321", "4321"),
    ],
)
async def test_drops_have_a_reason(link: PtyLink, line: str, words: str, code: str) -> None:
    await link.write(f"{line}\r")
    with pytest.raises(Closed) as caught:
        await read_exit(link)
    assert words in caught.value.message
    assert caught.value.code == code
    assert caught.value.hint
    with pytest.raises(Closed):
        await link.write("x")
    with pytest.raises(Closed):
        await link.resize(1, 1)


async def test_killing_the_sandbox_ends_the_terminal(link: PtyLink, control: ControlPlane, cloud: FakeCloud) -> None:
    await control.kill(cloud.id_of(0))
    with pytest.raises(Closed, match="going away"):
        await read_exit(link)


async def test_before_and_after(agent: Agent) -> None:
    link = agent.terminal(80, 24)
    with pytest.raises(Closed, match="never opened"):
        await link.read()
    await link.close()
    await link.connect()
    await link.close()
    await link.close()
    with pytest.raises(Closed, match="closed here"):
        await link.write("x")
    await link.connect()  # a link can be used again
    await link.write("exit\r")
    assert await read_exit(link) == PtyExit(0)
    await link.close()


async def test_keys_are_sent_at_once_where_that_takes_no_waiting(agent: Agent) -> None:
    link = agent.terminal(80, 24)
    assert not link.write_now("x")  # `write` says why
    await link.connect()
    await read_until(link, "$ ")
    assert link.write_now("echo $((40")
    assert link.write_now("+2))\r")
    assert "42" in await read_until(link, "42")
    assert not link.write_now("x" * 100_000)
    await link.write("exit\r")
    assert await read_exit(link) == PtyExit(0)
    with pytest.raises(Closed):
        await link.read()
    assert not link.write_now("x")
    await link.close()
    assert not link.write_now("x")


async def test_closing_while_reading(link: PtyLink) -> None:
    await read_until(link, "$ ")
    reading = asyncio.create_task(link.read())
    await asyncio.sleep(0)
    await link.close()
    with pytest.raises(Closed, match="closed here"):
        await reading


async def test_cancelling_a_read_loses_nothing(link: PtyLink) -> None:
    await read_until(link, "$ ")
    reading = asyncio.create_task(link.read())
    await asyncio.sleep(0.01)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    await link.write("echo still here\r")
    await read_until(link, "\nstill here")


async def test_not_reading_stops_the_sender(link: PtyLink) -> None:
    await link.write("flood 4000\r")  # 64 MB
    await read_until(link, "0123")
    assert link._socket is not None
    raw = link._socket.transport.get_extra_info("socket")
    assert raw.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) <= 2 * 64 * 1024
    assert raw.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    began = time.monotonic()
    await link.close()  # in the middle of the flood
    assert time.monotonic() - began < 3


async def test_a_reader_that_pauses_keeps_its_terminal(agent: Agent) -> None:
    first = agent.terminal(80, 24)
    link = PtyLink(first._url, agent._tokens, size=(80, 24), ssl_context=first._ssl_context, ping_seconds=0.02)
    await link.connect()
    await link.write("flood 300\r")
    await asyncio.sleep(0.3)  # many pings long: nobody reads, so no pong can be heard
    await link.write("echo the end\r")
    await read_until(link, "\nthe end")
    await link.close()


# -- handshakes ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, AuthError), (403, Forbidden), (404, NotFound), (409, Conflict), (429, RateLimited)],
)
async def test_refused_handshakes(agent: Agent, cloud: FakeCloud, status: int, kind: type[ApiError]) -> None:
    cloud.knobs.status["/terminal"] = status
    cloud.knobs.error_code = "SOME_CODE"
    link = agent.terminal(80, 24)
    with pytest.raises(kind) as caught:
        await link.connect()
    assert caught.value.message == f"open a terminal: refused with {status}"
    assert caught.value.code == "SOME_CODE"
    assert [path for _, path in cloud.requests].count("/terminal") == (2 if status == 401 else 1)


async def test_a_paused_sandbox_says_so(agent: Agent, control: ControlPlane, cloud: FakeCloud) -> None:
    await control.pause(cloud.id_of(0))
    with pytest.raises(Conflict) as caught:
        await agent.terminal(80, 24).connect()
    assert caught.value.hint == "Resume the sandbox first."


async def test_a_refused_token_is_renewed(agent: Agent, cloud: FakeCloud) -> None:
    await agent.system()
    cloud.knobs.refused_tokens.update(cloud._tokens)
    link = agent.terminal(80, 24)
    await link.connect()
    await read_until(link, "$")
    await link.close()


async def test_servers_that_are_none(agent: Agent, cloud: FakeCloud) -> None:
    cloud.knobs.html.add("/terminal")
    with pytest.raises(ApiError) as caught:
        await agent.terminal(80, 24).connect()
    assert "open a terminal" in caught.value.message
    cloud.knobs.html.clear()
    cloud.knobs.drop.add("/terminal")
    with pytest.raises(Unreachable):
        await agent.terminal(80, 24).connect()
    cloud.knobs.drop.clear()
    cloud.knobs.status["/terminal"] = 302
    with pytest.raises(ApiError, match="points to"):
        await agent.terminal(80, 24).connect()


async def test_nobody_there() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(Unreachable) as caught:
            await link_to(f"ws://127.0.0.1:{taken.getsockname()[1]}/terminal").connect()
        assert "connection refused" in caught.value.message
    with pytest.raises(Unreachable, match="not known"):
        await link_to("ws://nowhere.invalid/terminal").connect()


async def test_a_handshake_without_an_answer(agent: Agent, cloud: FakeCloud) -> None:
    cloud.knobs.hang.add("/terminal")
    link = link_to(agent.origin.replace("http", "ws") + "/terminal", open_seconds=0.1)
    with pytest.raises(TimedOut):
        await link.connect()
    task = asyncio.create_task(agent.terminal(80, 24).connect())
    await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_dead_link_is_noticed() -> None:
    """A peer that answers no pings: its side of the connection is not read any more."""
    dead = asyncio.Event()

    async def ignore(connection: ServerConnection) -> None:
        connection.transport.pause_reading()
        await dead.wait()
        connection.transport.abort()

    async with serve(ignore, "127.0.0.1", 0, ping_interval=None) as server:
        port = server.sockets[0].getsockname()[1]
        link = link_to(f"ws://127.0.0.1:{port}/terminal", ping_seconds=0.05)
        await link.connect()
        with pytest.raises(Closed, match="no sign of life"):
            await read_exit(link)
        await link.close()
        dead.set()


@pytest.mark.parametrize(
    ("frame", "code"),
    [('{"type":"exit"}', -1), ('{"type":"exit","code":"5"}', 5), ('{"type":"exit","code":3.0}', 3),
     ('{"type":"exit","code":"x"}', -1), ('{"type":"exit","code":[]}', -1)],
)  # fmt: skip
async def test_odd_exit_codes(frame: str, code: int) -> None:
    async def say(connection: ServerConnection) -> None:
        await connection.send(frame)

    async with serve(say, "127.0.0.1", 0) as server:
        link = link_to(f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/terminal")
        await link.connect()
        assert await read_exit(link) == PtyExit(code)
        await link.close()


async def test_the_token_reaches_the_header_and_no_log(
    agent: Agent, cloud: FakeCloud, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        link = agent.terminal(80, 24)
        await link.connect()
        await agent.system()
        await link.close()
    values = list(cloud._tokens)
    assert cloud.headers[-1]["Authorization"] == f"Bearer {values[-1]}"
    assert not any(value in caplog.text for value in values)


async def test_the_size_is_in_the_address(agent: Agent, cloud: FakeCloud) -> None:
    link = agent.terminal(132, 43)
    assert link._url.endswith("/terminal?cols=132&rows=43")
    assert link._url.startswith("ws://127.0.0.1:")
    agent.move("https://7777-x.eu.vms.example")
    assert agent.terminal(1, 1)._url.startswith("wss://7777-x.eu.vms.example/terminal?")


async def test_proxies_are_for_far_servers_only(agent: Agent, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        for name in ("http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{taken.getsockname()[1]}")
        for name in ("no_proxy", "NO_PROXY"):
            monkeypatch.delenv(name, raising=False)
        link = agent.terminal(80, 24)
        await link.connect()
        await link.close()
        with pytest.raises(Unreachable):
            await link_to("ws://far.invalid/terminal").connect()
