"""Programs that people use in a shell, in the terminal pane of the real dashboard."""

from __future__ import annotations

import re
from collections.abc import Callable

from tests.journeys.machine import Dashboard, Machine, wait_for


def test_nano_writes_a_file(dashboard: Dashboard, engine: Machine, sandbox: str, needs: Callable[..., None]) -> None:
    needs("nano")
    dashboard.open_shell()
    dashboard.command("nano letter.txt")
    dashboard.wait(r"GNU nano")
    dashboard.wait(r"\^X")
    dashboard.type("Dear nano,\r\rbye")
    dashboard.wait(r"^bye$")
    dashboard.key("ctrl+x")
    dashboard.wait(r"Save modified buffer")
    dashboard.type("y")
    dashboard.wait(r"File Name to Write: letter\.txt")
    dashboard.key("enter")
    dashboard.wait_until(lambda _: dashboard.rows() == ["ready> nano letter.txt", "ready>"], "the shell as it was")
    assert (engine.workspace(sandbox) / "letter.txt").read_text() == "Dear nano,\n\nbye\n"


def test_python_repl(dashboard: Dashboard) -> None:
    dashboard.open_shell()
    dashboard.command("python3 -q")
    dashboard.wait(r"^>>> *$")
    dashboard.command("sum(range(10))")
    dashboard.wait(r"^45$")
    dashboard.key("up")
    dashboard.wait_until(lambda _: dashboard.rows()[-1] == ">>> sum(range(10))", "the line before")
    dashboard.type(" * 2\r")
    dashboard.wait(r"^90$")
    dashboard.command("for word in ('ä', '日本'):")
    dashboard.wait(r"^\.\.\. *$")
    dashboard.type("    print(word, len(word))\r\r")
    dashboard.wait(r"^ä 1$")
    dashboard.wait(r"^日本 2$")
    dashboard.key("ctrl+d")
    dashboard.wait_prompt()


def test_tmux_inside(dashboard: Dashboard, needs: Callable[..., None]) -> None:
    needs("tmux")
    dashboard.open_shell()
    dashboard.command("PS1='inner> ' tmux -f /dev/null new-session 'bash --norc'")
    dashboard.wait(r"^\[0\] ?0:")
    dashboard.wait(r"^inner> ?$|^bash-[\d.]+[#$]")
    dashboard.key("ctrl+b")
    dashboard.type('"')
    dashboard.wait(r"^[─-]{70}")
    dashboard.type("echo $((50-8)) lower\r")
    dashboard.wait(r"^42 lower$")
    dashboard.key("ctrl+b", "up")
    dashboard.type("echo $((50-7)) upper\r")
    dashboard.wait(r"^43 upper$")
    upper = next(at for at, row in enumerate(dashboard.rows()) if row == "43 upper")
    lower = next(at for at, row in enumerate(dashboard.rows()) if row == "42 lower")
    assert upper < lower
    dashboard.key("ctrl+b")
    dashboard.type(":")
    dashboard.wait(r"^: *$")
    dashboard.type("kill-server\r")
    dashboard.wait_until(
        lambda _: "[server exited]" in dashboard.rows() and dashboard.rows()[-1] == "ready>", "the end"
    )
    assert dashboard.rows()[0].startswith("ready> PS1='inner> ' tmux")


def test_a_window_made_tiny_and_large_again(dashboard: Dashboard, needs: Callable[..., None]) -> None:
    needs("vim")
    dashboard.open_shell()
    dashboard.command("seq -f 'line %g' 40 > lines; cat lines; vim -u NONE lines")
    dashboard.wait(r"^line 1$")
    dashboard.resize(20, 5)
    dashboard.wait(r"larger|60x15")
    dashboard.type("np")  # nobody can see what these would do
    dashboard.resize(80, 24)
    dashboard.wait(r"^line 1$")
    dashboard.wait(r"^line 17$")
    dashboard.wait(r"● running")
    dashboard.wait(r"leaves the terminal")
    dashboard.type("Gx")
    dashboard.wait_until(lambda _: "ine 40" in dashboard.rows(), "vim's last line, edited")
    dashboard.type(":q!\r")
    dashboard.wait_until(lambda _: dashboard.rows()[-2:] == ["line 40", "ready>"], "the shell as it was")
    dashboard.command("clear; while sleep 0.05; do stty size; done")
    dashboard.wait_until(lambda _: dashboard.rows()[-1:] == ["19 80"], "the size of the pane")
    dashboard.resize(140, 40)
    dashboard.wait(r"╭─ Sandboxes 1 ─")
    dashboard.wait_until(lambda _: re.match(r"33 [7-9]\d$", dashboard.rows()[-1]), "the size of the wide pane")


def test_paste(dashboard: Dashboard, engine: Machine, sandbox: str) -> None:
    dashboard.open_shell()
    dashboard.paste("echo one\necho two")
    dashboard.wait_until(lambda _: "echo two" in dashboard.text(), "the pasted text")
    assert "one" not in dashboard.rows()  # bracketed: bash runs nothing of it before enter
    dashboard.key("enter")
    dashboard.wait_until(lambda _: dashboard.rows()[-3:] == ["one", "two", "ready>"], "both outputs")

    text = "".join(f"{number:05} {'ä' * 60}\n" for number in range(3_000))
    dashboard.command("stty -echo; cat > pasted; stty echo; clear")
    wait_for((engine.workspace(sandbox) / "pasted").exists, "cat")
    dashboard.paste(text)
    dashboard.key("ctrl+d")
    dashboard.wait_until(lambda _: dashboard.rows() == ["ready>"], "the end of a large paste", 20)
    assert (engine.workspace(sandbox) / "pasted").read_text() == text


