"""The terminal pane with real programs on a real pseudo terminal."""

from __future__ import annotations

import asyncio
import shutil
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual import events
from textual.pilot import Pilot

from hopx_tui.widgets.terminal_state import Exited
from tests.widgets.local_pty import LocalPtyLink
from tests.widgets.terminal_app import TerminalApp, running, until


def needs(program: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"{program} is not installed")


pytestmark = [needs("bash"), needs("setsid")]


class ShellApp(TerminalApp):
    """A pane on a local bash."""

    def __init__(self, **env: str) -> None:
        super().__init__(self.open_shell)
        self.shells: list[LocalPtyLink] = []
        self._env = env

    async def open_shell(self, cols: int, rows: int) -> LocalPtyLink:
        self.shells.append(await LocalPtyLink.open(cols, rows, **self._env))
        return self.shells[-1]

    def text(self) -> str:
        return "\n".join(self.terminal.vt.display)

    async def sees(self, text: str, seconds: float = 10.0) -> None:
        """Wait until the emulator and the rendered lines have a text."""
        try:
            await until(lambda: text in self.text(), text, seconds)
        except AssertionError:
            raise AssertionError(f"{text!r} is not on the screen:\n{self.text()}") from None
        assert any(text.splitlines()[0] in line for line in self.shown())

    async def gone(self, text: str) -> None:
        await until(lambda: text not in self.text(), f"{text} gone")


@asynccontextmanager
async def shell(size: tuple[int, int] = (80, 24), **env: str) -> AsyncIterator[tuple[ShellApp, Pilot[None]]]:
    app = ShellApp(**env)
    async with running(app, size) as (_, pilot):
        await app.sees("$ ")
        yield app, pilot
    assert all(link.process.poll() is not None for link in app.shells)


def run(app: ShellApp, line: str) -> None:
    app.terminal.send(line + "\r")


@pytest.fixture
def poem(tmp_path: Path) -> Path:
    path = tmp_path / "poem.txt"
    path.write_text("".join(f"verse {n} of many\n" for n in range(1, 101)))
    return path


async def test_typing_running_and_leaving():
    async with shell() as (app, pilot):
        await pilot.press(*"echo", "space", "$", "(", "(", "6", "*", "7", ")", ")", "enter")
        await app.sees("\n42 ")
        run(app, "stty size")
        await app.sees("24 80")
        # An end-of-file before the shell reads keys itself would be a NUL to it.
        await until(lambda: app.text().rstrip().endswith("$") and app.terminal.vt.modes.bracketed_paste, "the prompt")
        await pilot.press("ctrl+d")
        await until(lambda: isinstance(app.terminal.state, Exited), "exit")
        assert app.terminal.state == Exited(0)
        await pilot.press("enter")
        await until(lambda: len(app.shells) == 2, "a new shell")
        await until(lambda: app.text().rstrip().endswith("$"), "its prompt")
        assert "42" in app.text()  # what was there moved up


async def test_colours_wide_characters_and_marks():
    async with shell() as (app, _):
        run(app, r"printf '\033[38;2;1;2;3mT\033[38;5;208mP\033[0;2;3;9mS\033[0m \u65e5\u672ce\u0301|\n'")
        await app.sees("TPS 日本e\u0301|")
        y = next(y for y, line in enumerate(app.shown()) if line.startswith("TPS"))
        assert tuple(app.style_at(0, y).color.triplet) == (1, 2, 3)
        assert app.style_at(1, y).color.number == 208
        faint = app.style_at(2, y)
        assert (faint.dim, faint.italic, faint.strike) == (True, True, True)
        strip = app.terminal.render_line(y)
        assert strip.cell_length == 80
        assert strip.crop(4, 6).text == "日"
        assert strip.crop(8, 10).text == "e\u0301|"


@needs("vim")
async def test_vim_edits_and_gives_the_screen_back(poem: Path):
    async with shell() as (app, pilot):
        run(app, "echo before")
        await app.sees("\nbefore")
        run(app, f"vim -u NONE -N {poem}")
        await app.sees("verse 23 of many")
        assert app.terminal.vt.modes.alt_screen
        await pilot.press("G", "O")
        app.terminal.post_message(events.Paste("new verse"))
        await app.sees("new verse")
        await pilot.press("escape")
        await pilot.pause(0.05)
        for character in ":wq":
            await pilot.press({":": "colon"}.get(character, character))
        await pilot.press("enter")
        await app.gone("new verse")
        await app.sees("\nbefore")
        assert "verse 23" not in app.text()
        assert poem.read_text().splitlines()[-2] == "new verse"
        run(app, "echo plain")
        await app.sees("\nplain")
        y = next(y for y, line in enumerate(app.shown()) if line.startswith("plain"))
        assert not app.style_at(0, y).underline


