"""Start commands are handed to the agent, whatever it is; a failure is an event."""

import asyncio
import json
from types import SimpleNamespace

import pytest

from hopx_tui.engine import start_command
from hopx_tui.engine.start_command import StartCommands


class Events:
    def __init__(self):
        self.rows = []

    def record(self, event, sandbox_id=None, **details):
        self.rows.append((event, sandbox_id, details.get("reason")))


async def heard(answer, **record):
    """Run against an agent that says `answer` (None: nothing); what it was sent, and the events."""
    sent = []
    done = asyncio.Event()

    async def serve(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        sent.append((head.decode(), json.loads(await reader.readexactly(length))))
        if answer is None:
            await done.wait()
        else:
            writer.write(answer)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    given = {"id": "s1", "port": server.sockets[0].getsockname()[1], "start_command": "serve", "workdir": "/app"}
    events = Events()
    commands = StartCommands(lambda sandbox_id: f"token-of-{sandbox_id}", events)
    await commands.run(SimpleNamespace(**{**given, **record}))
    done.set()
    server.close()
    await server.wait_closed()
    return sent, events.rows


async def test_what_the_agent_gets():
    sent, events = await heard(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
    head, body = sent[0]
    assert head.startswith("POST /commands/background HTTP/1.1\r\n")
    assert "Authorization: Bearer token-of-s1\r\n" in head
    assert body == {"command": "serve", "name": "start command", "workdir": "/app"}
    assert events == []


async def test_nothing_to_start():
    assert await heard(b"", start_command=None) == ([], [])


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "answered 400"),
        (b"what?\r\n", "no HTTP"),
        (b"HTTP/1.1 xyz\r\n", "invalid literal"),
        (b"", "0 bytes read"),
        (b"x" * 200_000, "longer than limit|chunk"),
        (None, "TimeoutError"),
    ],
    ids=["refused", "words", "letters", "nothing", "flood", "silence"],
)
async def test_failures_are_events(monkeypatch, answer, words):
    monkeypatch.setattr(start_command, "ANSWER_SECONDS", 0.3)
    _, events = await heard(answer, workdir=None)
    assert [row[:2] for row in events] == [("start_command_failed", "s1")]
    assert any(word in events[0][2] for word in words.split("|")), events


async def test_nobody_listens(unused_tcp_port):
    events = Events()
    record = SimpleNamespace(id="s1", port=unused_tcp_port, start_command="x", workdir=None)
    await StartCommands(lambda _id: "t", events).run(record)
    assert events.rows[0][0] == "start_command_failed"
