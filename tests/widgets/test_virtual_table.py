"""The table as people use it: cursor, keys, marks, sort, filter, mouse, and what is repainted."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from rich.text import Text
from textual import on
from textual.geometry import Region

from hopx_tui.widgets import table_body
from hopx_tui.widgets.virtual_table import Column, VirtualTable
from tests.widgets.hosting import Host, screen_lines, until


class Row(NamedTuple):
    id: int
    name: str
    cpu: float = 0.0


class TableHost(Host):
    """Remembers the table's messages."""

    @on(VirtualTable.Highlighted)
    @on(VirtualTable.Opened)
    @on(VirtualTable.ViewportChanged)
    @on(VirtualTable.MarksChanged)
    @on(VirtualTable.SortChanged)
    def _heard(self, event):
        assert event.control is event.table
        self.heard.append(event)

    def last(self, kind):
        return [event for event in self.heard if isinstance(event, kind)][-1]

    def count(self, kind):
        return sum(isinstance(event, kind) for event in self.heard)


def rows(count, **fields):
    return [Row(i, f"row {i}", float(i % 7)) for i in range(count)]


def table(**options):
    columns = [
        Column("name", "NAME", None, sort=lambda row: row.name, cell=lambda row: row.name),
        Column("cpu", "CPU", 6, align="right", priority=1, sort=lambda row: row.cpu, descending=True,
               cell=lambda row: (f"{row.cpu:.0f}%", "good")),
        Column("id", "ID", 5, priority=2, cell=lambda row: str(row.id)),
    ]  # fmt: skip
    return VirtualTable(columns, lambda row: row.id, **options)


def hosted(count=50, *, size=(40, 12), **options):
    widget = table(**options)
    app = TableHost(widget)
    return app, widget, app.run_test(size=size), rows(count)


async def test_header_rows_and_cursor_are_drawn():
    app, widget, running, data = hosted(3)
    async with running as pilot:
        widget.set_rows(data)
        await pilot.pause()
        lines = screen_lines(app, widget)
        assert lines[0].split() == ["NAME", "CPU", "ID"]
        assert lines[1].startswith("▌ row 0")
        assert lines[3].split() == ["row", "2", "2%", "2"]
        assert lines[4].strip() == ""
        assert widget.cursor_row == data[0]
        assert app.last(VirtualTable.Highlighted).row == data[0]


async def test_it_draws_in_ascii():
    app = TableHost(table(), ascii_only=True)
    async with app.run_test(size=(30, 6)) as pilot:
        widget = app.query_one(VirtualTable)
        widget.set_rows([Row(1, "日本語 " + "x" * 50), Row(2, "ü")])
        widget.sort_by("cpu", True)
        widget.set_marks([2])
        await pilot.pause()
        assert all(line.isascii() for line in screen_lines(app))
        assert screen_lines(app, widget)[1].startswith("> ??????")
        assert screen_lines(app, widget)[2].startswith(" *?")
        assert "CPUv" in screen_lines(app)[0]


@pytest.mark.parametrize("width", [20, 24, 33, 60, 120])
async def test_it_fits_every_width(width):
    app, widget, running, data = hosted(30, size=(width, 8))
    async with running as pilot:
        widget.set_rows([Row(1, "a very long name of a sandbox, indeed 日本語日本語"), *data])
        await pilot.pause()
        for line in screen_lines(app):
            from rich.cells import cell_len

            assert cell_len(line) == width
        assert ("CPU" in screen_lines(app)[0]) == (width >= 20)


async def test_keys_move_the_cursor_and_scroll():
    _app, widget, running, data = hosted(50)
    async with running as pilot:
        widget.focus()
        widget.set_rows(data)
        await pilot.pause()
        await pilot.press("j", "down", "k")
        assert widget.cursor_key == 1
        await pilot.press("pagedown")
        assert widget.cursor_key == 11
        assert widget.scroll_offset.y == 1
        await pilot.press("G")
        assert widget.cursor_key == 49
        assert widget.scroll_offset.y == 39
        await pilot.press("pageup", "up")
        assert widget.cursor_key == 38
        await pilot.press("g", "g")
        assert widget.cursor_key == 0
        assert widget.scroll_offset.y == 0
        await pilot.press("end", "home", "up")
        assert widget.cursor_key == 0
        await pilot.press("g", "j")
        assert widget.cursor_key == 1


