"""What is read from the environment."""

from __future__ import annotations

import subprocess
import sys

import pytest

from hopx_tui.tty.capabilities import detect, recommended

UTF8 = {"LANG": "en_US.UTF-8"}
XTERM = {**UTF8, "TERM": "xterm-256color"}


@pytest.mark.parametrize(
    ("environ", "utf8"),
    [
        (UTF8, True), ({"LANG": "C.UTF-8"}, True), ({"LANG": "de_DE.utf8@euro"}, True), ({"LANG": "C"}, False),
        ({"LANG": "en_US.ISO-8859-1"}, False), ({}, False), ({**UTF8, "LC_ALL": "C"}, False),
        ({"LANG": "C", "LC_CTYPE": "UTF-8"}, True), ({**UTF8, "LC_ALL": ""}, True), ({"LANG": "POSIX"}, False),
    ],
)  # fmt: skip
def test_utf8(environ: dict[str, str], utf8: bool):
    found = detect({**environ, "TERM": "xterm"}, platform="linux")
    assert (found.utf8, found.ascii) == (utf8, not utf8)
    assert detect({}, platform="darwin").utf8


@pytest.mark.parametrize(
    ("environ", "depth"),
    [
        ({"TERM": "xterm-256color"}, "256"), ({"TERM": "xterm-256color", "COLORTERM": "truecolor"}, "truecolor"),
        ({"TERM": "xterm"}, "16"), ({"TERM": "screen"}, "16"), ({"TERM": "linux"}, "16"), ({"TERM": "dumb"}, "none"),
        ({"TERM": "vt100"}, "none"), ({}, "none"), ({"TERM": "xterm-kitty"}, "truecolor"),
        ({"TERM": "linux", "COLORTERM": "truecolor"}, "16"), ({"TERM": "tmux-direct"}, "truecolor"),
        ({"TERM": "xterm-256color", "NO_COLOR": "1"}, "none"), ({"TERM": "xterm-256color", "NO_COLOR": ""}, "256"),
    ],
)  # fmt: skip
def test_colours(environ: dict[str, str], depth: str):
    assert detect(environ, platform="linux").depth == depth


def test_where_it_runs():
    plain = detect(XTERM, platform="linux")
    assert (plain.over_ssh, plain.multiplexer, plain.console, plain.display) == (False, None, False, False)
    assert detect({**XTERM, "SSH_CONNECTION": "1.2.3.4 5 6.7.8.9 22"}).over_ssh
    assert detect({**XTERM, "TMUX": "/tmp/tmux-0/default,1,0", "STY": "1.pts"}).multiplexer == "tmux"
    assert detect({**XTERM, "STY": "1.pts"}).multiplexer == "screen"
    assert detect({**XTERM, "DISPLAY": ":0"}, platform="linux").display
    assert not detect({**XTERM, "DISPLAY": ":0", "SSH_TTY": "/dev/pts/1"}, platform="linux").display
    assert detect(XTERM, platform="darwin").display


@pytest.mark.parametrize(
    ("extra", "osc52"),
    [
        ({}, True), ({"TERM": "linux"}, False), ({"TERM": "dumb"}, False), ({"VTE_VERSION": "7000"}, False),
        ({"TERM_PROGRAM": "Apple_Terminal"}, False), ({"TERM_PROGRAM": "iTerm.app"}, True),
    ],
)  # fmt: skip
def test_osc52(extra: dict[str, str], osc52: bool):
    assert detect({**XTERM, **extra}, platform="linux").osc52 is osc52


def test_a_console_gets_ascii():
    found = detect({**UTF8, "TERM": "linux"}, platform="linux")
    assert (found.ascii, found.console, found.utf8) == (True, True, True)
    assert detect({**UTF8, "TERM": "dumb"}).ascii


def test_recommended_values():
    def values(**extra: str) -> dict[str, str]:
        environ = {**XTERM, **extra}
        return recommended(detect(environ, platform="linux"), environ)

    assert values() == {"ESCDELAY": "25", "TEXTUAL_SMOOTH_SCROLL": "0", "TEXTUAL_COLOR_SYSTEM": "256"}
    remote = values(SSH_CONNECTION="a b c d", ESCDELAY="10")
    assert (remote["TEXTUAL_FPS"], remote["TEXTUAL_ANIMATIONS"]) == ("15", "none")
    assert "ESCDELAY" not in remote  # the person's own
    console = values(TERM="linux")
    assert console["TEXTUAL_DISABLE_KITTY_KEY"] == "1"
    assert console["TEXTUAL_COLOR_SYSTEM"] == "standard"
    assert values(TERM="dumb")["NO_COLOR"] == "1"
    assert "NO_COLOR" not in values(NO_COLOR="1")
    assert "TEXTUAL_COLOR_SYSTEM" not in values(NO_COLOR="1")
    assert values(COLORTERM="24bit")["TEXTUAL_COLOR_SYSTEM"] == "truecolor"


def test_textual_is_not_imported():
    code = (
        "import sys, hopx_tui.tty.capabilities; "
        "sys.exit(any(name.split('.')[0] in ('textual', 'rich', 'asyncio') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
