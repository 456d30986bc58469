"""The terminals of one sandbox: tabs in a row, each with one terminal or two beside or below each other."""

from __future__ import annotations

from dataclasses import dataclass

from textual.containers import Container
from textual.widget import Widget

from hopx_tui import format as fmt
from hopx_tui.widgets.line import Part
from hopx_tui.widgets.palette import ascii_only
from hopx_tui.widgets.terminal import Terminal
from hopx_tui.widgets.terminal_state import Connected, Exited, Lost

__all__ = ["PLAIN_NAME", "Tab", "Tabs"]

PLAIN_NAME = "shell"
MOST_IN_A_TAB = 2
_NAME_CELLS = 16
_SHOWN = 4
"""Tabs named in the title line: the one looked at and those around it; the others are counted."""


@dataclass
class Label:
    """What is said about a terminal where it cannot be seen."""

    title: str = ""
    given: str | None = None
    rang: bool = False
    stirred: bool = False

    @property
    def name(self) -> str:
        """The person's name for it, else the program's title."""
        return fmt.printable(self.given or self.title or PLAIN_NAME)


class Tab(Container):
    """What is seen at once: a terminal, or two."""

    DEFAULT_CSS = """
    Tab { width: 1fr; height: 1fr; layout: horizontal; }
    Tab.-below { layout: vertical; }
    Tab > .-second { border-left: vkey $panel-lighten-2; }
    Tab.-below > .-second { border-left: none; border-top: hkey $panel-lighten-2; }
    Tab > .-second:focus { border-left: vkey $primary; }
    Tab.-below > .-second:focus { border-left: none; border-top: hkey $primary; }
    Tab.-ascii > .-second { border-left: ascii $panel-lighten-2; }
    Tab.-ascii.-below > .-second { border-left: none; border-top: ascii $panel-lighten-2; }
    """

    def __init__(self, first: Terminal, *, id: str) -> None:
        super().__init__(first, id=id)
        self.terminals = [first]
        self.active = first

    def on_mount(self) -> None:
        """Lines of the plain sort for terminals that have no other."""
        self.set_class(ascii_only(self.app), "-ascii")

    @property
    def is_full(self) -> bool:
        """Whether no other terminal fits in."""
        return len(self.terminals) >= MOST_IN_A_TAB

    @property
    def other(self) -> Terminal | None:
        """The terminal beside the active one."""
        return next((each for each in self.terminals if each is not self.active), None)

    async def add(self, terminal: Terminal, *, below: bool) -> None:
        """Put a second terminal to the right or below."""
        self.set_class(below, "-below")
        terminal.add_class("-second")
        self.terminals.append(terminal)
        self.active = terminal
        await self.mount(terminal)

    async def take_out(self, terminal: Terminal) -> None:
        """Remove one of two."""
        self.terminals.remove(terminal)
        self.active = self.terminals[0]
        self.active.remove_class("-second")
        self.remove_class("-below")
        await terminal.remove()


class Tabs:
    """The tabs of one sandbox in their order, and which of them is looked at."""

    def __init__(self) -> None:
        self.all: list[Tab] = []
        self.current: Tab | None = None
        self._labels: dict[Widget, Label] = {}
        self._before: Tab | None = None

    @property
    def terminals(self) -> list[Terminal]:
        """Every terminal of the sandbox."""
        return [terminal for tab in self.all for terminal in tab.terminals]

    @property
    def active(self) -> Terminal | None:
        """The terminal that has, or would get, the keyboard."""
        return self.current.active if self.current is not None else None

    def tab_of(self, terminal: Terminal) -> Tab | None:
        """Where a terminal is."""
        return next((tab for tab in self.all if terminal in tab.terminals), None)

    def label(self, terminal: Widget) -> Label:
        """What is said about it."""
        return self._labels.setdefault(terminal, Label())

    def add(self, tab: Tab) -> None:
        """A new tab behind the current one; it is the current one now."""
        at = self.all.index(self.current) + 1 if self.current is not None else len(self.all)
        self.all.insert(at, tab)
        self.look_at(tab)

    def look_at(self, tab: Tab) -> None:
        """Make a tab the current one; what it had to say was heard."""
        if tab is not self.current:
            self._before, self.current = self.current, tab
        for terminal in tab.terminals:
            label = self.label(terminal)
            label.rang = label.stirred = False

    def step(self, by: int) -> bool:
        """Look at the next tab (1) or the one before (-1), round and round; False where there is one only."""
        if self.current is None or len(self.all) < 2:
            return False
        self.look_at(self.all[(self.all.index(self.current) + by) % len(self.all)])
        return True

    def remove(self, tab: Tab) -> None:
        """Forget a tab; the one looked at before it is looked at again, else its neighbour."""
        at = self.all.index(tab)
        self.all.remove(tab)
        if tab is not self.current:
            return
        self.current = None
        if self.all:
            self.look_at(self._before if self._before in self.all else self.all[max(0, at - 1)])

    def forget(self, terminal: Widget) -> None:
        """Nothing is said about it any more."""
        self._labels.pop(terminal, None)

    def parts(self) -> list[Part]:
        """All tabs for the title line: number, name, state, and `!` for a bell or `+` for new output unseen."""
        if len(self.all) == 1 and self.active is not None and not self.all[0].other:
            alone = [(self.label(self.active).name, "title"), (word(self.active), "warn")]
            return [part for part in alone if part[0]]
        parts: list[Part] = []
        here = self.all.index(self.current) if self.current is not None else 0
        first = max(0, min(here - 1, len(self.all) - _SHOWN))
        if first:
            parts.append((f"{first}< ", "faint"))
        for number, tab in list(enumerate(self.all, 1))[first : first + _SHOWN]:
            is_here = tab is self.current
            labels = [self.label(terminal) for terminal in tab.terminals]
            name = "|".join(fmt.truncate(label.name, _NAME_CELLS) for label in labels)
            mark = "!" if any(label.rang for label in labels) else "+" if any(each.stirred for each in labels) else ""
            parts.append((f"{'  ' if parts else ''}{number} ", "key" if is_here else "faint"))
            parts.append((name, "title" if is_here else "faint"))
            parts.append((mark + "".join(map(word, tab.terminals)), "warn"))
        if len(self.all) > first + _SHOWN:
            parts.append((f"  >{len(self.all) - first - _SHOWN}", "faint"))
        return [part for part in parts if part[0]]


def word(terminal: Terminal) -> str:
    """How a terminal is, where that is not simply well."""
    if isinstance(terminal.state, Connected):
        return " watching" if terminal.watching or terminal.read_only else ""
    return {Exited: " ended", Lost: " lost"}.get(type(terminal.state), " connecting")