async def test_enter_and_double_click_open():
    app, widget, running, data = hosted(5)
    async with running as pilot:
        widget.focus()
        widget.set_rows(data)
        await pilot.pause()
        await pilot.press("down", "enter")
        assert app.last(VirtualTable.Opened).row == data[1]
        await pilot.click(widget, offset=(5, 4), times=2)
        assert app.last(VirtualTable.Opened).row == data[3]


async def test_a_click_moves_the_cursor_focuses_and_ctrl_click_marks():
    app, widget, running, data = hosted(5)
    async with running as pilot:
        widget.set_rows(data)
        app.set_focus(None)
        await pilot.pause()
        await pilot.click(widget, offset=(5, 3))
        assert widget.has_focus
        assert widget.cursor_key == 2
        assert app.count(VirtualTable.Opened) == 0
        await pilot.click(widget, offset=(5, 2), control=True)
        assert widget.marked == [data[1]]
        await pilot.click(widget, offset=(5, 10))
        assert widget.cursor_key == 1


async def test_one_click_opens_where_asked_for():
    app, widget, running, data = hosted(5, open_on_click=True, show_header=False)
    async with running as pilot:
        widget.set_rows(data)
        await pilot.pause()
        await pilot.click(widget, offset=(5, 2))
        assert app.last(VirtualTable.Opened).row == data[2]


async def test_the_wheel_scrolls_and_leaves_the_cursor():
    app, widget, running, data = hosted(50)
    async with running as pilot:
        widget.set_rows(data)
        await pilot.pause()
        before = app.count(VirtualTable.ViewportChanged)
        await pilot._post_mouse_events([__import__("textual.events").events.MouseScrollDown], widget, (5, 5))
        await pilot.pause()
        assert widget.scroll_offset.y > 0
        assert widget.cursor_key == 0
        assert app.count(VirtualTable.ViewportChanged) > before
        assert widget.visible_rows()[0].id == widget.scroll_offset.y


async def test_visible_rows_with_margin():
    _app, widget, running, data = hosted(50)
    async with running as pilot:
        widget.set_rows(data)
        await pilot.pause()
        assert [row.id for row in widget.visible_rows()] == list(range(11))
        assert [row.id for row in widget.visible_rows(margin=2)] == list(range(13))
        widget.message = "wait"
        assert widget.visible_rows() == []


async def test_the_cursor_stays_on_its_row_when_rows_are_inserted_and_sorted():
    app, widget, running, data = hosted(50)
    async with running as pilot:
        widget.set_rows(data)
        widget.select(20)
        await pilot.pause()
        widget.set_rows([Row(100, "new"), *data])
        assert widget.cursor_key == 20
        widget.sort_by("cpu", True)
        await pilot.pause()
        assert widget.cursor_key == 20
        assert widget.cursor_row in widget.visible_rows()
        assert app.last(VirtualTable.SortChanged).table.sort_reverse


async def test_when_rows_vanish_the_neighbour_gets_the_cursor():
    app, widget, running, data = hosted(10)
    async with running as pilot:
        widget.set_rows(data)
        widget.select(5)
        await pilot.pause()
        widget.set_rows([row for row in data if row.id not in (1, 2, 5, 6)])
        assert widget.cursor_key == 7
        widget.set_rows([row for row in data if row.id < 5])
        assert widget.cursor_key == 4
        widget.set_rows([Row(77, "other")])
        assert widget.cursor_key == 77
        widget.set_rows([])
        await pilot.pause()
        assert widget.cursor_row is None
        assert widget.cursor_key is None
        assert app.last(VirtualTable.Highlighted).row is None
        widget.set_rows(data)
        assert widget.cursor_key == 0


async def test_a_scrolled_away_cursor_does_not_pull_the_view_back():
    _app, widget, running, data = hosted(100)
    async with running as pilot:
        widget.set_rows(data)
        await pilot.pause()
        widget.scroll_to(y=50, animate=False, force=True)
        await pilot.pause()
        widget.set_rows(rows(100))
        await pilot.pause()
        assert widget.scroll_offset.y == 50


