"""The terminals of the sandboxes: opened on request, left by one chord, alive while other things are looked at."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from hopx_tui.panes.terminal import NoShell, TerminalPane
from hopx_tui.vt.recording import Recording
from hopx_tui.widgets.flat_button import FlatButton
from hopx_tui.widgets.line import Line
from hopx_tui.widgets.tab_bar import TabBar
from hopx_tui.widgets.terminal import Terminal
from hopx_tui.widgets.terminal_state import Connected, Exited, Lost
from hopx_tui.widgets.virtual_table import VirtualTable
from tests.fake_cloud import FakeCloud
from tests.screens.running import Dashboard, dashboard

CHORD = "ctrl+right_square_bracket"


def pane(board: Dashboard) -> TerminalPane:
    return board.pane(TerminalPane)


async def shell(board: Dashboard) -> Terminal:
    """Open or enter the terminal of the sandbox under the cursor."""
    await board.press("s")
    await board.focused_on(Terminal)
    terminal = pane(board).current
    assert terminal is not None
    await board.until(lambda: isinstance(terminal.state, Connected))
    await board.until(lambda: "$" in board.text)
    return terminal


async def line(board: Dashboard, text: str) -> None:
    await board.type(text)
    await board.press("enter")


async def test_looking_starts_nothing(cloud: FakeCloud, tmp_path: Path) -> None:
    async with dashboard(cloud, tmp_path) as board:
        await board.press("2")
        await board.sees("No shell is open here.", "s opens one")
        assert ("GET", "/terminal") not in cloud.requests
        await board.focused_on(NoShell)
        await board.press("enter")
        await board.focused_on(Terminal)
        await board.until(lambda: ("GET", "/terminal") in cloud.requests)


async def test_a_shell(cloud: FakeCloud, tmp_path: Path) -> None:
    async with dashboard(cloud, tmp_path) as board:
        await shell(board)
        await line(board, "echo $((20+22))")
        await board.sees("42")
        await board.type("q")  # a key of the screen, but the program's here
        assert board.dialog == ""
        await board.sees("ctrl+] esc leaves", "leaves the terminal")
        await board.until(lambda: "Terminal*" in board.view.query_one(TabBar).render_line(0).text)


async def test_leaving_by_the_chord(cloud: FakeCloud, tmp_path: Path) -> None:
    async with dashboard(cloud, tmp_path) as board:
        terminal = await shell(board)
        await board.press(CHORD)
        await board.sees("esc leaves  c new")
        await board.press("escape")
        await board.focused_on(VirtualTable, "fleet-table")
        assert isinstance(terminal.state, Connected)
        await board.press("1")
        await board.misses("esc leaves")
        assert await shell(board) is terminal


async def test_keys_after_the_chord(cloud: FakeCloud, tmp_path: Path) -> None:
    async with dashboard(cloud, tmp_path) as board:
        terminal = await shell(board)
        await board.press(CHORD, "z")
        await board.misses("Sandboxes 7")
        await board.focused_on(Terminal)
        await board.press(CHORD, "z")
        await board.sees("Sandboxes 7")
        await board.press(CHORD, "question_mark")
        await board.asked("MessageDialog")
        await board.sees("After ctrl+]", "zoom the pane", "leave the terminal", "send it to the program")
        await board.press("escape")
        await board.closed()
        await board.focused_on(Terminal)
        await board.press(CHORD, "x")
        await board.asked("ConfirmDialog")
        await board.focused_on(FlatButton, "cancel")
        await board.press("enter")
        await board.closed()
        assert pane(board).current is terminal
        await board.press(CHORD, "x")
        await board.asked("ConfirmDialog")
        await board.press("right", "enter")
        await board.sees("No shell is open here.")
        await board.focused_on(NoShell)
        assert not cloud.sandbox(cloud.id_of(0)).sockets or await _hung_up(board, cloud)


async def _hung_up(board: Dashboard, cloud: FakeCloud) -> bool:
    await board.until(lambda: not cloud.sandbox(cloud.id_of(0)).sockets)
    return True


async def test_another_chord(cloud: FakeCloud, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("leave_terminal: ctrl+g\n")
    async with dashboard(cloud, tmp_path) as board:
        await shell(board)
        await board.sees("ctrl+g esc leaves")
        await board.press("ctrl+g", "d")
        await board.focused_on(VirtualTable, "fleet-table")


async def test_the_shell_ends_and_starts_again(cloud: FakeCloud, tmp_path: Path) -> None:
    async with dashboard(cloud, tmp_path) as board:
        terminal = await shell(board)
        await line(board, "exit 3")
        await board.sees("shell ended", "enter starts a new shell", "code 3")
        assert terminal.state == Exited(3)
        await board.press("enter")
        await board.until(lambda: isinstance(terminal.state, Connected))
        await line(board, "exit")
        await board.until(lambda: terminal.state == Exited(0))
        await board.press(CHORD, "x")  # nothing runs: nothing to ask
        await board.sees("No shell is open here.")


async def test_the_link_is_lost_and_found(cloud: FakeCloud, tmp_path: Path) -> None:
    async with dashboard(cloud, tmp_path) as board:
        terminal = await shell(board)
        await line(board, "drop")
        await board.until(lambda: isinstance(terminal.state, Lost))
        await board.sees("shell lost", "enter reconnects")
        await board.press(CHORD, "escape")
        await board.focused_on(VirtualTable, "fleet-table")
        await board.press("s")  # opens it again
        await board.until(lambda: isinstance(terminal.state, Connected))
        assert pane(board).current is terminal


async def test_two_sandboxes_keep_their_terminals(cloud: FakeCloud, tmp_path: Path) -> None:
    async with dashboard(cloud, tmp_path) as board:
        first = await shell(board)
        await line(board, "echo a-$((1+1))")
        await board.sees("a-2")
        await board.press(CHORD, "escape", "down")
        await board.sees("No shell is open here.")
        second = await shell(board)
        assert second is not first
        await line(board, "echo b-$((1+1))")
        await board.sees("b-2")
        await board.misses("a-2")
        await board.press(CHORD, "escape", "up")
        await board.sees("a-2")
        assert isinstance(first.state, Connected)
        assert isinstance(second.state, Connected)


async def test_a_sandbox_that_cannot_have_a_shell(cloud: FakeCloud, tmp_path: Path) -> None:
    cloud.set_status(cloud.id_of(0), "paused")
    async with dashboard(cloud, tmp_path) as board:
        await board.press("s")
        await board.focused_on(NoShell)
        await board.sees("is paused.", "p resumes it")
        await board.press("enter")
        assert pane(board).current is None
        assert cloud.sandbox(cloud.id_of(0)).status == "paused"


async def test_a_terminal_keeps_its_screen_when_the_sandbox_is_paused(cloud: FakeCloud, tmp_path: Path) -> None:
    async with dashboard(cloud, tmp_path) as board:
        await shell(board)
        await line(board, "echo c-$((1+1))")
        await board.sees("c-2")
        cloud.set_status(cloud.id_of(0), "paused")
        await board.fetch()
        await board.sees("‖ paused", "c-2")


async def test_refused(cloud: FakeCloud, tmp_path: Path) -> None:
    cloud.knobs.status["/terminal"] = 403
    async with dashboard(cloud, tmp_path) as board:
        await board.press("s")
        await board.focused_on(Terminal)
        terminal = pane(board).current
        assert terminal is not None
        await board.until(lambda: isinstance(terminal.state, Lost))
        await board.sees("enter reconnects")


async def test_gone_before_it_could_be_opened(cloud: FakeCloud, tmp_path: Path) -> None:
    async with dashboard(cloud, tmp_path) as board:
        terminal = await shell(board)
        await line(board, "exit")
        await board.until(lambda: isinstance(terminal.state, Exited))
        cloud.kill(cloud.id_of(0))
        await board.fetch()
        await board.sees("gone")
        await board.sees("is gone. ctrl+] esc leaves")
        terminal.reconnect()
        await board.until(lambda: isinstance(terminal.state, Lost))
        assert terminal.state == Lost("the sandbox is gone")


async def test_killed_sandboxes_take_their_terminal_along(cloud: FakeCloud, tmp_path: Path) -> None:
    async with dashboard(cloud, tmp_path) as board:
        await shell(board)
        await board.press(CHORD, "escape", "ctrl+d")
        await board.asked("ConfirmDialog")
        await board.press("right", "enter")
        await board.sees("Sandboxes 6")
        await board.until(lambda: not pane(board).has_shell(cloud.id_of(0)))
        assert not pane(board).query(Terminal)


async def test_title_bell_and_copy(cloud: FakeCloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with dashboard(cloud, tmp_path) as board:
        copied: list[str] = []
        bells: list[int] = []
        monkeypatch.setattr(board.app, "copy_to_clipboard", copied.append)
        monkeypatch.setattr(board.app, "bell", lambda: bells.append(1))
        await shell(board)
        await line(board, r"printf '\033]2;my [b]title\007'")
        await board.sees("my [b]title")
        await line(board, r"printf '\a'")
        await board.until(lambda: bells)
        terminal = pane(board).current
        assert terminal is not None
        terminal.post_message(Terminal.CopyRequested(terminal, "picked", False))
        await board.until(lambda: copied == ["picked"])


async def test_nothing_to_open(empty: FakeCloud, tmp_path: Path) -> None:
    async with dashboard(empty, tmp_path) as board:
        await board.press("2")
        await board.sees("No sandbox is selected.")
        await pane(board).open_shell()
        await pane(board).forget("nobody")
        assert pane(board).current is None


async def test_programs_ask_once_for_the_clipboard(
    cloud: FakeCloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with dashboard(cloud, tmp_path) as board:
        copied: list[str] = []
        monkeypatch.setattr(board.app, "copy_to_clipboard", copied.append)
        await shell(board)
        terminal = pane(board).current
        assert terminal is not None
        terminal.post_message(Terminal.CopyRequested(terminal, "sly", True))
        await board.asked("ConfirmDialog")
        await board.sees("Let programs use your clipboard?", "3 characters")
        terminal.post_message(Terminal.CopyRequested(terminal, "meanwhile", True))  # dropped until it is answered
        await board.press("enter")  # cancel has the focus
        await board.closed()
        terminal.post_message(Terminal.CopyRequested(terminal, "again", True))
        await board.settle()
        assert board.dialog == ""
        assert copied == []


async def test_programs_that_may_use_the_clipboard(
    cloud: FakeCloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with dashboard(cloud, tmp_path) as board:
        copied: list[str] = []
        monkeypatch.setattr(board.app, "copy_to_clipboard", copied.append)
        await shell(board)
        terminal = pane(board).current
        assert terminal is not None
        terminal.post_message(Terminal.CopyRequested(terminal, "one", True))
        await board.asked("ConfirmDialog")
        await board.press("right", "enter")
        await board.until(lambda: copied == ["one"])
        terminal.post_message(Terminal.CopyRequested(terminal, "two", True))
        await board.until(lambda: copied == ["one", "two"])


async def test_leaving_tells_of_open_shells(cloud: FakeCloud, tmp_path: Path) -> None:
    async with dashboard(cloud, tmp_path) as board:
        await shell(board)
        await board.press(CHORD, "escape", "q")
        await board.asked("ConfirmDialog")
        await board.sees("1 open shell ends")
        await board.focused_on(FlatButton, "cancel")


async def test_tabs(cloud: FakeCloud, tmp_path: Path) -> None:
    """A second terminal beside the first: each keeps its program, its name and its marks."""
    async with dashboard(cloud, tmp_path) as board:
        first = await shell(board)
        await line(board, "echo one-$((1+1))")
        await board.sees("one-2")
        await board.press(CHORD, "c")
        await board.until(lambda: pane(board).current is not first)
        second = pane(board).current
        assert second is not None
        await board.focused_on(Terminal)
        await board.sees("1 shell  2 shell")
        await board.misses("one-2")
        await line(board, "(sleep 0.3; printf 'done\\a') & clear")
        await board.press(CHORD, "p")
        await board.until(lambda: pane(board).current is first)
        await board.sees("one-2", "2 shell!")
        await board.press(CHORD, "2")
        await board.sees("done", "2 shell")
        await board.misses("2 shell!")
        await board.press(CHORD, "comma")
        await board.type("build")
        await board.press("enter")
        await board.sees("2 build")
        await board.press(CHORD, "n")
        await board.until(lambda: pane(board).current is first)
        await board.press(CHORD, "9")
        await board.sees("there is no terminal 9")
        await line(board, "exit")
        await board.until(lambda: isinstance(first.state, Exited))
        await board.press(CHORD, "x")
        await board.until(lambda: pane(board).current is second)
        await board.sees("build")
        assert pane(board).open_shells == 1


async def test_a_split(cloud: FakeCloud, tmp_path: Path) -> None:
    """Two terminals at once; the keyboard goes from one to the other."""
    async with dashboard(cloud, tmp_path) as board:
        first = await shell(board)
        await line(board, "echo left-$((1+1))")
        await board.sees("left-2")
        await board.press(CHORD, "vertical_line")
        await board.until(lambda: pane(board).current is not first)
        second = pane(board).current
        assert second is not None
        await board.until(lambda: isinstance(second.state, Connected))
        await line(board, "echo right-$((1+1))")
        await board.sees("left-2", "right-2", "1 shell|shell")
        assert first.size.width < 40
        await board.press(CHORD, "minus")
        await board.sees("two at most")
        await board.press(CHORD, "o")
        await board.until(lambda: first.has_focus)
        await board.press(CHORD, "x")
        await board.until(lambda: board.dialog != "")
        await board.press("left", "enter")
        await board.until(lambda: pane(board).current is second)
        await board.until(lambda: second.size.width > 50)
        await board.press(CHORD, "minus")
        await board.until(lambda: pane(board).current is not second)
        await board.until(lambda: second.size.height < 20)
        assert pane(board).open_shells >= 1


async def test_a_split_needs_room(cloud: FakeCloud, tmp_path: Path) -> None:
    async with dashboard(cloud, tmp_path, size=(120, 30)) as board:
        await shell(board)
        for key in ("n", "p"):
            await board.press(CHORD, key)
            await board.sees("the only terminal here")
        await board.press(CHORD, "o")
        await board.sees("not split")


# -- recording


def keeps_downloads_in(folder: Path) -> Path:
    """The folder that the preferences name."""
    (folder / "config.yaml").write_text(f"downloads: {folder / 'casts'}\n")
    return folder / "casts"


def recorded(path: Path) -> list[tuple[str, str]]:
    """What the events of a finished recording tell."""
    with path.open("rb") as file:
        return [(event.code, event.data) for event in Recording(file).events()]


async def begin_recording(board: Dashboard) -> None:
    await board.press(CHORD, "R")
    title = board.pane(TerminalPane).query_one("#terminal-title", Line)  # a notice may lie over it
    await board.until(lambda: "● REC 0:00:0" in title.text, "the mark of a recording")


async def test_a_recording(cloud: FakeCloud, tmp_path: Path) -> None:
    casts = keeps_downloads_in(tmp_path)
    cloud.sandbox(cloud.id_of(0)).env = {"MY_TOKEN": "s3cr3t", "NAME": "visible"}
    async with dashboard(cloud, tmp_path) as board:
        await shell(board)
        await line(board, "echo before")
        await begin_recording(board)
        await line(board, "echo $((40+2)) s3cr3t visible")
        await board.sees("42 s3cr3t")
        await board.press(CHORD, "z")
        await board.misses("Sandboxes 7")
        await board.until(lambda: cloud.sandbox(cloud.id_of(0)).sizes[-1][0] > 100, "the wide pane")
        await board.press(CHORD, "R")
        await board.told("Recorded ", str(casts), ".cast")
        await board.misses("REC")
        (path,) = casts.iterdir()
        events = recorded(path)
        text = "".join(data for code, data in events if code == "o")
        assert "before" in events[0][1]
        assert "42 **** visible" in text
        assert "s3cr3t" not in path.read_text()
        assert [code for code, _ in events if code != "o"] == ["r"]
        await line(board, "echo unrecorded")
        await board.sees("unrecorded")
        assert recorded(path) == events


async def test_a_recording_masks_what_was_given_at_creation(
    cloud: FakeCloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    casts = keeps_downloads_in(tmp_path)
    async with dashboard(cloud, tmp_path) as board:
        monkeypatch.setattr(board.session.fleet, "values_given", lambda sandbox_id: ("plain-but-given",))
        await shell(board)
        await begin_recording(board)
        await line(board, "echo plain-but-given $((40+2))")
        await board.sees("given 42")
        await board.press(CHORD, "R")
        await board.told("Recorded ")
        assert "**** 42" in next(casts.iterdir()).read_text()


@pytest.mark.parametrize(("word", "last"), [("exit 3", ("x", "3")), ("drop", ("o", "drop\r\n"))])
async def test_a_shell_that_ends_ends_its_recording(
    cloud: FakeCloud, tmp_path: Path, word: str, last: tuple[str, str]
) -> None:
    casts = keeps_downloads_in(tmp_path)
    async with dashboard(cloud, tmp_path) as board:
        await shell(board)
        await begin_recording(board)
        await line(board, word)
        await board.told("Recorded ")
        events = recorded(next(casts.iterdir()))
        assert (events[-1] == last) if word != "drop" else "".join(data for _, data in events).endswith("drop\r\n")
        await board.press(CHORD, "R")
        await board.sees("nothing to record")
        assert len(list(casts.iterdir())) == 1


async def test_closing_and_quitting_end_a_recording(cloud: FakeCloud, tmp_path: Path) -> None:
    casts = keeps_downloads_in(tmp_path)
    async with dashboard(cloud, tmp_path) as board:
        await shell(board)
        await begin_recording(board)
        await board.press(CHORD, "x")
        await board.asked("ConfirmDialog")
        await board.press("right", "enter")
        await board.told("Recorded ")
        (first,) = casts.iterdir()
        assert recorded(first)
        await shell(board)
        await begin_recording(board)
        await line(board, "echo the-end")
        await board.until(lambda: board.text.count("the-end") == 2)
    (second,) = set(casts.iterdir()) - {first}
    assert "the-end" in "".join(data for _, data in recorded(second))


async def test_the_mark_of_a_recording_in_ascii(cloud: FakeCloud, tmp_path: Path) -> None:
    keeps_downloads_in(tmp_path)
    async with dashboard(cloud, tmp_path, ascii=True) as board:
        await shell(board)
        await board.press(CHORD, "R")
        await board.sees("* REC 0:00:0")


async def test_a_recording_that_cannot_be(cloud: FakeCloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    casts = keeps_downloads_in(tmp_path)
    async with dashboard(cloud, tmp_path) as board:
        await shell(board)
        cloud.knobs.status["/env"] = 403
        await board.press(CHORD, "R")
        await board.told("Not recording: which values are secret")
        cloud.knobs.status.clear()
        casts.write_text("in the way")
        await board.press(CHORD, "R")
        await board.told("Not recording: ", "cannot be written")
        casts.unlink()
        await begin_recording(board)

        def full(file: int, data: memoryview) -> int:
            raise OSError(errno.ENOSPC, "full")

        monkeypatch.setattr("hopx_tui.widgets.terminal_recorder.os.write", full)
        await line(board, "echo on-we-go")
        await board.told("Not recording any more: the disk is full.")
        monkeypatch.undo()
        await board.until(lambda: not pane(board)._recordings)
        await line(board, "echo $((40+2))")
        await board.sees("42")