def test_ctrl_c_reaches_the_program(dashboard: Dashboard) -> None:
    dashboard.open_shell()
    dashboard.command("sh -c 'echo started; exec sleep 1000'")
    dashboard.wait(r"^started$")
    dashboard.key("ctrl+c")
    dashboard.wait_until(lambda _: dashboard.rows()[1:] == ["started", "^C", "ready>"], "the prompt after ^C")
    dashboard.command("sh -c 'trap \"echo caught; exit\" INT; echo waiting; while :; do sleep 0.1; done'")
    dashboard.wait(r"^waiting$")
    dashboard.key("ctrl+c")
    dashboard.wait(r"caught$")


def test_the_chord_twice_is_one_for_the_program(dashboard: Dashboard) -> None:
    dashboard.open_shell()
    dashboard.command("cat -v")
    dashboard.wait(r"cat -v$")
    dashboard.key("ctrl+]")
    dashboard.wait(r"esc leaves · \? lists · \[ scrolls")
    dashboard.key("ctrl+]")
    dashboard.wait_gone(r"\[ scrolls")
    dashboard.key("enter")
    dashboard.wait(r"^\^\]$")
    for name, echo in (("escape", "^["), ("tab", ""), ("f1", "^[OP"), ("ctrl+p", "^P"), ("shift+tab", "^[[Z")):
        dashboard.key(name)  # all of them are the program's
        dashboard.wait(re.escape(echo) + r" *$")
    dashboard.key("enter")
    dashboard.wait_until(lambda _: dashboard.rows()[-1:] == ["^[      ^[OP^P^[[Z"], "what cat got")
    dashboard.key("ctrl+d")
    dashboard.wait_prompt()


def test_scrolling_back_and_searching(dashboard: Dashboard) -> None:
    dashboard.open_shell()
    dashboard.command("seq -f 'line %g' 300")
    dashboard.wait(r"^line 300$")
    dashboard.wheel(40, 10, down=False)
    dashboard.wait(r"↑ \d+ lines")
    dashboard.type("echo back\r")
    dashboard.wait(r"^back$")
    dashboard.key("ctrl+]")
    dashboard.wait(r"/ searches")
    dashboard.type("/")
    dashboard.type("line 77")
    dashboard.key("enter")
    dashboard.wait(r"^line 77\b")
    dashboard.type("q")
    dashboard.wait(r"^back$")


def test_the_mouse_belongs_to_the_program_that_asks(dashboard: Dashboard, needs: Callable[..., None]) -> None:
    needs("vim")
    dashboard.open_shell()
    dashboard.command("seq -f 'line %g' 200 > lines; vim -u NONE -N --cmd 'set mouse=a ttymouse=sgr' lines")
    dashboard.wait(r"^line 1$")
    dashboard.wait(r"^line 18$")
    column, line = dashboard.cell_of("line 9")
    dashboard.click(column + 5, line)
    dashboard.type(":echo getpos('.')\r")
    dashboard.wait(r"^\[0, 9, 6, 0\]")
    dashboard.wheel(column, line)
    dashboard.wait_gone(r"^line 1$")
    dashboard.type(":q\r")
    dashboard.wait_prompt()


def test_a_shell_that_ends_and_a_new_one(dashboard: Dashboard) -> None:
    dashboard.open_shell()
    dashboard.command("echo remember this; exit 3")
    dashboard.wait(r"enter starts a new shell · the shell ended with code 3")
    dashboard.wait(r"^remember this$")
    dashboard.key("enter")
    dashboard.wait_gone(r"the shell ended")
    dashboard.wait(r"[#$] *$")
    dashboard.wait(r"^remember this$")
    dashboard.command("echo $((2*21))")
    dashboard.wait(r"^42$")


def test_killed_from_outside_while_it_is_open(dashboard: Dashboard, engine: Machine, sandbox: str) -> None:
    dashboard.open_shell()
    dashboard.command("echo last words")
    dashboard.wait(r"^last words$")
    engine.kill(sandbox)
    dashboard.wait(r"enter reconnects · \w|is gone\. ctrl\+\] esc leaves")
    dashboard.wait(rf"{sandbox[:8]}\w* +\S gone")
    dashboard.wait(r"^last words$")
    dashboard.key("3")
    dashboard.key("ctrl+]")
    dashboard.wait(r"/ searches")
    dashboard.key("escape")
    dashboard.wait(r"No sandboxes yet")
    assert "last words" not in dashboard.text()
    dashboard.leave()


def test_two_sandboxes_have_two_shells(dashboard: Dashboard, engine: Machine, sandbox: str) -> None:
    other = engine.create()
    dashboard.wait(r"2 running")
    dashboard.open_shell()
    dashboard.command("hostname; echo $((40+2))")
    dashboard.wait(r"^42$")
    first = sandbox if sandbox in dashboard.text() else other
    dashboard.leave_shell()
    dashboard.key("down")
    dashboard.open_shell()
    dashboard.command("hostname")
    dashboard.wait(rf"^{other if first == sandbox else sandbox}")
    assert "42" not in dashboard.rows()
    dashboard.leave_shell()
    dashboard.key("up", "s")
    dashboard.wait(rf"^{first}$")
    dashboard.wait(r"^42$")
    engine.kill(other)
