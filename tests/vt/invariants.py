"""What must hold of a screen after every feed, and its state in a form that two screens can be compared by."""

from __future__ import annotations

from typing import Any

from hopx_tui.vt.reports import MAX_EVENTS, MAX_REPLIES
from hopx_tui.vt.row import MAX_MARKS, Row
from hopx_tui.vt.screen import VTScreen
from hopx_tui.vt.stream import MAX_SEQUENCE, MAX_STRING, PIECE, VTStream
from hopx_tui.vt.style import MAX_STYLES
from hopx_tui.vt.width import CONTROLS, char_width, joins


def check_row(row: Row, columns: int) -> None:
    assert row.columns == columns
    if row.cells is None:
        assert row.n == sum(len(text) for text, _ in row.runs) <= columns
        assert all(text and all(char_width(char) == 1 for char in text) for text, _ in row.runs)
    else:
        assert len(row.cells) == len(row.styles) == columns
        for x, cell in enumerate(row.cells):
            if cell == "":
                assert x > 0
                assert char_width(row.cells[x - 1][0]) == 2
                continue
            assert not CONTROLS.search(cell)
            assert len(cell) <= 1 + MAX_MARKS
            assert all(joins(mark) for mark in cell[1:])
            width = char_width(cell[0])
            assert width in (1, 2)
            if width == 2:
                assert row.cells[x + 1] == ""
                assert row.styles[x + 1] is row.styles[x]
            if len(cell) != 1 or width == 2:
                assert row.wide
    cells, styles = row.grid()
    assert len(cells) == len(styles) == columns
    assert "".join(text for text, _ in row.segments()) == row.text() == "".join(cells)


def check(screen: VTScreen, stream: VTStream | None = None) -> None:
    """Assert the invariants of the terminal core."""
    assert len(screen.main_rows) == len(screen.alt_rows) == screen.lines
    assert screen.rows is (screen.alt_rows if screen.modes.alt_screen else screen.main_rows)
    assert len({id(row) for row in screen.main_rows + screen.alt_rows}) == 2 * screen.lines
    for row in screen.main_rows + screen.alt_rows:
        check_row(row, screen.columns)
    assert 0 <= screen.cursor.x <= screen.columns
    assert 0 <= screen.cursor.y < screen.lines
    for saved in (screen.saved_main, screen.saved_alt):
        assert saved is None or (0 <= saved.x <= screen.columns and 0 <= saved.y < screen.lines)
    assert 0 <= screen.top <= screen.bottom < screen.lines
    assert len(screen.stops) == screen.columns
    history = screen.history
    assert len(history) <= history.max_rows
    assert history.bytes <= history.max_bytes
    assert len(list(history)) == len(history)
    assert all(not CONTROLS.search(entry) for entry in history if isinstance(entry, str))
    assert screen.reply_bytes == sum(map(len, screen.replies)) <= MAX_REPLIES
    assert len(screen.events) <= MAX_EVENTS
    assert not CONTROLS.search(screen.title + screen.icon_name)
    assert len(screen.styles) <= MAX_STYLES + 1
    if stream is not None:
        assert len(stream._tail) <= MAX_SEQUENCE
        assert sum(map(len, stream._string)) <= MAX_STRING + PIECE


def look(row: Row) -> tuple[Any, ...]:
    cells, styles = row.grid()
    return row.wrapped, cells, [style.look for style in styles]


def state(screen: VTScreen) -> dict[str, Any]:
    """Everything a program or a person can tell about the screen, in comparable form."""
    cursor = screen.cursor
    size = screen.columns
    return {
        "main": [look(row) for row in screen.main_rows],
        "alt": [look(row) for row in screen.alt_rows],
        "history": [look(screen.history.row(index, size)) for index in range(len(screen.history))],
        "dropped": screen.history.dropped,
        "cursor": (cursor.x, cursor.y, cursor.style.look, screen.cursor_shape),
        "saved": [
            saved and (saved.x, saved.y, saved.style.look, saved.charsets, saved.charset, saved.origin)
            for saved in (screen.saved_main, screen.saved_alt)
        ],
        "modes": screen.modes,
        "margins": (screen.top, screen.bottom),
        "stops": bytes(screen.stops),
        "charsets": (screen.charsets, screen.charset),
        "titles": (screen.title, screen.icon_name, screen.titles),
        "keyboard": (screen.kitty_main, screen.kitty_alt),
        "replies": b"".join(screen.replies),
        "events": list(screen.events),
    }
