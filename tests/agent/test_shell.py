"""Choice of the shell."""

from __future__ import annotations

from hopx_tui.agent.shell import find_shell, interactive_shell


def test_known_shells_that_exist_are_taken():
    argv, variables = interactive_shell({"SHELL": "/bin/sh"})
    assert argv == ["/bin/sh", "-i"]
    assert variables["PS1"] == "$PWD $ "


def test_others_are_not():
    for wanted in ("", "/usr/sbin/nologin", "bash", "/nonexistent/bash"):
        argv, variables = interactive_shell({"SHELL": wanted})
        assert argv[0] == variables["SHELL"] == find_shell()


def test_zsh_keeps_its_own_prompt(monkeypatch):
    monkeypatch.setattr("hopx_tui.agent.shell.os.access", lambda *_: True)
    assert "PS1" not in interactive_shell({"SHELL": "/bin/zsh"})[1]


def test_without_bash(monkeypatch):
    monkeypatch.setattr("hopx_tui.agent.shell.shutil.which", lambda _: None)
    assert find_shell() == "/bin/sh"
