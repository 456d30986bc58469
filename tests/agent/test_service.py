"""Service routes."""

from __future__ import annotations

import pytest

from hopx_tui.agent.service import spoken
from tests.agent.conftest import assert_error


@pytest.mark.parametrize(("seconds", "text"), [(0.4, "0s"), (61, "1m1s"), (9252, "2h34m12s"), (3600, "1h0m0s")])
def test_spoken_durations(seconds, text):
    assert spoken(seconds) == text


async def test_info_has_both_sets_of_names(site):
    info = (await site.get("/info")).json()
    for key in ("agent", "version", "go_version", "ip", "platform", "port", "start_time", "vm_id"):
        assert isinstance(info[key], str), key
    for key in ("agent_version", "os", "arch", "vm_ip", "vm_port", "uptime_seconds", "endpoints", "features"):
        assert key in info
    assert info["features"]["process_signal"] is True
    assert info["features"]["path_b64"] is True
    assert "python" in info["features"]["languages"]
    assert "GET /terminal" in info["endpoints"].values()
    assert info["isolation"] == "none"


async def test_the_parts_a_local_sandbox_has_not(site):
    body = assert_error(await site.get("/desktop/vnc/status"), 400, "DESKTOP_NOT_AVAILABLE")
    assert body["details"]["missing_dependencies"]
    assert_error(await site.post("/desktop/mouse/click", x=1), 400, "DESKTOP_NOT_AVAILABLE")
    assert_error(await site.get("/update/backups"), 400, "INVALID_REQUEST")
    assert (await site.get("/jupyter/sessions")).json()["sessions"] == []
    stats = (await site.get("/cache/stats")).json()
    assert {"hits", "misses", "size", "count", "hit_rate"} <= stats.keys()
    assert {"size", "max_size", "total_hits", "ttl"} == stats["cache"].keys()
    assert (await site.http.post("/cache/clear")).json()["entries_removed"] == 0
