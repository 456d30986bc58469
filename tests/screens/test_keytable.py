"""Keys: every one is explained, none clashes along a focus chain, and the README has the table they make."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Iterator
from itertools import combinations

import pytest
from textual.dom import DOMNode
from textual.widgets import Input

import hopx_tui
from hopx_tui.panes import PANES, Pane
from hopx_tui.panes.files import FilesPane
from hopx_tui.panes.overview import OverviewPane
from hopx_tui.panes.processes import ProcessesPane
from hopx_tui.panes.sandboxes import SandboxesPane
from hopx_tui.panes.terminal import TerminalPane
from hopx_tui.screens.create import CreateDialog
from hopx_tui.screens.fleet import FleetScreen
from hopx_tui.screens.keytable import brief, lines_of, markdown, sections_of, shown, title_of, working
from hopx_tui.screens.palette import CommandLine
from hopx_tui.widgets.dialogs import ChoiceDialog, ConfirmDialog, InputDialog, MessageDialog
from hopx_tui.widgets.filter_line import FilterLine
from hopx_tui.widgets.keys import Key, is_dangerous, keys_of
from hopx_tui.widgets.text_lines import TextLines
from hopx_tui.widgets.text_view import TextView
from hopx_tui.widgets.virtual_table import VirtualTable
from tests.readme_keys import BEGIN, END, OWNERS, README, table, with_table

Chain = tuple[type[DOMNode], ...]

CHAINS: tuple[Chain, ...] = (
    (VirtualTable, SandboxesPane, FleetScreen),
    (FilterLine, SandboxesPane, FleetScreen),
    (FilterLine, FilesPane, FleetScreen),
    (FilterLine, ProcessesPane, FleetScreen),
    (OverviewPane, FleetScreen),
    (TerminalPane, FleetScreen),
    (VirtualTable, FilesPane, FleetScreen),
    (TextLines, TextView, FilesPane, FleetScreen),
    (VirtualTable, ProcessesPane, FleetScreen),
    (VirtualTable, ChoiceDialog),
    (VirtualTable, CreateDialog),
    (VirtualTable, InputDialog),
    (CommandLine,),
    (ConfirmDialog,),
    (MessageDialog,),
)
"""Where the focus can be, from the inside out; a dialog ends its chain."""

TAKEN_OVER = {
    ("files.open", "fleet.events"),  # l goes right, as in yazi
    ("files.copy", "fleet.copy"),
    ("files.filter", "fleet.filter"),
    ("processes.filter", "fleet.filter"),
    ("text.search", "files.filter"),
    ("files.delete", "fleet.kill"),  # never the sandbox
    ("processes.copy", "fleet.copy"),
    ("text.search", "fleet.filter"),
    ("text.next", "fleet.new"),  # during a search only
    ("text.copy", "files.copy"),
    ("text.copy", "fleet.copy"),
    ("table.unmark", "fleet.back"),  # while something is marked
    ("table.unmark", "dialog.cancel"),
    ("filter.end", "fleet.back"),
    ("text.end_search", "fleet.back"),  # while a search is open
    ("text.left", "files.up"),  # scrolls; backspace goes up
    ("text.right", "files.open"),
    ("text.right", "fleet.events"),
    ("table.down", "input.list"),
}
"""Pairs of ids (inner, outer) that share a key on purpose: the inner one comes first."""


def classes() -> Iterator[type[DOMNode]]:
    """Every class of ours that declares keys of its own."""
    for module in pkgutil.walk_packages(hopx_tui.__path__, "hopx_tui."):
        if module.name.split(".")[1] in ("widgets", "panes", "screens", "app"):
            for value in vars(importlib.import_module(module.name)).values():
                if isinstance(value, type) and issubclass(value, DOMNode) and value.__module__ == module.name:
                    yield value


def own_keys() -> list[tuple[type[DOMNode], Key]]:
    return [
        (owner, key) for owner in classes() for key in owner.__dict__.get("BINDINGS", ()) if isinstance(key, Key)
    ]


def parts(key: Key) -> set[str]:
    return set(shown(key.key).split())


@pytest.mark.parametrize(("owner", "key"), own_keys(), ids=lambda value: getattr(value, "id", None) or value.__name__)
def test_every_key_is_explained(owner: type[DOMNode], key: Key) -> None:
    assert key.id
    assert re.fullmatch(r"[a-z]+\.[a-z_]+", key.id)
    assert key.description
    assert len(key.description) <= 12
    assert key.tooltip.endswith(".")
    assert key.tooltip[0].isupper() or not key.tooltip[0].isalpha()
    action = key.action.partition("(")[0].rpartition(".")[2]
    if not key.action.startswith("app."):
        assert callable(getattr(owner, f"action_{action}"))


def test_ids_are_unique() -> None:
    ids = [key.id for _, key in own_keys()]
    assert len(ids) == len(set(ids))


OWN = tuple(dict.fromkeys(owner for owner, _ in own_keys()))


@pytest.mark.parametrize("owner", OWN, ids=lambda owner: owner.__name__)
def test_one_place_gives_a_key_one_meaning(owner: type[DOMNode]) -> None:
    for one, other in combinations(keys_of(owner), 2):
        assert not parts(one) & parts(other), (one.id, other.id)


def clashes(chain: Chain) -> set[tuple[str, str]]:
    """Pairs of ids along a chain that share a key, the inner one first."""
    keys = [(at, key) for at, owner in enumerate(chain) for key in keys_of(owner)]
    return {
        (str(inner.id), str(outer.id))
        for (here, inner), (there, outer) in combinations(keys, 2)
        if here != there and parts(inner) & parts(outer)
    }


@pytest.mark.parametrize("chain", CHAINS, ids=lambda chain: "-".join(owner.__name__ for owner in chain))
def test_inner_keys_hide_outer_ones_only_on_purpose(chain: Chain) -> None:
    assert clashes(chain) <= TAKEN_OVER


def test_what_is_taken_over_on_purpose_still_is() -> None:
    assert set().union(*map(clashes, CHAINS)) >= TAKEN_OVER


def test_every_pane_is_in_a_chain() -> None:
    assert {owner for chain in CHAINS for owner in chain} >= set(PANES)


def test_digits_lead_to_every_tab() -> None:
    bound = {binding.key for binding in FleetScreen.BINDINGS if not isinstance(binding, tuple)}
    assert bound >= {str(number + 1) for number in range(len(PANES))}


def test_what_changes_a_sandbox_is_marked_as_dangerous() -> None:
    dangerous = {key.id for _, key in own_keys() if key.dangerous}
    assert dangerous == {
        "fleet.new", "fleet.shell", "fleet.pause", "fleet.start", "fleet.extend", "fleet.kill", "terminal.open",
        "files.upload", "files.add", "files.delete", "processes.signal",
    }  # fmt: skip
    assert is_dangerous(FilesPane, "upload")
    assert not is_dangerous(FilesPane, "download")
    assert not is_dangerous(FleetScreen, "tab")


@pytest.mark.parametrize(
    ("key", "long", "short"),
    [
        ("ctrl+d,f8", "ctrl+d F8", "^d"),
        ("question_mark,f1", "? F1", "?"),
        ("left_square_bracket", "[", "["),
        ("right,l", "right l", "right"),
        ("K,f9", "K F9", "K"),
        ("f", "f", "f"),
        (".", ".", "."),
    ],
)
def test_spelling(key: str, long: str, short: str) -> None:
    assert shown(key) == long
    assert brief(key) == short


class Inner(DOMNode):
    NAME = "Inner"
    HELP = "Inside."
    BINDINGS = [  # noqa: RUF012
        Key("a,b", "one", "one", id="inner.one", tooltip="Do one."),
        Key("c", "never", "never", id="inner.never", tooltip="Do nothing."),
        Key("|", "pipe", "pipe", id="inner.pipe", tooltip="Do pipe."),
    ]

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return action != "never"


class Outer(DOMNode):
    BINDINGS = [  # noqa: RUF012
        Key("b,d,f2", "two(1)", "two", id="outer.two", tooltip="Do two."),
        Key("a", "lost", "lost", id="outer.lost", tooltip="Never reached."),
        Key("c", "three", "three", id="outer.three", key_display="C!", tooltip="Do three."),
        Key("x", "secret", "secret", id="outer.secret", system=True, tooltip="Not told."),
    ]


def test_what_works_along_a_chain() -> None:
    found = [(key.id, keys) for _, key, keys in working([Inner(), Outer()])]
    assert found == [("inner.one", "a,b"), ("inner.pipe", "|"), ("outer.two", "d,f2"), ("outer.three", "c")]


def test_a_field_takes_characters_as_text() -> None:
    found = [(key.id, keys) for _, key, keys in working([Input(), Outer()])]
    assert found == [("outer.two", "f2")]


def test_sections() -> None:
    inner, outer = Inner(), Outer()
    one, two = sections_of([inner, outer])
    assert (one.title, one.about) == ("Inner", "Inside.")
    assert [(line.keys, line.label, line.sentence) for line in one.lines] == [
        ("a b", "one", "Do one."),
        ("|", "pipe", "Do pipe."),
    ]
    assert two.title == "Outer"
    assert [line.keys for line in two.lines] == ["d F2", "C!"]
    assert {line.node for line in two.lines} == {outer}


def test_places_with_words_about_them_come_first() -> None:
    assert [section.title for section in sections_of([Outer(), Inner()])] == ["Inner", "Outer"]


def test_markdown() -> None:
    text = markdown([Inner])
    assert text.startswith("### Inner\n\n| keys | what |\n|---|---|\n| `a` `b` | Do one. |\n")
    assert "| `\\|` | Do pipe. |" in text


def test_titles() -> None:
    assert title_of(FilesPane) == "Files"
    assert title_of(FleetScreen) == "Everywhere"
    assert title_of(Outer) == "Outer"
    assert title_of(Pane) == "Pane"


def test_the_readme_has_the_table() -> None:
    text = README.read_text()
    assert BEGIN in text
    assert END in text
    assert with_table(text) == text, "run: python -m tests.readme_keys"


def test_the_table_has_every_key_outside_of_dialogs() -> None:
    listed = table()
    for owner, key in own_keys():
        if owner.__name__.endswith("Dialog") and owner is not CreateDialog:
            continue
        if owner in OWNERS or owner.__module__.startswith(("hopx_tui.panes", "hopx_tui.screens")):
            assert key.tooltip in listed, key.id


def test_markers_may_be_absent() -> None:
    assert with_table("no markers") == "no markers"
    assert with_table(f"a {BEGIN} old {END} b") == f"a {BEGIN}{table()}{END} b"


def test_lines_of_a_node_know_the_node() -> None:
    node = Inner()
    assert {line.node for line in lines_of(node)} == {node}
    assert {line.node for line in lines_of(Inner)} == {None}
