"""The processes of a sandbox, live, and the signals one can send them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType

from hopx_tui import format as fmt
from hopx_tui.api.errors import ApiError
from hopx_tui.api.models import Process
from hopx_tui.live.poll import Reading
from hopx_tui.panes.base import Pane, sentence
from hopx_tui.theme import level_role
from hopx_tui.widgets.columns import Column, Run
from hopx_tui.widgets.dialogs import ChoiceDialog
from hopx_tui.widgets.filter_line import FilterLine
from hopx_tui.widgets.keys import Key
from hopx_tui.widgets.virtual_table import VirtualTable

SIGNALS: tuple[tuple[str, str], ...] = (
    ("TERM", "ask it to end"),
    ("INT", "as ctrl+c"),
    ("HUP", "its terminal is gone; daemons read their settings again"),
    ("KILL", "end it at once; it cannot clean up"),
    ("STOP", "freeze it"),
    ("CONT", "let a frozen one go on"),
    ("USR1", "whatever the program means by it"),
    ("USR2", "whatever the program means by it"),
)


class ProcessesPane(Pane):
    """A table like htop's of what runs inside."""

    NAME = "Processes"
    HELP = "What runs in the sandbox, by CPU. K sends a signal to the process that was selected when the menu opened."
    EVERY = 1.5

    BINDINGS: ClassVar[list[BindingType]] = [
        Key("K,f9", "signal", "signal", id="processes.signal", dangerous=True,
            tooltip="Send a signal to the selected process (TERM first)."),
        Key("slash", "filter", "filter", id="processes.filter", tooltip="Filter the processes while you type."),
        Key("c", "copy", "copy pid", id="processes.copy", show=False,
            tooltip="Copy the process id and command line."),
    ]  # fmt: skip

    DEFAULT_CSS = "ProcessesPane > VirtualTable { height: 1fr; }"

    def content(self) -> ComposeResult:
        self._table: VirtualTable[Process] = VirtualTable(
            _columns(), lambda process: (process.pid, process.start_ticks), id="process-table"
        )
        self._table.sort_by("cpu", True)
        self._filter = FilterLine(self._table, placeholder="filter: text  !not  ~fuzzy  user:root", id="process-filter")
        yield self._table
        yield self._filter

    def say(self, text: str | None) -> None:
        self._table.message = text

    def reset(self) -> None:
        self._table.set_rows([])

    def step_back(self) -> bool:
        return self._filter.end()

    def action_filter(self) -> None:
        """Type a filter."""
        self._filter.begin()

    async def fetch(self) -> list[Process]:
        row = self.row
        agent = self.session.fleet.agent(row.id) if row is not None else None
        return await agent.processes() if agent is not None else []

    def show(self, reading: Reading[Any]) -> None:
        self._table.set_rows(reading.value or [])
        self._table.stale = reading.stale

    def action_signal(self) -> None:
        """Ask for the signal; the target stays the one chosen now."""
        process, row = self._table.cursor_row, self.row
        if process is None or row is None:
            self.app.notify("No process is selected.")
            return
        self.run_worker(self._signal(row.id, process), name="signal")

    async def _signal(self, sandbox_id: str, process: Process) -> None:
        options = [(name.lower(), name, text) for name, text in SIGNALS]
        title = f"Signal for {process.pid} {fmt.truncate(fmt.printable(process.name or process.command), 30)}"
        choice = await self.app.push_screen_wait(ChoiceDialog(title, options))
        agent = self.session.fleet.agent(sandbox_id)
        if choice is None or agent is None:
            return
        try:
            await agent.signal(process, str(choice).upper())
        except ApiError as error:
            self.app.notify(sentence(error), severity="error", markup=False, timeout=8)
        else:
            self.app.notify(f"{str(choice).upper()} was sent to {process.pid}.", markup=False)
            self.refresh_now()

    def action_copy(self) -> None:
        """Hand pid and command line to the clipboard."""
        if (process := self._table.cursor_row) is not None:
            self.app.copy_to_clipboard(f"{process.pid} {process.command}")


def _columns() -> Sequence[Column[Process]]:
    return (
        Column("pid", "PID", 7, align="right", sort=lambda p: p.pid, letter="p",
            cell=lambda p: (str(p.pid), "muted")),
        Column("user", "USER", 8, priority=4, sort=lambda p: p.user or "", letter="u",
            cell=lambda p: (p.user or "", "muted")),
        Column("state", "S", 1, priority=2, sort=lambda p: p.status, cell=_state, letter="s"),
        Column("cpu", "CPU%", 6, align="right", sort=lambda p: p.cpu_percent,
            cell=_cpu, descending=True, letter="c"),
        Column("mem", "MEM", 5, align="right", priority=1, sort=lambda p: p.rss_bytes,
            cell=_memory, descending=True, letter="m"),
        Column("time", "TIME", 8, align="right", priority=3, sort=lambda p: p.cpu_seconds,
            cell=_time, descending=True, letter="t"),
        Column("command", "COMMAND", None, min_width=12, sort=lambda p: p.command or p.name,
            cell=_command, letter="o"),
    )  # fmt: skip


_LETTERS = {"running": "R", "sleeping": "S", "disk-sleep": "D", "stopped": "T", "zombie": "Z", "idle": "I"}
_STATE_ROLES = {"R": "good", "D": "warn", "Z": "bad", "T": "paused"}


def _state(process: Process) -> Run:
    status = process.status or "?"
    letter = _LETTERS.get(status.lower(), status[:1].upper())
    return (letter, _STATE_ROLES.get(letter, "muted"))


def _cpu(process: Process) -> Run:
    value = process.cpu_percent
    return ("-" if value is None else f"{value:.1f}", level_role(value))


def _memory(process: Process) -> Run:
    if process.rss_bytes:
        return (fmt.size(process.rss_bytes), "")
    return (fmt.percent(process.memory_percent), "")


def _time(process: Process) -> Run:
    seconds = process.cpu_seconds
    if seconds is None:
        return ("-", "muted")
    minutes, rest = divmod(seconds, 60)
    return (f"{int(minutes)}:{rest:05.2f}", "muted")


def _command(process: Process) -> Sequence[Run]:
    command = process.command or process.name
    first, _, rest = command.partition(" ")
    head, slash, program = first.rpartition("/")
    return ((head + slash, "faint"), (program, "bold"), (f" {rest}" if rest else "", ""))
