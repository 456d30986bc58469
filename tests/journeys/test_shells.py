"""Shells that outlive what shows them, several at once, and the person's own terminal on one of them."""

from __future__ import annotations

from tests.journeys.machine import PRODUCT, Dashboard, Machine
from tests.journeys.terminal import Terminal


def leave(dashboard: Dashboard) -> None:
    """Out of the terminal and out of the dashboard."""
    dashboard.key("ctrl+]", "escape")
    dashboard.wait_gone(r"ctrl\+\] \? its other keys")
    dashboard.type("q")
    dashboard.wait(r"1 shell goes on for ten minutes")
    dashboard.key("enter")
    assert dashboard.wait_exit() == 0


def test_a_shell_that_was_left_is_come_back_to(dashboard: Dashboard, engine: Machine, sandbox: str) -> None:
    dashboard.open_shell()
    dashboard.command("kept=4200; seq 3; sleep 1000 &")
    dashboard.wait(r"^3$")
    leave(dashboard)
    assert "sleep 1000" in engine.run_in(sandbox, "cat /proc/*/cmdline | tr '\\0' ' '")
    again = engine.dashboard(columns=dashboard.columns, lines=dashboard.lines)
    again.wait_list()
    again.key("s")
    again.wait(r"ready> ?$")
    again.wait(r"^3$")
    again.command("echo $((kept + 42))")
    again.wait(r"^4242$")
    again.key("ctrl+]")
    again.type("x")
    again.wait(r"Close this terminal\?")
    again.key("left", "enter")
    again.wait(r"No shell is open here")
    again.wait_until(lambda _: "sleep 1000" not in engine.run_in(sandbox, "cat /proc/*/cmdline | tr '\\0' ' '"), "end")


def test_one_shell_on_two_screens(dashboard: Dashboard, engine: Machine) -> None:
    dashboard.open_shell()
    dashboard.command("echo $((6*7))")
    dashboard.wait(r"^42$")
    second = engine.dashboard(columns=dashboard.columns, lines=dashboard.lines)
    second.wait_list()
    second.open_shell()
    second.key("ctrl+]")
    second.type("s")
    second.wait(r"Join which shell\?")
    second.key("enter")
    second.wait(r"2 .* watching")
    second.wait(r"^42$")
    second.type("x")
    second.wait(r"watching only")
    second.key("ctrl+]")
    second.type("t")
    second.wait_gone(r"watching")
    second.type("echo taken-$((1+1))\r")
    second.wait(r"^taken-2$")
    dashboard.wait(r"^taken-2$")
    dashboard.wait(r"shell watching")


def test_attaching_from_the_command_line(engine: Machine, sandbox: str) -> None:
    terminal = Terminal(
        [*PRODUCT, "attach", sandbox[:12]], engine.environment, columns=100, lines=20, directory=engine.work
    )
    engine.ends(terminal)
    terminal.wait(r"[#$] ?$")
    terminal.type("stty size; echo $((40+2))\r")
    terminal.wait(r"^20 100$")
    terminal.wait(r"^42$")
    terminal.resize(90, 30)
    terminal.type("until [ \"$(stty size)\" = '30 90' ]; do sleep 0.1; done; echo f''its\r")  # a signal has no turn
    terminal.wait(r"^fits$")
    terminal.key("ctrl+]")
    terminal.type("?")
    terminal.wait(r"ctrl\+\] then: d or esc leaves")
    terminal.type("exit 7\r")
    assert terminal.wait_exit() == 7


def test_attaching_again_to_a_shell_that_was_left(engine: Machine, sandbox: str) -> None:
    terminal = Terminal([*PRODUCT, "attach", sandbox], engine.environment, columns=100, lines=20, directory=engine.work)
    engine.ends(terminal)
    terminal.wait(r"[#$] ?$")
    terminal.type("kept=$((40+2))\r")
    terminal.key("ctrl+]")
    terminal.type("d")
    found = terminal.wait(r"--session (attach\.\w+)")
    assert terminal.wait_exit() == 0
    other = engine.run("attach", sandbox, "--session", "other")
    assert other.returncode == 255
    assert f"No shell 'other' is kept in {sandbox}. There are:\n  {found[1]}" in other.stderr
    again = Terminal(
        [*PRODUCT, "attach", sandbox, "--session", found[1]],
        engine.environment,
        columns=100,
        lines=20,
        directory=engine.work,
    )
    engine.ends(again)
    again.wait(r"kept=")
    again.type("echo is $kept; exit\r")
    again.wait(r"^is 42$")
    assert again.wait_exit() == 0


def test_attaching_to_nothing(engine: Machine) -> None:
    ended = engine.run("attach", "nobody")
    assert ended.returncode == 255
    assert "No sandbox 'nobody'" in ended.stderr


def test_attaching_from_the_pane(dashboard: Dashboard) -> None:
    dashboard.open_shell()
    dashboard.key("ctrl+]")
    dashboard.type("a")
    dashboard.wait_gone(r"local engine")
    dashboard.type("stty size; echo $((40+2))\r")
    dashboard.wait(rf"^{dashboard.lines} {dashboard.columns}$")
    dashboard.wait(r"^42$")
    dashboard.key("ctrl+]")
    dashboard.type("d")
    dashboard.wait(r"local engine ● live")
    dashboard.wait_until(lambda _: "42" in dashboard.rows(), "what was done there")
    dashboard.type("stty size\r")
    dashboard.wait_until(lambda _: dashboard.rows()[-2:-1] != [f"{dashboard.lines} {dashboard.columns}"], "its size")


def test_keys_that_come_in_one_piece_go_where_those_before_them_lead(dashboard: Dashboard, engine: Machine) -> None:
    """As a quick person's do over a slow link."""
    dashboard.type("secho o''ne\r")
    dashboard.wait(r"^one$")
    dashboard.type("\x1dcecho t''wo; x=5\r")
    dashboard.wait(r"^two$")
    assert "1 shell" in dashboard.text()
    dashboard.type("\x1d1echo x=$x.\r\x1d2echo x=$x!\r")
    dashboard.wait(r"^x=5!$")
    dashboard.type("\x1dx\t\r")
    dashboard.wait(r"^x=\.$")
    dashboard.type("\x1dd\x04")
    dashboard.wait(r"Kill .*\?")
    dashboard.key("escape")
    dashboard.wait_gone(r"Kill .*\?")
    assert {row["status"] for row in engine.api("GET", "/v1/sandboxes")["data"]} == {"running"}
