"""A terminal to type escape sequences into; every feed is followed by a check of the invariants."""

from __future__ import annotations

from hopx_tui.vt.screen import VTScreen
from hopx_tui.vt.stream import VTStream
from hopx_tui.vt.style import Style
from tests.vt.invariants import check


class Term:
    """A small screen with its stream."""

    def __init__(self, columns: int = 10, lines: int = 4, **options) -> None:
        self.screen = VTScreen(columns, lines, **options)
        self.stream = VTStream(self.screen)

    def feed(self, *texts: str | bytes) -> Term:
        for text in texts:
            self.stream.feed(text.encode() if isinstance(text, str) else text)
            check(self.screen, self.stream)
        return self

    def resize(self, columns: int, lines: int) -> Term:
        self.screen.resize(lines, columns)
        check(self.screen, self.stream)
        return self

    @property
    def rows(self) -> list[str]:
        """The visible rows without trailing blanks."""
        return [row.text().rstrip() for row in self.screen.rows]

    @property
    def history(self) -> list[str]:
        history = self.screen.history
        return [history.row(index, self.screen.columns).text().rstrip() for index in range(len(history))]

    @property
    def at(self) -> tuple[int, int]:
        """(x, y) of the cursor."""
        return self.screen.cursor.x, self.screen.cursor.y

    def style(self, x: int, y: int = 0) -> Style:
        return self.screen.rows[y].grid()[1][x]

    def replies(self) -> str:
        return self.screen.take_replies().decode()
