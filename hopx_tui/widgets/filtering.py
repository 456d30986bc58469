"""The live filter's language: words that must match, `!` inverts, `~` fuzzy, `key:value`, `cpu:>50`."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, NamedTuple


class Term(NamedTuple):
    """One word of a query, lower case. `field` is "" for the whole row; `op` is "", "=", ">" or "<"."""

    text: str
    field: str = ""
    op: str = ""
    inverted: bool = False
    fuzzy: bool = False


@dataclass(frozen=True)
class Query:
    """A parsed filter: every term must hold."""

    terms: tuple[Term, ...] = ()

    @classmethod
    def parse(cls, text: str, fields: Collection[str] = ()) -> Query:
        """`text` as typed; `fields` are the column keys that may stand before a colon."""
        known = {field.lower() for field in fields}
        terms = (_term(word, known) for word in text.lower().split())
        return cls(tuple(term for term in terms if term.text))

    def __bool__(self) -> bool:
        return bool(self.terms)

    @property
    def substring(self) -> str | None:
        """The text to look for when the query is one plain word: the fast way."""
        if len(self.terms) == 1 and self.terms[0] == Term(self.terms[0].text):
            return self.terms[0].text
        return None

    def matches(self, haystack: str, field: Callable[[str], str], value: Callable[[str], Any]) -> bool:
        """Whether a row matches: `haystack` is its lower-case text; `field` and `value` look up a column."""
        return all(_holds(term, haystack, field, value) for term in self.terms)

    def refines(self, other: Query) -> bool:
        """Whether every row that matches this also matches `other`, whose result can then be searched."""
        return all(any(_implies(new, old) for new in self.terms) for old in other.terms)


def _term(word: str, fields: set[str]) -> Term:
    inverted = word.startswith("!")
    word = word[1:] if inverted else word
    fuzzy = word.startswith("~")
    word = word[1:] if fuzzy else word
    field, colon, rest = word.partition(":")
    if not colon or field not in fields:
        return Term(word, "", "", inverted, fuzzy)
    op = rest[:1] if rest[:1] in {"=", ">", "<"} else ""
    return Term(rest[len(op) :], field, op, inverted, fuzzy)


def _holds(term: Term, haystack: str, field: Callable[[str], str], value: Callable[[str], Any]) -> bool:
    if term.op in {">", "<"}:
        return _compares(term, value(term.field)) != term.inverted
    text = field(term.field).lower() if term.field else haystack
    if term.op == "=":
        found = text.strip() == term.text
    elif term.fuzzy:
        found = _subsequence(term.text, text)
    else:
        found = term.text in text
    return found != term.inverted


def _compares(term: Term, value: Any) -> bool:
    try:
        limit = float(term.text)
    except ValueError:
        return True  # still being typed
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return value > limit if term.op == ">" else value < limit


def _subsequence(needle: str, text: str) -> bool:
    at = -1
    for character in needle:
        at = text.find(character, at + 1)
        if at < 0:
            return False
    return True


def _implies(new: Term, old: Term) -> bool:
    if new == old:
        return True
    if new.inverted or old.inverted or new.op or old.op or new.field != old.field:
        return False
    if old.fuzzy:
        return _subsequence(old.text, new.text)
    return not new.fuzzy and old.text in new.text
