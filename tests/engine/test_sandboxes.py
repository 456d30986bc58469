"""Many sandboxes: creation at once, pages under churn, expiry, and what a restart brings back."""

import asyncio
import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from hopx_tui.engine.cgroups import Limits
from hopx_tui.engine.events import EventLog
from hopx_tui.engine.paths import StateDir
from hopx_tui.engine.sandboxes import BOOTS_AT_ONCE, Sandboxes
from hopx_tui.engine.templates import BUILT_IN
from tests.engine.driver import inside, living, until


def test_ten_at_once(engine):
    with ThreadPoolExecutor(10) as pool:
        made = list(pool.map(lambda number: engine.create(env_vars={"N": str(number)}), range(10)))
    assert len({each["id"] for each in made}) == len({each["public_host"] for each in made}) == 10
    with ThreadPoolExecutor(10) as pool:
        said = list(pool.map(lambda each: inside(each, "echo $HOPX_SANDBOX_ID").strip(), made))
        assert said == [each["id"] for each in made]
        codes = list(pool.map(lambda each: engine.kill(each).status_code, made))
    assert codes == [200] * 10
    assert not any(living(each) for each in made)


def test_pages_hold_still_under_churn(engine):
    old = [engine.create() for _ in range(5)]
    first = engine.api.get("/v1/sandboxes", params={"limit": 2}).json()
    assert [row["id"] for row in first["data"]] == [old[4]["id"], old[3]["id"]]
    assert first["has_more"] is True
    engine.kill(old[3])  # the row the cursor was made from
    engine.kill(old[2])
    newer = engine.create()
    second = engine.api.get("/v1/sandboxes", params={"limit": 1, "cursor": first["next_cursor"]}).json()
    assert [row["id"] for row in second["data"]] == [old[1]["id"]]
    third = engine.api.get("/v1/sandboxes", params={"limit": 1, "cursor": second["next_cursor"]}).json()
    assert [row["id"] for row in third["data"]] == [old[0]["id"]]
    assert (third["has_more"], third["next_cursor"]) == (False, None)
    for each in (old[0], old[1], old[4], newer):
        engine.kill(each)


def test_filters(engine):
    running, paused = engine.create(), engine.create()
    engine.move(paused, "pause")

    def ids(**query):
        return [row["id"] for row in engine.api.get("/v1/sandboxes", params=query).json()["data"]]

    assert ids(status="paused") == [paused["id"]]
    assert ids(status="running", region="local") == [running["id"]]
    assert ids(region="mars") == []
    assert ids(status="creating") == []
    engine.kill(running)
    engine.kill(paused)


def test_expiry_takes_running_paused_and_stopped_ones(engine):
    made = [engine.create(timeout_seconds=600) for _ in range(3)]
    engine.move(made[1], "pause")
    engine.move(made[2], "stop")
    for each in made:
        answer = engine.api.put(f"/v1/sandboxes/{each['id']}/timeout", json={"timeout_seconds": 1})
        assert answer.json()["timeout_seconds"] == 1
        assert answer.json()["expires_at"] < each["expires_at"]
    until(lambda: all(engine.get(each["id"]).status_code == 404 for each in made), "the expiry", 5)
    until(lambda: not any(living(each) for each in made), "the processes to end")
    ours = {each["id"] for each in made}
    until(lambda: {e["sandbox_id"] for e in engine.events() if e["event"] == "expired"} >= ours, "the events")


def test_zero_clears_the_timeout(engine):
    sandbox = engine.create(timeout_seconds=600)
    assert sandbox["expires_at"] is not None
    cleared = engine.api.put(f"/v1/sandboxes/{sandbox['id']}/timeout", json={"timeout_seconds": 0}).json()
    assert (cleared["timeout_seconds"], cleared["expires_at"]) == (None, None)
    for bad in ({"timeout_seconds": -1}, {"timeout_seconds": "x"}, {}, {"timeout_seconds": 10**12}):
        assert engine.api.put(f"/v1/sandboxes/{sandbox['id']}/timeout", json=bad).status_code == 400
    engine.kill(sandbox)


def test_a_restart_keeps_files_ports_key_and_old_tokens(engines, level):
    first = engines("--isolation", level)
    running, paused, doomed = (
        first.create(env_vars={"A": "1"}),
        first.create(),
        first.create(timeout_seconds=600),
    )
    inside(running, "echo kept > note")
    first.move(paused, "pause")
    meta = first.state / "sandboxes" / doomed["id"] / "meta.json"
    first.close()
    assert not any(living(each) for each in (running, paused, doomed))
    raw = json.loads(meta.read_text())
    meta.write_text(json.dumps({**raw, "expires_at": time.time() - 1}))
    kept = first.state / "sandboxes" / running["id"] / "meta.json"
    kept.write_text(json.dumps({**json.loads(kept.read_text()), "of_a_later_version": [1]}))
    second = engines("--isolation", level)
    assert (second.url, second.key) == (first.url, first.key)
    until(lambda: second.get(doomed["id"]).status_code == 404, "the one that expired meanwhile")
    for each in (running, paused):
        now = second.get(each["id"]).json()
        assert (now["status"], now["status_reason"]) == ("stopped", "engine_restart")
        assert now["public_host"] == each["public_host"]
    assert second.move(running, "start").status_code == 200
    assert inside(running, "cat note") == "kept\n"
    assert json.loads(kept.read_text())["of_a_later_version"] == [1]


