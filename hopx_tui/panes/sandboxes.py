"""The fleet: one row per sandbox, with live CPU and memory for those on screen."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message

from hopx_tui import format as fmt
from hopx_tui.api.errors import Unreachable
from hopx_tui.live.fleet import Change, FleetState, Row, seconds_left
from hopx_tui.live.history import UsageHistory
from hopx_tui.live.session import Session
from hopx_tui.panes.base import sentence
from hopx_tui.theme import level_role, state_look
from hopx_tui.widgets.columns import Column, Run
from hopx_tui.widgets.filter_line import FilterLine
from hopx_tui.widgets.line import Line
from hopx_tui.widgets.palette import ascii_only
from hopx_tui.widgets.plot import sparkline
from hopx_tui.widgets.virtual_table import VirtualTable

_SPARK = 6
_SOON = 300.0
"""Seconds left below which the countdown is a warning."""


class SandboxesPane(Vertical):
    """The list at the left. Announces the row under the cursor and the row that was opened."""

    HELP = "All sandboxes of this source. The row under the cursor is what the right side and the keys are about."

    DEFAULT_CSS = """
    SandboxesPane > .pane-state { display: none; background: $panel; padding: 0 1; }
    SandboxesPane.-stale > .pane-state { display: block; }
    SandboxesPane > VirtualTable { height: 1fr; }
    """

    class Picked(Message):
        """The cursor stands on another sandbox; None when there is none."""

        def __init__(self, row: Row | None) -> None:
            super().__init__()
            self.row = row

    class Entered(Message):
        """A sandbox was opened."""

        def __init__(self, row: Row) -> None:
            super().__init__()
            self.row = row

    def __init__(self, session: Session, *, readonly: bool = False) -> None:
        super().__init__(id="sandboxes")
        self._readonly = readonly
        self._session = session
        self._fleet = session.fleet
        self._state = Line(classes="pane-state")
        self.table: VirtualTable[Row] = VirtualTable(
            self._columns(), lambda row: row.id, haystack=_haystack, id="fleet-table"
        )
        placeholder = "filter: text  !not  ~fuzzy  status:running"
        self._filter = FilterLine(self.table, placeholder=placeholder, id="fleet-filter")
        self._unfollow: tuple[Callable[[], None], ...] = ()

    def compose(self) -> ComposeResult:
        yield self._state
        yield self.table
        yield self._filter

    def on_mount(self) -> None:
        """Follow the fleet."""
        self._unfollow = (self._fleet.on_change(self._changed), self._fleet.on_usage(self._measured))
        self._refill(self._fleet.state)

    def on_unmount(self) -> None:
        """Stop following."""
        for end in self._unfollow:
            end()

    def focus_content(self) -> None:
        """Give the keyboard to the table."""
        self.table.focus()

    def targets(self) -> list[Row]:
        """What an action is about: the marked rows, else the one under the cursor."""
        marked = list(self.table.marked)
        if marked:
            return marked
        row = self.table.cursor_row
        return [row] if row is not None else []

    def tick(self) -> None:
        """Each second: countdowns and ages move; cells whose text is the same cost nothing."""
        self._show_state(self._fleet.state)
        if rows := self.table.visible_rows():
            self.table.update_rows(rows)

    def show_count(self, total: int) -> None:
        """The frame's title: how many there are, and how many the filter leaves."""
        shown = self.table.row_count
        filtered = bool(self.table.filter_text) and shown != total
        title = f"Sandboxes {shown} of {total}" if filtered else f"Sandboxes {total}"
        if title != self.border_title:
            self.border_title = title

    def begin_filter(self) -> None:
        """Show the filter line and give it the keyboard."""
        self._filter.begin()

    def end_filter(self) -> None:
        """Show all rows again."""
        self._filter.end()

    def on_virtual_table_viewport_changed(self, message: VirtualTable.ViewportChanged) -> None:
        message.stop()
        self._measure_visible()

    def on_virtual_table_highlighted(self, message: VirtualTable.Highlighted) -> None:
        message.stop()
        self._measure_visible()
        self.post_message(self.Picked(self.table.cursor_row))

    def on_virtual_table_opened(self, message: VirtualTable.Opened) -> None:
        message.stop()
        if (row := self.table.cursor_row) is not None:
            self.post_message(self.Entered(row))

    def measure(self) -> None:
        """Which rows are on screen may have changed."""
        self._measure_visible()

    # -- following the fleet

    def _changed(self, change: Change) -> None:
        self._refill(change.state)

    def _refill(self, state: FleetState) -> None:
        before = self.table.cursor_row
        self.table.set_rows(self._fleet.rows)
        self._show_state(state)
        self._measure_visible()
        after = self.table.cursor_row
        if after is not before:
            self.post_message(self.Picked(after))

    def _measured(self, sandbox_id: str, usage: UsageHistory) -> None:
        row = self._fleet.row(sandbox_id)
        if row is not None:
            self.table.update_rows([row])

    def _measure_visible(self) -> None:
        rows = self.table.visible_rows() if self.display else []
        ids = [row.id for row in rows]
        current = self.table.cursor_row
        if current is not None and current.id not in ids:
            ids.append(current.id)
        self._fleet.set_visible(ids)

    def _show_state(self, state: FleetState) -> None:
        stale = bool(self._fleet.rows) and state.error is not None
        self.set_class(stale, "-stale")
        self.table.stale = stale
        if stale and state.error is not None:
            age = state.age(self._session.scheduler.clock())
            old = f"{fmt.age(age)} old  " if age is not None else ""
            lost_engine = self._session.local and isinstance(state.error, Unreachable)
            way_on = "ctrl+r starts the engine again  " if lost_engine else "ctrl+r retries  "
            self._state.set_parts([(old, "warn"), (way_on, "key"), (state.error.message, "muted")])
        text = None if self._fleet.rows else _empty_text(state, self._readonly)
        self.table.message = fmt.to_ascii(text) if text is not None and ascii_only(self.app) else text

    # -- cells

    def _columns(self) -> Sequence[Column[Row]]:
        return (
            Column("name", "NAME", sort=lambda row: row.label.lower(), cell=self._name_cell, min_width=10, letter="n",
                   cut="middle"),
            Column("status", "STATUS", 8, priority=6, sort=lambda row: row.status, cell=_status, letter="s"),
            Column(
                "template",
                "TEMPLATE",
                9,
                priority=3,
                sort=lambda row: row.sandbox.template_name,
                cell=lambda row: (row.sandbox.template_name, "muted"),
                letter="t",
            ),
            Column("cpu", "CPU", _SPARK + 5, sort=self._cpu_value, cell=self._cpu, descending=True, letter="c"),
            Column(
                "mem",
                "MEM",
                5,
                align="right",
                priority=1,
                sort=self._memory_value,
                cell=self._memory,
                descending=True,
                letter="m",
            ),
            Column("age", "AGE", 4, align="right", priority=5, sort=_created, cell=_age, letter="a"),
            Column("left", "LEFT", 8, align="right", priority=4, sort=_left, cell=_countdown, letter="l"),
            Column("id", "ID", 20, priority=8, sort=lambda row: row.id, cell=lambda row: (row.id, "faint"), letter="i"),
        )

    def _name_cell(self, row: Row) -> Sequence[Run]:
        look = state_look(row.status)
        return ((look.mark(ascii_only(self.app)), look.style), (f" {row.label}", ""))

    def _cpu(self, row: Row) -> Sequence[Run]:
        usage = self._fleet.usage(row.id)
        if row.busy is not None:
            return ((row.busy, "creating"),)
        if not row.running:
            return ((row.status, state_look(row.status).style),)
        if usage is None or usage.at == 0.0:
            return (("…", "faint"),)
        spark = sparkline(usage.cpu.last(_SPARK), _SPARK, 100.0, ascii_only=ascii_only(self.app))
        value = usage.cpu.latest
        return ((spark, "primary"), (f"{fmt.percent(value):>5}", level_role(value)))

    def _cpu_value(self, row: Row) -> float | None:
        usage = self._fleet.usage(row.id)
        return usage.cpu.latest if usage is not None else None

    def _memory(self, row: Row) -> Run:
        value = self._memory_value(row) if row.running else None
        return (fmt.size(value, missing=""), "")

    def _memory_value(self, row: Row) -> float | None:
        usage = self._fleet.usage(row.id)
        return usage.memory.latest if usage is not None else None


