"""JSON as servers really send it."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hopx_tui.api.errors import BadResponse
from hopx_tui.api.models import (
    AgentInfo,
    FileList,
    Metrics,
    Model,
    ProcessList,
    Sandbox,
    SandboxPage,
    System,
    TemplateList,
    Token,
)
from hopx_tui.api.wire import decode, decode_any, excerpt, plain

NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)


def read(value: Any, model: type[Model]) -> Any:
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return decode(body, model, what="the thing")


def sandbox(**fields: Any) -> Any:
    return read({"id": "a", "status": "running", **fields}, Sandbox)


def test_the_contracts_own_example() -> None:
    row = read(
        {
            "id": "1795399441953ba61", "object": "sandbox", "template_id": "101", "template_name": "code-interpreter",
            "organization_id": 1, "node_id": "local", "region": "local", "status": "running",
            "public_host": "http://127.0.0.1:44855", "direct_url": "http://127.0.0.1:44855", "preview_url": None,
            "resources": {"vcpu": 1, "memory_mb": 512, "disk_mb": 1024}, "internet_access": True, "live_mode": True,
            "timeout_seconds": 600, "expires_at": "2026-01-01T00:10:00Z", "created_at": "2026-01-01T00:00:00Z",
            "auth_token": "<jwt>", "token_expires_at": "2026-01-02T00:00:00Z", "request_id": "req_1",
        },
        Sandbox,
    )  # fmt: skip
    assert (row.id, row.template_id, row.resources.memory_mb) == ("1795399441953ba61", "101", 512)
    assert row.created_at == NEW_YEAR
    assert "jwt" not in repr(row)


@pytest.mark.parametrize(
    ("field", "given", "expected"),
    [
        ("template_id", 12, "12"),
        ("template_id", None, ""),
        ("template_id", True, ""),
        ("region", None, ""),
        ("timeout_seconds", "600", 600),
        ("timeout_seconds", 600.0, 600),
        ("timeout_seconds", "600.0", 600),
        ("timeout_seconds", "soon", None),
        ("timeout_seconds", True, None),
        ("internet_access", "false", False),
        ("internet_access", 1, True),
        ("internet_access", "perhaps", True),
        ("internet_access", None, True),
        ("resources", None, None),
        ("resources", [], None),
        ("status", "hibernating", "hibernating"),
        ("preview_url", 5, "5"),
        ("created_at", "2026-01-01T00:00:00", NEW_YEAR),
        ("created_at", "2026-01-01T00:00:00.000000000Z", NEW_YEAR),
        ("created_at", "2026-01-01T02:00:00.000000+02:00", NEW_YEAR),
        ("created_at", 1767225600, NEW_YEAR),
        ("created_at", "1767225600", None),
        ("created_at", "", None),
        ("created_at", "0001-01-01T00:00:00Z", None),
        ("created_at", "yesterday", None),
        ("created_at", 1e300, None),
        ("created_at", [], None),
        ("enforced", {"memory": "hard"}, {"memory": "hard"}),
        ("enforced", "all", None),
    ],
)
def test_tolerance_of_one_field(field: str, given: Any, expected: Any) -> None:
    assert getattr(sandbox(**{field: given}), field) == expected


def test_other_spellings() -> None:
    assert read({"sandbox_id": 7, "status": "x"}, Sandbox).id == "7"
    assert sandbox(public_host=None, direct_url="http://h").public_host == "http://h"
    for kind, when in (("is_dir", "modified"), ("is_directory", "modified_time"), ("is_dir", "modified_at")):
        row = read({"files": [{"name": "d", "path": "/d", kind: True, when: "2026-01-01T00:00:00Z"}]}, FileList)
        assert row.files[0].is_directory is True
        assert row.files[0].modified == NEW_YEAR
    for key in ("start_time", "started_at"):
        row = read({"processes": [{"pid": 1, key: "2026-01-01T00:00:00Z", "state": "S"}]}, ProcessList)
        assert row.processes[0].started_at == NEW_YEAR
        assert row.processes[0].status == "S"
    assert read({"version": "3", "platform": "linux", "uptime": "2h34m12s"}, AgentInfo) == AgentInfo(
        agent_version="3", os="linux", platform="linux"
    )
    assert read({"requests_total": "40", "error_count": 1}, Metrics).total_requests == 40


def test_a_file_named_like_a_key_changes_nothing() -> None:
    row = {"name": "is_directory", "path": "/is_directory", "is_dir": True, "modified": "2026-01-01T00:00:00Z"}
    assert read({"files": [row]}, FileList).files[0].is_directory is True


def test_lists() -> None:
    good = {"id": "a", "status": "running"}
    assert read({"data": None}, SandboxPage).data == []
    assert read({}, SandboxPage).data == []
    assert read({"data": []}, SandboxPage).data == []
    page = read({"data": [None, good, {"status": "running"}, "text", good], "has_more": None}, SandboxPage)
    assert [row.id for row in page.data] == ["a", "a"]
    assert page.has_more is False
    with pytest.raises(BadResponse, match=r"bad data"):
        read({"data": ["text", 5]}, SandboxPage)
    assert read({"data": [{"id": 3, "name": "n", "features": None}]}, TemplateList).data[0].features == []


def test_features_as_a_list_of_names() -> None:
    assert read({"features": ["read_limit", None, 3]}, AgentInfo).has("read_limit")
    told = {"languages": ["go"], "x": False}
    assert read({"features": told}, AgentInfo).features == told


def test_figures_that_are_missing_are_not_zero() -> None:
    usage = {"total": 10, "used": 4}
    assert read({"cpu": {"usage_percent": "3.5"}, "memory": usage, "disk": usage}, System).cpu.usage_percent == 3.5
    for broken in ({"memory": usage, "disk": usage}, {"cpu": {}, "memory": usage, "disk": usage}):
        with pytest.raises(BadResponse, match="cpu"):
            read(broken, System)
    odd = b'{"cpu":{"usage_percent":NaN},"memory":{"total":1,"used":1},"disk":{"total":1,"used":1}}'
    with pytest.raises(BadResponse):
        read(odd, System)
    assert read({"cpu": {"usage_percent": 1}, "memory": usage, "disk": usage, "network": {}}, System).network is None


def test_a_token_needs_a_value() -> None:
    assert read({"auth_token": "x", "token_expires_at": None}, Token).expires_at is None
    with pytest.raises(BadResponse) as caught:
        read({"auth_token": None, "other": "v"}, Token)
    assert "auth_token" in caught.value.message


def test_broken_encodings() -> None:
    assert read(b'{"id":"a\xff","status":"x"}', Sandbox).id == "a\ufffd"
    assert read(b'{"id":"a\\ud800b","status":"x"}', Sandbox).id == "a\ufffdb"
    assert read('{"id":"\U0001f600","status":"x","region":null}'.encode(), Sandbox).id == "\U0001f600"


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"", "is empty"),
        (b" \r\n ", "is empty"),
        (b"<html><title>Bad</title><script>x()</script>gate</html>", "is HTML: Bad gate"),
        (b"oops", "is not JSON: oops"),
        (b"\x1b[31m{", "is not JSON: [31m{"),
        (b"[1]", "an object was expected"),
        (b"null", "an object was expected"),
        (b'{"data": 5}', "bad data"),
        (b'{"id": {}, "status": "x"}', "unexpected shape"),
        (b"[" * 100_000, "is not JSON"),
    ],
)
def test_bad_bodies(body: bytes, words: str) -> None:
    with pytest.raises(BadResponse) as caught:
        read(body, SandboxPage if b"id" not in body else Sandbox)
    assert words in caught.value.message
    assert caught.value.message.startswith("The answer to the thing")
    assert len(caught.value.message) < 300
    assert caught.value.hint


def test_plain_text() -> None:
    assert plain("a\x1b[31m\n\tb\x07\u2028c\x9b") == "a [31m b c"
    assert plain("x" * 1000, 10) == "xxxxxxx..."
    assert plain("\udcff") == ""
    assert excerpt(b"\xff<b>fat</b>") == "\ufffd fat"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["id", "status", "data", "cpu", "memory", "disk", "files", "name", "path", "created_at"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=10,
)


@given(JSON, st.sampled_from([SandboxPage, System, FileList, Sandbox, AgentInfo, Metrics]))
def test_any_json_is_a_model_or_a_bad_response(value: Any, model: type[Model]) -> None:
    try:
        assert isinstance(read(value, model), model)
    except BadResponse:
        pass


@given(st.binary(max_size=30))
def test_any_bytes_are_json_or_a_bad_response(body: bytes) -> None:
    try:
        decode_any(body, what="x")
    except BadResponse:
        pass


SYSTEM = (
    '{{"cpu":{{"usage_percent":{0}}},"memory":{{"total":{1},"used":{1},"free":{1}}},"disk":{{"total":9,"used":4}}}}'
)


@pytest.mark.parametrize("figure", ["1e308", "-1", "9" * 19, "-" + "9" * 400, '"1e300"'])
def test_impossible_figures_count_as_none(figure: str) -> None:
    system = read(SYSTEM.format(figure, figure).encode(), System)
    assert (system.cpu.usage_percent, system.memory.total, system.memory.used, system.memory.free) == (0, 0, 0, 0)
    assert (system.disk.total, system.disk.used) == (9, 4)


@pytest.mark.parametrize("figure", ["1e400", "NaN", "Infinity", "9" * 5000])
def test_what_is_no_figure_is_refused(figure: str) -> None:
    with pytest.raises(BadResponse, match="bad cpu"):
        read(SYSTEM.format(figure, 1).encode(), System)
    row = read(b'{"id":"a","status":"running","timeout_seconds":%s}' % figure.encode(), Sandbox)
    assert row.timeout_seconds is None


def test_impossible_figures_of_processes_and_files() -> None:
    big = 10**400
    row = {"pid": 7, "rss": big, "nice": big, "cpu_percent": 1e308, "threads": -3}
    (process,) = read({"processes": [row]}, ProcessList).processes
    assert (process.rss_bytes, process.nice, process.cpu_percent, process.threads) == (None, None, 0.0, None)
    for pid in (0, -1, big):  # signals to these would go to others
        assert [one.pid for one in read({"processes": [{"pid": pid}, {"pid": 5}]}, ProcessList).processes] == [5]
    files = [{"name": "a", "path": "/a", "size": figure} for figure in (big, -1)]
    assert [file.size for file in read({"files": files}, FileList).files] == [0, 0]


def test_long_texts_are_cut_and_long_addresses_left_out() -> None:
    long = "x" * 10_000_000
    row = sandbox(status=long, template_name=long, region=long, public_host=long, preview_url=long, status_reason=long)
    assert {len(text) for text in (row.status, row.template_name, row.region, row.status_reason)} == {512}
    assert (row.public_host, row.preview_url) == ("", None)
    boxes = [{"id": each, "status": "running"} for each in (long, "b")]
    page = read({"data": boxes, "next_cursor": long}, SandboxPage)
    assert ([one.id for one in page.data], page.next_cursor) == (["b"], None)
    with pytest.raises(BadResponse) as caught:
        read({"id": long, "status": "running"}, Sandbox)
    assert len(str(caught.value)) < 500
    (process,) = read({"processes": [{"pid": 1, "name": long, "command": long}]}, ProcessList).processes
    assert (len(process.name), len(process.command)) == (512, 4096)
    files = read({"files": [{"name": long, "path": "/" + long}, {"name": "a", "path": "/a"}]}, FileList).files
    assert [file.path for file in files] == ["/a"]


def test_nesting_in_a_field_of_another_kind() -> None:
    deep = b"[" * 900 + b"]" * 900
    row = read(b'{"id":"a","status":"running","internet_access":%s,"region":%s}' % (deep, deep), Sandbox)
    assert (row.internet_access, row.region) == (True, "")


TURNING = "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c\u2028\u2029\x1b"


@pytest.mark.parametrize("character", TURNING)
def test_plain_holds_nothing_that_turns_or_breaks_a_line(character: str) -> None:
    assert plain(f"a{character}b") == "a b"
