from __future__ import annotations

from hopx_tui.vt import style as module
from hopx_tui.vt.style import BOLD, PLAIN, Look, StyleTable, sgr_parameters


def test_equal_looks_are_one_object():
    table = StyleTable()
    assert table.intern(Look(fg=1)) is table.intern(Look(fg=1))
    assert table.intern(PLAIN) is table.default
    assert table.default.erase is table.default


def test_erase_keeps_the_background_alone():
    table = StyleTable()
    style = table.intern(Look(fg=1, bg=(1, 2, 3), flags=BOLD, underline=3, link="http://x"))
    assert style.erase.look == Look(bg=(1, 2, 3))
    assert style.erase.erase is style.erase
    assert table.intern(Look(fg=3)).erase is table.default


def test_sgr_text_spells_everything():
    look = Look(208, (1, 2, 3), BOLD, 3, 7, None)
    assert sgr_parameters(look) == "0;1;4:3;38;5;208;48;2;1;2;3;58:5:7"
    assert sgr_parameters(Look(fg=9, bg=4, underline=2, underline_colour=(9, 8, 7))) == "0;21;91;44;58:2::9:8:7"
    style = StyleTable().intern(Look(fg=1, link="http://x"))
    assert style.sgr == "0;31" == style.sgr
    assert repr(style) == "Style(0;31 http://x)"


def test_a_full_table_forgets_but_old_styles_stay_usable(monkeypatch):
    monkeypatch.setattr(module, "MAX_STYLES", 10)
    table = StyleTable()
    first = table.intern(Look(fg=1))
    table.remember(table.default, "t", first)
    for index in range(40):
        table.intern(Look(fg=(index, 0, 0)))
    assert len(table) <= 11
    assert table.intern(PLAIN) is table.default
    assert not table.default.trans
    assert first.look == Look(fg=1)


def test_transitions_are_bounded(monkeypatch):
    monkeypatch.setattr(module, "MAX_TRANSITIONS", 5)
    monkeypatch.setattr(module, "MAX_ALL_TRANSITIONS", 8)
    table = StyleTable()
    red = table.intern(Look(fg=1))
    for index in range(30):
        table.remember(table.default, f"a{index}", red)
        table.remember(red, f"b{index}", table.default)
        assert len(table.default.trans) <= 5
        assert len(table.default.trans) + len(red.trans) <= 9
