"""`/files/watch` over its websocket."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import time

import pytest
import websockets

from hopx_tui.agent.tree_watch import Change
from hopx_tui.agent.watch import Pending
from tests.agent.conftest import assert_error


class Feed:
    def __init__(self, connection):
        self.connection = connection
        self.seen = []

    async def watch(self, path, **more):
        await self.connection.send(json.dumps({"action": "watch", "path": path, **more}))

    async def next(self, seconds=10):
        async with asyncio.timeout(seconds):
            frame = json.loads(await self.connection.recv())
        assert frame["type"] == "change"
        assert frame["timestamp"].endswith("Z")
        assert frame["event"] in ("created", "modified", "deleted", "renamed")
        self.seen.append((frame["path"], frame["event"], time.monotonic()))
        return frame

    async def until(self, path, event):
        while True:
            frame = await self.next()
            if (frame["path"], frame["event"]) == (path, event):
                return frame


@contextlib.asynccontextmanager
async def feed(site, path=None):
    async with websockets.connect(
        f"{site.ws_url}/files/watch", additional_headers=site.headers, proxy=None
    ) as connection:
        made = Feed(connection)
        if path is not None:
            await made.watch(path)
            # Nothing is answered, so only a change can tell that it is armed.
            probe = site.workspace / f"probe-{id(made)}"
            async with asyncio.timeout(10):
                while not made.seen:
                    probe.write_text(str(time.monotonic()))
                    with contextlib.suppress(TimeoutError):
                        await made.next(0.15)
            probe.unlink()
            await made.until(f"/workspace/{probe.name}", "deleted")
            made.seen.clear()
        yield made


async def test_a_life_in_events(site):
    async with feed(site, "/workspace") as events:
        (site.workspace / "a").write_text("1")
        await events.until("/workspace/a", "created")
        (site.workspace / "a").write_text("22")
        await events.until("/workspace/a", "modified")
        (site.workspace / "a").rename(site.workspace / "b")
        renamed = await events.until("/workspace/a", "renamed")
        assert renamed["new_path"] == "/workspace/b"
        assert (await events.until("/workspace/b", "created"))["old_path"] == "/workspace/a"
        (site.workspace / "b").unlink()
        await events.until("/workspace/b", "deleted")
        (site.workspace / "d/e").mkdir(parents=True)
        (site.workspace / "d/e/f").write_text("x")
        for path in ("d", "d/e", "d/e/f"):
            await events.until(f"/workspace/{path}", "created")
        name = os.fsdecode(b"odd\xff")
        (site.workspace / "d/e" / name).write_text("x")
        frame = await events.until("/workspace/d/e/odd\\xff", "created")
        assert base64.b64decode(frame["path_b64"]) == b"/workspace/d/e/odd\xff"


async def test_bursts_are_gathered(site):
    async with feed(site, "/workspace") as events:
        target = site.workspace / "busy"
        target.write_text("")
        end = time.monotonic() + 0.6
        number = 0
        while time.monotonic() < end:
            target.write_text(str(number))
            number += 1
            await asyncio.sleep(0)
        (site.workspace / "last").write_text("")
        await events.until("/workspace/last", "created")
        times = [at for path, _, at in events.seen if path == "/workspace/busy"]
        assert 2 <= len(times) <= 8, (number, len(times))


async def test_saving_through_the_api_is_one_event(site):
    (site.workspace / "f").write_text("1")
    async with feed(site, "/workspace") as events:
        await site.post("/files/write", path="/workspace/f", content="hello")
        await site.post("/files/write", path="/workspace/end", content="")
        await events.until("/workspace/end", "created")
        assert {(path, event) for path, event, _ in events.seen} == {
            ("/workspace/f", "modified"),
            ("/workspace/end", "created"),
        }


async def test_paths_that_cannot_be_watched_close_with_a_reason(site):
    for path, words in (("/workspace/none", "not found"), ("/etc", "not allowed"), ("/workspace/" + "x/" * 3000, "")):
        async with feed(site) as events:
            await events.watch(path)
            with pytest.raises(websockets.ConnectionClosed) as closed:
                await events.next()
            assert closed.value.rcvd.code == 1008
            assert words in closed.value.rcvd.reason
            assert closed.value.rcvd.reason
    assert_error(await site.get("/files/watch"), 400, "INVALID_REQUEST")


async def test_nonsense_is_ignored_and_the_number_of_watches_bounded(site, monkeypatch):
    monkeypatch.setattr("hopx_tui.agent.watch.MOST_PATHS", 2)
    monkeypatch.setattr("hopx_tui.agent.watch.MOST_SOCKETS", 1)
    (site.workspace / "d").mkdir()
    async with feed(site) as events:
        for frame in ("", "[]", "{}", '{"action":"unwatch"}', b"\xff", '{"action":"watch","path":5}'):
            await events.connection.send(frame)
        await events.watch("/workspace/d")
        await events.watch(None, path_b64=base64.b64encode(b"/root").decode())
        async with asyncio.timeout(10):
            while not events.seen:
                (site.workspace / "d/x").write_text(str(time.monotonic()))
                (site.home / "y").write_text(str(time.monotonic()))
                with contextlib.suppress(TimeoutError):
                    await events.next(0.15)
        assert_error(await refused(site), 409, "CONFLICT")
        await events.watch("/workspace")
        with contextlib.suppress(websockets.ConnectionClosed):
            while True:
                await events.next()
        assert "at most 2" in events.connection.close_reason


async def refused(site):
    headers = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13"}
    key = base64.b64encode(b"k" * 16).decode()
    return await site.http.get("/files/watch", headers={**headers, "Sec-WebSocket-Key": key})


async def test_without_inotify_it_still_tells(site, monkeypatch):
    def none_left():
        raise OSError(24, "too many")

    monkeypatch.setattr("hopx_tui.agent.tree_watch.Inotify", none_left)
    monkeypatch.setattr("hopx_tui.agent.watch.RESCAN_SECONDS", 0.02)
    async with feed(site, "/workspace") as events:
        (site.workspace / "x").write_text("")
        await events.until("/workspace/x", "created")


async def test_nothing_is_left_of_a_closed_watch(site):
    def instances():
        links = []
        for name in os.listdir("/proc/self/fd"):
            with contextlib.suppress(OSError):
                links.append(os.readlink(f"/proc/self/fd/{name}"))
        return sum("inotify" in link for link in links)

    before = instances()
    async with feed(site, "/workspace"):
        assert instances() == before + 1
        assert (await site.get("/health")).json()["active_streams"] == 1
    async with asyncio.timeout(10):
        while instances() > before or (await site.get("/health")).json()["active_streams"]:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("kinds", "result"),
    [
        (["created", "modified"], ["created"]),
        (["created", "deleted"], []),
        (["created", "renamed"], []),
        (["modified", "modified"], ["modified"]),
        (["modified", "deleted"], ["deleted"]),
        (["deleted", "created"], ["modified"]),
        (["renamed", "created"], ["modified"]),
        (["created", "deleted", "created"], ["created"]),
    ],
)
def test_how_changes_of_one_path_merge(kinds, result):
    pending = Pending()
    for kind in kinds:
        pending.add(Change(b"/x", kind))
        pending.add(Change(b"/y", "modified"))
    pending.add(Change(b"/y", "created"))
    assert pending.take()[-1] == Change(b"/y", "modified")
    for kind in kinds:
        pending.add(Change(b"/x", kind))
    assert len(pending) == len(result)
    assert [change.kind for change in pending.take()] == result
    assert pending.take() == []


def test_a_tree_that_goes_takes_along_what_was_to_be_told_of_it():
    pending = Pending()
    pending.add(Change(b"/d/x", "modified"))
    pending.add(Change(b"/dd", "modified"))
    pending.add(Change(b"/d", "renamed", b"/e", tree=True))
    pending.add(Change(b"/d", "created"))
    assert [(change.path, change.kind) for change in pending.take()] == [(b"/dd", "modified"), (b"/d", "renamed")]
    assert [(change.path, change.kind) for change in pending.take()] == [(b"/d", "created")]
    for kind in ("deleted", "created", "renamed"):
        pending.add(Change(b"/d", kind, tree=kind != "created"))
    assert [change.kind for change in pending.take()] == ["renamed"]
    assert pending.take() == [], "it is gone again"