@needs("less")
async def test_less_pages_and_the_wheel_moves_it(poem: Path):
    async with shell() as (app, pilot):
        run(app, f"less {poem}")
        await app.sees("verse 23 of many")
        await pilot.press("space")
        await app.sees("verse 40 of many")
        app.terminal.post_message(events.MouseScrollDown(None, 1, 1, 0, 0, 0, False, False, False))
        await app.sees("verse 49 of many")
        await pilot.press("q")
        await app.gone("verse 49 of many")
        assert not app.terminal.vt.modes.alt_screen


@needs("htop")
async def test_htop_draws_and_resizes_to_20x5_and_back():
    async with shell() as (app, pilot):
        run(app, "htop -d 5")
        await app.sees("F10Quit")
        await pilot.resize_terminal(20, 5)
        await until(lambda: app.terminal.vt.columns == 20, "small")
        await pilot.pause(0.1)
        assert all(len(line) <= 20 for line in app.shown())
        await pilot.resize_terminal(100, 30)
        await until(lambda: app.terminal.vt.lines == 30, "large")
        await until(lambda: "F10Quit" in app.terminal.vt.display[29], "the bar at the new bottom")
        await pilot.press("q")
        await app.gone("F10Quit")
        run(app, "stty size")
        await app.sees("30 100")


@needs("nano")
async def test_nano_saves_what_was_typed(tmp_path: Path):
    async with shell() as (app, pilot):
        run(app, f"nano {tmp_path / 'note'}")
        await app.sees("^X Exit")
        await pilot.press(*"hello")
        await app.sees("hello")
        await pilot.press("ctrl+x")
        await app.sees("Save modified buffer")
        await pilot.press("y", "enter")
        await app.gone("^C Cancel")
        await app.gone("hello")
        assert (tmp_path / "note").read_text() == "hello\n"


async def test_the_python_prompt_edits_with_arrows():
    pytest.importorskip("readline")
    async with shell() as (app, pilot):
        run(app, f"{sys.executable} -q -I")
        await app.sees(">>> ")
        run(app, "import readline")
        await until(lambda: app.text().count(">>> ") == 2, "the next prompt")
        await pilot.press(*"12", "left", "left", *"30", "right", "right", "plus", "1", "enter")
        await app.sees("\n3013")
        await pilot.press("ctrl+d")
        await until(lambda: app.text().rstrip().endswith("$"), "back in the shell")


@needs("tmux")
async def test_tmux_inside_the_pane(tmp_path: Path):
    async with shell() as (app, pilot):
        run(app, f"tmux -S {tmp_path}/s -f /dev/null new-session 'bash --norc'")
        await app.sees("[0] 0:")
        await until(lambda: "bash" in app.terminal.vt.display[0] or "#" in app.terminal.vt.display[0], "prompt")
        await pilot.press("ctrl+b", "percent_sign")
        await app.sees("│")
        await pilot.press(*"exit", "enter")
        await app.gone("│")
        await pilot.press(*"exit", "enter")
        await app.sees("[exited]")


async def test_bracketed_paste_does_not_run_lines():
    async with shell() as (app, pilot):
        await until(lambda: app.terminal.vt.modes.bracketed_paste, "readline asked for it")
        app.terminal.post_message(events.Paste("echo on''e\necho tw''o"))
        await app.sees("echo tw''o")
        assert "\none" not in app.text()
        await pilot.press("enter")
        await app.sees("\none")
        await app.sees("\ntwo")


def resident_megabytes() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc")
async def test_a_flood_keeps_keys_alive_and_memory_bounded():
    async with shell(size=(120, 40)) as (app, _):
        run(app, "yes | head -c 2000000")  # fills the history to its limit
        link = app.shells[0]
        await until(lambda: link.bytes_read > 2_000_000 and app.text().rstrip().endswith("$"), "filled", 20)
        before = resident_megabytes()
        start = link.bytes_read
        run(app, "yes")
        await until(lambda: link.bytes_read > start + 100_000, "the flood")
        echoes = []
        deadline = time.monotonic() + 20
        while link.bytes_read < start + 20_000_000 and time.monotonic() < deadline:
            sent = asyncio.Event()
            pressed = time.monotonic()
            write = link.write

            async def note(data: str, sent: asyncio.Event = sent) -> None:
                sent.set()

            link.write = note  # type: ignore[method-assign]
            app.post_message(events.Key("x", "x"))
            await asyncio.wait_for(sent.wait(), 5)
            echoes.append(time.monotonic() - pressed)
            link.write = write  # type: ignore[method-assign]
            await asyncio.sleep(0.05)
        app.post_message(events.Key("ctrl+c", "\x03"))  # the pilot would wait for an idle process first
        await until(lambda: app.terminal.idle and app.text().rstrip().endswith("$"), "stopped", 20)
        assert sorted(echoes)[len(echoes) // 2] < 0.25
        assert resident_megabytes() - before < 20
        assert len(app.terminal.vt.history) <= 10_000
