"""A shell recorded in the real dashboard, and the recording played."""

from __future__ import annotations

import os
import signal
import stat

import pytest

from hopx_tui.vt.recording import Recording
from tests.journeys.machine import Dashboard, Machine, wait_for
from tests.journeys.terminal import screen_was_restored


def test_record_and_play(dashboard: Dashboard, engine: Machine, sandbox: str) -> None:
    dashboard.open_shell()
    dashboard.key("ctrl+]")
    dashboard.wait(r"/ searches")
    dashboard.type("R")
    dashboard.wait(r"● REC 0:00:0")
    dashboard.command("echo $((6*7)) ä 日本")
    dashboard.wait(r"^42 ä 日本")
    dashboard.key("ctrl+]")
    dashboard.wait(r"/ searches")
    dashboard.type("R")
    dashboard.wait_gone(r"REC")
    folder = engine.home / "Downloads"
    (path,) = wait_for(lambda: list(folder.glob("*.cast")), "a recording")
    dashboard.wait(r"Recorded \d")
    assert path.name.startswith(sandbox)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with path.open("rb") as file:
        recording = Recording(file)
        list(recording.scan())
        text = "".join(event.data for event in recording.events() if event.code == "o")
    assert (recording.header.columns, recording.header.rows, recording.header.version) == (80, 19, 3)
    assert text.count("ready>") >= 2
    assert "\r42 ä 日本\r\n" in text
    dashboard.key("ctrl+]")
    dashboard.wait(r"/ searches")
    dashboard.type("R")
    wait_for(lambda: len(list(folder.glob("*.cast"))) == 2, "a second recording")
    dashboard.command("echo the last $((6*7+1))")
    dashboard.wait(r"^the last 43")
    dashboard.leave_shell()
    dashboard.leave()
    (second,) = set(folder.glob("*.cast")) - {path}
    assert "the last 43" in second.read_text()  # quitting ends it properly

    player = engine.dashboard("play", str(path), level=False, HOPX_TUI_STATE_DIR=str(engine.home / "none"))
    player.wait(r"^42 ä 日本")
    player.wait(r"■ ended")
    player.type("0")
    player.wait(r"‖ paused +0:00")
    player.type("/42\r")
    player.wait(r"match 1 of \d")
    player.type("q")
    player.ended()
    assert not (engine.home / "none").exists()
    assert b"\x1b]0;" not in player.raw


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_player_told_to_end_gives_the_terminal_back(machine: Machine, number: signal.Signals) -> None:
    (machine.work / "a.cast").write_text('{"version": 2, "width": 20, "height": 4}\n[0.0, "o", "once upon"]\n')
    player = machine.dashboard("play", "a.cast", level=False)
    player.wait(r"^once upon")
    os.kill(player.pid, number)
    assert player.wait_exit() == 0
    assert screen_was_restored(player.raw) == []
