"""Keys as a table, derived from the classes that answer them: the source of help, palette, hints and README."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from textual.dom import DOMNode

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


def sections_of(nodes: Iterable[DOMNode]) -> list[Section]:
    """What works along a focus chain, inner first; an action that cannot work now is left out."""
    sections: list[Section] = []
    taken: set[str] = set()
    for node in nodes:
        lines = []
        for key in keys_of(node):
            if key.system or key.key in taken or _hidden(node, key):
                continue
            taken.add(key.key)
            lines.append(_line(key, node))
        if lines:
            sections.append(Section(title_of(type(node)), getattr(node, "HELP", ""), lines))
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
