"""What goes wrong around the dashboard: it says so in a sentence, keeps what it has, and leaves the terminal clean."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.fake_cloud import FakeCloud
from tests.journeys.machine import Dashboard, Machine, wait_for
from tests.journeys.terminal import screen_was_restored


@contextlib.contextmanager
def cloud_beside(sandboxes: int = 0) -> Iterator[FakeCloud]:
    """A fake cloud that serves from a thread of its own while the test looks at a screen."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    cloud = FakeCloud(sandboxes=sandboxes)
    try:
        asyncio.run_coroutine_threadsafe(cloud.__aenter__(), loop).result(10)
        try:
            yield cloud
        finally:
            asyncio.run_coroutine_threadsafe(cloud.__aexit__(None, None, None), loop).result(10)
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


@pytest.fixture
def cloud() -> Iterator[FakeCloud]:
    with cloud_beside() as found:
        yield found


def closed_port() -> int:
    """A port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def leaves_cleanly(screen: Dashboard) -> None:
    """`q` asks and leaves, whatever the source is doing."""
    screen.key("q")
    screen.wait_question(r"Leave hopx-tui\?", focused="Leave")
    screen.key("enter")
    screen.ended()


# -- the source


def test_a_refused_key(machine: Machine, cloud: FakeCloud) -> None:
    screen = machine.dashboard(HOPX_API_KEY="hopx_wrong.key", HOPX_BASE_URL=cloud.url)
    screen.wait(r"cloud .*● key refused")
    screen.wait(r"This source refused the key\.")
    screen.wait(r"ctrl\+r tries again")
    assert "creates your first" not in screen.text()
    assert b"hopx_wrong" not in screen.raw
    leaves_cleanly(screen)


def test_a_refused_connection_and_its_return(machine: Machine) -> None:
    screen = machine.dashboard(HOPX_API_KEY="hopx_test_key.secret", HOPX_BASE_URL=f"http://127.0.0.1:{closed_port()}")
    screen.wait(r"● no answer")
    screen.wait(r"No list yet\.")
    screen.wait(r"127\.0\.0\.1:\d+")
    screen.wait(r"ctrl\+r tries again")
    screen.key("n")
    screen.wait(r"That did not work")
    leaves_cleanly(screen)


def test_a_page_of_html(machine: Machine, cloud: FakeCloud) -> None:
    cloud.knobs.html.add("/v1/sandboxes")
    screen = machine.dashboard(HOPX_API_KEY=cloud.api_key, HOPX_BASE_URL=cloud.url)
    screen.wait(r"● no answer")
    screen.wait(r"HTML|web page")
    cloud.knobs.html.clear()
    screen.key("ctrl+r")
    screen.wait(r"● live")
    screen.wait(r"n creates your first sandbox")
    leaves_cleanly(screen)


@pytest.mark.parametrize("url", ["nonsense", "ftp://127.0.0.1", "http://127.0.0.1:99999", "http://u:p@host"])
def test_a_url_that_is_none(machine: Machine, url: str) -> None:
    ended = machine.run("--base-url", url, HOPX_API_KEY="key")
    assert ended.returncode == 2
    assert "--base-url" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_wrong_url(machine: Machine, cloud: FakeCloud) -> None:
    screen = machine.dashboard("--base-url", f"{cloud.url}/elsewhere", HOPX_API_KEY=cloud.api_key)
    screen.wait(r"● no answer")
    screen.wait(r"No list yet\.\s+\w+")
    leaves_cleanly(screen)


def test_a_source_that_fails_later_keeps_its_rows(machine: Machine) -> None:
    with cloud_beside(sandboxes=3) as cloud:
        screen = machine.dashboard(HOPX_API_KEY=cloud.api_key, HOPX_BASE_URL=cloud.url)
        screen.wait(r"● live")
        screen.wait(cloud.id_of(2)[:11])
        cloud.knobs.status["/v1/sandboxes"] = 500
        screen.key("ctrl+r")
        screen.wait(r"● no answer")
        screen.wait(r"\d+ ?s old")
        screen.wait(cloud.id_of(2)[:11])
        cloud.knobs.status.clear()
        screen.key("ctrl+r")
        screen.wait(r"● live")
        screen.wait_gone(r" old ")

        cloud.knobs.status["/files/list"] = 500
        screen.key("3")
        screen.wait(r"ctrl\+r tries again now")
        cloud.knobs.status["/files/list"] = 409
        screen.key("ctrl+r")
        screen.wait(r"ctrl\+r tries again now")
        cloud.knobs.status.clear()
        screen.key("ctrl+r")
        screen.wait_gone(r"ctrl\+r tries again now")
        screen.key("escape")
        screen.wait(r"NAME +STATUS")

        cloud.knobs.hang.add("/v1/sandboxes")  # a dead server: everything but the data still answers
        screen.key("ctrl+r", "down", "?")
        screen.wait(r"Kill the sandbox")
        screen.leave()  # from within the help


def test_a_disk_that_takes_no_more(machine: Machine) -> None:
    machine.start_engine()
    (machine.workspace(machine.create()) / "large").write_bytes(bytes(3_000_000))
    screen = machine.dashboard(under=["/bin/sh", "-c", 'ulimit -f 1000; exec "$@"', "sh"])
    screen.wait(r"1 running")
    screen.key("3")
    screen.wait(r"large +2\.9M")
    screen.key("D")
    screen.wait(r"Download to")
    screen.key("enter")
    screen.wait(r"too (big|large)")
    assert list((machine.home / "Downloads").iterdir()) == []
    screen.key("D")
    screen.wait(r"Download to")
    screen.key("ctrl+u")
    screen.wait_gone(r"/large +│")
    screen.type("/proc/nowhere/file")
    screen.wait(r"/proc/nowhere/file +│")
    screen.key("enter")
    screen.wait_gone(r"Download to")
    screen.wait(r"/proc/nowhere")
    screen.leave()


# -- where it is started


def test_without_a_terminal(machine: Machine) -> None:
    ended = machine.run()
    assert ended.returncode == 2
    assert re.search(r"draws on a terminal", ended.stderr)
    assert ended.stdout == ""
    assert not machine.state.exists()


@pytest.mark.parametrize("text", ["api_key: [unclosed\n - {", "\x00\x01", "- a\n- list\n", "a: &x [*x, *y]"])
def test_a_malformed_config(machine: Machine, text: str) -> None:
    (machine.home / ".hopx").mkdir()
    (machine.home / ".hopx" / "config.yaml").write_text(text)
    screen = machine.dashboard()
    assert screen.wait_exit() == 2, screen.picture()
    assert re.search(r"\.hopx/config\.yaml", screen.text().replace("\n", "")), screen.picture()
    assert "--local" in screen.text().replace("\n", "")
    assert "Traceback" not in screen.text()


def test_a_malformed_config_does_not_stop_the_local_engine(machine: Machine) -> None:
    (machine.home / ".hopx").mkdir()
    (machine.home / ".hopx" / "config.yaml").write_text("{")
    screen = machine.dashboard("--local")
    screen.wait(r"creates your first sandbox")
    screen.wait(r"not\s+(▌ )?valid\s+(▌ )?YAML")
    screen.leave()


def test_an_unusable_state_directory_and_its_repair(machine: Machine) -> None:
    machine.state.write_text("a file where a directory should be")
    screen = machine.dashboard()
    screen.wait(r"cannot be used|Not a directory|is not a directory")
    screen.wait(r"enter tries again +q leaves")
    machine.state.unlink()
    screen.key("enter")
    screen.wait(r"creates your first sandbox")
    screen.leave()


def test_an_unreadable_preferences_file(machine: Machine) -> None:
    folder = machine.home / ".config" / "hopx-tui"
    (folder / "config.yaml").mkdir(parents=True)
    screen = machine.dashboard()
    screen.wait(r"creates your first sandbox")
    screen.wait(r"config\.yaml")
    screen.leave()


def test_a_plain_terminal_gets_plain_characters(machine: Machine) -> None:
    machine.start_engine()
    machine.create()
    screen = machine.dashboard(LC_ALL="C", TERM="xterm", COLORTERM="", NO_COLOR="1")
    screen.wait(r"1 running")
    screen.key("d")
    screen.wait(r"CPU")
    screen.wait(r"status +\* running")
    screen.key("?")
    screen.wait(r"Kill the sandbox")
    screen.key("q")
    screen.wait_gone(r"Kill the sandbox")
    screen.key("n")
    screen.wait(r"New sandbox")
    screen.key("escape")
    screen.wait_gone(r"New sandbox")
    screen.key(":")
    screen.wait(r"type a command")
    screen.leave()
    assert bytes(screen.raw).isascii(), re.findall(rb".{0,20}[\x80-\xff]+", screen.raw)[:40]
    assert not re.search(rb"\x1b\[[0-9;]*\b(3[1-6]|4[1-6]|[34]8;[25])[;m]", screen.raw)


# -- the engine and the dashboard themselves


def processes_in(machine: Machine) -> list[int]:
    """Processes that carry the machine's state directory in their command line or environment, dashboards aside."""
    found = []
    mark = os.fsencode(machine.state / "sandboxes")
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with contextlib.suppress(OSError):
                if mark in (entry / "cmdline").read_bytes() or mark in os.fsencode(os.readlink(entry / "cwd")):
                    found.append(int(entry.name))
    return found


