"""One frame at a time, told by pongs."""

from __future__ import annotations

import asyncio
import json
import time

import aiohttp
import pytest

CODE = "import sys\nprint('a', flush=True)\nprint('b', file=sys.stderr)\nsys.exit(3)"


@pytest.fixture
async def session(site):
    async with aiohttp.ClientSession(headers=site.headers) as opened:
        yield opened


async def test_the_next_frame_waits_until_the_last_is_handled(site, session):
    """Two that are read at once are one too many for the JavaScript SDK."""
    async with session.ws_connect(site.url + "/execute/stream", autoping=False) as socket:
        await socket.send_str(json.dumps({"code": CODE, "language": "python"}))
        kinds = []
        async with asyncio.timeout(15):
            while "complete" not in kinds:
                frame = await socket.receive()
                if frame.type == aiohttp.WSMsgType.PING:
                    await asyncio.sleep(0.05)  # a busy client; nothing may come meanwhile
                    with pytest.raises(TimeoutError):
                        await asyncio.wait_for(socket.receive(), 0.02)
                    await socket.pong(frame.data)
                else:
                    kinds.append(json.loads(frame.data)["type"])
    assert sorted(kinds[:-2]) == ["stderr", "stdout"]
    assert kinds[-2:] == ["result", "complete"]


async def test_who_answers_no_ping_gets_everything_all_the_same(site, session, monkeypatch):
    monkeypatch.setattr("hopx_tui.agent.pacing.PONG_SECONDS", 0.05)
    async with session.ws_connect(site.url + "/execute/stream", autoping=False) as socket:
        await socket.ping(b"mine")
        await socket.send_str(json.dumps({"code": CODE, "language": "python"}))
        frames = []
        async with asyncio.timeout(15):
            while (frame := await socket.receive()).type in (
                aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.PING, aiohttp.WSMsgType.PONG,
            ):  # fmt: skip
                frames.append(frame)
    assert b"mine" in [frame.data for frame in frames if frame.type == aiohttp.WSMsgType.PONG]
    kinds = [json.loads(frame.data)["type"] for frame in frames if frame.type == aiohttp.WSMsgType.TEXT]
    assert kinds[-2:] == ["result", "complete"]


async def test_the_end_of_a_terminal_comes_after_its_output(site, session):
    async with session.ws_connect(site.url + "/terminal", autoping=False) as socket:
        await socket.send_str(json.dumps({"type": "input", "data": "exit 5\n"}))
        async with asyncio.timeout(15):
            while (frame := await socket.receive()).type != aiohttp.WSMsgType.PING:
                assert json.loads(frame.data)["type"] == "output"
            held = time.monotonic()
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(socket.receive(), 0.05)
            await socket.pong(frame.data)
            assert json.loads((await socket.receive()).data) == {"type": "exit", "code": 5}
        assert time.monotonic() - held < 0.9
