"""What a template gives to each run of a sandbox: folders of its own, read-only layers, and what is first on PATH."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Outfit:
    """Paths "inside" are absolute and as the sandbox sees them; the others are real ones of this machine."""

    tools: tuple[str, ...] = ()  # programs that must stay visible
    folders: Mapping[str, str] = field(default_factory=dict)  # writable: path inside -> name in its directory
    shown: Mapping[str, str] = field(default_factory=dict)  # read-only: path inside -> real path
    path: tuple[str, ...] = ()  # directories before all others on PATH, as the sandbox sees them


PLAIN = Outfit()
