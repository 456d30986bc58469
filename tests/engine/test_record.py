"""`meta.json`: round trip, keys of other versions, and every way of being broken."""

import json

import pytest

from hopx_tui.engine.paths import StateError
from hopx_tui.engine.record import Record, load


@pytest.fixture
def file(tmp_path):
    folder = tmp_path / "s1"
    folder.mkdir()
    return folder / "meta.json"


def record(**changes):
    facts = {
        "id": "s1", "sequence": 1, "template_id": "1", "template_name": "base", "status": "running", "port": 20000,
        "vcpu": 1, "memory_mb": 64, "disk_mb": 64, "created_at": 1.5,
    }  # fmt: skip
    return Record(**{**facts, **changes})


def test_round_trip_keeps_unknown_keys(file):
    record(unknown={"later": [1]}, env_vars={"A": "b"}).save(file)
    again = load(file)
    assert again == record(unknown={"later": [1]}, env_vars={"A": "b"})
    assert json.loads(file.read_text())["later"] == [1]
    assert file.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in file.parent.iterdir()] == ["meta.json"]


@pytest.mark.parametrize(
    "change",
    [
        {"status": "odd"},
        {"port": 0},
        {"port": "x"},
        {"id": "other"},
        {"sequence": None},
        {"expires_at": "soon"},
        {"created_at": 1e300},
        {"created_at": float("nan")},
        {"created_at": float("inf")},
        {"created_at": -1},
        {"expires_at": 1e17},
        {"expires_at": 10**400},
        {"timeout_seconds": float("nan")},
        {"sequence": 10**30},
        {"sequence": True},
        {"vcpu": 0},
        {"env_vars": {"A": 1}},
        {"env_vars": {"A": "\0"}},
    ],
)
def test_what_makes_no_sense_is_refused(file, change):
    record().save(file)
    file.write_text(json.dumps({**json.loads(file.read_text()), **change}))
    with pytest.raises(StateError, match=r"meta\.json"):
        load(file)


def test_missing_and_incomplete(file):
    with pytest.raises(StateError, match="missing"):
        load(file)
    file.write_text('{"id": "s1"}')
    with pytest.raises(StateError, match="broken"):
        load(file)
