from __future__ import annotations

from hopx_tui.vt import dispatch
from hopx_tui.vt.dispatch import Dispatch
from hopx_tui.vt.screen import VTScreen


def test_every_name_in_the_tables_is_a_method():
    screen = VTScreen(10, 4)
    for table in (dispatch._COUNTS, dispatch._NUMBERS, dispatch._LISTS, dispatch._PLAIN, dispatch._ESCAPES):
        assert all(callable(getattr(screen, name)) for name in table.values())


def test_positions_are_absolute_unless_origin_mode_is_set():
    screen = VTScreen(10, 4)
    find = Dispatch(screen).action
    assert find("\x1b[2;3H") == (None, 1, 2)
    assert find("\x1b[99;99;99H") == (None, 3, 9)
    screen.modes.origin = True
    assert find("\x1b[2;3H") == (screen.cursor_position, (2, 3), None)


def test_arguments():
    screen = VTScreen(10, 4)
    find = Dispatch(screen).action
    assert find("\x1b[A") == find("\x1b[0A") == (screen.cursor_up, (1,), None)
    assert find("\x1b[7;8A") == (screen.cursor_up, (7,), None)
    assert find("\x1b[J") == (screen.erase_in_display, (0,), None)
    assert find("\x1b[1;2;3r") == (screen.set_margins, (1, 2), None)
    assert find("\x1b[4;20h") == (screen.set_mode, (4, 20), None)


def test_unknown_ones_do_nothing():
    find = Dispatch(VTScreen(10, 4)).action
    for token in ("\x1b[5$z", "\x1b[?5y", "\x1b#3", "\x1b*", "\x1b[ 1m", "\x1b%G", "\x1b[" + "1" * 5000 + "A"):
        handler, arguments, _ = find(token)
        assert handler is not None
        assert handler(*arguments) is None
