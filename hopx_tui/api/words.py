"""Texts of servers made fit for any screen: one line, no control characters, a bounded length."""

from __future__ import annotations

import re

__all__ = ["one_line", "plain"]

# C0 and C1, the line and paragraph separators, lone surrogates, and what turns the direction of writing: a message
# must neither break its line nor show words in another order than they were sent.
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]+")


def plain(text: str, limit: int = 300) -> str:
    """`text` on one line, without control characters, at most `limit` characters: fit for any screen."""
    return _cut(" ".join(_CONTROL.sub(" ", text[: limit * 20]).split()), limit)


def one_line(text: str, limit: int = 500) -> str:
    """As `plain`, but blanks stay as they are: `text` may quote a path."""
    return _cut(_CONTROL.sub(" ", text[: limit * 4]), limit)


def _cut(line: str, limit: int) -> str:
    return line if len(line) <= limit else line[: limit - 3].rstrip() + "..."
