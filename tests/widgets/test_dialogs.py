"""Questions: safe defaults, keyboard and mouse, small screens."""

from __future__ import annotations

import asyncio
import threading

import pytest
from rich.cells import cell_len
from textual.widgets import Input

from hopx_tui.widgets.dialog import Dialog
from hopx_tui.widgets.dialogs import ChoiceDialog, ConfirmDialog, InputDialog, MessageDialog, Option
from hopx_tui.widgets.flat_button import FlatButton
from tests.widgets.hosting import Host, screen_lines

FACTS = ["This cannot be undone.", ("Name", "web-[scraper]\n"), ("Id", "sb_1"), "Files are lost."]
SIZES = [(60, 15), (80, 24), (120, 40)]


async def shown(app: Host, dialog: Dialog) -> list[object]:
    answers: list[object] = []
    app.push_screen(dialog, answers.append)
    return answers


def confirm(**options):
    return ConfirmDialog("Kill web-[scraper]?", FACTS, "Kill", danger=True, **options)


def choice(**options):
    return ChoiceDialog(
        "Signal", [Option("TERM", "TERM", "ask it to end"), ("KILL", "KILL"), ("INT", "INT", "like ctrl+c")], **options
    )


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("ascii_only", [False, True])
@pytest.mark.parametrize(
    "make",
    [
        confirm,
        lambda: confirm(type_to_confirm="12"),
        lambda: choice(lines=[("Process", "python")]),
        lambda: InputDialog("Name", lines="What is it called?", placeholder="name"),
        lambda: MessageDialog("Failed", "\n".join(f"line {i}" for i in range(100))),
    ],
)
async def test_title_and_buttons_are_always_on_the_screen(make, size, ascii_only):
    app = Host(theme="hopx-ansi" if ascii_only else "hopx-night", ascii_only=ascii_only)
    async with app.run_test(size=size) as pilot:
        dialog = make()
        await shown(app, dialog)
        await pilot.pause()
        lines = screen_lines(app)
        assert all(cell_len(line) == size[0] for line in lines)
        text = "\n".join(lines)
        assert dialog._title_text in text
        for button in dialog.query(FlatButton):
            assert button.text in text
        if ascii_only:
            assert text.isascii()


@pytest.mark.parametrize("make", [confirm, choice, lambda: InputDialog("Name"), lambda: MessageDialog("Read", "this")])
async def test_the_window_changes_while_a_dialog_closes(make):
    """What was in it goes first; its own size is told until it has gone as well."""
    app = Host()
    async with app.run_test(size=(80, 24)) as pilot:
        dialog = make()
        await shown(app, dialog)
        await pilot.pause()
        await dialog.query("#dialog").remove()
        await pilot.resize_terminal(100, 30)
        assert dialog.size == (100, 30)


async def test_completions_come_while_a_dialog_closes():
    looked, may_answer = threading.Event(), threading.Event()

    def slow(_typed):
        looked.set()
        may_answer.wait(10)
        return ["one"]

    app = Host()
    async with app.run_test(size=(80, 24)) as pilot:
        dialog = InputDialog("Path", completer=slow)
        await shown(app, dialog)
        await pilot.press("o")
        await asyncio.to_thread(looked.wait, 10)
        await dialog.query("#dialog").remove()
        may_answer.set()
        await app.workers.wait_for_complete()
        assert dialog.is_attached


async def test_confirm_shows_facts_and_cancel_has_the_focus():
    app = Host()
    async with app.run_test(size=(80, 24)) as pilot:
        answers = await shown(app, confirm())
        await pilot.pause()
        text = "\n".join(screen_lines(app))
        for words in (
            "Kill web-[scraper]?",
            "This cannot be undone.",
            "Name  web-[scraper]\\n",
            "Id    sb_1",
            "Files are",
        ):
            assert words in text
        assert app.focused.id == "cancel"
        await pilot.press("enter")
        assert answers == [False]


