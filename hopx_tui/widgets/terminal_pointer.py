"""The mouse in a terminal pane: reports for the program, or the person's own picking of text."""

from __future__ import annotations

from enum import Enum

from textual import events
from textual.widget import Widget

from hopx_tui.vt.keys import encode_wheel_as_arrows
from hopx_tui.vt.screen import VTScreen
from hopx_tui.widgets.terminal_mouse import MouseReporter
from hopx_tui.widgets.terminal_selection import Grain, Point, Selection
from hopx_tui.widgets.terminal_view import Viewport

__all__ = ["Pointer", "PointerPane", "Reaction"]

DOUBLE_CLICK_SECONDS = 0.5
WHEEL_LINES = 3
_GRAINS = (Grain.CELL, Grain.WORD, Grain.LINE)


class Reaction(Enum):
    """What the pane has to do after an event of the mouse."""

    NOTHING = 0
    REPAINT = 1
    COPY = 2
    FOLLOW = 3


class Pointer:
    """Decides for each event whom it belongs to.

    The methods return the bytes for the program and what the pane has to do. With shift, or while the
    program did not ask for the mouse, a drag picks cells (with alt a block of them), a double click a word, a
    triple click a line; a click with ctrl follows a link.
    """

    def __init__(self, screen: VTScreen, viewport: Viewport, selection: Selection) -> None:
        self.reporter = MouseReporter(screen)
        self._screen = screen
        self._viewport = viewport
        self._selection = selection
        self._anchor: Point | None = None
        self._grain = Grain.CELL
        self._click: tuple[float, Point, int] | None = None
        self.clicked = Point(0, 0)
        """The cell of the last click with ctrl."""

    def press(self, event: events.MouseEvent, cell: tuple[int, int], *, remote: bool) -> tuple[bytes | None, Reaction]:
        """A button went down; ``remote``: the program may have it."""
        if remote and self.reporter.wanted(shift=event.shift) and event.button in (1, 2, 3):
            return self.reporter.press(event, self._inside(cell)), Reaction.NOTHING
        if event.button != 1:
            return None, Reaction.NOTHING
        at = self._point(cell)
        if event.ctrl:
            self.clicked = at
            return None, Reaction.FOLLOW
        count = 1
        if self._click is not None:
            when, where, clicks = self._click
            if where == at and event.time - when <= DOUBLE_CLICK_SECONDS:
                count = clicks % 3 + 1
        self._click = (event.time, at, count)
        self._anchor, self._grain = at, _GRAINS[count - 1]
        had = self._selection.clear()
        if count > 1:
            self._selection.start(at, self._grain)
        return None, Reaction.REPAINT if had or count > 1 else Reaction.NOTHING

    def move(self, event: events.MouseEvent, cell: tuple[int, int], *, remote: bool) -> tuple[bytes | None, Reaction]:
        """The pointer moved; a drag over the upper or lower edge scrolls."""
        if self._anchor is None:
            if remote and (self.reporter.holding or self.reporter.wanted(shift=event.shift)):
                return self.reporter.move(event, self._inside(cell)), Reaction.NOTHING
            return None, Reaction.NOTHING
        if cell[1] < 0:
            self._viewport.scroll(-1)
        elif cell[1] >= self._screen.lines:
            self._viewport.scroll(1)
        to = self._point(cell)
        if not self._selection.active:
            if to == self._anchor:
                return None, Reaction.NOTHING
            self._selection.start(self._anchor, Grain.BLOCK if event.meta else self._grain)
        self._selection.extend(to)
        return None, Reaction.REPAINT

    def release(self, event: events.MouseEvent, cell: tuple[int, int]) -> tuple[bytes | None, Reaction]:
        """The button went up: what was picked is copied."""
        if self.reporter.holding:
            return self.reporter.release(event, self._inside(cell)), Reaction.NOTHING
        picking, self._anchor = self._anchor is not None, None
        return None, Reaction.COPY if picking and self._selection.active else Reaction.NOTHING

    def wheel(
        self, event: events.MouseEvent, cell: tuple[int, int], *, up: bool, remote: bool
    ) -> tuple[bytes | None, Reaction]:
        """A notch of the wheel: the program's, or arrows in the alternate screen, or the scrollback."""
        if remote and self.reporter.wanted(shift=event.shift):
            return self.reporter.wheel(event, self._inside(cell), up=up), Reaction.NOTHING
        modes = self._screen.modes
        if modes.alt_screen:
            arrows = encode_wheel_as_arrows(up, WHEEL_LINES, modes) if remote else None
            return arrows, Reaction.NOTHING
        moved = self._viewport.scroll(-WHEEL_LINES if up else WHEEL_LINES)
        return None, Reaction.REPAINT if moved else Reaction.NOTHING

    def _inside(self, cell: tuple[int, int]) -> tuple[int, int]:
        x, y = cell
        return min(max(x, 0), self._screen.columns - 1), min(max(y, 0), self._screen.lines - 1)

    def _point(self, cell: tuple[int, int]) -> Point:
        x, y = self._inside(cell)
        return Point(self._viewport.top + y, x)


class PointerPane(Widget):
    """A widget that hands its mouse events to a `Pointer` and acts on what comes back."""

    def __init__(
        self,
        pointer: Pointer,
        *,
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self._pointer = pointer

    @property
    def program_listens(self) -> bool:
        """Whether the program may have events of the mouse now."""
        raise NotImplementedError

    def react(self, data: bytes | None, reaction: Reaction) -> None:
        """Send bytes to the program; repaint or copy."""
        raise NotImplementedError

    def on_mouse_down(self, event: events.MouseDown) -> None:
        """Report the press or begin to pick."""
        event.stop()
        self.capture_mouse()
        self.react(*self._pointer.press(event, self._cell(event), remote=self.program_listens))

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Report the motion or extend what is picked."""
        event.stop()
        self.react(*self._pointer.move(event, self._cell(event), remote=self.program_listens))

    def on_mouse_up(self, event: events.MouseUp) -> None:
        """Report the release or copy what was picked."""
        event.stop()
        self.release_mouse()
        self.react(*self._pointer.release(event, self._cell(event)))

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """One notch up."""
        self._wheel(event, up=True)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """One notch down."""
        self._wheel(event, up=False)

    def _wheel(self, event: events.MouseEvent, *, up: bool) -> None:
        event.stop()
        event.prevent_default()
        remote = self.program_listens
        self.react(*self._pointer.wheel(event, self._cell(event), up=up, remote=remote))

    def _cell(self, event: events.MouseEvent) -> tuple[int, int]:
        return event.x - self.gutter.left, event.y - self.gutter.top
