"""Uploads: part order, atomicity, aborts."""

from __future__ import annotations

import asyncio
import os

from tests.agent.conftest import assert_error

BOUNDARY = "xxBOUNDARYxx"


def multipart(*parts):
    body = b""
    for headers, content in parts:
        body += f"--{BOUNDARY}\r\nContent-Disposition: form-data; {headers}\r\n\r\n".encode() + content + b"\r\n"
    return body + f"--{BOUNDARY}--\r\n".encode()


async def send(site, *parts, body=None, **query):
    return await site.http.post(
        "/files/upload",
        params=query,
        content=multipart(*parts) if body is None else body,
        headers={"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"},
    )


FILE = 'name="file"; filename="local.bin"'


async def test_either_order(site):
    content = os.urandom(2_500_000)
    for number, parts in enumerate(
        (
            (('name="path"', b"/workspace/new/up0"), (FILE, content)),
            ((FILE, content), ('name="path"', b"/workspace/new/up1")),
        )
    ):
        answer = await send(site, *parts)
        assert answer.json()["size"] == 2_500_000
        assert (site.workspace / f"new/up{number}").read_bytes() == content
    assert (site.workspace / "new/up0").stat().st_mode & 0o777 == 0o644
    assert sorted(os.listdir(site.workspace)) == ["new"]


async def test_into_a_directory_with_the_files_own_name(site):
    (site.workspace / "dir").mkdir()
    answer = await send(site, ('name="path"', b"/workspace/dir"), (FILE, b"x"))
    assert answer.json()["path"] == "/workspace/dir/local.bin"
    answer = await send(site, ('name="file"; filename=".."', b"x"), path="/workspace/dir")
    assert_error(answer, 400, "INVALID_REQUEST")


async def test_fields_in_the_query_and_options(site):
    assert (await send(site, (FILE, b"1"), ('name="mode"', b"0755"), path="q")).status_code == 200
    assert (site.workspace / "q").stat().st_mode & 0o777 == 0o755
    refused = await send(site, (FILE, b"2"), path="q", overwrite="false")
    assert_error(refused, 409, "FILE_ALREADY_EXISTS")
    late = await send(site, (FILE, b"2"), ('name="path"', b"q"), ('name="overwrite"', b"false"))
    assert_error(late, 409, "FILE_ALREADY_EXISTS")
    assert (site.workspace / "q").read_text() == "1"
    assert os.listdir(site.workspace) == ["q"]
    assert (await send(site, (FILE, b"3"), path_b64="L3dvcmtzcGFjZS9x/w==")).json()["path_b64"]


async def test_what_is_malformed(site):
    assert_error(await site.post("/files/upload", path="x"), 400, "INVALID_REQUEST")
    assert_error(await send(site, ('name="path"', b"x")), 400, "MISSING_PARAMETER")
    assert_error(await send(site, (FILE, b"x")), 400, "MISSING_PARAMETER")
    assert_error(await send(site, ('name="other"', b"x"), (FILE, b"x"), (FILE, b"y"), path="x"), 400, "INVALID_REQUEST")
    assert_error(await send(site, ('name="path"', b"\xff"), (FILE, b"x")), 400, "INVALID_PATH")
    assert_error(await send(site, ('name="path"', b"x" * 70_000), (FILE, b"x")), 400, "INVALID_REQUEST")
    assert_error(await send(site, body=b"nothing of the kind", path="x"), 400, "INVALID_REQUEST")
    assert_error(await send(site, ('name="\x1a"', b"x"), (FILE, b"x"), path="x"), 400, "INVALID_REQUEST")
    assert_error(await send(site, (FILE, b"x"), path="/etc/evil"), 403, "PATH_NOT_ALLOWED")
    assert_error(await send(site, (FILE, b"x"), path="x", mode="99"), 400, "INVALID_REQUEST")
    nested = f"--{BOUNDARY}\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b--\r\n--{BOUNDARY}--\r\n".encode()
    assert_error(await send(site, body=nested, path="x"), 400, "INVALID_REQUEST")
    assert os.listdir(site.workspace) == []


async def test_an_aborted_upload_leaves_nothing(site):
    _, writer = await asyncio.open_connection("127.0.0.1", site.port)
    head = f"--{BOUNDARY}\r\nContent-Disposition: form-data; {FILE}\r\n\r\n".encode()
    writer.write(
        f"POST /files/upload?path=aborted HTTP/1.1\r\nHost: 127.0.0.1:{site.port}\r\n"
        f"Authorization: {site.headers['Authorization']}\r\nContent-Length: 90000000\r\n"
        f"Content-Type: multipart/form-data; boundary={BOUNDARY}\r\n\r\n".encode()
        + head
        + b"x" * 5_000_000
    )
    async with asyncio.timeout(10):
        while not any(name.startswith(".hopx-upload-") for name in os.listdir(site.workspace)):
            await asyncio.sleep(0.01)
        writer.transport.abort()
        while os.listdir(site.workspace):
            await asyncio.sleep(0.01)


async def test_across_file_systems_the_content_is_copied(site, monkeypatch):
    import errno

    real = os.rename

    def refuse(source, target, **more):
        if b".hopx-upload-" in source:
            raise OSError(errno.EXDEV, "other device")
        return real(source, target, **more)

    monkeypatch.setattr("hopx_tui.agent.writing.os.rename", refuse)
    answer = await send(site, (FILE, b"x" * 3_000_000), ('name="path"', b"/root/there"))
    assert answer.status_code == 200
    assert (site.home / "there").stat().st_size == 3_000_000
    assert os.listdir(site.workspace) == []
    assert os.listdir(site.home) == ["there"]
