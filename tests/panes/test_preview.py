"""What a file is highlighted as; the rest is tested through the Files pane."""

from __future__ import annotations

import pytest

from hopx_tui.panes.preview import lexer_for


@pytest.mark.parametrize(
    ("name", "content", "lexer"),
    [
        ("x.py", "print()", "python"),
        ("notes", "just words", None),
        ("notes.txt", "just words", None),
        ("data.json", "{}", "json"),
        ("unknown.zzz", "words", None),
    ],
)
def test_lexers(name: str, content: str, lexer: str | None) -> None:
    assert lexer_for(name, content) == lexer