@pytest.mark.parametrize("level", ["bwrap", "none"])
def test_the_engine_is_killed(machine: Machine, level: str, needs_level: Callable[[str], None]) -> None:
    needs_level(level)
    machine.isolation = level
    machine.start_engine()
    sandbox = machine.create()
    screen = machine.dashboard()
    screen.wait(r"1 running")
    screen.open_shell()
    screen.command("sleep 7531 & echo last words")
    screen.wait(r"^last words$")
    sleeper = wait_for(lambda: process_of("sleep", "7531"), "the sleeper")
    os.kill(machine.engine()["pid"], signal.SIGKILL)
    screen.wait(r"enter reconnects( now, else in \d+ s)? · \w")
    screen.wait(r"^last words$")
    wait_for(lambda: not sleeper.exists(), "the end of the sandbox's processes")
    wait_for(lambda: not processes_in(machine), "the end of all processes of the engine")
    screen.leave_shell()
    screen.wait(r"● no answer")
    screen.wait(r"\d+ ?s old")
    screen.wait(sandbox[:10])
    again = screen.wait(r"(\d+) ?s old")[1]
    screen.wait_until(lambda text: (m := re.search(r"(\d+) ?s old", text)) and int(m[1]) > int(again), "its age rising")

    machine.start_engine()
    screen.key("ctrl+r")
    screen.wait(r"● live")
    screen.wait(rf"{sandbox[:10]}\S* +stopped")
    screen.wait_gone(r"s old")
    screen.leave()


