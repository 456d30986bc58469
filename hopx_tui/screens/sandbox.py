"""The selected sandbox: a title, tabs, and the pane that is looked at."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TypeVar

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import ContentSwitcher

from hopx_tui import format as fmt
from hopx_tui.api.models import Sandbox
from hopx_tui.live.fleet import Row, seconds_left
from hopx_tui.panes import PANES, Pane, PaneContext
from hopx_tui.theme import state_look
from hopx_tui.widgets.line import Line
from hopx_tui.widgets.palette import ascii_only
from hopx_tui.widgets.tab_bar import TabBar

P = TypeVar("P", bound=Pane)

GONE = "gone"
"""The status of a sandbox that the source no longer lists."""


class SandboxView(Vertical):
    """Owns the panes: hands the row to the one that is shown, and lets only that one poll."""

    DEFAULT_CSS = """
    SandboxView > #sandbox-title { padding: 0 1; background: $surface; }
    SandboxView > ContentSwitcher { height: 1fr; }
    """

    class TabChanged(Message):
        """Another pane is shown."""

    def __init__(self, context: PaneContext) -> None:
        super().__init__(id="sandbox")
        self.session = context.session
        self.row: Row | None = None
        self.index = 0
        self.last_index = 0
        self.panes = [pane(context) for pane in PANES]
        self._looked_at = False
        self._title = Line(id="sandbox-title")
        self._tabs = TabBar([pane.NAME for pane in PANES], id="tabs")

    def compose(self) -> ComposeResult:
        yield self._title
        yield self._tabs
        with ContentSwitcher(initial=self.panes[0].id):
            yield from self.panes

    def on_mount(self) -> None:
        self._show()

    @property
    def pane(self) -> Pane:
        """The pane that is shown."""
        return self.panes[self.index]

    def pane_of(self, kind: type[P]) -> P:
        """The pane of a class."""
        return next(pane for pane in self.panes if isinstance(pane, kind))

    def set_row(self, row: Row | None) -> None:
        """Show this sandbox."""
        if row is not self.row:
            self.row = row
            self.pane.set_row(row)
            self._show_title()

    def show_gone(self) -> None:
        """The sandbox vanished while it was looked at: keep its screen, and say so."""
        if self.row is not None and self.row.status != GONE:
            gone = Sandbox(self.row.id, GONE, template_name=self.row.sandbox.template_name)
            self.set_row(replace(self.row, sandbox=gone, busy=None))

    def set_looked_at(self, looked_at: bool) -> None:
        """False while the whole view is hidden: then nothing in it polls."""
        if looked_at != self._looked_at:
            self._looked_at = looked_at
            self.pane.set_active(looked_at)

    def show_pane(self, index: int) -> None:
        """Go to a tab."""
        if not 0 <= index < len(self.panes) or index == self.index:
            return
        self.pane.set_active(False)
        self.last_index, self.index = self.index, index
        self._show()
        self.post_message(self.TabChanged())

    def show_kind(self, kind: type[Pane]) -> None:
        """Go to the tab of a class."""
        self.show_pane(PANES.index(kind))

    def focus_content(self) -> None:
        """Give the keyboard to the pane."""
        self.pane.focus_content()

    def tick(self) -> None:
        """Each second."""
        self._show_title()
        if self._looked_at:
            self.pane.tick()

    def mark_tabs(self, kinds: frozenset[type[Pane]]) -> None:
        """Put a dot on the tabs where something lives."""
        self._tabs.show(self.index, frozenset(PANES.index(kind) for kind in kinds))

    def on_tab_bar_chosen(self, message: TabBar.Chosen) -> None:
        message.stop()
        self.show_pane(message.index)
        self.focus_content()

    def _show(self) -> None:
        self.query_one(ContentSwitcher).current = self.pane.id
        self._tabs.show(self.index)
        self.pane.set_row(self.row)
        self.pane.set_active(self._looked_at)
        self._show_title()

    def _show_title(self) -> None:
        row = self.row
        if row is None:
            self._title.set_parts([("No sandbox selected", "muted")])
            return
        sandbox = row.sandbox
        look = state_look(row.status)
        left = seconds_left(sandbox, time.time())
        parts = [
            (f"{fmt.printable(row.label)}  ", "title"),
            (f"{look.mark(ascii_only(self.app))} {row.busy or look.word}", look.style),
        ]
        if sandbox.status_reason and row.busy is None:
            parts.append((f" {fmt.printable(sandbox.status_reason).replace('_', ' ')}", "muted"))
        template = fmt.printable(sandbox.template_name)
        countdown = f"  {fmt.countdown(left)} left" if left is not None else ""
        where = f"  {fmt.printable(sandbox.region or row.source)}"
        self._title.set_parts(
            parts, [(where, "muted"), (f"  {template}", "muted"), (countdown, "warn" if (left or 999) < 300 else "")]
        )
