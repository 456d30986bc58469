"""Bytes of the real cursor."""

from __future__ import annotations

from hopx_tui.tty.cursor import DriverCursor


def test_only_changes_are_written():
    written: list[str] = []
    cursor = DriverCursor(written.append)
    pane, other = object(), object()
    cursor.hide(pane)
    assert written == []
    cursor.show(pane, 4, 2, 0)
    cursor.show(pane, 4, 2, 0)
    cursor.show(pane, 5, 2, 6)
    cursor.show(pane, 5, 2, 99)
    assert written == ["\x1b[3;5H\x1b[?25h", "\x1b[6 q\x1b[3;6H", "\x1b[0 q"]
    written.clear()
    cursor.show(other, 0, 0, 4)
    cursor.hide(pane)  # the other one has it already
    cursor.hide(other)
    assert written == ["\x1b[4 q\x1b[1;1H", "\x1b[?25l\x1b[0 q"]
    written.clear()
    cursor.show(pane, 1, 1, 2)
    cursor.forget()
    cursor.show(pane, 1, 1, 2)
    assert written == ["\x1b[2 q\x1b[2;2H\x1b[?25h"] * 2
