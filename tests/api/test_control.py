"""The control plane, well and ill."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from hopx_tui.api.control import ControlPlane
from hopx_tui.api.errors import (
    ApiError,
    AuthError,
    BadResponse,
    Closed,
    Conflict,
    InvalidRequest,
    NotFound,
    PaymentRequired,
    RateLimited,
    ServerError,
    TimedOut,
)
from hopx_tui.api.models import Sandbox, SandboxPage
from tests.fake_cloud import FakeCloud


async def test_health(control: ControlPlane) -> None:
    assert (await control.health()).ok
    assert control.is_local


async def test_a_life(cloud: FakeCloud, control: ControlPlane) -> None:
    made = await control.create("base", region="us-1", timeout_seconds=600, internet_access=False, env_vars={"A": "b"})
    assert (made.status, made.template_name, made.region, made.internet_access) == ("running", "base", "us-1", False)
    assert made.expires_at is not None
    assert timedelta(0) < made.expires_at - datetime.now(UTC) <= timedelta(seconds=600)
    for action, status in (("pause", "paused"), ("resume", "running"), ("stop", "stopped"), ("start", "running")):
        assert await getattr(control, action)(made.id) is None
        assert (await control.get(made.id)).status == status
    await control.set_timeout(made.id, 0)
    assert (await control.get(made.id)).expires_at is None
    await control.set_timeout(made.id, 60)
    assert (await control.get(made.id)).timeout_seconds == 60
    await control.kill(made.id)
    for call in (control.get, control.kill, control.pause, control.refresh_token):
        with pytest.raises(NotFound) as caught:
            await call(made.id)
        assert f"Sandbox {made.id} not found" in caught.value.message
    assert cloud.sandbox(cloud.id_of(0))


async def test_a_template_by_id(control: ControlPlane) -> None:
    assert (await control.create("101")).template_name == "code-interpreter"
    with pytest.raises(NotFound) as caught:
        await control.create("nothing")
    assert caught.value.code == "TEMPLATE_NOT_FOUND"


async def test_templates(cloud: FakeCloud, control: ControlPlane) -> None:
    templates = await control.list_templates()
    assert [one.name for one in templates] == ["base", "code-interpreter", "desktop"]
    one = await control.get_template("base")
    assert one == templates[0]
    assert one.default_resources is not None
    assert one.default_resources.disk_gb == 4
    with pytest.raises(NotFound):
        await control.get_template("../../health")
    assert cloud.requests[-1][1] == "/v1/templates/../../health"  # one segment, quoted
    cloud.knobs.null_data = True
    assert await control.list_templates() == []


async def test_raw_masks_credentials(control: ControlPlane, cloud: FakeCloud) -> None:
    cloud.knobs.body["/v1/sandboxes/x"] = b'{"id":"x","new":[1],"auth_token":"s3cret"}'
    text = (await control.raw("x")).decode()
    assert json.loads(text) == {"id": "x", "new": [1], "auth_token": "***"}
    assert '\n  "new"' in text
    cloud.knobs.body["/v1/sandboxes/x"] = b"[1]"
    assert json.loads(await control.raw("x")) == [1]


# -- pages ---------------------------------------------------------------------------------------------------


async def test_all_pages() -> None:
    async with FakeCloud(sandboxes=250) as cloud, ControlPlane(cloud.url, cloud.api_key) as control:
        sizes = [len(page) async for page in control.iter_pages()]
        assert sizes == [100, 100, 50]
        ids = [row.id async for page in control.iter_pages(7) for row in page]
        assert len(set(ids)) == 250
        paused = [row async for page in control.iter_pages(status="paused") for row in page]
        assert paused
        assert {row.status for row in paused} == {"paused"}
        assert {row.region async for page in control.iter_pages(region="us-1") for row in page} == {"us-1"}
        page = await control.list_page(10, cursor="20")
        assert (page.data[0].id, page.next_cursor, page.has_more) == (cloud.id_of(20), "30", True)
        with pytest.raises(InvalidRequest):
            await control.list_page(cursor="unknown")


@pytest.mark.parametrize(("endless", "most"), [("same", 3), ("none", 1), ("new", 4)])
async def test_has_more_for_ever(control: ControlPlane, cloud: FakeCloud, endless: str, most: int) -> None:
    cloud.knobs.endless = endless
    assert len([page async for page in control.iter_pages()]) <= most


async def test_null_lists_and_entries(control: ControlPlane, cloud: FakeCloud) -> None:
    cloud.knobs.null_data = True
    assert len((await control.list_page()).data) == 3
    for index in range(3):
        cloud.kill(cloud.id_of(index))
    assert (await control.list_page()).data == []


async def test_odd_types_and_states(control: ControlPlane, cloud: FakeCloud) -> None:
    cloud.knobs.strings = True
    cloud.set_status(cloud.id_of(1), "hibernating")
    row = await control.get(cloud.id_of(1))
    assert (row.status, row.template_id, row.timeout_seconds) == ("hibernating", "101", 0)


async def test_a_hundred_thousand_rows_page_quickly() -> None:
    async with FakeCloud(sandboxes=100_000) as cloud, ControlPlane(cloud.url, cloud.api_key) as control:
        page = await control.list_page(cursor="99950")
        assert len(page.data) == 50
        assert not page.has_more
        assert (await control.get(cloud.id_of(77_777))).id == cloud.id_of(77_777)


# -- refusals ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "kind"),
    [(400, InvalidRequest), (401, AuthError), (402, PaymentRequired), (409, Conflict), (410, NotFound),
     (422, InvalidRequest), (500, ServerError), (503, ServerError), (301, BadResponse)],
)  # fmt: skip
async def test_refusals(control: ControlPlane, cloud: FakeCloud, status: int, kind: type[ApiError]) -> None:
    cloud.knobs.status["/v1/sandboxes"] = status
    with pytest.raises(kind) as caught:
        await control.list_page()
    assert caught.value.status == status
    cloud.knobs.error_html = True
    with pytest.raises(kind) as caught:
        await control.pause("x")
    assert "<" not in caught.value.message
    assert len(cloud.requests) == 2


async def test_rate_limit(control: ControlPlane, cloud: FakeCloud) -> None:
    cloud.knobs.status["/v1"] = 429
    cloud.knobs.retry_after = 12
    with pytest.raises(RateLimited) as caught:
        await control.list_page()
    assert caught.value.retry_after == 12
    assert caught.value.retryable
    assert caught.value.request_id == "req_1"


async def test_html_empty_and_wrong_shapes(control: ControlPlane, cloud: FakeCloud) -> None:
    cloud.knobs.html.add("/v1")
    for call in (control.list_page(), control.pause("x"), control.get("x")):
        with pytest.raises(BadResponse, match="Hotel wifi"):
            await call
    cloud.knobs.html.clear()
    cloud.knobs.empty.add("/v1")
    with pytest.raises(BadResponse, match="empty"):
        await control.list_page()
    await control.pause("x")  # nothing is expected there
    cloud.knobs.empty.clear()
    cloud.knobs.body["/v1"] = b'{"data": "no"}'
    with pytest.raises(BadResponse, match="shape"):
        await control.list_page()


async def test_wrong_key(cloud: FakeCloud) -> None:
    async with ControlPlane(cloud.url, "wrong") as control:
        with pytest.raises(AuthError) as caught:
            await control.list_page()
    assert "API key" in caught.value.hint
    assert len(cloud.requests) == 1


async def test_what_cannot_be_a_key_or_a_url() -> None:
    for key in ("a\nb", "schlüssel", "\x1b"):
        with pytest.raises(AuthError):
            ControlPlane("http://x", key)
    with pytest.raises(InvalidRequest):
        ControlPlane("nowhere at all", "k")
    with pytest.raises(InvalidRequest):
        await ControlPlane("http://127.0.0.1:1", "k").set_timeout("x", -1)


async def test_a_prefix_in_the_base_url_is_kept() -> None:
    control = ControlPlane("https://proxy.example/hopx/", "k")
    assert control.base_url == "https://proxy.example/hopx"
    assert not control.is_local


async def test_a_dropped_list_is_asked_again_and_a_dropped_create_is_not(
    control: ControlPlane, cloud: FakeCloud
) -> None:
    cloud.knobs.drop.add("/v1/sandboxes")
    cloud.knobs.times["/v1/sandboxes"] = 1
    assert len((await control.list_page()).data) == 3
    assert len(cloud.requests) == 2
    cloud.knobs.times["/v1/sandboxes"] = 1
    with pytest.raises(Closed):
        await control.create("base")
    assert len(cloud.requests) == 3


async def test_a_create_that_takes_too_long_says_what_may_be(cloud: FakeCloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hopx_tui.api.control._CREATE_SECONDS", 0.05)
    cloud.knobs.hang.add("/v1/sandboxes")
    async with ControlPlane(cloud.url, cloud.api_key, timeout=0.05) as control:
        with pytest.raises(TimedOut) as caught:
            await control.create("base")
    assert "look at the list" in caught.value.hint


# -- agents --------------------------------------------------------------------------------------------------


async def test_agents_are_kept_moved_and_forgotten(control: ControlPlane) -> None:
    row = Sandbox("a", "running", public_host="http://127.0.0.1:1/ignored")
    agent = control.agent(row)
    assert agent.origin == "http://127.0.0.1:1"
    assert control.agent(row) is agent
    assert control.agent(Sandbox("a", "running", public_host="http://127.0.0.1:2")) is agent
    assert agent.origin == "http://127.0.0.1:2"
    control.forget("a")
    control.forget("a")
    assert control.agent(row) is not agent


HOSTS = ["http://[::1", "javascript:x", "http://a b", "http://", "ftp://a", "http://a:99999", "http://a\n\u202eb", "::"]


@pytest.mark.parametrize("host", HOSTS)
async def test_an_agent_without_a_usable_address(cloud: FakeCloud, control: ControlPlane, host: str) -> None:
    row = Sandbox("a", "running", public_host=host)
    agent = control.agent(row)
    for call in (agent.system, agent.info, lambda: agent.download("/a", Path("nowhere")), agent.processes):
        with pytest.raises(ApiError, match="The address the server tells for sandbox a cannot be used") as caught:
            await call()
        assert str(caught.value).isprintable()
    with pytest.raises(ApiError, match="cannot be used"):
        agent.terminal(80, 24)
    assert cloud.requests == []  # no token was asked for
    box = await control.get(cloud.id_of(0))
    assert control.agent(Sandbox("a", "running", public_host=box.public_host)) is agent
    assert agent.origin == box.public_host
    assert agent.terminal(80, 24)


async def test_an_agent_without_an_address(control: ControlPlane) -> None:
    with pytest.raises(Conflict, match="no address"):
        await control.agent(Sandbox("b", "creating")).system()


async def test_a_host_name_that_no_resolver_takes(control: ControlPlane) -> None:
    agent = control.agent(await control.create("base"))
    agent.move("http://" + "a" * 300 + ".invalid")
    with pytest.raises(ApiError):
        await agent.health()


async def test_a_list_without_end_is_cut(control: ControlPlane, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hopx_tui.api.control.MOST_ROWS", 250)
    asked = 0

    async def page(*_: object) -> SandboxPage:
        nonlocal asked
        asked += 1
        return SandboxPage([Sandbox(f"{asked}-{i}", "running") for i in range(100)], f"cursor {asked}", True)

    monkeypatch.setattr(control, "list_page", page)
    rows: list[Sandbox] = []

    async def collect() -> None:
        async for some in control.iter_pages():
            rows.extend(some)

    with pytest.raises(BadResponse, match="only the first 250 are shown"):
        await collect()
    assert (len(rows), asked) == (250, 3)
    monkeypatch.setattr("hopx_tui.api.control.MOST_PAGES", 2)
    with pytest.raises(BadResponse, match="only the first 200 are shown"):
        await collect()


async def test_answers_have_a_largest_size(control: ControlPlane, cloud: FakeCloud) -> None:
    row = await control.get(cloud.id_of(0))
    pad = b" " * (17 << 20)
    cloud.knobs.body = {"/v1/sandboxes/x": pad + b"{}", "/files/list": pad + b'{"files":[]}'}
    with pytest.raises(BadResponse, match="larger than 16 MiB"):
        await control.get("x")
    assert await control.agent(row).list_files("/") == []
    cloud.knobs.body["/files/list"] = pad * 4
    with pytest.raises(BadResponse, match="larger than 64 MiB"):
        await control.agent(row).list_files("/")


async def test_the_token_of_create_is_used(control: ControlPlane, cloud: FakeCloud) -> None:
    agent = control.agent(await control.create("base"))
    await agent.system()
    await agent.system()
    assert not [path for _, path in cloud.requests if "token" in path]


async def test_a_create_without_a_token(control: ControlPlane, cloud: FakeCloud) -> None:
    row = cloud.row(cloud.sandbox(cloud.id_of(0))) | {"auth_token": None}
    cloud.knobs.body["/v1/sandboxes"] = json.dumps(row).encode()
    made = await control.create("base")
    cloud.knobs.body.clear()
    await control.agent(made).system()
    assert [path for _, path in cloud.requests if "token" in path]


async def test_the_cloud_is_told_the_variables_once_more() -> None:
    calls: list[tuple[str, str, Any]] = []
    failing = False

    async def handle(request: httpx.Request) -> httpx.Response:
        calls.append((request.method, str(request.url), json.loads(request.content)))
        if request.url.path == "/env":
            return httpx.Response(500 if failing else 200, json={"error": "agent not up"})
        row = {"id": "s", "status": "running", "public_host": "https://s.vms.example", "auth_token": "t"}
        return httpx.Response(201, json=row)

    async with ControlPlane("https://api.example", "k", transport=httpx.MockTransport(handle)) as control:
        await control.create("base", env_vars={"A": "b"})
        assert calls[1] == ("PATCH", "https://s.vms.example/env", {"env_vars": {"A": "b"}, "merge": True})
        failing = True
        with pytest.raises(ServerError, match="Sandbox s was created, but its variables may be missing"):
            await control.create("base", env_vars={"A": "b"})
        calls.clear()
        await control.create("base")
        assert len(calls) == 1


async def test_cancelling_while_listing(control: ControlPlane, cloud: FakeCloud) -> None:
    cloud.knobs.page_rate = 30
    task = asyncio.create_task(control.list_page())
    await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    cloud.knobs.page_rate = None
    assert (await control.list_page()).data
