"""One sandbox at a glance: what it uses over time, what it is, how long it lives."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime

from textual.app import ComposeResult
from textual.containers import Grid, VerticalScroll
from textual.widgets import Static

from hopx_tui import format as fmt
from hopx_tui.api.models import Sandbox
from hopx_tui.live.fleet import Row, seconds_left
from hopx_tui.live.history import UsageHistory
from hopx_tui.panes.base import Pane
from hopx_tui.theme import state_look
from hopx_tui.widgets.columns import Run
from hopx_tui.widgets.facts import Fact, Facts
from hopx_tui.widgets.graph import Graph
from hopx_tui.widgets.palette import ascii_only
from hopx_tui.widgets.scrollbar import draw_scrollbars_as_lines

_CALM = ("primary", "secondary")
"""Colours of plots whose scale is fitted: their top is no alarm."""
_ENFORCED = {"hard": "", "soft": " (watched, not enforced)", "none": " (not enforced)"}


class OverviewPane(Pane):
    """Four plots and the facts. It asks for nothing itself: the fleet measures the selected sandbox already."""

    NAME = "Overview"
    HELP = "CPU, memory, disk and network over the last minutes, and what this sandbox is. Looking changes nothing."
    EVERY = None

    DEFAULT_CSS = """
    OverviewPane > Grid { grid-size: 2 2; grid-gutter: 1 2; height: 1fr; min-height: 8; max-height: 30; padding: 0 1; }
    OverviewPane.-short > Grid { grid-gutter: 0 2; }
    OverviewPane > VerticalScroll { height: auto; max-height: 60%; padding: 1 1 0 1; scrollbar-size-vertical: 1; }
    OverviewPane > #overview-none {
        display: none; width: 1fr; height: 1fr; content-align: center middle; color: $text-muted;
    }
    OverviewPane.-nothing > #overview-none { display: block; }
    OverviewPane.-nothing > Grid, OverviewPane.-nothing > VerticalScroll { display: none; }
    """

    def content(self) -> ComposeResult:
        self._cpu = Graph("CPU", least=100.0, text=fmt.percent)
        self._memory = Graph("MEM", text=fmt.size, colors=_CALM)
        self._disk = Graph("DISK", text=fmt.size, colors=_CALM)
        self._network = Graph("NET", text=fmt.rate, least=1024.0, colors=("secondary", "primary"))
        self._facts = Facts()
        self._unfollow: Callable[[], None] | None = None
        with Grid():
            yield self._cpu
            yield self._memory
            yield self._network
            yield self._disk
        with VerticalScroll():
            yield self._facts
        yield Static("What the sandbox under the cursor uses, and what it is.", id="overview-none")

    def on_mount(self) -> None:
        self._unfollow = self.session.fleet.on_usage(self._measured)
        draw_scrollbars_as_lines(self.query_one(VerticalScroll))

    def on_unmount(self) -> None:
        if self._unfollow is not None:
            self._unfollow()

    def on_resize(self) -> None:
        """Low screens get low plots."""
        self.set_class(self.size.height < 26, "-short")

    def unavailable(self) -> str | None:
        """Facts can be shown in every state."""
        return None

    def reset(self) -> None:
        self._plot()

    def row_changed(self) -> None:
        if self.is_mounted and self.active:
            self._plot()
            self._tell()

    def set_active(self, active: bool) -> None:
        super().set_active(active)
        self.row_changed()

    def tick(self) -> None:
        self._tell()

    def _measured(self, sandbox_id: str, usage: UsageHistory) -> None:
        if self.active and self.row is not None and self.row.id == sandbox_id:
            self._plot()
            self._tell()

    def _plot(self) -> None:
        row = self.row
        usage = self.session.fleet.usage(row.id) if row is not None else None
        self.set_class(row is None, "-nothing")
        graphs = (self._cpu, self._memory, self._disk, self._network)
        note = _note(row, usage)
        for graph in graphs:
            graph.note = note
        if usage is None:
            for graph in graphs:
                graph.set_values([], limit="")
            return
        system = usage.system
        self._cpu.set_values(usage.cpu.last(300))
        memory, disk = (system.memory.total, system.disk.total) if system is not None else (None, None)
        # The value says what it is of; the top of a fitted scale would be taken for another value.
        self._memory.set_values(usage.memory.last(300), current=_of(usage.memory.latest, memory), limit="")
        self._disk.set_values(usage.disk.last(300), current=_of(usage.disk.latest, disk), limit="")
        if row is not None and row.running and not row.sandbox.internet_access:
            self._network.note = "cut off"
        self._network.available = system is None or system.network is not None
        rx, tx = usage.rx.last(300), usage.tx.last(300)
        both = [None if a is None or b is None else a + b for a, b in zip(rx, tx, strict=True)]
        down, up = ("v", "^") if ascii_only(self.app) else ("↓", "↑")
        now = f"{down}{fmt.rate(usage.rx.latest)} {up}{fmt.rate(usage.tx.latest)}"
        self._network.set_values(both, current=now if usage.rx.latest is not None else None, limit="")

    def _isolation(self, sandbox: Sandbox) -> Run:
        """What is really its own: the network only where it could be kept apart, or is cut off."""
        if sandbox.isolation == "none":
            return ("none: runs as you", "warn")
        if sandbox.isolation != "bwrap":
            return (str(sandbox.isolation), "")
        health = self.session.health
        shared = sandbox.internet_access and health is not None and health.network == "host"
        if shared:
            return ("bubblewrap: own files and processes; this machine's network", "warn")
        return ("bubblewrap: own files, processes, network", "")

    def _tell(self) -> None:
        row = self.row
        self._facts.set_facts(self._facts_of(row) if row is not None else [])

    def _facts_of(self, row: Row) -> list[Fact]:
        sandbox = row.sandbox
        look = state_look(sandbox.status)
        mark = look.mark(ascii_only(self.app))
        usage = self.session.fleet.usage(row.id)
        reason = f" ({sandbox.status_reason.replace('_', ' ')})" if sandbox.status_reason else ""
        left = seconds_left(sandbox, time.time())
        now = datetime.now().astimezone()
        facts: list[Fact] = [
            ("status", ((f"{mark} {row.busy or look.word}", look.style), (reason, "muted"))),
            ("id", ((sandbox.id, ""),)),
            ("template", ((sandbox.template_name or sandbox.template_id, ""),)),
            ("expires", ((fmt.countdown(left, missing="never"), "warn" if left is not None and left < 300 else ""),)),
            ("created", ((fmt.when(sandbox.created_at, now, missing="unknown"), ""),)),
            ("endpoint", ((sandbox.public_host or "none", ""),)),
            ("region", ((sandbox.region or row.source, ""),)),
            ("internet", (("allowed" if sandbox.internet_access else "cut off", ""),)),
        ]
        if sandbox.resources is not None:
            r, enforced = sandbox.resources, sandbox.enforced or {}
            facts += [
                ("cpu", ((f"{r.vcpu} vCPU", ""), (_how(enforced.get("cpu")), "muted"))),
                ("memory", ((fmt.size(r.memory_mb * 2**20), ""), (_how(enforced.get("memory")), "muted"))),
                ("disk", ((fmt.size(r.disk_mb * 2**20), ""), (_how(enforced.get("disk")), "muted"))),
            ]
        if sandbox.isolation is not None:
            facts.append(("isolation", (self._isolation(sandbox),)))
        up = usage.system.uptime if usage is not None and usage.system is not None and row.running else None
        facts.append(("uptime", ((fmt.duration(up), ""),)))
        if usage is not None and usage.error is not None and row.running:
            facts.append(("agent", ((usage.error.message, "bad"),)))
        return facts


def _note(row: Row | None, usage: UsageHistory | None) -> str:
    if row is None:
        return ""
    if not row.running:
        return fmt.truncate(fmt.printable(row.status), 20)
    if usage is not None and usage.error is not None:
        return "no answer"
    return ""


def _of(used: float | None, total: float | None) -> str | None:
    if used is None:
        return None
    return f"{fmt.size(used)} / {fmt.size(total)}" if total else fmt.size(used)


def _how(enforced: object) -> str:
    return _ENFORCED.get(str(enforced), "")
