"""Keys as a table, derived from the classes that answer them: the source of help, palette, hints and README."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from textual.dom import DOMNode
from textual.widgets import Input

from hopx_tui.widgets.keys import Key, keys_of

_NAMES = {
    "question_mark": "?", "colon": ":", "slash": "/", "plus": "+", "minus": "-", "comma": ",", "full_stop": ".",
    "left_square_bracket": "[", "right_square_bracket": "]", "space": "space", "escape": "esc", "asterisk": "*",
    "less_than_sign": "<", "greater_than_sign": ">", "pageup": "PgUp", "pagedown": "PgDn", "up": "up", "down": "down",
}  # fmt: skip


@dataclass(frozen=True)
class KeyLine:
    """One action: its keys as people write them, its label and its sentence."""

    keys: str
    label: str
    sentence: str
    action: str
    node: DOMNode | None = None


@dataclass(frozen=True)
class Section:
    """The keys of one place."""

    title: str
    about: str
    lines: Sequence[KeyLine]


def shown(key: str) -> str:
    """`ctrl+d,f8` as `ctrl+d F8`."""
    return " ".join(_one(part.strip()) for part in key.split(","))


def brief(key: str) -> str:
    """The first of the keys, as the bottom line shows it: `^d` for `ctrl+d`."""
    return _one(key.partition(",")[0].strip()).replace("ctrl+", "^")


def _one(key: str) -> str:
    if key in _NAMES:
        return _NAMES[key]
    return key.upper() if key[:1] == "f" and key[1:].isdigit() else key


def lines_of(owner: type[DOMNode] | DOMNode) -> list[KeyLine]:
    """The keys that a class (or the class of a node) declares itself or inherits."""
    node = owner if isinstance(owner, DOMNode) else None
    return [_line(key, node) for key in keys_of(owner) if not key.system]


def _line(key: Key, node: DOMNode | None) -> KeyLine:
    return KeyLine(key.key_display or shown(key.key), key.description, key.tooltip, key.action, node)


def working(nodes: Sequence[DOMNode]) -> Iterator[tuple[DOMNode, Key, str]]:
    """The keys that work along a focus chain, inner first, each with those of its keys that reach it.

    Left out: what cannot work now, what an inner place takes, and what a focused field would take as text.
    """
    typing = bool(nodes) and isinstance(nodes[0], Input)
    taken: set[str] = set()
    for node in nodes:
        for key in keys_of(node):
            if key.system or _hidden(node, key):
                continue
            free = [part for part in map(str.strip, key.key.split(",")) if _one(part) not in taken]
            if typing and not key.priority:
                free = [part for part in free if len(_one(part)) > 1 and part != "space"]
            if free:
                taken.update(map(_one, free))  # "/" and "slash" are one key
                yield node, key, ",".join(free)


def sections_of(nodes: Sequence[DOMNode]) -> list[Section]:
    """What works along a focus chain as sections of the help."""
    sections: list[Section] = []
    found = list(working(nodes))
    for node in nodes:
        lines = [_line(replace(key, key=keys), node) for owner, key, keys in found if owner is node]
        if lines:
            sections.append(Section(title_of(type(node)), getattr(node, "HELP", None) or "", lines))
    # What is said about a place comes before how lists and texts work in general.
    return sorted(sections, key=lambda section: not section.about)


def _hidden(node: DOMNode, key: Key) -> bool:
    name, _, _ = key.action.partition("(")
    return node.check_action(name, ()) is False


def title_of(owner: type[DOMNode]) -> str:
    """What a place is called: its NAME, or its class name as words."""
    name = getattr(owner, "NAME", None) or getattr(owner, "TITLE", None)
    return str(name or owner.__name__)


def markdown(owners: Sequence[type[DOMNode]]) -> str:
    """The README's key table."""
    out: list[str] = []
    for owner in owners:
        out += [f"### {title_of(owner)}", "", "| keys | what |", "|---|---|"]
        out += [f"| {_code(line.keys)} | {line.sentence} |" for line in lines_of(owner)]
        out.append("")
    return "\n".join(out)


def _code(keys: str) -> str:
    return " ".join(f"`{key}`" if key != "|" else "`\\|`" for key in keys.split(" "))
