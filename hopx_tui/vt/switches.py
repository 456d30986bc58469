"""Setting and resetting modes, the alternate screen, the keyboard flags, the resets."""

from __future__ import annotations

from typing import Any

from hopx_tui.vt.edits import Edits
from hopx_tui.vt.modes import ALT_SCREEN_MODES, ANSI_MODES, KITTY_SUPPORTED, MOUSE_MODES, PRIVATE_MODES, Modes
from hopx_tui.vt.moves import Moves, default_stops
from hopx_tui.vt.state import CHARSETS

_MAX_STACK = 16


class Switches(Moves, Edits):
    """The part of the screen that turns things on and off."""

    def set_mode(self, *modes: int, private: bool = False, **_: Any) -> None:
        for mode in modes:
            self._switch(mode, private, True)

    def reset_mode(self, *modes: int, private: bool = False, **_: Any) -> None:
        for mode in modes:
            self._switch(mode, private, False)

    @property
    def mode(self) -> set[int]:  # type: ignore[override]  # pyte has a plain attribute
        """Modes that are set, in pyte's numbering (private ones shifted left by 5)."""
        ansi = {mode for mode, name in ANSI_MODES.items() if getattr(self.modes, name)}
        private = {mode << 5 for mode, name in PRIVATE_MODES.items() if getattr(self.modes, name)}
        if self.modes.mouse:
            private.add(self.modes.mouse << 5)
        return ansi | private

    def mode_state(self, mode: int, private: bool) -> int:
        """DECRQM's answer: 0 not known, 1 set, 2 reset."""
        name = (PRIVATE_MODES if private else ANSI_MODES).get(mode)
        if name is not None:
            return 1 if getattr(self.modes, name) else 2
        if private and mode in MOUSE_MODES:
            return 1 if self.modes.mouse == mode else 2
        if private and mode in ALT_SCREEN_MODES:
            return 1 if self.modes.alt_screen else 2
        return 0

    def save_modes(self, *modes: int) -> None:
        """XTSAVE."""
        for mode in modes:
            state = self.mode_state(mode, private=True)
            if state:
                self.saved_modes[mode] = state == 1

    def restore_modes(self, *modes: int) -> None:
        """XTRESTORE."""
        for mode in modes:
            if mode in self.saved_modes:
                self._switch(mode, True, self.saved_modes[mode])

    def _switch(self, mode: int, private: bool, on: bool) -> None:
        if not private:
            name = ANSI_MODES.get(mode)
            if name is not None:
                setattr(self.modes, name, on)
                self.select_charset(self.charset)
            return
        name = PRIVATE_MODES.get(mode)
        if name is not None:
            setattr(self.modes, name, on)
            if mode == 6:
                self.actions.clear()
                self.cursor_position()
        elif mode in MOUSE_MODES:
            self.modes.mouse = mode if on else 0
        elif mode in ALT_SCREEN_MODES:
            self._switch_screen(mode, on)
        elif mode == 1048:
            if on:
                self.save_cursor()
            else:
                self.restore_cursor()
        elif mode == 3:
            self._change_columns()

    def _change_columns(self) -> None:
        """DECCOLM: the size is not ours to change; its side effects stay."""
        self.top, self.bottom = 0, self.lines - 1
        self.cursor_position()
        self.erase_in_display(2)

    def _switch_screen(self, mode: int, on: bool) -> None:
        if on == self.modes.alt_screen:
            if not on and mode == 1049:
                self.restore_cursor()
            return
        if on and mode == 1049:
            self.save_cursor(keep_wrap=True)
        if not on and mode == 1047:
            self.erase_in_display(2)
        self.modes.alt_screen = on
        self.rows = self.alt_rows if on else self.main_rows
        self._use_kitty_flags()
        if on and mode == 1049:
            self.erase_in_display(2)
        if not on and mode == 1049:
            self.restore_cursor()
        for row in self.rows:
            row.paint = None

    # -- keyboard enhancements ----------------------------------------------------------------------------

    def _kitty_stack(self) -> list[int]:
        return self.kitty_alt if self.modes.alt_screen else self.kitty_main

    def _use_kitty_flags(self) -> None:
        stack = self._kitty_stack()
        self.modes.kitty = stack[-1] if stack else 0

    def push_keyboard(self, flags: int = 0) -> None:
        """CSI > flags u; flags that are not supported stay off, as the query will tell."""
        stack = self._kitty_stack()
        stack.append(flags & KITTY_SUPPORTED)
        del stack[:-_MAX_STACK]
        self._use_kitty_flags()

    def pop_keyboard(self, count: int = 1) -> None:
        """CSI < count u."""
        stack = self._kitty_stack()
        del stack[max(0, len(stack) - count) :]
        self._use_kitty_flags()

    def change_keyboard(self, flags: int = 0, how: int = 1) -> None:
        """CSI = flags ; how u: 1 set, 2 add, 3 remove."""
        stack = self._kitty_stack() or [0]
        old = stack[-1]
        new = {2: old | flags, 3: old & ~flags}.get(how, flags)
        stack[-1] = new & KITTY_SUPPORTED
        self._kitty_stack()[:] = stack
        self._use_kitty_flags()

    # -- resets --------------------------------------------------------------------------------------------

    def soft_reset(self) -> None:
        """DECSTR."""
        modes = self.modes
        modes.insert = modes.origin = modes.app_cursor = modes.app_keypad = False
        modes.autowrap = modes.cursor_visible = True
        self.top, self.bottom = 0, self.lines - 1
        self.settle()
        self.cursor.style = self.styles.default
        self.charsets = ["B"] * CHARSETS
        self.select_charset(0)
        if modes.alt_screen:
            self.saved_alt = None
        else:
            self.saved_main = None
        self.actions.clear()

    def reset(self) -> None:
        """RIS: everything but the history is as new."""
        default = self.styles.default
        self.modes = Modes()
        self.cursor.x = self.cursor.y = 0
        self.cursor.style = default
        self.main_rows = self.blank_rows(self.lines, default)
        self.alt_rows = self.blank_rows(self.lines, default)
        self.rows = self.main_rows
        self.top, self.bottom = 0, self.lines - 1
        self.stops = default_stops(self.columns)
        self.saved_main = self.saved_alt = None
        self.charsets = ["B"] * CHARSETS
        self.select_charset(0)
        self.cursor_shape = 0
        self.title = self.icon_name = ""
        self.titles = []
        self.kitty_main = []
        self.kitty_alt = []
        self.saved_modes = {}
        self.actions.clear()
