"""What the program in the terminal gets for keys, paste, mouse and focus: pure functions of the modes."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from types import MappingProxyType

from hopx_tui.vt.modes import Modes
from hopx_tui.vt.width import CONTROLS

DISAMBIGUATE = 0b1
"""The kitty keyboard flag under which ambiguous keys come as `CSI code u`."""

_SHIFT, _ALT, _CTRL = 1, 2, 4
_MODIFIERS: Mapping[str, int] = MappingProxyType({"shift": _SHIFT, "alt": _ALT, "meta": _ALT, "ctrl": _CTRL})

_CURSOR_KEYS: Mapping[str, str] = MappingProxyType(
    {"up": "A", "down": "B", "right": "C", "left": "D", "home": "H", "end": "F"}
)
_FIRST_F_KEYS: Mapping[str, str] = MappingProxyType({"f1": "P", "f2": "Q", "f3": "R", "f4": "S"})
_TILDE_KEYS: Mapping[str, int] = MappingProxyType(
    {
        "insert": 2, "delete": 3, "pageup": 5, "pagedown": 6, "f5": 15, "f6": 17, "f7": 18,
        "f8": 19, "f9": 20, "f10": 21, "f11": 23, "f12": 24, "f13": 25, "f14": 26,
        "f15": 28, "f16": 29, "f17": 31, "f18": 32, "f19": 33, "f20": 34,
    }
)  # fmt: skip
_PLAIN_KEYS: Mapping[str, tuple[str, int]] = MappingProxyType(
    {
        "enter": ("\r", 13), "return": ("\r", 13), "tab": ("\t", 9), "backspace": ("\x7f", 127),
        "escape": ("\x1b", 27), "space": (" ", 32),
    }
)  # fmt: skip
_FRIENDLY: Mapping[str, str] = MappingProxyType(
    {"slash": "/", "backslash": "\\", "at": "@", "minus": "-", "plus": "+", "underscore": "_"}
)
_NAMED: Mapping[str, str] = MappingProxyType(
    {
        unicodedata.name(chr(code)).lower().replace("-", "_").replace(" ", "_"): chr(code)
        for code in range(0x21, 0x7F)
        if not chr(code).isalnum()
    }
    | dict(_FRIENDLY)
)
_CTRL_SYMBOLS: Mapping[str, str] = MappingProxyType(
    {
        "@": "\x00", " ": "\x00", "`": "\x00", "2": "\x00", "[": "\x1b", "3": "\x1b", "\\": "\x1c",
        "4": "\x1c", "]": "\x1d", "5": "\x1d", "^": "\x1e", "6": "\x1e", "~": "\x1e", "_": "\x1f",
        "/": "\x1f", "7": "\x1f", "-": "\x1f", "8": "\x7f", "?": "\x7f",
    }
)  # fmt: skip

_UNPASTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_X10_LIMIT = 223
_BUTTON_RELEASED = 3


def encode_key(key: str, character: str | None, modes: Modes) -> bytes | None:
    """The bytes of a key press; `key` and `character` as Textual names them. None: nothing to send."""
    *names, base = key.split("+") if not key.endswith("++") else [*key[:-2].split("+"), "+"]
    modifiers = 0
    for name in names:
        if name not in _MODIFIERS:
            return None  # super, hyper: not ours
        modifiers |= _MODIFIERS[name]
    if key == "backspace" and character == "\x08":
        return b"\x08"  # the person pressed ctrl+h: Textual gives both this name
    special = _special_key(base, modifiers, modes)
    if special is None:
        special = _plain_key(base, modifiers, modes) or _text_key(base, character, modifiers, modes)
    return special.encode(errors="replace") if special is not None else None


def _special_key(base: str, modifiers: int, modes: Modes) -> str | None:
    """Cursor, editing and function keys."""
    if base in _CURSOR_KEYS or base in _FIRST_F_KEYS:
        final = _CURSOR_KEYS.get(base) or _FIRST_F_KEYS[base]
        if modifiers:
            return f"\x1b[1;{modifiers + 1}{final}"
        return f"\x1bO{final}" if base in _FIRST_F_KEYS or modes.app_cursor else f"\x1b[{final}"
    if base in _TILDE_KEYS:
        return f"\x1b[{_TILDE_KEYS[base]}" + (f";{modifiers + 1}~" if modifiers else "~")
    return None


def _plain_key(base: str, modifiers: int, modes: Modes) -> str | None:
    """Enter, tab, backspace, escape, space."""
    if base not in _PLAIN_KEYS:
        return None
    text, code = _PLAIN_KEYS[base]
    if modes.kitty & DISAMBIGUATE and (modifiers & ~_SHIFT or code == 27 or (modifiers and code != 32)):
        return f"\x1b[{code}u" if not modifiers else f"\x1b[{code};{modifiers + 1}u"
    if base == "tab" and modifiers & _SHIFT:
        text = "\x1b[Z"
    elif modifiers & _CTRL:
        text = {"space": "\x00", "backspace": "\x08"}.get(base, text)
    return f"\x1b{text}" if modifiers & _ALT else text


def _text_key(base: str, character: str | None, modifiers: int, modes: Modes) -> str | None:
    """Characters, also with ctrl and alt."""
    shown = character if character and CONTROLS.search(character) is None else ""
    text = base if len(base) == 1 else _NAMED.get(base) or shown
    if not modifiers & (_CTRL | _ALT):
        # The character knows the layout and shift; without one (kitty, some names) the name has to do.
        return shown or text or None
    if not text:
        return None
    if modes.kitty & DISAMBIGUATE and len(text) == 1:
        lower = text.lower() if len(text.lower()) == 1 else text
        code = ord(lower)
        shift = _SHIFT if text != lower else 0
        return f"\x1b[{code};{(modifiers | shift) + 1}u"
    if modifiers & _SHIFT and text.isalpha():
        text = text.upper()
    if modifiers & _CTRL:
        lower = text.lower()
        text = chr(ord(lower) - 96) if len(lower) == 1 and "a" <= lower <= "z" else _CTRL_SYMBOLS.get(text, text)
    return f"\x1b{text}" if modifiers & _ALT else text


def encode_paste(text: str, modes: Modes) -> bytes:
    """The bytes of a paste: nothing in it ends the bracket or acts as a key other than Enter and Tab."""
    text = text.replace("\r\n", "\n").replace("\x1b[201~", "").replace("\x9b201~", "")
    text = _UNPASTABLE.sub("", text)
    text = f"\x1b[200~{text}\x1b[201~" if modes.bracketed_paste else text.replace("\n", "\r")
    return text.encode(errors="replace")


def encode_mouse(
    kind: str, button: int, x: int, y: int, shift: bool, alt: bool, ctrl: bool, modes: Modes
) -> bytes | None:
    """The report of a mouse event, if the program asked for it.

    `kind` is press, release, move, wheel_up or wheel_down; `button` 0 left, 1 middle, 2 right, and for a move
    without button held, -1 (or 3); x and y count cells from 0. None: not reported.
    """
    mode = modes.mouse
    if not mode or x < 0 or y < 0:
        return None
    held = 0 <= button < _BUTTON_RELEASED
    if kind == "move":
        if mode < 1002 or (mode == 1002 and not held):
            return None
        code = (button if held else _BUTTON_RELEASED) + 32
    elif kind in ("wheel_up", "wheel_down"):
        code = 64 if kind == "wheel_up" else 65
    elif not held:
        return None
    else:
        code = button
    if mode == 9:
        if kind != "press":
            return None
    else:
        code += 4 * shift + 8 * alt + 16 * ctrl
    if modes.mouse_sgr:
        return f"\x1b[<{code};{x + 1};{y + 1}{'m' if kind == 'release' else 'M'}".encode()
    if kind == "release":
        code = (code & ~3) | _BUTTON_RELEASED
    return b"\x1b[M" + bytes((32 + code, 32 + min(x + 1, _X10_LIMIT), 32 + min(y + 1, _X10_LIMIT)))


def encode_wheel_as_arrows(up: bool, lines: int, modes: Modes) -> bytes | None:
    """What the wheel sends in the alternate screen (1007): arrows. None: it scrolls back."""
    if modes.mouse or not (modes.alt_screen and modes.alt_scroll):
        return None
    arrow = _CURSOR_KEYS["up" if up else "down"]
    return (f"\x1bO{arrow}" if modes.app_cursor else f"\x1b[{arrow}").encode() * lines


def encode_focus(gained: bool, modes: Modes) -> bytes | None:
    """The report of a focus change, if the program asked for it (1004)."""
    if not modes.focus_events:
        return None
    return b"\x1b[I" if gained else b"\x1b[O"
