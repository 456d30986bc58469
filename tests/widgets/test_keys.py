"""Keys as data."""

from __future__ import annotations

from typing import ClassVar

from textual.widget import Widget

from hopx_tui.widgets.dialogs import ChoiceDialog, ConfirmDialog, InputDialog, MessageDialog
from hopx_tui.widgets.flat_button import FlatButton
from hopx_tui.widgets.keys import Key, keys_of
from hopx_tui.widgets.text_lines import TextLines
from hopx_tui.widgets.text_view import TextView
from hopx_tui.widgets.virtual_table import VirtualTable


class Base(Widget):
    BINDINGS: ClassVar = [Key("x", "cut", "Cut", id="cut", dangerous=True), ("q", "quit", "Quit")]


class Sub(Base):
    BINDINGS: ClassVar = [Key("y", "cut", "Cut", id="cut"), Key("z", "zoom", "Zoom")]


def test_keys_are_found_through_the_classes_each_once():
    assert [(key.key, key.dangerous) for key in keys_of(Base)] == [("x", True)]
    assert [key.key for key in keys_of(Sub)] == ["y", "z"]
    assert keys_of(Sub) == keys_of(Sub())


def test_all_keys_of_our_widgets_are_complete():
    for owner in (
        VirtualTable,
        TextView,
        TextLines,
        FlatButton,
        ConfirmDialog,
        ChoiceDialog,
        InputDialog,
        MessageDialog,
    ):
        for key in keys_of(owner):
            assert key.id, key
            assert key.description
            assert len(key.description) <= 12
            assert key.tooltip.endswith(".")
            assert hasattr(owner, f"action_{key.action.split('(')[0]}"), key