def test_what_is_broken_is_set_aside_and_the_rest_loads(engines):
    first = engines("--isolation", "none")
    good, bad, worse, worst = first.create(), first.create(), first.create(), first.create()
    first.close()
    folder = first.state / "sandboxes"
    (folder / bad["id"] / "meta.json").write_text("{half")
    (folder / worse["id"] / "meta.json").write_text(json.dumps({"id": worse["id"], "port": "no"}))
    meta = folder / worst["id"] / "meta.json"
    meta.write_text(json.dumps({**json.loads(meta.read_text()), "created_at": float("nan")}))
    (folder / "unfinished").mkdir()
    second = engines("--isolation", "none")
    assert [row["id"] for row in second.api.get("/v1/sandboxes").json()["data"]] == [good["id"]]
    aside = sorted(path.name.split("-")[0] for path in (first.state / "set-aside").iterdir())
    assert aside == sorted([bad["id"], worse["id"], worst["id"]])
    told = [event["sandbox_id"] for event in second.events() if event["event"] == "set_aside"]
    assert sorted(told) == aside
    assert not (folder / "unfinished").exists()


def test_a_taken_port_is_replaced(engines):
    first = engines("--isolation", "none")
    sandbox = first.create()
    meta = first.state / "sandboxes" / sandbox["id"] / "meta.json"
    first.close()
    kept = json.loads(meta.read_text())
    other = engines("--isolation", "none", state=first.state.with_name("other"))
    meta.write_text(json.dumps({**kept, "port": int(other.url.rpartition(":")[2])}))
    second = engines("--isolation", "none")
    now = second.get(sandbox["id"]).json()
    assert now["public_host"] not in (sandbox["public_host"], other.url)
    assert second.move(sandbox, "start").status_code == 200
    assert inside(now, "echo hi") == "hi\n"


def test_a_client_that_went_away_leaves_nothing(engine):
    """It asks again after its time-out, as all official clients do; the first wish must not come true as well."""
    host, _, port = engine.url.removeprefix("http://").partition(":")
    body = json.dumps({"template_name": "base"})
    head = f"POST /v1/sandboxes HTTP/1.1\r\nHost: {host}:{port}\r\nX-API-Key: {engine.key}\r\n"
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode())

    def gone():
        rows = engine.events()
        return [row for row in rows if row["event"] == "create_failed" and "has gone" in row["reason"]]

    lost = until(gone, "the wish to be dropped")[0]["sandbox_id"]
    until(lambda: engine.get(lost).status_code == 404, "its end")


class SlowSession:
    """Stands in for a run; counts how many start at a time."""

    alive = True
    memory_kills = 0
    starting = most = 0

    async def start(self):
        kind = type(self)
        kind.starting += 1
        kind.most = max(kind.most, kind.starting)
        await asyncio.sleep(0.01)
        kind.starting -= 1

    async def stop(self):
        self.alive = False

    async def end(self):
        self.alive = False


@pytest.fixture
async def slow(tmp_path):
    """Sandboxes that boot slowly."""
    SlowSession.starting = SlowSession.most = 0
    state = StateDir(tmp_path)
    state.prepare()
    events = EventLog(state.events, time.time)
    made = Sandboxes(state, open_session=lambda *_: SlowSession(), events=events)
    yield made
    await made.close()


async def test_many_at_once_wait_for_their_turn(slow):
    def create():
        return slow.create(
            template=BUILT_IN[0],
            limits=Limits(1, 64, 64),
            internet_access=True,
            timeout_seconds=None,
            env_vars={},
        )

    made = await asyncio.gather(*(create() for _ in range(60)))
    assert {each.status for each in made} == {"running"}
    assert SlowSession.most == BOOTS_AT_ONCE
    await asyncio.gather(*(each.stop() for each in made))
    SlowSession.most = 0
    await asyncio.gather(*(slow.start(each.record.id) for each in made))
    assert {each.status for each in made} == {"running"}
    assert SlowSession.most == BOOTS_AT_ONCE
    waiting = [asyncio.create_task(create()) for _ in range(30)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    last = max((each for each in slow.page(100, None, "creating", None)[0]), key=lambda each: each.record.sequence)
    await slow.kill(last.record.id)  # one that still waits: at once, not when its turn comes
    ended = await asyncio.gather(*waiting, return_exceptions=True)
    assert [str(each) for each in ended if isinstance(each, Exception)] == [f"Sandbox {last.record.id} not found"]
