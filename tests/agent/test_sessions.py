"""`/terminal?session=`: leaving and coming back, watching, taking over, the list and the end."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import sys

import pytest
import websockets

from hopx_tui.agent.replay import REPLAY_BYTES
from tests.agent.conftest import assert_error
from tests.agent.running import alive


class Client:
    """One attached client; `frames` are those that are not output."""

    def __init__(self, connection):
        self.connection = connection
        self.text = ""
        self.frames = []

    async def type(self, data):
        await self.connection.send(json.dumps({"type": "input", "data": data}))

    async def resize(self, cols, rows):
        await self.connection.send(json.dumps({"type": "resize", "cols": cols, "rows": rows}))

    async def take(self):
        message = json.loads(await self.connection.recv())
        if message["type"] == "output":
            self.text += message["data"]
        else:
            self.frames.append(message)

    async def until(self, needle, seconds=10):
        async with asyncio.timeout(seconds):
            while needle not in self.text:
                await self.take()

    async def frame(self, kind, seconds=10):
        async with asyncio.timeout(seconds):
            while not any(each["type"] == kind for each in self.frames):
                await self.take()
        found = next(each for each in self.frames if each["type"] == kind)
        self.frames.remove(found)
        return found

    async def closed(self, seconds=10):
        async with asyncio.timeout(seconds):
            with contextlib.suppress(websockets.ConnectionClosed):
                while True:
                    await self.take()
        return self.connection.close_code


@contextlib.asynccontextmanager
async def attach(site, name="s", query="", **options):
    url = f"{site.ws_url}/terminal?session={name}{query}"
    async with websockets.connect(
        url, additional_headers=site.headers, proxy=None, max_size=None, **options
    ) as connection:
        client = Client(connection)
        client.session = json.loads(await connection.recv())
        assert client.session["type"] == "session", client.session
        yield client


async def rows(site):
    return {row["name"]: row for row in (await site.get("/terminal/sessions")).json()["sessions"]}


async def row_when(site, condition, name="s"):
    async with asyncio.timeout(10):
        while True:
            row = (await rows(site)).get(name)
            if condition(row):
                return row
            await asyncio.sleep(0.01)


async def test_leaving_and_coming_back(site):
    async with attach(site, query="&cols=90&rows=20") as first:
        nothing_yet = {"cols": 90, "rows": 20, "replayed": 0, "position": 0, "characters": 0, "tail": 0}
        assert first.session == {"type": "session", "name": "s", "role": "writer", "created": True, **nothing_yet}
        await first.type("X=kept; stty size; printf '\\033]0;my title\\007'; echo mar''ker\n")
        await first.until("marker\r\n")
        assert "20 90" in first.text
        row = (await rows(site))["s"]
        assert alive(row["pid"])
        assert row["idle_seconds"] < 10
        known = {key: row[key] for key in ("cols", "rows", "clients", "writer_attached", "detached_at", "title")}
        assert known == {
            "cols": 90,
            "rows": 20,
            "clients": 1,
            "writer_attached": True,
            "detached_at": None,
            "title": "my title",
        }
    row = await row_when(site, lambda row: not row["clients"])
    assert row["detached_at"].endswith("Z")
    assert row["writer_attached"] is False
    async with attach(site) as again:
        assert again.session["role"] == "writer"
        assert again.session["created"] is False
        await again.until("marker\r\n")
        assert again.session["replayed"] >= len("marker")
        await again.type("stty size; echo $X$X; exit 3\n")
        await again.until("keptkept")
        assert again.text.count("20 90") == 2, "the size stays when none is asked for"
        assert await again.frame("exit") == {"type": "exit", "code": 3}
        assert await again.closed() == 1000
    assert await rows(site) == {}


async def test_the_name_is_free_after_the_exit(site):
    async with attach(site) as first:
        await first.type("exit\n")
        await first.frame("exit")
        async with attach(site) as second:
            assert second.session["created"] is True
            await second.type("exit 1\n")
            await second.frame("exit")


async def test_one_writes_the_others_watch(site):
    async with (
        attach(site, query="&cols=80&rows=24") as writer,
        attach(site, query="&cols=50&rows=10") as second,
        attach(site, query="&mode=watch") as watcher,
    ):
        assert (second.session["role"], watcher.session["role"]) == ("watcher", "watcher")
        await second.type("echo never\n")
        await watcher.type("echo never\n")
        await second.resize(60, 15)
        await writer.type("echo on''ce; stty size\n")
        for each in (writer, second, watcher):
            await each.until("24 80")
            assert "never" not in each.text
        await writer.connection.close()
        assert await second.frame("role") == {"type": "role", "role": "writer", "cols": 80, "rows": 24}
        assert await watcher.frame("role") == {"type": "role", "role": "watcher", "cols": 60, "rows": 15}
        await second.type("stty size; echo pro''moted\n")
        await watcher.until("promoted")
        assert "15 60" in watcher.text, "the size follows the writer"
        await second.connection.close()
        await row_when(site, lambda row: row["clients"] == 1)
        row = (await rows(site))["s"]
        assert row["writer_attached"] is False, "who asked to watch only is not promoted"
        assert row["detached_at"] is None
        async with attach(site) as newcomer:
            assert newcomer.session["role"] == "writer"
            await newcomer.type("echo hel''lo\n")
            await watcher.until("hello")
            await newcomer.type("exit\n")
            assert (await watcher.frame("exit"))["code"] == 0
            assert await watcher.closed() == 1000


async def test_taking_over(site):
    async with attach(site) as first, attach(site, query="&mode=take&cols=70&rows=20") as second:
        assert second.session["role"] == "writer"
        assert await first.frame("role") == {"type": "role", "role": "watcher", "cols": 70, "rows": 20}
        await first.type("echo never\n")
        await second.type("stty size; echo mi''ne\n")
        await first.until("mine")
        assert "20 70" in first.text
        assert "never" not in first.text
        await second.connection.close()
        assert await first.frame("role") == {"type": "role", "role": "writer", "cols": 70, "rows": 20}
        await first.type("exit\n")
        await first.frame("exit")


async def test_a_long_output_is_replayed_in_part_to_who_comes_later(site):
    async with attach(site) as first:
        await first.type("stty -echo; PS1=; seq 1 100000; echo e''nd\n")
        await first.until("end\r\n", 20)
    async with attach(site, query="&mode=watch") as second:
        await second.until("end\r\n")
        assert 0 < second.session["replayed"] <= REPLAY_BYTES
        assert second.session["tail"] <= second.session["characters"] == len(second.text)
        assert second.session["position"] > second.session["characters"]
        assert second.session["replayed"] == len(second.text.encode())
        numbers = [line for line in second.text.split("\r\n")[1:] if line.isdecimal()]
        assert numbers == [str(100_001 - each) for each in range(len(numbers), 0, -1)]
    assert (await site.http.delete("/terminal/sessions/s")).status_code == 200


async def slow_socket(site):
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32 << 10)
    connection.connect(("127.0.0.1", site.port))
    connection.setblocking(False)
    return connection


async def test_a_slow_watcher_is_cut_and_slows_nobody(site):
    async with attach(site) as writer:
        await writer.type("stty -echo; PS1=; echo rea''dy\n")
        await writer.until("ready")
        async with attach(site, query="&mode=watch", sock=await slow_socket(site), max_queue=1) as slow:
            await writer.type("head -c 6000000 /dev/zero | tr '\\0' x; echo e''nd\n")
            await writer.until("end\r\n", 20)
            assert writer.text.count("x") >= 6_000_000
            await row_when(site, lambda row: row["clients"] == 1)
            assert await slow.closed() in (1013, 1006)
            assert slow.text.count("x") < 6_000_000
        await writer.type("exit\n")
        await writer.frame("exit")


async def test_who_is_behind_and_reads_on_learns_why(site):
    async with attach(site) as writer:
        await writer.type("stty -echo; PS1=; echo rea''dy\n")
        await writer.until("ready")
        async with attach(site, query="&mode=watch", sock=await slow_socket(site), max_queue=1) as slow:
            await writer.type("head -c 3000000 /dev/zero | tr '\\0' x; echo e''nd\n")
            reading = asyncio.create_task(writer.until("end\r\n", 20))
            await asyncio.sleep(0.3)
            assert await slow.closed() == 1013
            assert slow.connection.close_reason == "too slow"
            await reading
        await writer.type("exit\n")
        await writer.frame("exit")


async def test_the_program_waits_for_its_writer(site):
    """Back-pressure as in a plain terminal, until somebody takes over."""
    async with attach(site, sock=await slow_socket(site), max_queue=1) as stuck:
        counter = site.workspace / "count"
        await stuck.type(f"i=0; while :; do printf '%04096d' 0; i=$((i+1)); echo $i > {counter}; done\n")

        def count():
            with contextlib.suppress(OSError, ValueError):
                return int(counter.read_text())
            return 0

        async with asyncio.timeout(15):
            before = -1
            while count() != before or not before:
                before = count()
                await asyncio.sleep(0.3)
        async with attach(site, query="&mode=take") as other:
            assert other.session["role"] == "writer"
            async with asyncio.timeout(15):
                while "stopped" not in other.text:
                    # An interrupted shell may throw away what was typed together with the interrupt.
                    await other.type("\x03")
                    await other.type("echo sto''pped\n")
                    with contextlib.suppress(TimeoutError):
                        await other.until("stopped", 1)
        stuck.connection.transport.abort()
    assert (await site.http.delete("/terminal/sessions/s")).status_code == 200


async def test_the_list_and_the_end(site, monkeypatch):
    monkeypatch.setattr("hopx_tui.agent.pty.HANGUP_GRACE_SECONDS", 0.2)
    async with attach(site, "one") as one, attach(site, "two.2"):
        found = await rows(site)
        assert list(found) == ["one", "two.2"]
        await one.type("trap '' HUP TERM; sleep 4900; sleep 4900\n")
        answer = await site.http.delete("/terminal/sessions/one")
        assert answer.status_code == 200
        assert answer.json()["success"] is True
        assert (await one.frame("exit"))["type"] == "exit"
        assert not alive(found["one"]["pid"])
        assert list(await rows(site)) == ["two.2"]
        assert_error(await site.http.delete("/terminal/sessions/one"), 404, "NOT_FOUND")


async def refused(site, query):
    with pytest.raises(websockets.InvalidStatus) as caught:
        await websockets.connect(
            f"{site.ws_url}/terminal?session={query}", additional_headers=site.headers, proxy=None
        )
    return caught.value.response.status_code, json.loads(caught.value.response.body)["code"]


async def test_what_is_refused(site, monkeypatch):
    monkeypatch.setattr("hopx_tui.agent.sessions.MOST_SESSIONS", 1)
    monkeypatch.setattr("hopx_tui.agent.sessions.MOST_CLIENTS", 1)
    for query in ("", "a%2Fb", "x" * 65, "a%20b", "s&mode=steal", "s&cols=0"):
        assert await refused(site, query) == (400, "INVALID_REQUEST"), query
    assert_error(await site.get("/terminal", session="s"), 400, "INVALID_REQUEST")
    assert await refused(site, "s&mode=watch") == (404, "NOT_FOUND")
    async with attach(site, "x" * 64):
        assert await refused(site, "second") == (409, "CONFLICT")
        assert await refused(site, "x" * 64) == (409, "CONFLICT")
    assert (await site.get("/info")).json()["features"]["terminal_sessions"] is True


async def test_a_session_left_alone_ends_but_a_pause_does_not_count(site, monkeypatch):
    monkeypatch.setattr("hopx_tui.agent.sessions.KEEP_SECONDS", 0.3)
    async with attach(site):
        pass
    row = await row_when(site, lambda row: not row["clients"])
    await site.process.door.shut()
    await asyncio.sleep(0.5)
    await site.process.door.open()
    assert "s" in await rows(site), "it was paused"
    await row_when(site, lambda row: row is None)
    async with asyncio.timeout(10):
        while alive(row["pid"]):
            await asyncio.sleep(0.01)


async def test_coming_back_in_time_keeps_it(site, monkeypatch):
    monkeypatch.setattr("hopx_tui.agent.sessions.KEEP_SECONDS", 0.2)
    async with attach(site):
        pass
    async with attach(site) as again:
        assert again.session["created"] is False
        await asyncio.sleep(0.4)
        await again.type("echo al''ive\n")
        await again.until("alive")


async def test_a_plain_terminal_is_told_nothing_new(site):
    async with websockets.connect(
        f"{site.ws_url}/terminal", additional_headers=site.headers, proxy=None
    ) as connection:
        await connection.send(json.dumps({"type": "input", "data": "exit\n"}))
        kinds = set()
        with contextlib.suppress(websockets.ConnectionClosed):
            while True:
                kinds.add(json.loads(await connection.recv())["type"])
    assert kinds == {"output", "exit"}
    assert await rows(site) == {}


async def test_output_of_every_length_arrives_as_it_was_written(site):
    """Short pieces leave at once, long ones and those behind others through the queue: in order, in whole frames."""
    lengths = [1, 2, 60, *range(88, 130), 200, 4000, *range(4050, 4100), 65_000, 3]
    script = (
        f"import os, time\nfor n in {lengths}:\n"
        "    data = ('<' + 'é' * n + '>').encode()\n"
        "    while data:\n        data = data[os.write(1, data):]\n"
        "    time.sleep(n % 3 / 1000)\n"
    )
    async with attach(site) as client:
        await client.type("stty -echo -opost; printf begi''n\n")
        await client.until("begin")
        path = site.workspace / "lengths.py"
        path.write_text(script)
        client.text = ""
        await client.type(f"{sys.executable} {path}; printf en''d\n")
        await client.until("end", 30)
    found = [len(piece.partition("<")[2]) for piece in client.text.split(">")[:-1]]
    assert found == lengths


async def test_a_session_whose_client_does_not_read_can_be_ended(site):
    """Its client is told nothing then, but who asked for the end need not wait, and the name is free."""
    async with attach(site, max_queue=1) as stuck:
        await stuck.type("yes 0123456789\n")
        await row_when(site, lambda row: row["idle_seconds"] > 0.3)
        async with asyncio.timeout(10):
            assert (await site.http.delete("/terminal/sessions/s")).status_code == 200
        await row_when(site, lambda row: row is None)
