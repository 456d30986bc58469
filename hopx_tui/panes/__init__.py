"""Everything one can look at in a sandbox. This register is the only list: a pane named here gets its tab, digit key,
palette entry, help section and line in the README."""

from __future__ import annotations

from hopx_tui.panes.base import Pane, PaneContext
from hopx_tui.panes.files import FilesPane
from hopx_tui.panes.overview import OverviewPane
from hopx_tui.panes.processes import ProcessesPane
from hopx_tui.panes.terminal import TerminalPane

PANES: tuple[type[Pane], ...] = (OverviewPane, TerminalPane, FilesPane, ProcessesPane)

__all__ = ["PANES", "Pane", "PaneContext"]
