"""Bytes of the real cursor; and who may draw."""

from __future__ import annotations

from typing import Any

from hopx_tui.tty.surface import DriverSurface


class Written(list[str]):
    """A driver that is not ours."""

    write = list.append


def surface_on(driver: Any) -> DriverSurface:
    return DriverSurface(lambda: driver)


def test_only_changes_are_written():
    written = Written()
    surface = surface_on(written)
    pane, other = object(), object()
    surface.hide(pane)
    assert written == []
    surface.show(pane, 4, 2, 0)
    surface.show(pane, 4, 2, 0)
    surface.show(pane, 5, 2, 6)
    surface.show(pane, 5, 2, 99)
    assert written == ["\x1b[3;5H\x1b[?25h", "\x1b[6 q\x1b[3;6H", "\x1b[0 q"]
    written.clear()
    surface.show(other, 0, 0, 4)
    surface.hide(pane)  # the other one has it already
    surface.hide(other)
    assert written == ["\x1b[4 q\x1b[1;1H", "\x1b[?25l\x1b[0 q"]


def test_without_a_driver_of_ours_nothing_is_drawn():
    for driver in (None, Written()):
        with surface_on(driver).frame() as sheet:
            assert sheet is None
    surface_on(None).show(object(), 1, 1, 0)  # and the cursor of no terminal is nobody's