def process_of(name: str, argument: str) -> Path | None:
    """The process with that command line."""
    wanted = f"{name}\0{argument}\0".encode()
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with contextlib.suppress(OSError):
                if (entry / "cmdline").read_bytes() == wanted:
                    return entry
    return None


@pytest.mark.parametrize(
    ("broken", "key"),
    [
        ("import hopx_tui.format as place; place.count", "q"),
        ("from hopx_tui.live.session import Session as place; place.close", "ctrl+q"),
        ("import hopx_tui.preferences as place; place.Preferences", ""),
    ],
    ids=["while it runs", "while it closes", "while it starts"],
)
def test_a_fault_of_ours_restores_the_terminal_and_names_the_log(machine: Machine, broken: str, key: str) -> None:
    planted = machine.work / "planted"
    planted.mkdir()
    (planted / "sitecustomize.py").write_text(f"def fault(*_): raise ZeroDivisionError('planted')\n{broken} = fault\n")
    machine.start_engine()
    machine.create()
    screen = machine.dashboard(PYTHONPATH=f"{planted}:{machine.environment['PYTHONPATH']}")
    if key:
        screen.wait(r"1 running")
        screen.key(key)
    screen.ended(status=1)
    said = screen.text().replace("\n", "")
    assert "Sandboxes are not affected" in said, screen.picture()
    log = machine.state / "dashboard.log"
    assert str(log) in said
    assert "ZeroDivisionError: planted" in log.read_text()
    assert machine.api("GET", "/v1/sandboxes")["data"][0]["status"] == "running"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT], ids=lambda number: number.name)
def test_a_signal_leaves_the_terminal_clean(machine: Machine, number: signal.Signals) -> None:
    screen = machine.dashboard()
    screen.wait(r"creates your first sandbox")
    os.kill(screen.pid, number)
    screen.wait_exit()
    assert "Traceback" not in screen.text(), screen.picture()
    assert screen_was_restored(bytes(screen.raw)) == []
