"""The four streaming websockets."""

from __future__ import annotations

import asyncio
import json
import os
import time

import httpx
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.agent.conftest import assert_error
from tests.agent.interpreters import LIBRARIES, plain_python
from tests.agent.running import alive, marked


def opened(site, path, **options):
    return connect(
        site.ws_url + path, additional_headers=site.headers, proxy=None, max_size=None, compression=None, **options
    )


async def frames_of(site, path, **request):
    async with opened(site, path) as socket:
        await socket.send(json.dumps({"type": "execute", **request}))
        async with asyncio.timeout(20):
            frames = [json.loads(frame) async for frame in socket]
        assert socket.close_code == 1000
    return frames


def text(frames, kind="stdout"):
    return "".join(frame["data"] for frame in frames if frame["type"] == kind)


async def until(condition):
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.01)


async def test_outputs_result_and_complete(site):
    (site.workspace / "sub").mkdir()
    code = "import os, sys; print(os.getcwd(), os.environ['A']); print('bad', file=sys.stderr); sys.exit(3)"
    frames = await frames_of(
        site, "/execute/stream", code=code, language="python", timeout=10, working_dir="/workspace/sub", env={"A": "b"}
    )
    assert text(frames) == f"{site.workspace}/sub b\n"
    assert text(frames, "stderr") == "bad\n"
    assert frames[0]["timestamp"].endswith("Z")
    result, complete = frames[-2:]
    assert (result["type"], result["exit_code"], result["timed_out"]) == ("result", 3, False)
    assert 0 < result["execution_time"] < 10
    assert (complete["type"], complete["success"]) == ("complete", False)
    frames = await frames_of(site, "/execute/stream", code="echo $((6*7))", language="bash")
    assert (text(frames), frames[-1]["success"]) == ("42\n", True)
    frames = await frames_of(site, "/commands/stream", command="printf", args=["%s|", "a b"])
    assert (text(frames), frames[-1]["success"]) == ("a b|", True)


async def test_output_comes_as_it_is_written_and_characters_stay_whole(site):
    command = "printf 'a\\303'; read x < go; printf '\\244'; printf 'b\\377'"
    os.mkfifo(site.workspace / "go")
    async with opened(site, "/commands/stream") as socket:
        await socket.send(json.dumps({"command": command}))
        first = json.loads(await asyncio.wait_for(socket.recv(), 10))
        assert (first["type"], first["data"]) == ("stdout", "a")
        (site.workspace / "go").write_text("\n")
        rest = [json.loads(frame) async for frame in socket]
    assert text(rest) == "äb\ufffd"


async def test_much_output_is_complete_and_in_few_frames(site):
    started = time.monotonic()
    frames = await frames_of(site, "/commands/stream", command="head -c 20000000 /dev/zero | tr '\\0' x")
    assert len(text(frames)) == 20_000_000
    assert len(frames) < 4000
    assert time.monotonic() - started < 15


async def test_a_client_that_does_not_read_holds_the_program_not_our_memory(site):
    program = "import os\nwhile True: os.write(1, b'x' * 65536); open('n', 'a').write('1')"
    command = f'echo $$ > pid; exec python3 -c "{program}"'
    async with opened(site, "/commands/stream", max_queue=1) as socket:
        await socket.send(json.dumps({"command": command, "timeout": 60}))
        counted = site.workspace / "n"
        await until(lambda: counted.exists() and counted.stat().st_size > 5)
        previous = -1
        async with asyncio.timeout(10):
            while previous != (previous := counted.stat().st_size):
                await asyncio.sleep(0.3)
        assert previous * 65536 < 32 << 20
        pid = int((site.workspace / "pid").read_text())
        assert alive(pid)
        socket.transport.abort()
    await until(lambda: not alive(pid))


@pytest.mark.parametrize(
    ("path", "request_"),
    [
        ("/commands/stream", {"command": "setsid sleep 4261 & sleep 4262"}),
        ("/execute/stream", {"code": "setsid sleep 4261 & sleep 4262", "language": "bash", "timeout": 60}),
    ],
)
async def test_who_closes_early_ends_the_whole_tree(site, path, request_):
    async with opened(site, path) as socket:
        await socket.send(json.dumps({"type": "execute", **request_}))
        await until(lambda: marked("sleep\x004261") and marked("sleep\x004262"))
    await until(lambda: not marked("sleep\x004261") and not marked("sleep\x004262"))
    await until(lambda: site.process.children._running == {})


async def test_a_timeout(site):
    started = time.monotonic()
    frames = await frames_of(site, "/commands/stream", command="echo a; sleep 4263", timeout=0.3)
    assert time.monotonic() - started < 4
    assert (text(frames), text(frames, "stderr")) == ("a\n", "timed out after 0.3s\n")
    assert (frames[-2]["exit_code"], frames[-2]["timed_out"], frames[-1]["success"]) == (124, True, False)
    assert not marked("sleep\x004263")


