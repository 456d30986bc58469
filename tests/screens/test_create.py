"""The form for a new sandbox."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from textual.widgets import Checkbox, Input, Static

from hopx_tui.screens.create import parse_env, parse_timeout, suggest_name
from hopx_tui.widgets.virtual_table import VirtualTable
from tests.fake_cloud import FakeCloud, template_row
from tests.screens.running import Dashboard, body, dashboard


def problem(board: Dashboard) -> str:
    return str(board.widget(Static, "#problem").content)


async def fill(board: Dashboard, field: str, text: str) -> None:
    board.widget(Input, f"#{field}").focus()
    await board.press("ctrl+u", *text)


async def test_enter_creates_with_the_defaults(empty: FakeCloud, tmp_path: Path) -> None:
    async with dashboard(empty, tmp_path) as board:
        await board.press("n")
        await board.asked("CreateDialog")
        await board.focused_on(Input, "name")
        suggested = board.widget(Input, "#name").value
        await board.sees("New sandbox", "code-interpreter", "2 vCPU 1G", "none; 30m, 2h, 1d")
        await board.press("enter")
        await board.told("Created in")
        await board.sees("Sandboxes 1", f"● {suggested}", f"{suggested}  ● running")
        made = empty.sandbox("made0")
        assert (made.template, made.timeout_seconds, made.internet_access, made.env) == ("base", None, True, {})


async def test_every_field(cloud: FakeCloud, tmp_path: Path) -> None:
    async with dashboard(cloud, tmp_path, default_template="desktop", default_timeout=5400) as board:
        await board.press("n")
        await board.asked("CreateDialog")
        assert board.widget(Input, "#timeout").value == "1h30m"
        assert board.widget(VirtualTable).cursor_key == "desktop"
        await fill(board, "name", "web")
        await fill(board, "timeout", "2h")
        await fill(board, "env", "A=1 B='two words'")
        board.widget(Checkbox).focus()
        await board.press("space", "ctrl+s")
        await board.sees("Sandboxes 8", "● web")
        made = cloud.sandbox("made0")
        assert (made.template, made.timeout_seconds, made.internet_access) == ("desktop", 7200, False)
        assert made.env == {"A": "1", "B": "two words"}
        await board.until(lambda: board.view.row is not None and board.view.row.id == "made0")
        await board.press("n")  # the last template is the next one's
        await board.asked("CreateDialog")
        assert board.widget(VirtualTable).cursor_key == "desktop"
        await board.press("escape")
        await board.closed()


async def test_what_is_wrong_is_said_and_nothing_is_lost(empty: FakeCloud, tmp_path: Path) -> None:
    async with dashboard(empty, tmp_path, size=(80, 24)) as board:
        await board.press("n")
        await board.asked("CreateDialog")
        await fill(board, "timeout", "soon")
        await board.press("enter")
        await board.until(lambda: "'soon' is no time" in problem(board))
        await fill(board, "timeout", "0")
        await board.press("enter")
        await board.until(lambda: "would kill it at once" in problem(board))
        await fill(board, "timeout", "")
        await fill(board, "env", "[b] x")
        await board.press("enter")
        await board.until(lambda: "variables are written NAME=value" in problem(board))
        await board.sees("'[b]'")
        await fill(board, "env", "A='")
        await board.press("enter")
        await board.until(lambda: "quote that is not closed" in problem(board))
        assert ("POST", "/v1/sandboxes") not in empty.requests
        await board.press("escape")
        await board.closed()


async def test_a_template_that_cannot_be_used_here(empty: FakeCloud, tmp_path: Path) -> None:
    missing = template_row("base") | {"unavailable_reason": "needs python3"}
    inactive = template_row("desktop") | {"is_active": False, "status": "retired"}
    rows = [missing, inactive, template_row("code-interpreter")]
    empty.knobs.body["/v1/templates"] = body({"data": rows})
    async with dashboard(empty, tmp_path, default_template="base") as board:
        await board.press("n")
        await board.asked("CreateDialog")
        table = board.widget(VirtualTable)
        assert table.cursor_key == "code-interpreter"  # the first that can be used
        await board.sees("needs python3")
        table.select("base")
        await board.press("enter")
        await board.until(lambda: problem(board) == "base cannot be used here: needs python3")
        table.select("desktop")
        table.focus()
        await board.press("enter")
        await board.until(lambda: problem(board) == "desktop cannot be used here: retired")
        await board.pilot.click("#cancel")
        await board.closed()


async def test_no_templates_at_all(empty: FakeCloud, tmp_path: Path) -> None:
    empty.knobs.null_data = True
    async with dashboard(empty, tmp_path) as board:
        await board.press("n")
        await board.asked("CreateDialog")
        await board.sees("The source offers no templates.")
        await board.press("enter")
        await board.until(lambda: problem(board) == "No template can be chosen.")
        await board.press("escape")
        await board.closed()


async def test_templates_that_cannot_be_had(empty: FakeCloud, tmp_path: Path) -> None:
    empty.knobs.status["/v1/templates"] = 500
    async with dashboard(empty, tmp_path) as board:
        await board.press("n")
        await board.told("refused with 500")
        assert board.dialog == ""
        empty.knobs.status.clear()
        await board.press("n")
        await board.asked("CreateDialog")


async def test_a_creation_that_is_refused(empty: FakeCloud, tmp_path: Path) -> None:
    async with dashboard(empty, tmp_path) as board:
        await board.press("n")
        await board.asked("CreateDialog")
        empty.knobs.status["/v1/sandboxes"] = 402
        await board.pilot.click("#create")
        await board.told("refused with 402")
        empty.knobs.status.clear()
        await board.press("ctrl+r")
        await board.sees("Sandboxes 0")


NOT_ISOLATED = body({"status": "healthy", "isolation": "none", "isolation_reason": "bubblewrap is not installed."})


async def test_without_isolation_it_asks_once(empty: FakeCloud, tmp_path: Path) -> None:
    empty.knobs.body["/health"] = NOT_ISOLATED
    async with dashboard(empty, tmp_path) as board:
        await board.sees("not isolated")
        await board.press("n")
        await board.asked("ConfirmDialog")
        await board.sees("Create without isolation?", "runs as you", "bubblewrap is not installed.")
        await board.press("enter")  # cancel has the focus
        await board.closed()
        assert board.app._preferences.get("unisolated_allowed") is None
        await board.press("n")
        await board.asked("ConfirmDialog")
        await board.press("right", "enter")
        await board.asked("CreateDialog")
        assert board.widget(Checkbox).disabled
        await board.sees("Not isolated here: the sandbox shares")
        await board.press("escape")
        await board.closed()
        await board.press("n")
        await board.asked("CreateDialog")
    async with dashboard(empty, tmp_path) as board:  # the answer is kept
        await board.sees("not isolated")
        await board.press("n")
        await board.asked("CreateDialog")


async def test_isolation_is_not_guessed(empty: FakeCloud, tmp_path: Path) -> None:
    """A health check that failed at the start is asked again before code may run as the person."""
    empty.knobs.status["/health"] = 500
    async with dashboard(empty, tmp_path) as board:
        await board.until(lambda: ("GET", "/health") in empty.requests)
        await board.until(lambda: ("GET", "/v1/templates") in empty.requests)
        empty.knobs.status.clear()
        empty.knobs.body["/health"] = NOT_ISOLATED
        await board.press("n")
        await board.asked("ConfirmDialog")


async def test_a_network_that_is_not_kept_apart_is_told(empty: FakeCloud, tmp_path: Path) -> None:
    empty.knobs.body["/health"] = body({"status": "healthy", "isolation": "bwrap", "network": "host"})
    async with dashboard(empty, tmp_path) as board:
        await board.until(lambda: board.session.health is not None)
        await board.press("n")
        await board.asked("CreateDialog")
        await board.sees("this machine's own network")


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("", None), (" never ", None), ("none", None), ("45", 2700), ("90m", 5400), ("2h", 7200), ("1h30m", 5400),
        ("1d", 86_400), ("30s", 30), ("1.5h", 5400), ("1 H 30", 5400), ("365d", 31_536_000),
    ],
)  # fmt: skip
def test_timeouts(text: str, seconds: int | None) -> None:
    assert parse_timeout(text) == seconds


@pytest.mark.parametrize("text", ["soon", "1x", "-5", "h", "1h x", "0", "0m", "0.001s", "400d", "9" * 400])
def test_no_timeouts(text: str) -> None:
    with pytest.raises(ValueError, match=r".+\."):
        parse_timeout(text)


@pytest.mark.parametrize(
    ("text", "variables"),
    [
        ("", {}),
        ("A=1", {"A": "1"}),
        ("A= _b2=x=y", {"A": "", "_b2": "x=y"}),
        ("""A='two words' B="it's" """, {"A": "two words", "B": "it's"}),
    ],
)
def test_environments(text: str, variables: dict[str, Any]) -> None:
    assert parse_env(text) == variables


@pytest.mark.parametrize("text", ["A", "1A=x", "A-B=1", "=x", "A='x"])
def test_no_environments(text: str) -> None:
    with pytest.raises(ValueError, match=r".+\."):
        parse_env(text)


def test_names_are_easy_to_say() -> None:
    first, _, second = suggest_name().partition("-")
    assert first.isalpha()
    assert second.isalpha()
