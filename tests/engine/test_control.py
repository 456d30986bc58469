"""The control line: answers matched by op, events handed on, hanging up noticed once."""

import asyncio
import json
import os
import socket

import pytest

from hopx_tui.engine.control import ChannelError, ControlChannel


@pytest.fixture
async def line():
    ours, theirs = socket.socketpair()
    events, closed = [], []
    channel = ControlChannel(events.append, lambda: closed.append(True))
    await channel.open(ours)
    reader, writer = await asyncio.open_connection(sock=theirs)
    yield channel, reader, writer, events, closed
    channel.close()
    writer.close()
    await asyncio.sleep(0)


async def test_configuration_then_ready(line):
    channel, reader, writer, _, _ = line
    channel.configure({"sandbox_id": "s"})
    assert json.loads(await reader.readline()) == {"sandbox_id": "s"}
    writer.write(b'{"op":"ready","pid":1}\n')
    assert (await channel.answer("ready", 5))["pid"] == 1


async def test_events_and_noise_do_not_answer(line):
    channel, reader, writer, events, _ = line
    asked = asyncio.ensure_future(channel.request("quiesce", 5))
    assert json.loads(await reader.readline()) == {"op": "quiesce"}
    writer.write(
        b'no json\n[1]\n{"op":"event","event":"disk_full"}\n{"op":"other"}\n{"op":"quiesce","ok":true}\n'
    )
    assert (await asked)["ok"] is True
    assert events == [{"op": "event", "event": "disk_full"}]


async def test_silence_is_an_error(line):
    with pytest.raises(ChannelError, match="did not answer"):
        await line[0].request("quiesce", 0.01)


async def test_hanging_up_fails_who_waits_and_is_told_once(line):
    channel, _, writer, _, closed = line
    asked = asyncio.ensure_future(channel.request("stop", 5))
    await asyncio.sleep(0)
    writer.close()
    with pytest.raises(ChannelError):
        await asked
    assert closed == [True]
    for late in (channel.request("x", 1), channel.answer("x", 1)):
        with pytest.raises(ChannelError, match="hung up"):
            await late


async def test_a_closed_end_is_not_a_surprise():
    ours, theirs = socket.socketpair()
    closed = []
    channel = ControlChannel(lambda _: None, lambda: closed.append(True))
    with pytest.raises(ChannelError):
        channel.configure({})
    await channel.open(ours)
    channel.close()
    await asyncio.sleep(0)
    theirs.close()
    assert closed == []


async def test_descriptors_and_asks():
    ours, theirs = socket.socketpair()
    reading, writing = os.pipe()
    asked = []

    def grant(ask):
        asked.append(ask)
        return {"ok": True, "port": 5}, writing

    channel = ControlChannel(lambda _: None, lambda: None, grant)
    await channel.open(ours)
    channel.configure({"sandbox_id": "s"}, writing)
    theirs.setblocking(True)
    theirs.settimeout(5)
    line, (one,), _, _ = socket.recv_fds(theirs, 1000, 4)
    assert json.loads(line) == {"sandbox_id": "s"}
    theirs.sendall(b'{"op":"ask","id":3,"ask":"preview","port":80}\n')
    line, (two,), _, _ = await asyncio.to_thread(socket.recv_fds, theirs, 1000, 4)
    assert json.loads(line) == {"op": "grant", "id": 3, "ok": True, "port": 5}
    assert asked == [{"op": "ask", "id": 3, "ask": "preview", "port": 80}]
    os.write(one, b"a")
    os.write(two, b"b")
    assert os.read(reading, 10) == b"ab"
    for each in (one, two, reading, writing):
        os.close(each)
    channel.close()
    theirs.close()


async def test_asks_are_refused_by_default(line):
    _, reader, writer, _, _ = line
    writer.write(b'{"op":"ask","id":{"any":1},"ask":"world"}\n')
    answer = json.loads(await reader.readline())
    assert (answer["op"], answer["id"], answer["ok"]) == ("grant", {"any": 1}, False)


async def test_an_answer_that_cannot_be_sent_is_no_disaster(line, caplog):
    channel, _, writer, _, _ = line
    channel._sender.close()
    writer.write(b'{"op":"ask","id":1,"ask":"world"}\n{"op":"event","event":"x"}\n')
    async with asyncio.timeout(5):
        while not line[3]:
            await asyncio.sleep(0.001)
    assert "an answer was lost" in caplog.text
