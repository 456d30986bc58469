"""Which method of the screen an escape sequence calls, and with which arguments."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType

from hopx_tui.vt.screen import VTScreen
from hopx_tui.vt.sgr import number
from hopx_tui.vt.state import Action

MAX_ACTIONS = 8_192
MAX_SEQUENCE = 4_096

_CSI = re.compile(r"\x1b\[([<=>?]?)([0-9:;]*)([ -/]*)([@-~])")

# By what their parameters mean: one count (absent and 0 are 1), one number (absent is 0), all of them.
_COUNTS: Mapping[str, str] = MappingProxyType(
    {
        "@": "insert_characters", "A": "cursor_up", "B": "cursor_down", "C": "cursor_forward",
        "D": "cursor_back", "E": "cursor_down1", "F": "cursor_up1", "G": "cursor_to_column",
        "`": "cursor_to_column", "I": "tab_forward", "L": "insert_lines", "M": "delete_lines",
        "P": "delete_characters", "S": "scroll_up", "T": "scroll_down", "^": "scroll_down",
        "X": "erase_characters", "Z": "tab_back", "a": "cursor_forward", "d": "cursor_to_line",
        "e": "cursor_line_down", " @": "scroll_left", " A": "scroll_right", "'}": "insert_columns",
        "'~": "delete_columns", "<u": "pop_keyboard",
    }
)  # fmt: skip
_NUMBERS: Mapping[str, str] = MappingProxyType(
    {
        "J": "erase_in_display", "K": "erase_in_line", "c": "report_device_attributes",
        ">c": "report_secondary_attributes", "=c": "report_tertiary_attributes", "g": "clear_tab_stop",
        "n": "report_device_status", "?n": "report_private_status", " q": "set_cursor_shape",
        ">q": "report_version", "$p": "report_mode", "?$p": "report_private_mode", ">u": "push_keyboard",
    }
)  # fmt: skip
_LISTS: Mapping[str, str] = MappingProxyType(
    {"h": "set_mode", "l": "reset_mode", "r": "set_margins", "t": "window_operation", "=u": "change_keyboard",
     "?s": "save_modes", "?r": "restore_modes"}
)  # fmt: skip
_PLAIN: Mapping[str, str] = MappingProxyType(
    {"s": "save_cursor", "u": "restore_cursor", "!p": "soft_reset", "?u": "report_keyboard"}
)
_ESCAPES: Mapping[str, str] = MappingProxyType(
    {
        "7": "save_cursor", "8": "restore_cursor", "D": "index", "E": "next_line", "H": "set_tab_stop",
        "M": "reverse_index", "c": "reset", "=": "set_app_keypad", ">": "set_numeric_keypad",
        "#8": "alignment_display",
    }
)  # fmt: skip
_MAX_ARGUMENTS = {"set_margins": 2, "window_operation": 2, "change_keyboard": 2}


class Dispatch:
    """Turns whole escape tokens into actions of one screen."""

    def __init__(self, screen: VTScreen) -> None:
        self._screen = screen

    def action(self, token: str) -> Action:
        """What a complete `ESC ...` or `CSI ...` token does; unknown ones do nothing."""
        if len(token) > MAX_SEQUENCE:
            return _nothing, (), None
        if token[1:2] == "[":
            return self._csi(token)
        return self._escape(token)

    def _csi(self, token: str) -> Action:
        match = _CSI.fullmatch(token)
        if match is None:
            return _nothing, (), None
        prefix, parameters, intermediates, final = match.groups()
        key = prefix + intermediates + final
        screen = self._screen
        if key in ("H", "f"):
            line, column = [*_numbers(parameters), 0, 0][:2]
            if screen.modes.origin:
                return screen.cursor_position, (line, column), None
            return None, screen.line_at(line), min(screen.columns, max(1, column)) - 1
        if key in _COUNTS:
            return getattr(screen, _COUNTS[key]), (_numbers(parameters)[0] or 1,), None
        if key in _NUMBERS:
            return getattr(screen, _NUMBERS[key]), (_numbers(parameters)[0],), None
        if key in _LISTS:
            name = _LISTS[key]
            numbers = _numbers(parameters)
            return getattr(screen, name), tuple(numbers[: _MAX_ARGUMENTS.get(name)]), None
        if key in ("?h", "?l"):
            switch = screen.set_mode if final == "h" else screen.reset_mode
            return _private(switch), tuple(_numbers(parameters)), None
        if key in _PLAIN and (not parameters or final != "s"):
            return getattr(screen, _PLAIN[key]), (), None
        return _nothing, (), None

    def _escape(self, token: str) -> Action:
        body = token[1:]
        screen = self._screen
        name = _ESCAPES.get(body)
        if name is not None:
            return getattr(screen, name), (), None
        if len(body) == 2 and body[0] in "()*+":
            return screen.define_charset, (body[1], body[0]), None
        if body in ("n", "o"):
            return screen.select_charset, (2 if body == "n" else 3,), None
        return _nothing, (), None


def _nothing(*_: object) -> None:
    """An unknown sequence."""


def _private(switch: Callable[..., None]) -> Callable[..., None]:
    def act(*modes: int) -> None:
        switch(*modes, private=True)

    return act


def _numbers(parameters: str) -> list[int]:
    return [number(part.partition(":")[0]) for part in parameters.split(";")]