async def test_unknown_keys_cannot_be_selected():
    _app, widget, running, data = hosted(5)
    async with running:
        widget.set_rows(data)
        assert widget.select(3)
        assert not widget.select(99)
        assert widget.cursor_key == 3


async def test_marks_ranges_and_inversion():
    app, widget, running, data = hosted(6)
    async with running as pilot:
        widget.focus()
        widget.set_rows(data)
        await pilot.pause()
        await pilot.press("space", "down", "v", "down", "down")
        assert [row.id for row in widget.marked] == [0, 2, 3, 4]
        assert widget.marked_count == 4
        await pilot.press("up", "v", "down", "down")
        assert [row.id for row in widget.marked] == [0, 2, 3]
        assert screen_lines(app, widget)[1].startswith(" ✓row 0")
        await pilot.press("*")
        assert [row.id for row in widget.marked] == [1, 4, 5]
        widget.filter_text = "!4"
        assert widget.hidden_marked_count == 1
        widget.set_rows(data[:5])
        assert [row.id for row in widget.marked] == [1, 4]
        await pilot.press("escape")
        assert widget.marked == []
        assert widget.hidden_marked_count == 0
        assert app.count(VirtualTable.MarksChanged) >= 7


async def test_a_range_starts_anew_when_its_anchor_is_filtered_away():
    _app, widget, running, data = hosted(6)
    async with running as pilot:
        widget.focus()
        widget.set_rows(data)
        await pilot.pause()
        await pilot.press("v")
        widget.filter_text = "!0"
        await pilot.press("down")
        assert 0 not in {row.id for row in widget.marked}
        assert widget.cursor_key in {row.id for row in widget.marked}


async def test_escape_and_marks_pass_by_when_they_mean_nothing():
    app, widget, running, data = hosted(3, markable=False)
    async with running as pilot:
        widget.focus()
        widget.set_rows(data)
        await pilot.pause()
        await pilot.press("space", "v", "*")
        assert widget.marked == []
        assert widget.check_action("clear_marks", ()) is False
        assert screen_lines(app, widget)[1].startswith("▌row 0")


async def test_sorting_by_keys_and_header():
    app, widget, running, data = hosted(10)
    async with running as pilot:
        widget.focus()
        widget.set_rows(data)
        await pilot.pause()
        await pilot.press("comma")
        await pilot.pause()
        assert "[c]CPU" in screen_lines(app, widget)[0]
        await pilot.press("c")
        assert (widget.sort_key, widget.sort_reverse) == ("cpu", True)
        await pilot.press("comma", "c")
        assert (widget.sort_key, widget.sort_reverse) == ("cpu", False)
        await pilot.press("comma", "z")
        assert widget.sort_key == "cpu"
        await pilot.pause()
        assert "CPU▲" in screen_lines(app, widget)[0]
        await pilot.press("<")
        assert (widget.sort_key, widget.sort_reverse) == ("name", False)
        await pilot.press(">")
        assert (widget.sort_key, widget.sort_reverse) == ("cpu", True)
        await pilot.press(">")
        assert widget.sort_key == "name"
        await pilot.click(widget, offset=(4, 0))
        assert (widget.sort_key, widget.sort_reverse) == ("name", True)
        await pilot.click(widget, offset=(38, 0))
        assert widget.sort_key == "name"


async def test_sort_steps_without_sortable_columns_do_nothing():
    widget = VirtualTable([Column("real", "REAL")], lambda row: row)
    app = TableHost(widget)
    async with app.run_test(size=(30, 5)) as pilot:
        widget.focus()
        widget.set_rows([1, 2])
        await pilot.press("<", ">")
        assert widget.sort_key is None


