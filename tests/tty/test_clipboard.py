"""Ways to the person's clipboard."""

from __future__ import annotations

import asyncio
import base64
import os
import shutil
import stat
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hopx_tui.tty import clipboard
from hopx_tui.tty.clipboard import Clipboard

XTERM = {"TERM": "xterm-256color", "LANG": "C.UTF-8", "PATH": os.environ["PATH"]}


def osc52(text: str, end: str = "\x1b\\") -> str:
    return f"\x1b]52;c;{base64.b64encode(text.encode()).decode()}{end}"


class Desk:
    """Clipboard tools that are shell scripts, and a terminal that is a list."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.written: list[str] = []

    def tool(self, name: str, script: str) -> None:
        path = self.folder / name
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    def which(self, name: str) -> str | None:
        path = self.folder / name
        return str(path) if path.exists() else None

    def clipboard(self, **extra: str) -> Clipboard:
        return Clipboard(self.written.append, {**XTERM, **extra}, which=self.which, osc52_limit=400)

    def got(self) -> str:
        return (self.folder / "got").read_text()


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


async def test_osc52_is_the_plain_way(desk: Desk):
    result = await desk.clipboard().copy("hällo")
    assert result.ok
    assert "OSC 52" in result.how
    assert desk.written == [osc52("hällo")]
    assert not (await desk.clipboard().copy("")).ok


async def test_too_large_is_said_and_a_local_tool_takes_it(desk: Desk):
    result = await desk.clipboard(SSH_TTY="/dev/pts/3", DISPLAY=":0").copy("x" * 500)
    assert (result.ok, result.too_large) == (False, True)
    assert "500" in result.how
    assert desk.written == []
    desk.tool("xclip", f"cat > {desk.folder}/got")
    result = await desk.clipboard(DISPLAY=":0").copy("x" * 500)
    assert (result.ok, result.how) == (True, "copied by xclip")
    assert desk.got() == "x" * 500


async def test_tmux_loads_a_buffer_and_older_ones_too(desk: Desk):
    desk.tool("tmux", f'test "$1 $2 $3" = "load-buffer -w -" && cat > {desk.folder}/got')
    result = await desk.clipboard(TMUX="/tmp/x,1,0").copy("text")
    assert result.ok
    assert "tmux" in result.how
    assert desk.got() == "text"
    desk.tool("tmux", f'test "$1 $2" = "load-buffer -" && cat > {desk.folder}/got')
    result = await desk.clipboard(TMUX="/tmp/x,1,0").copy("old")
    assert result.ok
    assert "prefix ]" in result.how
    assert desk.got() == "old"
    assert desk.written == []


async def test_a_tmux_that_fails_or_is_missing_gives_way_to_osc52(desk: Desk):
    assert (await desk.clipboard(TMUX="/tmp/x,1,0").copy("a")).ok
    desk.tool("tmux", "exit 1")
    assert (await desk.clipboard(TMUX="/tmp/x,1,0").copy("b")).ok
    assert desk.written == [osc52("a"), osc52("b")]


async def test_screen_gets_its_wrapper_in_pieces(desk: Desk):
    await desk.clipboard(STY="1.pts").copy("y" * 290)
    (data,) = desk.written
    pieces = data.split("\x1b\\")[:-1]
    assert len(pieces) == 2
    assert all(piece.startswith("\x1bP") for piece in pieces)
    assert "".join(piece[2:] for piece in pieces) == osc52("y" * 290, "\x07")


async def test_native_tools_where_the_terminal_cannot(desk: Desk):
    desk.tool("wl-copy", "exit 1")
    desk.tool("xclip", f"cat > {desk.folder}/got")
    result = await desk.clipboard(VTE_VERSION="7000", WAYLAND_DISPLAY="w", DISPLAY=":0").copy("t")
    assert result.how == "copied by xclip"
    result = await desk.clipboard(VTE_VERSION="7000").copy("t")
    assert (result.ok, result.too_large) == (False, False)
    assert "no clipboard" in result.how


async def test_a_tool_that_hangs_or_cannot_start_does_not_block(desk: Desk, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(clipboard, "TOOL_SECONDS", 0.1)
    desk.tool("tmux", "exec sleep 60")
    assert (await desk.clipboard(TMUX="/tmp/x,1,0").copy("t")).how.endswith("(OSC 52)")
    (desk.folder / "tmux").write_text("not a program")
    (desk.folder / "tmux").chmod(0o644)
    assert (await desk.clipboard(TMUX="/tmp/x,1,0").copy("t")).ok


@pytest.fixture
def tmux(tmp_path: Path) -> Iterator[Callable[..., str]]:
    """A real tmux server of its own; call it with a command."""
    socket = tmp_path / "s"

    def call(*arguments: str) -> str:
        command = ["tmux", "-S", str(socket), "-f", "/dev/null", *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True, encoding="utf-8").stdout

    call("new-session", "-d", "cat")
    yield call
    call("kill-server")


@pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")
async def test_a_real_tmux(tmp_path: Path, tmux: Callable[..., str]):
    written: list[str] = []
    environ = {**XTERM, "TMUX": f"{tmp_path / 's'},1,0"}
    result = await asyncio.wait_for(Clipboard(written.append, environ).copy("from the pane\n日本"), 10)
    assert result.ok
    assert tmux("show-buffer") == "from the pane\n日本"
    assert written == []
