"""The one screen: list and view, wide and narrow, tabs, keys, and what survives trouble."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console
from textual.widgets import Input, Static

from hopx_tui.panes import PANES
from hopx_tui.panes.files import FilesPane
from hopx_tui.panes.overview import OverviewPane
from hopx_tui.panes.terminal import NoShell, TerminalPane
from hopx_tui.screens.keytable import sections_of
from hopx_tui.widgets.flat_button import FlatButton
from hopx_tui.widgets.hints import HintBar
from hopx_tui.widgets.tab_bar import TabBar
from hopx_tui.widgets.terminal import Terminal
from hopx_tui.widgets.text_lines import TextLines
from hopx_tui.widgets.virtual_table import VirtualTable
from tests.fake_cloud import FakeCloud
from tests.screens.running import Dashboard, body, dashboard


def names(board: Dashboard) -> list[str]:
    return [row.id for row in board.table.shown_rows()]


# -- the list, as it comes and goes


async def test_loading_then_rows(cloud: FakeCloud, tmp_path: Path) -> None:
    cloud.knobs.hang.add("/v1/sandboxes")
    async with dashboard(cloud, tmp_path, listed=False) as board:
        await board.sees("Asking for the sandboxes", "loading", "No sandbox selected")
        cloud.knobs.hang.clear()
        cloud._release.set()
        await board.sees("6 running", "1 paused", "Sandboxes 7", "live")


async def test_empty(empty: FakeCloud, tmp_path: Path) -> None:
    async with dashboard(empty, tmp_path) as board:
        await board.sees("No sandboxes yet.", "n creates your first sandbox", "No sandbox selected")
        await board.press("s")
        await board.told("no sandbox to open a shell in")
        for key in ("p", "r", "plus", "ctrl+d", "c", "y", "e", "enter", "d", "escape"):
            await board.press(key)
        assert board.dialog == ""


async def test_refused_key(cloud: FakeCloud, tmp_path: Path) -> None:
    cloud.knobs.status["/v1/"] = 401
    async with dashboard(cloud, tmp_path, listed=False) as board:
        await board.sees("This source refused the key.", "key refused", "ctrl+r tries again now")
        cloud.knobs.status.clear()
        await board.press("ctrl+r")
        await board.sees("Sandboxes 7", "live")


async def test_failed(cloud: FakeCloud, tmp_path: Path) -> None:
    cloud.knobs.status["/v1/sandboxes"] = 503
    async with dashboard(cloud, tmp_path, listed=False) as board:
        await board.sees("No list yet.", "no answer", "ctrl+r tries again now")
        cloud.knobs.status.clear()
        await board.press("ctrl+r")
        await board.sees("Sandboxes 7", "live")


async def test_stale_rows_stay_with_their_age(cloud: FakeCloud, tmp_path: Path) -> None:
    async with dashboard(cloud, tmp_path) as board:
        cloud.knobs.status["/v1/sandboxes"] = 500
        await board.press("ctrl+r")
        await board.sees("s old", "ctrl+r retries", "no answer")
        assert len(names(board)) == 7
        assert board.table.stale
        await board.sees("1s old")  # the age moves
        await board.press("l")
        await board.sees("What happened, newest first", "refused with 500", "request")
        await board.press("escape")
        cloud.knobs.status.clear()
        await board.press("ctrl+r")
        await board.misses("old", "no answer")
        assert not board.table.stale


async def test_many_rows(tmp_path: Path) -> None:
    async with FakeCloud(sandboxes=450) as cloud, dashboard(cloud, tmp_path) as board:
        await board.sees("Sandboxes 450")
        await board.press("G")
        await board.until(lambda: board.view.row is not None and board.view.row.id == cloud.id_of(449))
        await board.press("g", "g")
        await board.until(lambda: board.view.row is not None and board.view.row.id == cloud.id_of(0))
        await board.until(lambda: ("GET", "/system") in cloud.requests)
        watched = board.session.fleet._usage.watched
        assert 0 < len(watched) < 45  # only what is on screen is measured


# -- selection and layout


async def test_selection_is_shown_beside_the_list(cloud: FakeCloud, tmp_path: Path) -> None:
    async with dashboard(cloud, tmp_path) as board:
        assert board.view.row is not None
        assert board.view.row.id == cloud.id_of(0)
        await board.press("down", "j")
        await board.until(lambda: board.view.row is not None and board.view.row.id == cloud.id_of(2))
        await board.sees(f"{cloud.id_of(2)}  ● running", "desktop")
        await board.press("enter")
        await board.until(lambda: board.view.has_focus_within)
        assert board.view.row.id == cloud.id_of(2)
        await board.press("escape")
        await board.focused_on(VirtualTable, "fleet-table")


async def test_a_double_click_opens(cloud: FakeCloud, tmp_path: Path) -> None:
    async with dashboard(cloud, tmp_path) as board:
        await board.pilot.click("#fleet-table", offset=(5, 3), times=2)
        await board.until(lambda: board.view.has_focus_within)
        assert board.view.row is not None
        assert board.view.row.id == cloud.id_of(2)


async def test_narrow(cloud: FakeCloud, tmp_path: Path) -> None:
    async with dashboard(cloud, tmp_path, size=(80, 24)) as board:
        assert not board.view.display
        asked = len([r for r in cloud.requests if r[1] == "/processes"])
        await board.press("down", "enter")
        await board.sees("1 Overview", f"{cloud.id_of(1)}  ● running")
        assert not board.table.display or not board.fleet_screen.query_one("#sandboxes").display
        await board.until(lambda: board.view.has_focus_within)
        await board.press("escape")
        await board.sees("NAME", "TEMPLATE")
        await board.focused_on(VirtualTable, "fleet-table")
        assert len([r for r in cloud.requests if r[1] == "/processes"]) == asked  # what is hidden does not ask


async def test_narrow_views_have_the_keyboard(cloud: FakeCloud, tmp_path: Path) -> None:
    async with dashboard(cloud, tmp_path, size=(80, 24)) as board:
        for key in ("d", "1", "3", "right_square_bracket", "s"):
            await board.press(key)
            await board.until(lambda: board.view.has_focus_within)
            if key == "s":
                await board.focused_on(Terminal)
                await board.press("ctrl+right_square_bracket")
            await board.press("escape")
            await board.focused_on(VirtualTable, "fleet-table")
            await board.sees("TEMPLATE")


async def test_narrow_filter_from_the_view(cloud: FakeCloud, tmp_path: Path) -> None:
    async with dashboard(cloud, tmp_path, size=(80, 24)) as board:
        await board.tab(1)  # nothing to filter there
        await board.press("slash")
        await board.focused_on(Input, "fleet-filter")
        await board.sees("filter: text", "TEMPLATE")


async def test_too_small(cloud: FakeCloud, tmp_path: Path) -> None:
    async with dashboard(cloud, tmp_path, size=(50, 12)) as board:
        await board.sees("hopx-tui needs 60x15 cells.", "Make the window larger.")
        await board.misses("TEMPLATE")
        await board.press("n", "ctrl+d")  # nobody can see what these would do
        assert board.dialog == ""
        await board.pilot.resize_terminal(120, 40)
        await board.sees("Sandboxes 7", "1 Overview")


async def test_made_small_and_large_again(cloud: FakeCloud, tmp_path: Path) -> None:
    async with dashboard(cloud, tmp_path) as board:
        await board.pilot.resize_terminal(50, 12)
        await board.sees("Make the window larger.")
        await board.pilot.resize_terminal(120, 40)
        await board.sees("Sandboxes 7")
        await board.focused_on(VirtualTable, "fleet-table")
        await board.press("down")
        await board.until(lambda: board.view.row is not None and board.view.row.id == cloud.id_of(1))


async def test_made_narrow_keeps_what_the_person_is_in(cloud: FakeCloud, tmp_path: Path) -> None:
    async with dashboard(cloud, tmp_path) as board:
        await board.tab(4)
        await board.leave()
        await board.pilot.resize_terminal(80, 24)
        await board.sees("NAME", "TEMPLATE")
        await board.focused_on(VirtualTable, "fleet-table")
        await board.pilot.resize_terminal(120, 40)
        await board.tab(4)
        await board.focused_on(VirtualTable, "process-table")
        await board.pilot.resize_terminal(80, 24)
        await board.sees("4 Processes", "COMMAND")
        await board.focused_on(VirtualTable, "process-table")
        await board.press("escape")
        await board.focused_on(VirtualTable, "fleet-table")


async def test_zoom(cloud: FakeCloud, tmp_path: Path) -> None:
    async with dashboard(cloud, tmp_path) as board:
        await board.press("f")
        await board.misses("Sandboxes 7")
        await board.until(lambda: board.view.has_focus_within)
        assert board.view.size.width > 110
        await board.press("f")
        await board.sees("Sandboxes 7")
        await board.press("f", "q")  # one level back
        await board.sees("Sandboxes 7")
        await board.focused_on(VirtualTable, "fleet-table")
        await board.press("f")
        await board.misses("Sandboxes 7")
        await board.press("slash")  # the list is needed for that
        await board.focused_on(Input, "fleet-filter")
        await board.sees("Sandboxes 7")


async def test_zoom_means_nothing_when_narrow(cloud: FakeCloud, tmp_path: Path) -> None:
    async with dashboard(cloud, tmp_path, size=(80, 24)) as board:
        await board.press("f")
        assert not board.fleet_screen.has_class("-zoomed")


# -- tabs


async def test_tabs(cloud: FakeCloud, tmp_path: Path) -> None:
    async with dashboard(cloud, tmp_path) as board:
        for index in range(len(PANES)):
            await board.press(str(index + 1))
            assert board.view.index == index
        await board.press("9")
        assert board.view.index == 3
        await board.press("left_square_bracket")
        assert board.view.index == 2
        await board.press("right_square_bracket", "right_square_bracket")
        assert board.view.index == 0
        await board.press("minus")
        assert board.view.index == 3
        await board.press("minus")
        assert board.view.index == 0
        tabs = board.view.query_one(TabBar)
        await board.pilot.click(tabs, offset=(tabs.render_line(0).text.index("Files"), 0))
        await board.until(lambda: board.view.index == 2)
        await board.focused_on(VirtualTable, "file-table")  # a click into the view goes there
        await board.pilot.click(tabs, offset=(tabs.size.width - 2, 0))
        assert board.view.index == 2


async def test_only_the_shown_pane_asks(cloud: FakeCloud, tmp_path: Path) -> None:
    async with dashboard(cloud, tmp_path) as board:
        await board.press("4")
        await board.sees("bash", "COMMAND")
        assert ("GET", "/processes") in cloud.requests
        assert ("GET", "/files/list") not in cloud.requests
        await board.press("3")
        await board.until(lambda: ("GET", "/files/list") in cloud.requests)
        assert [pane.active for pane in board.view.panes] == [False, False, True, False]


# -- filter


async def test_filter(cloud: FakeCloud, tmp_path: Path) -> None:
    async with dashboard(cloud, tmp_path) as board:
        await board.press("slash")
        await board.type("desk")
        await board.until(lambda: names(board) == [cloud.id_of(2), cloud.id_of(5)])
        await board.sees("Sandboxes 2 of 7")
        assert "new" not in board.hints  # letters are text here
        assert "no filter" in board.hints
        await board.press("enter")
        await board.focused_on(VirtualTable, "fleet-table")
        await board.until(lambda: board.view.row is not None and board.view.row.id == cloud.id_of(2))
        await board.press("slash")
        await board.type("xyz")
        await board.until(lambda: names(board) == [])
        await board.press("escape")
        await board.until(lambda: len(names(board)) == 7)
        await board.focused_on(VirtualTable, "fleet-table")
        assert not board.fleet_screen.query_one("#fleet-filter").display


async def test_filter_by_field_and_leaving_it_empty(cloud: FakeCloud, tmp_path: Path) -> None:
    async with dashboard(cloud, tmp_path) as board:
        await board.press("slash")
        await board.type("status:paused")
        await board.until(lambda: names(board) == [cloud.id_of(4)])
        await board.press("down")
        await board.focused_on(VirtualTable, "fleet-table")
        await board.press("escape")  # from the list too
        await board.until(lambda: len(names(board)) == 7)
        await board.press("slash", "enter")
        assert not board.fleet_screen.query_one("#fleet-filter").display


# -- what one can ask about a sandbox


async def test_raw_json(cloud: FakeCloud, tmp_path: Path) -> None:
    async with dashboard(cloud, tmp_path) as board:
        await board.press("y")
        await board.sees('"object": "sandbox"', f'"id": "{cloud.id_of(0)}"')
        await board.press("escape")
        cloud.knobs.status[f"/v1/sandboxes/{cloud.id_of(0)}"] = 500
        await board.press("y")
        await board.told("refused with 500")


async def test_describe(cloud: FakeCloud, tmp_path: Path) -> None:
    async with dashboard(cloud, tmp_path) as board:
        await board.press("3", "d")
        assert board.view.pane is board.pane(OverviewPane)
        await board.sees("endpoint", "internet  allowed")


async def test_events(cloud: FakeCloud, tmp_path: Path) -> None:
    async with dashboard(cloud, tmp_path) as board:
        await board.press("l")
        await board.sees("Nothing yet.")
        await board.press("escape", "p")
        await board.sees("5 running")
        await board.press("l")
        await board.sees(f"pause {cloud.id_of(0)}  done  in ")


async def test_copy(cloud: FakeCloud, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with dashboard(cloud, tmp_path) as board:
        copied: list[str] = []
        monkeypatch.setattr(board.app, "copy_to_clipboard", copied.append)
        await board.press("c")
        assert copied == [cloud.id_of(0)]


async def test_rename(cloud: FakeCloud, tmp_path: Path) -> None:
    async with dashboard(cloud, tmp_path) as board:
        await board.press("e")
        await board.asked("InputDialog")
        await board.type("scraper")
        await board.press("enter")
        await board.sees("● scraper", "scraper  ● running")
        assert board.app._preferences.name(cloud.id_of(0)) == "scraper"
        await board.press("e")
        await board.asked("InputDialog")
        await board.press("escape")
        await board.closed()
        assert board.app._preferences.name(cloud.id_of(0)) == "scraper"
        await board.press("e")
        await board.asked("InputDialog")
        await board.press("ctrl+u", "enter")
        await board.misses("scraper")
        assert board.app._preferences.name(cloud.id_of(0)) is None


async def test_a_name_that_looks_like_markup(cloud: FakeCloud, tmp_path: Path) -> None:
    name = "[/red] [b]"
    async with dashboard(cloud, tmp_path) as board:
        await board.app._name_sandbox(cloud.id_of(4), name)
        board.session.fleet.renamed(cloud.id_of(4))
        await board.press("down", "down", "down", "down")
        for tab in "1234":
            await board.press(tab)
            await board.sees(f"{name}  ‖ paused")
        await board.leave()
        dialogs = {"e": "InputDialog", "ctrl+d": "ConfirmDialog", "plus": "ChoiceDialog", "y": "MessageDialog"}
        for key, what in dialogs.items():
            await board.press(key)
            await board.asked(what)
            await board.press("escape")
            await board.closed()
        await board.press("r")
        await board.asked("ChoiceDialog")
        await board.sees(f"What about {name}")


# -- help, hints


async def test_help_is_made_of_the_keys_that_work(cloud: FakeCloud, tmp_path: Path) -> None:
    async with dashboard(cloud, tmp_path) as board:
        for tab in (0, 2, 3):
            if tab:
                await board.tab(tab)
            sections = sections_of(board.fleet_screen._focus_chain())
            assert sections
            await board.press("question_mark")
            await board.asked("HelpScreen")
            console = Console(width=400, record=True, file=io.StringIO())
            console.print(board.widget(Static, "#help-text").content)
            text = " ".join(console.export_text().split())
            for section in sections:
                assert section.title in text
                assert " ".join(section.about.split()) in text
                for line in section.lines:
                    assert f"{line.keys} {line.sentence}" in text
            await board.press("escape")
            await board.closed()
            await board.leave()


async def test_help_says_who_a_key_belongs_to(cloud: FakeCloud, tmp_path: Path) -> None:
    async with dashboard(cloud, tmp_path) as board:
        await board.tab(3)
        await board.focused_on(VirtualTable, "file-table")
        found = {line.label: line.keys for s in sections_of(board.fleet_screen._focus_chain()) for line in s.lines}
        assert found["delete"] == "ctrl+d F8"
        assert found["open"] == "right l"
        assert "kill" not in found
        assert "events" not in found


async def test_help_closes(cloud: FakeCloud, tmp_path: Path) -> None:
    async with dashboard(cloud, tmp_path, size=(80, 24)) as board:
        for key in ("escape", "q", "question_mark", "f1"):
            await board.press("f1")
            await board.asked("HelpScreen")
            await board.press("j", "j", "k", "pagedown")
            await board.press(key)
            await board.closed()


async def test_hints_follow_the_focus(cloud: FakeCloud, tmp_path: Path) -> None:
    async with dashboard(cloud, tmp_path) as board:
        await board.until(lambda: board.hints[:3] == ["new", "shell", "pause"])
        await board.tab(3)
        await board.focused_on(VirtualTable, "file-table")
        await board.until(lambda: board.hints[:4] == ["download", "upload", "new file", "delete"])
        assert "kill" not in board.hints
        await board.press("s")
        await board.focused_on(Terminal)
        await board.until(lambda: board.hints == ["leaves the terminal", "its other keys"])
        assert "? help" not in board.fleet_screen.query_one("#hints", HintBar).render_line(0).text


# -- leaving


async def test_q_asks_once(cloud: FakeCloud, tmp_path: Path) -> None:
    async with dashboard(cloud, tmp_path) as board:
        await board.tab(3)
        await board.press("q")
        await board.focused_on(VirtualTable, "fleet-table")
        await board.press("q")
        await board.asked("ConfirmDialog")
        await board.sees("Leave hopx-tui?", "6 sandboxes go on running.")
        await board.press("escape")
        await board.closed()
        await board.press("q")
        await board.asked("ConfirmDialog")
        await board.focused_on(FlatButton, "confirm")  # nothing is lost by it
        await board.press("enter")
        await board.until(lambda: board.app._exit)
    assert board.app.return_code == 0


async def test_ctrl_q_leaves_at_once(empty: FakeCloud, tmp_path: Path) -> None:
    async with dashboard(empty, tmp_path) as board:
        await board.press("q")
        await board.asked("ConfirmDialog")
        await board.misses("running.")
        await board.press("escape")
        await board.closed()
        await board.press("ctrl+q")
        await board.until(lambda: board.app._exit)


async def test_repaint(cloud: FakeCloud, tmp_path: Path) -> None:
    async with dashboard(cloud, tmp_path) as board:
        before = board.lines[3]
        await board.press("ctrl+l")
        assert board.lines[3][:20] == before[:20]


# -- sandboxes that vanish


async def test_vanishes_in_the_list(cloud: FakeCloud, tmp_path: Path) -> None:
    async with dashboard(cloud, tmp_path) as board:
        cloud.kill(cloud.id_of(0))
        await board.fetch()
        await board.sees("Sandboxes 6")
        await board.until(lambda: board.view.row is not None and board.view.row.id == cloud.id_of(1))


async def test_vanishes_while_it_is_looked_at(cloud: FakeCloud, tmp_path: Path) -> None:
    async with dashboard(cloud, tmp_path) as board:
        for at, tab in enumerate((1, 2, 3, 4)):
            gone = cloud.id_of(at)
            await board.until(lambda: board.view.row is not None and board.view.row.id == gone)  # noqa: B023
            await board.tab(tab)
            cloud.kill(gone)
            await board.fetch()
            await board.sees(f"{gone}  ", "gone")
            assert (board.view.pane.unavailable() or "").startswith(f"{gone} is gone.") or tab == 1
            board.app.clear_notifications()
            for key in ("p", "ctrl+r", "c", "y"):
                await board.press(key)
            await board.told(f"{gone} is gone")
            await board.leave()
            await board.until(lambda: board.view.row is not None and board.view.row.id == cloud.id_of(at + 1))  # noqa: B023


async def test_not_isolated_banner(cloud: FakeCloud, tmp_path: Path) -> None:
    cloud.knobs.body["/health"] = body({"status": "healthy", "isolation": "none", "isolation_reason": "no bubblewrap"})
    async with dashboard(cloud, tmp_path, readonly=True) as board:
        await board.sees("not isolated: commands run as you", "no bubblewrap", "read-only")


async def test_focus_of_the_window(cloud: FakeCloud, tmp_path: Path) -> None:
    from textual import events

    async with dashboard(cloud, tmp_path) as board:
        board.app.post_message(events.AppBlur())
        await board.until(lambda: not board.session.fleet._focused)
        board.app.post_message(events.AppFocus())
        await board.until(lambda: board.session.fleet._focused)


# -- read-only


DANGEROUS = {"n", "s", "p", "r", "plus", "ctrl+d", "f8", "U", "a", "K", "f9"}


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
async def test_readonly_drops_every_dangerous_key(cloud: FakeCloud, tmp_path: Path, size: tuple[int, int]) -> None:
    async with dashboard(cloud, tmp_path, size=size, readonly=True) as board:
        await board.sees("read-only: nothing can be changed from here")
        for tab in ("", "1", "2", "3", "4"):
            if tab:
                await board.tab(int(tab))
            offered = set(board.hints)
            assert not offered & {"new", "shell", "pause", "start/stop", "extend", "kill", "upload", "delete", "signal"}
            for key in sorted(DANGEROUS):
                await board.press(key)
                assert board.dialog == "", (tab, key)
            if tab == "2":
                await board.focused_on(NoShell)
                await board.sees("This dashboard is read-only.")
                await board.press("enter")
            if tab == "3":
                assert "download" in offered
            assert board.pane(TerminalPane).current is None
            assert not board.pane(TerminalPane).open_shells
            await board.press("colon")
            await board.asked("CommandLine")
            await board.misses("Create a sandbox", "Kill the sandbox")
            await board.press("escape")
            await board.closed()
            await board.leave()
    changing = {method for method, path in cloud.requests if not path.endswith("/token/refresh")}
    assert changing == {"GET"}


async def test_readonly_promises_no_key_that_is_dropped(empty: FakeCloud, tmp_path: Path) -> None:
    async with dashboard(empty, tmp_path, readonly=True) as board:
        await board.sees("No sandboxes yet.")
        await board.misses("n creates")


# -- the preview inside Files and the screen's keys


async def test_escape_goes_level_by_level(cloud: FakeCloud, tmp_path: Path) -> None:
    folder = Path(cloud.workspace(cloud.sandbox(cloud.id_of(0))).decode())
    (folder / "notes.txt").write_text("one\ntwo\n")
    async with dashboard(cloud, tmp_path) as board:
        await board.tab(3)
        await board.sees("notes.txt")
        await board.press("enter")
        await board.focused_on(TextLines)
        await board.press("escape")
        await board.focused_on(VirtualTable, "file-table")
        assert board.view.pane is board.pane(FilesPane)
        await board.press("space", "escape")  # clears the mark first
        await board.focused_on(VirtualTable, "file-table")
        await board.press("escape")
        await board.focused_on(VirtualTable, "fleet-table")