async def test_the_filter_narrows_and_keeps_or_moves_the_cursor():
    app, widget, running, data = hosted(50)
    async with running as pilot:
        widget.set_rows(data)
        widget.select(23)
        widget.filter_text = "2"
        assert widget.cursor_key == 23
        widget.filter_text = "24"
        assert [row.id for row in widget.shown_rows()] == [24]
        assert widget.row_count == 1
        assert widget.cursor_key == 24
        widget.filter_text = "nothing like this"
        await pilot.pause()
        assert any("No match for 'nothing like this'" in line for line in screen_lines(app))
        assert widget.cursor_row is None
        widget.filter_text = ""
        await pilot.pause()
        assert widget.row_count == 50
        assert widget.cursor_key is not None
        widget.filter_text = "cpu:6%"
        assert {row.cpu for row in widget.shown_rows()} == {6.0}


async def test_the_filter_stays_when_rows_change():
    _app, widget, running, data = hosted(10)
    async with running:
        widget.set_rows(data)
        widget.filter_text = "row 3"
        widget.set_rows([*data, Row(30, "row 30")])
        assert [row.id for row in widget.shown_rows()] == [3, 30]
        widget.update_rows([Row(3, "renamed")])
        assert [row.id for row in widget.shown_rows()] == [30]
        widget.sort_by("name", True)
        assert widget.filter_words == "row 3"
        assert [row.id for row in widget.shown_rows()] == [30]


async def test_many_rows_are_filtered_in_slices(monkeypatch):
    monkeypatch.setattr(table_body, "SLICED_ABOVE", 5_000)
    ticks = iter(range(10**6))
    app, widget, running, data = hosted(9_000, clock=lambda: next(ticks), haystack=lambda row: row.name)
    async with running:
        widget.set_rows(data)
        widget.select(8_999)
        widget.filter_text = "row 8"
        assert widget.filter_running
        await until(lambda: not widget.filter_running)
        assert widget.cursor_key == 8_999
        widget.filter_text = "row 899"
        widget.filter_text = "row 89"
        await until(lambda: not widget.filter_running)
        assert widget.row_count == sum("89" in str(number) for number in range(9_000))
        widget.filter_text = "zzz"
        await until(lambda: not widget.filter_running)
        assert widget.cursor_row is None
        assert any("No match" in line for line in screen_lines(app)) or widget.row_count == 0


async def test_update_rows_changes_single_rows():
    app, widget, running, data = hosted(5)
    async with running as pilot:
        widget.set_rows(data)
        await pilot.pause()
        widget.update_rows([Row(2, "changed", 2.0), Row(99, "unknown")])
        await pilot.pause()
        assert "changed" in screen_lines(app, widget)[3]
        widget.sort_by("cpu")
        widget.update_rows([Row(4, "first", -1.0)])
        await pilot.pause()
        assert "first" in screen_lines(app, widget)[1]


def watch_refreshes(widget, monkeypatch):
    asked = []
    plain = widget.refresh

    def refresh(*regions, **options):
        asked.append(regions)
        return plain(*regions, **options)

    monkeypatch.setattr(widget, "refresh", refresh)
    return asked


async def test_only_changed_visible_cells_are_repainted(monkeypatch):
    app, widget, running, data = hosted(50)
    async with running as pilot:
        widget.set_rows(data)
        await pilot.pause()
        asked = watch_refreshes(widget, monkeypatch)
        widget.set_rows(rows(50))
        assert asked == []
        changed = rows(50)
        changed[3] = changed[3]._replace(cpu=99.0)
        changed[40] = changed[40]._replace(cpu=99.0)
        widget.set_rows(changed)
        assert len(asked) == 1
        (region,) = asked[0]
        assert isinstance(region, Region)
        assert region.y == 4
        assert (region.width, region.height) == (6, 1)
        await pilot.pause()
        assert "99%" in screen_lines(app, widget)[4]
        asked.clear()
        await pilot.press("down")
        assert sorted(region.y for region in asked[0]) == [1, 2]


async def test_a_screen_of_rows_costs_few_segments():
    _app, widget, running, data = hosted(5, size=(80, 10))
    async with running as pilot:
        widget.set_rows(data)
        await pilot.pause()
        assert len(list(widget.render_line(2))) <= 4


