"""`/terminal`: a real shell behind a websocket."""

from __future__ import annotations

import asyncio
import contextlib
import json
import shlex
import socket

import pytest
import websockets

from tests.agent.conftest import assert_error
from tests.agent.running import alive, marked


class Shell:
    """A client's side of one terminal."""

    def __init__(self, connection):
        self.connection = connection
        self.text = ""
        self.code = None

    async def type(self, data):
        await self.connection.send(json.dumps({"type": "input", "data": data}))

    async def resize(self, cols, rows):
        await self.connection.send(json.dumps({"type": "resize", "cols": cols, "rows": rows}))

    async def until(self, needle, seconds=10, after=""):
        async with asyncio.timeout(seconds):
            while needle not in self.text.partition(after)[2] if after else needle not in self.text:
                await self.take()
        return self.text

    async def take(self):
        message = json.loads(await self.connection.recv())
        if message["type"] == "output":
            self.text += message["data"]
        else:
            assert message["type"] == "exit"
            self.code = message["code"]

    async def ended(self, seconds=10):
        async with asyncio.timeout(seconds):
            with contextlib.suppress(websockets.ConnectionClosed):
                while True:
                    await self.take()
        return self.code


@contextlib.asynccontextmanager
async def shell(site, query="", **options):
    async with websockets.connect(
        f"{site.ws_url}/terminal{query}", additional_headers=site.headers, proxy=None, max_size=None, **options
    ) as connection:
        yield Shell(connection)


async def test_echo_variables_directory_and_exit_code(site):
    async with shell(site) as term:
        await term.type("echo $TERM/$COLORTERM/$FROM_CREATE/$LANG; pwd; tty; stty size; exit 7\n")
        assert await term.ended() == 7
        assert "xterm-256color/truecolor/yes/C.UTF-8" in term.text
        assert f"\n{site.workspace}\r\n" in term.text
        assert "/dev/pts/" in term.text
        assert "24 80" in term.text
        assert term.connection.close_code == 1000


async def test_initial_size_resize_and_window_change(site):
    async with shell(site, "?cols=100&rows=30") as term:
        watch = "trap 'echo now $(stty size)' WINCH; echo rea''dy; while :; do sleep 0.02; done"
        await term.type(f"stty size; sh -c {shlex.quote(watch)}\n")
        await term.until("ready\r\n")
        assert "30 100" in term.text
        await term.resize(132, 43)
        await term.resize(0, -1)
        await term.until("now 43 132")
    for query in ("?cols=0", "?rows=x", "?cols=99999"):
        assert_error(await site.http.get(f"/terminal{query}"), 400, "INVALID_REQUEST")
    assert_error(await site.get("/terminal"), 400, "INVALID_REQUEST")


async def test_job_control_and_control_characters(site):
    async with shell(site) as term:
        await term.type("sleep 4300\n")
        async with asyncio.timeout(10):
            while not marked("sleep\x004300"):
                await asyncio.sleep(0.01)
        await term.type("\x03")
        # Bash may throw away what is typed before it has dealt with the interrupt.
        await term.until("\x1b[?2004h", after="^C")
        await term.type("echo in''terrupted $?\n")
        await term.until("interrupted 130\r\n")
        # An end-of-file that is typed before the shell reads keys itself would arrive as a NUL.
        await term.until("\x1b[?2004h", after="interrupted 130\r\n")
        await term.type("\x04")
        assert await term.ended() == 0


async def test_a_signal_is_128_plus_n(site):
    async with shell(site) as term:
        await term.type("kill -KILL $$\n")
        assert await term.ended() == 137


async def test_characters_split_over_reads_arrive_whole(site):
    async with shell(site) as term:
        await term.type(
            "printf '\\303'; sleep 0.2; printf '\\251|\\360\\237'; sleep 0.1; printf '\\230\\200 \\377 en''d\\n'\n"
        )
        await term.until("é|😀 \ufffd end")


async def test_every_byte_of_a_long_output_before_the_exit(site):
    async with shell(site) as term:
        await term.type("stty -echo; PS1=; echo; seq 1 200000; exit 3\n")
        assert await term.ended(30) == 3
    numbers = [line for line in term.text.split("\r\n") if line.isdecimal()]
    assert numbers == [str(number) for number in range(1, 200_001)]