async def test_a_background_process_does_not_hold_the_end(site):
    frames = await frames_of(site, "/commands/stream", command="(while true; do echo x; sleep 0.01; done) & echo $!")
    assert frames[-1]["success"] is True
    pid = int(next(word for word in text(frames).split() if word != "x"))
    await asyncio.sleep(0.1)
    assert alive(pid), "it must not die of SIGPIPE"
    await site.run(f"kill {pid}")


@pytest.mark.parametrize(
    ("path", "message", "code"),
    [
        ("/execute/stream", "no json", "INVALID_JSON"),
        ("/execute/stream", "[1]", "INVALID_REQUEST"),
        ("/execute/stream", '{"type":"execute"}', "MISSING_PARAMETER"),
        ("/stream", '{"code":"1","language":"cobol"}', "INVALID_REQUEST"),
        ("/stream/ipython", '{"timeout":1}', "MISSING_PARAMETER"),
        ("/commands/stream", '{"command":"pwd","workdir":"/workspace/none"}', "DIRECTORY_NOT_FOUND"),
        ("/commands/stream", b"\xff\xfe", "INVALID_JSON"),
    ],
)
async def test_bad_requests_get_error_and_complete(site, path, message, code):
    async with opened(site, path) as socket:
        await socket.send(message)
        frames = [json.loads(frame) async for frame in socket]
    error, complete = frames
    assert (error["type"], error["code"]) == ("error", code)
    assert error["error"]
    assert (complete["type"], complete["success"]) == ("complete", False)


async def test_what_cannot_start_ends_as_a_shell_would_say(site):
    frames = await frames_of(site, "/commands/stream", command="no-such-program", args=["x"])
    assert "not found" in text(frames, "stderr")
    assert (frames[-2]["exit_code"], frames[-1]["success"]) == (127, False)


async def test_they_are_websockets_behind_the_token(site):
    assert_error(await site.get("/stream"), 400, "INVALID_REQUEST")
    async with httpx.AsyncClient(base_url=site.url, trust_env=False) as nobody:
        assert (await nobody.get("/execute/stream")).status_code == 401
    with pytest.raises(InvalidStatus):
        await connect(site.ws_url + "/stream", proxy=None)


async def test_who_says_nothing_is_closed(site, monkeypatch):
    monkeypatch.setattr("hopx_tui.agent.streams.FIRST_FRAME_SECONDS", 0.05)
    async with opened(site, "/stream") as socket, asyncio.timeout(5):
        await socket.wait_closed()


async def test_a_client_that_never_takes_the_rest_is_cut_off(site, monkeypatch):
    monkeypatch.setattr("hopx_tui.agent.streams.REST_SECONDS", 0.1)
    monkeypatch.setattr("hopx_tui.agent.pacing.PONG_SECONDS", 0.05)
    async with opened(site, "/commands/stream", max_queue=1) as socket:
        await socket.send(json.dumps({"command": "head -c 100000000 /dev/zero", "timeout": 1}))
        socket.transport.pause_reading()
        async with asyncio.timeout(10):
            while (await site.get("/health")).json()["active_streams"]:
                await asyncio.sleep(0.05)
        socket.transport.abort()


async def test_rich_output_only_where_it_is_asked_for(make_site):
    site = await make_site(env=LIBRARIES)
    code = (
        "class M:\n    def _repr_html_(self): return '<b>'\n    def _repr_json_(self): return {'a': [1]}\n"
        "print('x')\ndisplay(M())\n21 * 2"
    )
    frames = await frames_of(site, "/stream", code=code)
    assert [frame["type"] for frame in frames] == ["stdout", "rich", "rich", "rich", "result", "complete"]
    assert [(frame["mime"], frame["data"]) for frame in frames[1:4]] == [
        ("text/html", "<b>"),
        ("application/json", {"a": [1]}),
        ("text/plain", "42"),
    ]
    frames = await frames_of(site, "/execute/stream", code=code)
    assert [frame["type"] for frame in frames] == ["stdout", "result", "complete"]


async def test_the_kernel_streams_and_lives_on(make_site, tmp_path):
    site = await make_site(env=plain_python(tmp_path))
    frames = await frames_of(site, "/stream/ipython", code="x = 5\nprint('set')")
    assert (text(frames), frames[-1]["success"]) == ("set\n", True)
    async with opened(site, "/stream/ipython") as socket:
        code = "import time, sys\nwhile True: print('y' * 10000)"
        await socket.send(json.dumps({"code": code, "timeout": 60}))
        await socket.recv()
    frames = await frames_of(site, "/stream/ipython", code="x")
    assert [(frame["type"], frame.get("data")) for frame in frames[:1]] == [("rich", "5")]
    frames = await frames_of(site, "/stream/ipython", code="import os; os._exit(1)")
    assert "state is lost" in text(frames, "stderr")
    assert frames[-1]["success"] is False
