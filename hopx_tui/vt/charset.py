"""Character sets that ESC ( ) * + designate: what ASCII letters mean under them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from pyte import charsets

_GRAPHICS = {code: charsets.VT100_MAP[code] for code in range(0x5F, 0x7F)}
_GRAPHICS.update({0x5F: " ", 0x68: "\u2424"})  # pyte has Linux's map; this is xterm's

_MAPS: Mapping[str, Mapping[int, str]] = MappingProxyType(
    {"0": MappingProxyType(_GRAPHICS), "A": MappingProxyType({0x23: "£"})}
)


def charset(code: str) -> Mapping[int, str] | None:
    """The translation that a designation's final character names; None: plain ASCII (or unknown)."""
    return _MAPS.get(code)
