"""The list at the left: columns, marks, sort, what is measured."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from hopx_tui.api.errors import AuthError, Unreachable
from hopx_tui.api.models import Sandbox
from hopx_tui.live.fleet import FleetState, Row
from hopx_tui.panes.sandboxes import _age, _countdown, _created, _empty_text, _haystack, _left, _status
from tests.fake_cloud import FakeCloud
from tests.screens.running import dashboard


def row(*, name: str | None = None, busy: str | None = None, **fields: object) -> Row:
    sandbox = Sandbox(**{"id": "s1", "status": "running", "public_host": "http://x", **fields})  # type: ignore[arg-type]
    return Row(sandbox, "local", name, busy)


async def test_columns_by_width(cloud: FakeCloud, tmp_path: Path) -> None:
    async with dashboard(cloud, tmp_path, size=(120, 40)) as board:
        await board.sees("NAME", "CPU", "MEM")
        await board.misses("STATUS")
        await board.pilot.resize_terminal(118, 30)
        await board.sees("NAME", "STATUS", "TEMPLATE", "CPU", "MEM", "AGE", "LEFT", "ID")
        await board.sees("0:59:", "d ")
        await board.pilot.resize_terminal(60, 15)
        await board.sees("NAME", "CPU")


async def test_marks_are_what_actions_are_about(cloud: FakeCloud, tmp_path: Path) -> None:
    async with dashboard(cloud, tmp_path) as board:
        pane = board.fleet_screen._sandboxes
        assert [target.id for target in pane.targets()] == [cloud.id_of(0)]
        await board.press("space", "down", "space")
        assert [target.id for target in pane.targets()] == [cloud.id_of(0), cloud.id_of(2)]
        await board.press("escape")
        assert [target.id for target in pane.targets()] == [cloud.id_of(3)]


async def test_sorting_by_every_column(cloud: FakeCloud, tmp_path: Path) -> None:
    async with dashboard(cloud, tmp_path, size=(118, 30)) as board:
        await board.until(lambda: all(board.session.fleet.usage(cloud.id_of(at)) for at in (0, 1, 2, 3, 5, 6)))
        columns = ("name", "status", "template", "cpu", "mem", "age", "left", "id")
        for letter, column in zip("nstcmali", columns, strict=True):
            await board.press("comma", letter)
            await board.until(lambda column=column: board.table.sort_key == column)
            assert board.table.row_count == 7
        await board.press("comma", "i")
        await board.until(lambda: board.table.sort_reverse)
        assert board.table.shown_rows()[0].id == cloud.id_of(6)


async def test_usage_is_drawn(cloud: FakeCloud, tmp_path: Path) -> None:
    async with dashboard(cloud, tmp_path) as board:
        await board.until(lambda: board.session.fleet.usage(cloud.id_of(0)) is not None)
        await board.until(lambda: "%" in board.lines[3])
        assert "paused" in board.lines[7]
        assert "M" in board.lines[3]


async def test_a_sandbox_that_does_not_answer(cloud: FakeCloud, tmp_path: Path) -> None:
    cloud.knobs.status["/system"] = 500
    async with dashboard(cloud, tmp_path) as board:
        await board.until(lambda: ("GET", "/system") in cloud.requests)
        assert "…" in board.lines[3]
        await board.sees("no answer", "agent", "refused with 500")


async def test_ascii(cloud: FakeCloud, tmp_path: Path) -> None:
    async with dashboard(cloud, tmp_path, ascii=True) as board:
        await board.sees("* live")
        for tab in "1234":
            await board.press(tab)
            await board.settle()
            assert board.text.isascii(), {character for character in board.text if not character.isascii()}
        cloud.knobs.status["/"] = 500
        await board.press("ctrl+r")
        await board.sees("s old")
        for key in ("n", "ctrl+d", "r", "plus", "e", "y", "l", "question_mark", "colon"):
            cloud.knobs.status.clear()
            await board.press(key)
            await board.until(lambda: board.dialog)
            await board.settle()
            assert board.text.isascii(), (key, {character for character in board.text if not character.isascii()})
            await board.press("escape")
            await board.closed()


def test_empty_texts_are_four() -> None:
    loading, ok = FleetState(), FleetState("ok", None, 1.0)
    refused = FleetState("refused", AuthError("No.", hint="Check it."))
    failed = FleetState("failed", Unreachable("Nobody there."))
    texts = [_empty_text(state, False) for state in (loading, ok, refused, failed)]
    assert len(set(texts)) == 4
    assert "No. Check it." in texts[2]
    assert texts[3] == "No list yet.\n\nNobody there.\n\nctrl+r tries again now"
    assert _empty_text(ok, True) == "No sandboxes yet."


def test_cells() -> None:
    now = datetime.now(UTC)
    assert _status(row()) == ("running", "running") or _status(row())[0] == "running"
    assert _status(row(busy="pausing"))[0] == "pausing"
    assert _age(row()) == ("", "muted")
    assert _age(row(created_at=now - timedelta(seconds=5))) == ("new", "muted")
    assert _age(row(created_at=now - timedelta(hours=3, minutes=1))) == ("3h", "muted")
    assert _created(row()) is None
    assert _created(row(created_at=now)) == pytest.approx(-now.timestamp())
    assert _left(row()) is None
    assert _countdown(row()) == ("", "muted")
    text, role = _countdown(row(expires_at=now + timedelta(seconds=100)))
    assert text.startswith("0:01:")
    assert role == "warn"
    assert _countdown(row(expires_at=now + timedelta(hours=1, seconds=1)))[1] == "muted"


def test_what_the_filter_looks_at() -> None:
    text = _haystack(row(name="etl", template_name="python", region="eu-1"))
    assert text == "etl s1 python running eu-1 local"
