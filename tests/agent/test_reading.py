"""Reading text and downloading."""

from __future__ import annotations

import asyncio
import os
import threading

import pytest

from hopx_tui.agent.errors import AgentError
from hopx_tui.agent.paths import Location
from hopx_tui.agent.reading import TEXT_LIMIT, open_regular, read_text, requested_span
from tests.agent.conftest import assert_error


async def test_a_limit_truncates_between_characters(site):
    (site.workspace / "t").write_bytes("aé".encode() * 1000)
    read = (await site.get("/files/read", path="t", limit=5)).json()
    assert (read["content"], read["truncated"], read["binary"], read["size"]) == ("aéa", True, False, 3000)
    assert (await site.get("/files/read", path="t", limit=3000)).json()["truncated"] is False
    assert (await site.get("/files/read", path="t", limit=0)).json()["content"] == ""
    for limit in ("-1", "x", "1" * 30):
        assert_error(await site.get("/files/read", path="t", limit=limit), 400, "INVALID_REQUEST")


async def test_binary_is_said(site):
    (site.workspace / "nul").write_bytes(b"a\0b")
    (site.workspace / "latin").write_bytes(b"caf\xe9")
    assert (await site.get("/files/read", path="nul")).json()["binary"] is True
    read = (await site.get("/files/read", path="latin")).json()
    assert (read["content"], read["binary"]) == ("caf\ufffd", True)


async def test_too_large_for_text(site, monkeypatch):
    monkeypatch.setattr("hopx_tui.agent.reading.TEXT_LIMIT", 10)
    (site.workspace / "big").write_bytes(b"x" * 11)
    assert_error(await site.get("/files/read", path="big"), 400, "FILE_OPERATION_FAILED")
    assert (await site.get("/files/read", path="big", limit=4)).json()["content"] == "xxxx"


async def test_download_whole_ranges_and_head(site):
    content = os.urandom(300_000)
    (site.workspace / "d ü").write_bytes(content)
    answer = await site.get("/files/download", path="d ü")
    assert answer.content == content
    assert answer.headers["Content-Type"] == "application/octet-stream"
    assert answer.headers["Content-Length"] == "300000"
    assert "d%20%C3%BC" in answer.headers["Content-Disposition"]
    assert answer.headers["X-Request-ID"]

    async def part(range_header, **headers):
        return await site.http.get(
            "/files/download", params={"path": "d ü"}, headers={"Range": range_header, **headers}
        )

    for header, expected in (
        ("bytes=0-9", content[:10]),
        ("bytes=299990-", content[-10:]),
        ("bytes=-5", content[-5:]),
        ("bytes=299999-400000", content[-1:]),
        ("bytes=-999999", content),
    ):
        answer = await part(header)
        assert (answer.status_code, answer.content) == (206, expected), header
        assert answer.headers["Content-Range"].endswith("/300000")
    for header in ("bytes=5-2", "bytes=0-1,3-4", "lines=1-2", "bytes=x-", "bytes=-"):
        answer = await part(header)
        assert (answer.status_code, len(answer.content)) == (200, 300_000), header
    assert_error(await part("bytes=300000-"), 416, "INVALID_REQUEST")
    assert (await part("bytes=0-1", **{"If-Range": '"other"'})).status_code == 200
    assert (await part("bytes=0-1", **{"If-Range": answer.headers["ETag"]})).status_code == 206
    head = await site.http.head("/files/download", params={"path": "d ü"})
    assert (head.headers["Content-Length"], head.content) == ("300000", b"")


async def test_an_empty_file(site):
    (site.workspace / "e").touch()
    assert (await site.get("/files/download", path="e")).content == b""
    assert (await site.get("/files/read", path="e")).json()["content"] == ""


def test_files_of_proc_have_content_and_no_size():
    read = read_text(Location(b"/proc/version", b"/proc/version"), None)
    assert read["content"].startswith("Linux")
    assert read["size"] == len(read["content"])


def test_devices_are_refused():
    for name in (b"/dev/zero", b"/dev/tty", b"/dev"):
        with pytest.raises(AgentError) as caught:
            open_regular(Location(name, name))
        assert caught.value.code == "INVALID_PATH"


def test_a_range_of_nothing():
    for header, size in (("bytes=0-", 0), ("bytes=-0", 5), ("bytes=5-", 5)):
        with pytest.raises(AgentError) as caught:
            requested_span({"Range": header}, size, "")
        assert caught.value.status == 416


async def test_a_client_that_goes_away_during_a_download(site):
    with (site.workspace / "huge").open("wb") as file:
        file.truncate(1 << 30)
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    token = site.headers["Authorization"]
    writer.write(
        f"GET /files/download?path=huge HTTP/1.1\r\nHost: 127.0.0.1:{site.port}\r\n"
        f"Authorization: {token}\r\n\r\n".encode()
    )
    await reader.read(1000)
    writer.transport.abort()
    assert (await site.get("/health")).status_code == 200


async def test_a_file_that_shrinks_breaks_the_connection(site):
    path = site.workspace / "shrinks"
    with path.open("wb") as file:
        file.truncate(1 << 30)
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port, limit=1024)
    token = site.headers["Authorization"]
    writer.write(
        f"GET /files/download?path=shrinks HTTP/1.1\r\nHost: 127.0.0.1:{site.port}\r\n"
        f"Authorization: {token}\r\n\r\n".encode()
    )
    await reader.readuntil(b"\r\n\r\n")
    os.truncate(path, 1000)
    received = 0
    try:
        while data := await reader.read(1 << 20):
            received += len(data)
    except ConnectionResetError:
        pass
    assert received < 1 << 30
    writer.transport.abort()


async def test_the_largest_text(site):
    (site.workspace / "big").write_bytes(b"x" * (TEXT_LIMIT + 1))
    error = assert_error(await site.get("/files/read", path="big"), 400, "FILE_OPERATION_FAILED")
    assert "/files/download" in error["message"]
    read = await site.get("/files/read", path="big", limit=1 << 30)
    assert "X-Request-ID" in read.headers
    read = read.json()
    assert (len(read["content"]), read["truncated"], read["size"]) == (TEXT_LIMIT, True, TEXT_LIMIT + 1)


async def test_large_reads_take_turns(site, monkeypatch):
    (site.workspace / "big").write_bytes(b"\x01" * (3 << 20))
    plain, under_way, most = read_text, 0, 0
    guard = threading.Lock()

    def watched(location, limit):
        nonlocal under_way, most
        with guard:
            under_way += 1
            most = max(most, under_way)
        try:
            return plain(location, limit)
        finally:
            with guard:
                under_way -= 1

    monkeypatch.setattr("hopx_tui.agent.reading.read_text", watched)
    answers = await asyncio.gather(*(site.get("/files/read", path="big") for _ in range(6)))
    assert {len(answer.json()["content"]) for answer in answers} == {3 << 20}
    assert most == 1
    head = await site.http.head("/files/read", params={"path": "big"})
    assert (head.status_code, head.content) == (200, b"")


async def test_a_client_that_takes_nothing_does_not_keep_the_turn(site, monkeypatch):
    monkeypatch.setattr("hopx_tui.agent.reading.SEND_SECONDS", 0.2)
    (site.workspace / "big").write_bytes(b"x" * (12 << 20))
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port, limit=1024)
    token = site.headers["Authorization"]
    head = f"GET /files/read?path=big HTTP/1.1\r\nHost: 127.0.0.1:{site.port}\r\nAuthorization: {token}\r\n\r\n"
    writer.write(head.encode())
    await reader.readline()
    assert len((await site.get("/files/read", path="big")).json()["content"]) == 12 << 20
    writer.close()