@pytest.mark.parametrize(
    ("keys", "answer"),
    [(["escape"], False), (["q"], False), (["right", "enter"], True), (["tab", "enter"], True),
     (["right", "right", "enter"], False), (["left", "space"], True), (["up", "down", "enter"], False),
     (["y"], True), (["n"], False), (["tab", "n"], False)],
)  # fmt: skip
async def test_confirm_by_keys(keys, answer):
    app = Host()
    async with app.run_test(size=(80, 24)) as pilot:
        answers = await shown(app, ConfirmDialog("Sure?", "One line."))
        await pilot.pause()
        await pilot.press(*keys)
        await pilot.pause()
        assert answers == [answer]


async def test_confirm_by_mouse():
    app = Host()
    async with app.run_test(size=(80, 24)) as pilot:
        answers = await shown(app, confirm())
        await pilot.pause()
        await pilot.click("#confirm")
        await pilot.pause()
        assert answers == [True]


async def test_typing_confirms_only_when_it_is_right():
    app = Host()
    async with app.run_test(size=(80, 24)) as pilot:
        answers = await shown(app, confirm(type_to_confirm="12"))
        await pilot.pause()
        assert isinstance(app.focused, Input)
        button = app.screen.query_one("#confirm", FlatButton)
        assert button.disabled
        await pilot.press("enter", "1", "enter")
        assert answers == []
        await pilot.press("2")
        assert not button.disabled
        await pilot.press("enter")
        await pilot.pause()
        assert answers == [True]


async def test_y_is_no_yes_where_something_is_to_be_typed():
    app = Host()
    async with app.run_test(size=(80, 24)) as pilot:
        answers = await shown(app, confirm(type_to_confirm="yn2"))
        await pilot.pause()
        await pilot.press("y", "n", "tab", "y")
        await pilot.pause()
        assert answers == []
        assert app.screen.query_one("#typed", Input).value == "yn"
        await pilot.press("shift+tab", "end", "2", "tab", "y")
        await pilot.pause()
        assert answers == [True]


async def test_choice_by_keys_digits_and_mouse():
    app = Host()
    async with app.run_test(size=(80, 24)) as pilot:
        for keys, answer in ((["down", "enter"], "KILL"), (["3"], "INT"), (["escape"], None), (["9", "enter"], "TERM")):
            answers = await shown(app, choice())
            await pilot.pause()
            await pilot.press(*keys)
            await pilot.pause()
            assert answers == [answer]
        answers = await shown(app, choice(selected="INT"))
        await pilot.pause()
        await pilot.press("enter")
        assert answers == ["INT"]
        answers = await shown(app, choice())
        await pilot.pause()
        await pilot.click("#body", offset=(6, 1))
        await pilot.pause()
        assert answers == ["KILL"]
        answers = await shown(app, choice())
        await pilot.pause()
        await pilot.click("#cancel")
        await pilot.pause()
        assert answers == [None]


async def test_many_choices_scroll_on_a_small_screen():
    app = Host()
    async with app.run_test(size=(60, 15)) as pilot:
        options = [(str(i), f"option {i}", "about") for i in range(40)]
        answers = await shown(app, ChoiceDialog("Many", options, lines="Pick one."))
        await pilot.pause()
        await pilot.press("end")
        await pilot.pause()
        assert any("option 39" in line for line in screen_lines(app))
        assert any("[ Cancel ]" in line for line in screen_lines(app))
        await pilot.press("enter")
        assert answers == ["39"]


async def test_messages_scroll_copy_and_close():
    app = Host()
    text = "\n".join(f"line {i} \x1b[31m" for i in range(100))
    async with app.run_test(size=(60, 15)) as pilot:
        answers = await shown(app, MessageDialog("Failed", text, danger=True))
        await pilot.pause()
        assert any("line 0 \\x1b" in line for line in screen_lines(app))
        await pilot.press("pagedown", "down", "j", "up")
        await pilot.pause()
        assert not any("line 0 " in line for line in screen_lines(app))
        assert any("line 11 " in line for line in screen_lines(app))
        await pilot.press("c")
        await pilot.click("#copy")
        assert app.copied == [text, text]
        await pilot.press("pageup", "k")
        app.screen.query_one("#close").focus()
        await pilot.press("enter")
        await pilot.pause()
        assert answers == [None]
