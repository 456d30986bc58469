"""The modes of a terminal that others ask about, and their numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

MOUSE_MODES = (9, 1000, 1002, 1003)
KITTY_SUPPORTED = 0b1
"""Keyboard enhancements that keys.py can encode: disambiguated escape codes."""


@dataclass(slots=True)
class Modes:
    """Current modes; `mouse` is 0 or the number of the mode asked for, `kitty` the keyboard flags."""

    insert: bool = False
    newline: bool = False
    app_cursor: bool = False
    app_keypad: bool = False
    reverse_screen: bool = False
    origin: bool = False
    autowrap: bool = True
    cursor_blink: bool = False
    cursor_visible: bool = True
    reverse_wrap: bool = False
    mouse: int = 0
    mouse_sgr: bool = False
    focus_events: bool = False
    alt_scroll: bool = True
    bracketed_paste: bool = False
    sync: bool = False
    alt_screen: bool = False
    kitty: int = 0


ANSI_MODES: Mapping[int, str] = MappingProxyType({4: "insert", 20: "newline"})
PRIVATE_MODES: Mapping[int, str] = MappingProxyType(
    {
        1: "app_cursor",
        5: "reverse_screen",
        6: "origin",
        7: "autowrap",
        12: "cursor_blink",
        25: "cursor_visible",
        45: "reverse_wrap",
        66: "app_keypad",
        1004: "focus_events",
        1006: "mouse_sgr",
        1007: "alt_scroll",
        2004: "bracketed_paste",
        2026: "sync",
    }
)
ALT_SCREEN_MODES = (47, 1047, 1049)
