"""The vendor's JavaScript SDK works against the engine: all public operations but those it excludes."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.contract import official, toolchains
from tests.contract.conftest import Server

CLIENT = Path(__file__).with_name("official_client.cjs")


def test_every_operation(engine: Server, pytestconfig: pytest.Config, tmp_path: Path) -> None:
    folder = toolchains.javascript(pytestconfig)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("HOPX_")} | {
        "HOPX_BASE_URL": engine.url,
        "HOPX_API_KEY": engine.api_key,
        "CLIENT_CAN_CUT_OFF": "yes" if official.can_cut_off(engine) else "",
        "CLIENT_FOLDER": str(tmp_path),
        "CLIENT_TEMPLATE": official.build_template(engine, "javascript-deletes"),
        "CLIENT_RECEIVER": official.RECEIVER,
        "CLIENT_SECRET": official.SECRET,
        "no_proxy": "127.0.0.1",
    }
    ran = subprocess.run(
        ["node", CLIENT], cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert ran.returncode == 0, ran.stderr
    results = json.loads(ran.stdout)
    assert not {name: failure for name, failure in results.items() if failure is not None}
    assert len(results) > 60
    official.check_delivery((tmp_path / "delivery.json").read_text())