async def test_messages_take_the_place_of_rows():
    app, widget, running, data = hosted(5, empty="No sandboxes\npress n")
    async with running as pilot:
        widget.focus()
        await pilot.pause()
        lines = screen_lines(app, widget)
        assert [line.strip() for line in lines if line.strip()][1:] == ["No sandboxes", "press n"]
        widget.set_rows(data)
        widget.message = "Loading"
        await pilot.pause()
        assert any(line.strip() == "Loading" for line in screen_lines(app, widget))
        assert not any("row 1" in line for line in screen_lines(app, widget))
        await pilot.press("down", "enter")
        await pilot.click(widget, offset=(5, 3))
        assert widget.cursor_key == 0
        assert app.count(VirtualTable.Opened) == 0
        widget.message = "Refused\n" + "\n".join("why" for _ in range(40))
        await pilot.pause()
        assert "Refused" in screen_lines(app, widget)[1]
        widget.message = None
        await pilot.pause()
        assert any("row 1" in line for line in screen_lines(app, widget))


async def test_stale_rows_are_grey_and_stay():
    app, widget, running, data = hosted(5)
    async with running as pilot:
        widget.set_rows(data)
        await pilot.pause()
        fresh = {segment.style.color for segment in widget.render_line(2)}
        widget.stale = True
        await pilot.pause()
        stale = {segment.style.color for segment in widget.render_line(2)}
        assert len(stale) == 1
        assert stale.isdisjoint(fresh)
        assert "row 1" in screen_lines(app, widget)[2]


async def test_the_cursor_is_dimmed_without_focus_and_reversed_without_colour(monkeypatch):
    app, widget, running, data = hosted(5)
    async with running as pilot:
        widget.set_rows(data)
        widget.focus()
        await pilot.pause()
        focused = next(iter(widget.render_line(1))).style
        app.set_focus(None)
        await pilot.pause()
        assert next(iter(widget.render_line(1))).style.bgcolor != focused.bgcolor
        widget.focus()
        app.theme = "hopx-ansi"
        await pilot.pause()
        styles = {segment.style for segment in widget.render_line(1)}
        assert all(style.reverse for style in styles)
        assert len(styles) == 1


async def test_without_colour_the_cursor_is_still_reversed(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    app, widget, running, data = hosted(5)
    async with running as pilot:
        widget.set_rows(data)
        widget.focus()
        await pilot.pause()
        assert all(segment.style.reverse for segment in widget.render_line(1))
        strips = app.screen._compositor.render_strips()
        assert any(segment.style.reverse for segment in strips[1])


async def test_without_colour_the_terminals_own_theme_has_none(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    widget = table()
    app = TableHost(widget, theme="hopx-ansi")
    async with app.run_test(size=(40, 6)) as pilot:
        widget.set_rows(rows(3))
        widget.focus()
        await pilot.pause()
        strips = app.screen._compositor.render_strips()
        styles = [segment.style for strip in strips for segment in strip]
        assert all(style.color.is_default and style.bgcolor.is_default for style in styles)
        assert any(segment.style.reverse for segment in strips[1])
        assert not any(segment.style.reverse for segment in strips[2])


async def test_rich_text_cells_keep_their_style():
    widget = VirtualTable([Column("t", "T", None, cell=lambda row: Text("bold", style="bold red"))], lambda row: row)
    app = TableHost(widget)
    async with app.run_test(size=(20, 4)) as pilot:
        widget.set_rows([1, 2])
        await pilot.pause()
        assert any(segment.style.bold and "bold" in segment.text for segment in widget.render_line(2))


async def test_resizing_keeps_the_cursor_in_view():
    app, widget, running, data = hosted(50, size=(60, 20))
    async with running as pilot:
        widget.set_rows(data)
        widget.select(18)
        await pilot.pause()
        await pilot.resize_terminal(30, 6)
        await pilot.pause()
        assert widget.cursor_row in widget.visible_rows()
        assert any("▌" in line for line in screen_lines(app))


async def test_rows_may_be_set_before_it_is_shown():
    widget = table()
    widget.set_rows(rows(3))
    app = TableHost(widget)
    async with app.run_test(size=(40, 6)) as pilot:
        await pilot.pause()
        assert "row 2" in screen_lines(app, widget)[3]
