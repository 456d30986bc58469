"""`/execute/async`."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json

import pytest

from hopx_tui.agent.callbacks import Callback, Callbacks
from tests.agent.conftest import assert_error
from tests.agent.running import marked
from tests.agent.test_jobs import until_status


class Receiver:
    """Answers each request with the next status (the last one for ever)."""

    def __init__(self, *statuses):
        self.statuses = list(statuses)
        self.requests = []
        self.seen = asyncio.Event()

    async def serve(self, reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        first, *lines = head.split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
        body = await reader.readexactly(int(headers["content-length"]))
        self.requests.append((first, headers, body))
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        where = f"Location: {self.url}/elsewhere\r\n" if status == 302 else ""
        writer.write(f"HTTP/1.1 {status} x\r\n{where}Content-Length: 0\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()
        writer.close()
        self.seen.set()

    async def __aenter__(self):
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{self.server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(self, *_):
        self.server.close()
        await self.server.wait_closed()


async def row_with(site, execution_id, **wanted):
    async with asyncio.timeout(10):
        while True:
            rows = (await site.get("/execute/processes")).json()["processes"]
            row = next(row for row in rows if row["execution_id"] == execution_id)
            if wanted.items() <= row.items():
                return row
            await asyncio.sleep(0.01)


async def test_the_result_is_posted_and_signed(site):
    async with Receiver(204) as receiver:
        started = (
            await site.post(
                "/execute/async",
                code="import sys; print('out'); sys.exit(2)",
                callback_url=f"{receiver.url}/hook?x=1",
                callback_headers={"Authorization": "Bearer mine"},
                callback_signature_secret="s3cret",
                env={"A": "b"},
            )
        ).json()
        assert (started["status"], started["callback_url"]) == ("queued", f"{receiver.url}/hook?x=1")
        await asyncio.wait_for(receiver.seen.wait(), 10)
        row = await row_with(site, started["execution_id"], callback_status="delivered")
    assert (row["status"], row["exit_code"]) == ("failed", 2)
    (first, headers, body), = receiver.requests
    assert first == "POST /hook?x=1 HTTP/1.1"
    assert headers["authorization"] == "Bearer mine"
    assert headers["content-type"] == "application/json"
    assert int(headers["x-hopx-timestamp"]) > 1_700_000_000
    assert headers["x-hopx-signature"] == "sha256=" + hmac.new(b"s3cret", body, hashlib.sha256).hexdigest()
    told = json.loads(body)
    assert told["execution_id"] == started["execution_id"]
    assert (told["status"], told["stdout"], told["stderr"], told["exit_code"]) == ("failed", "out\n", "", 2)
    assert told["execution_time"] > 0
    assert "exit code 2" in told["error"]


async def test_one_may_kill_it_by_either_id_and_timeouts_say_so(site):
    async with Receiver(200) as receiver:
        ended = {}
        for key in ("execution_id", "process_id"):
            body = {"code": "sleep 4281", "language": "bash", "callback_url": receiver.url}
            started = (await site.post("/execute/async", **body)).json()
            assert (await site.http.post(f"/execute/kill/{started[key]}")).json()["status"] == "killed"
            await until_status(site, started["process_id"], "killed")
            await row_with(site, started["execution_id"], callback_status="delivered")
            ended[started["execution_id"]] = "failed"
        started = (await site.post("/execute/async", **body, timeout=0.1)).json()
        ended[started["execution_id"]] = "timeout"
        await row_with(site, started["execution_id"], callback_status="delivered")
    told = [json.loads(body) for _, _, body in receiver.requests]
    assert {each["execution_id"]: each["status"] for each in told} == ended
    assert told[0]["error"] == "The execution was killed"
    assert told[2]["error"] == "timed out after 0.1s"
    assert "x-hopx-signature" not in receiver.requests[0][1]
    assert not marked("sleep\x004281")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({}, "MISSING_PARAMETER"),
        *(
            ({"callback_url": url}, "INVALID_REQUEST")
            for url in (
                "file:///etc/passwd", "ftp://x/", "//x/", "http://", "http://x:99999/", "http://u:p@x/", "http://[x/",
                "http://x/ y", "http://x/\r\nHost: y", "http://x\\y/", "http://" + "x" * 9000,
            )
        ),
        *(
            ({"callback_url": "http://127.0.0.1:1/", "callback_headers": headers}, "INVALID_REQUEST")
            for headers in (
                {"X": "a\r\nEvil: b"}, {"X\r\nEvil": "b"}, {"": "x"}, {"X": "\0"}, {"X": "ä"}, {"Host": "y"},
                {"content-LENGTH": "1"}, {"X-HOPX-Signature": "forged"}, {"X": "y" * 20_000},
                {f"X{number}": "y" for number in range(60)},
            )
        ),
        ({"callback_url": "http://127.0.0.1:1/", "language": "cobol"}, "INVALID_REQUEST"),
        ({"callback_url": "http://127.0.0.1:1/", "workdir": "/workspace/none"}, "DIRECTORY_NOT_FOUND"),
    ],
)  # fmt: skip
async def test_what_is_refused_before_anything_runs(site, body, code):
    answer = await site.post("/execute/async", code="open('ran', 'w')", **body)
    assert_error(answer, 404 if code == "DIRECTORY_NOT_FOUND" else 400, code)
    assert not (site.workspace / "ran").exists()
    assert (await site.get("/execute/processes")).json()["processes"] == []


async def test_three_tries_no_redirect_no_waiting_for_ever():
    slept = []

    async def sleep(seconds):
        slept.append(seconds)

    callbacks = Callbacks(sleep=sleep)
    async with Receiver(500, 302, 200) as receiver:
        assert await callbacks.deliver(Callback(receiver.url, {"content-type": "x/y"}, None), b"{}") is True
        assert [first for first, _, _ in receiver.requests] == ["POST / HTTP/1.1"] * 3
        assert receiver.requests[0][1]["content-type"] == "x/y"
    assert slept == [1.0, 4.0]
    async with Receiver(302) as receiver:
        assert await callbacks.deliver(Callback(receiver.url, {}, None), b"{}") is False
        assert len(receiver.requests) == 3
    assert await callbacks.deliver(Callback(receiver.url, {}, None), b"{}") is False


async def test_no_answer_within_the_time(monkeypatch):
    monkeypatch.setattr("hopx_tui.agent.callbacks.TRY_SECONDS", 0.1)
    monkeypatch.setattr("hopx_tui.agent.callbacks.PAUSES_SECONDS", (0.0, 0.0))
    held = asyncio.Event()

    async def hold(_reader, writer):
        await held.wait()
        writer.close()

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with asyncio.timeout(5):
        assert await Callbacks().deliver(Callback(f"http://127.0.0.1:{port}/", {}, None), b"{}") is False
    held.set()
    server.close()
    await server.wait_closed()
