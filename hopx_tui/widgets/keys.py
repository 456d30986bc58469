"""Keys as data: the binding class from which footer, help, palette and read-only mode are derived."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from textual.binding import Binding


@dataclass(frozen=True)
class Key(Binding):
    """A key of a widget, pane or screen.

    `description` is the footer's label (at most 12 characters), `tooltip` one whole sentence for the help,
    `id` what a keymap file names. Textual turns a `Key` into plain `Binding`s when it merges a class's keys,
    so whoever needs `dangerous` reads it through `keys_of`.
    """

    dangerous: bool = False
    """True when pressing it may change or destroy something outside the dashboard."""


def keys_of(node: type[Any] | object) -> list[Key]:
    """All `Key`s declared on the class of `node` (or on the class itself), bases last, each id once."""
    cls = node if isinstance(node, type) else type(node)
    found: list[Key] = []
    seen: set[str] = set()
    for base in cls.__mro__:
        for binding in base.__dict__.get("BINDINGS", ()):
            if not isinstance(binding, Key):
                continue
            name = binding.id or binding.action
            if name not in seen:
                seen.add(name)
                found.append(binding)
    return found


def is_dangerous(node: object, action: str) -> bool:
    """Whether a key of this node that runs `action` (its name, without parameters) may change something."""
    return any(key.dangerous and key.action.partition("(")[0] == action for key in keys_of(node))
