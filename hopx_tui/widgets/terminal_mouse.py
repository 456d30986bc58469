"""Mouse reports for the program in a terminal: which events it asked for, told once per cell."""

from __future__ import annotations

from typing import Literal

from textual import events

from hopx_tui.vt.keys import encode_mouse
from hopx_tui.vt.screen import VTScreen

__all__ = ["MouseReporter"]

Kind = Literal["press", "release", "move", "wheel_up", "wheel_down"]


class MouseReporter:
    """Encodes Textual's mouse events by the program's modes."""

    def __init__(self, screen: VTScreen) -> None:
        self._screen = screen
        self._pressed: int | None = None
        self._cell: tuple[int, int] | None = None

    @property
    def holding(self) -> bool:
        """Whether a press was reported whose release was not yet."""
        return self._pressed is not None

    def wanted(self, *, shift: bool) -> bool:
        """Whether events go to the program; with shift they stay with the person."""
        return bool(self._screen.modes.mouse) and not shift

    def press(self, event: events.MouseEvent, cell: tuple[int, int]) -> bytes | None:
        """A button went down."""
        self._pressed = event.button - 1
        self._cell = cell
        return self._encode("press", self._pressed, event, cell)

    def release(self, event: events.MouseEvent, cell: tuple[int, int]) -> bytes | None:
        """The button went up."""
        button, self._pressed = self._pressed, None
        return None if button is None else self._encode("release", button, event, cell)

    def move(self, event: events.MouseEvent, cell: tuple[int, int]) -> bytes | None:
        """The pointer moved; nothing unless it reached another cell and the program follows it."""
        mode = self._screen.modes.mouse
        if cell == self._cell or mode not in (1002, 1003) or (mode == 1002 and self._pressed is None):
            return None
        self._cell = cell
        return self._encode("move", 3 if self._pressed is None else self._pressed, event, cell)

    def wheel(self, event: events.MouseEvent, cell: tuple[int, int], *, up: bool) -> bytes | None:
        """One notch of the wheel."""
        return self._encode("wheel_up" if up else "wheel_down", 0, event, cell)

    def _encode(self, kind: Kind, button: int, event: events.MouseEvent, cell: tuple[int, int]) -> bytes | None:
        x, y = cell
        modes = self._screen.modes
        return encode_mouse(kind, button, x, y, event.shift, event.meta, event.ctrl, modes)