def _haystack(row: Row) -> str:
    sandbox = row.sandbox
    return f"{row.label} {sandbox.id} {sandbox.template_name} {sandbox.status} {sandbox.region} {row.source}"


def _status(row: Row) -> Run:
    look = state_look(row.status)
    return (row.busy or look.word, look.style)


def _created(row: Row) -> float | None:
    created = row.sandbox.created_at
    return -created.timestamp() if created is not None else None


def _age(row: Row) -> Run:
    created = row.sandbox.created_at
    if created is None:
        return ("", "muted")
    seconds = time.time() - created.timestamp()
    return (fmt.age(seconds) if seconds >= 60 else "new", "muted")  # seconds would repaint every row each second


def _left(row: Row) -> float | None:
    return seconds_left(row.sandbox, time.time())


def _countdown(row: Row) -> Run:
    left = seconds_left(row.sandbox, time.time())
    return (fmt.countdown(left, missing=""), "warn" if left is not None and left < _SOON else "muted")


def _empty_text(state: FleetState, readonly: bool) -> str:
    """Loading, empty, refused and failed are four different texts, each with its key."""
    if state.error is not None:
        lead = "This source refused the key." if state.kind == "refused" else "No list yet."
        return f"{lead}\n\n{sentence(state.error)}\n\nctrl+r tries again now"
    if state.kind == "loading":
        return "Asking for the sandboxes …"
    return "No sandboxes yet." + ("" if readonly else "\n\nn creates your first sandbox")