async def test_frames_that_make_no_sense_are_ignored(site):
    async with shell(site) as term:
        for frame in (
            "",
            "nope",
            "[]",
            '{"type":5}',
            '{"type":"unknown"}',
            "{}",
            b"\xff\xfe",
            '{"type":"resize","cols":"x"}',
        ):
            await term.connection.send(frame)
        await term.type("echo still he''re\n")
        await term.until("still here")
        waiter = await term.connection.ping()
        async with asyncio.timeout(5):
            await waiter


async def test_a_large_paste_arrives_whole(site):
    async with shell(site) as term:
        await term.type("stty raw -echo; echo rea''dy; head -c 3000000 | cksum; stty sane; exit\n")
        await term.until("ready")
        block = "0123456789abcdef" * 4096
        for _ in range(3_000_000 // len(block) + 1):
            await term.type(block)
        await term.until("3000000", 20)


async def test_closing_the_socket_ends_the_session(site):
    async with shell(site) as term:
        await term.type("trap '' HUP; (trap '' HUP; sleep 4311) & nohup sleep 4312 >/dev/null & echo p''id=$$=\n")
        await term.until("pid=")
        await term.until("=\r\n")
        pid = int(term.text.rsplit("pid=", 1)[1].split("=")[0])
        assert alive(pid)
    async with asyncio.timeout(10):
        while alive(pid) or marked("sleep\x004311") or marked("sleep\x004312"):
            await asyncio.sleep(0.02)


async def test_a_client_that_never_reads_stops_the_writer(site):
    """Back-pressure: flat memory, the writing program blocks, and everything ends with the socket."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 << 10)
    connection.connect(("127.0.0.1", site.port))
    connection.setblocking(False)
    async with shell(site, sock=connection, max_queue=1) as term:
        counter = site.workspace / "count"
        await term.type(f"i=0; while :; do printf '%04096d' 0; i=$((i+1)); echo $i > {counter}; done\n")
        await term.until("0" * 4096)

        def count():
            with contextlib.suppress(OSError, ValueError):
                return int(counter.read_text())
            return 0

        async with asyncio.timeout(15):
            before = -1
            while count() != before:
                before = count()
                await asyncio.sleep(0.5)
        assert before * 4096 < 20 << 20
        assert (await site.get("/health")).json()["active_streams"] == 1
        connection.close()
    async with asyncio.timeout(15):
        while (await site.get("/health")).json()["active_streams"]:
            await asyncio.sleep(0.05)


async def test_input_nobody_takes_is_dropped_in_the_end(site, monkeypatch):
    monkeypatch.setattr("hopx_tui.agent.pty.STUCK_SECONDS", 0.05)
    async with shell(site) as term:
        await term.type("stty raw -echo; echo rea''dy; sleep 4320\n")
        await term.until("ready")
        for _ in range(6):
            await term.type("x" * 500_000)
        waiter = await term.connection.ping()
        async with asyncio.timeout(10):
            await waiter
    async with asyncio.timeout(10):
        while marked("sleep\x004320"):
            await asyncio.sleep(0.02)


async def test_a_terminal_that_cannot_start_is_an_answer(site, monkeypatch):
    def none_left():
        raise OSError(28, "no pseudo-terminals left")

    monkeypatch.setattr("hopx_tui.agent.pty.os.openpty", none_left)
    with pytest.raises(websockets.InvalidStatus) as caught:
        await websockets.connect(f"{site.ws_url}/terminal", additional_headers=site.headers, proxy=None)
    assert caught.value.response.status_code == 400
    assert b"COMMAND_FAILED" in caught.value.response.body


async def test_the_environment_route_takes_effect_in_new_terminals(site):
    await site.http.patch("/env", json={"env_vars": {"TERM": "dumb", "MINE": "ok"}})
    async with shell(site) as term:
        await term.type("echo =$TERM=$MINE=; exit\n")
        await term.ended()
        assert "=dumb=ok=" in term.text
