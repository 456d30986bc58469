"""The dialog with one field."""

from __future__ import annotations

import os

from hopx_tui.widgets.input_dialog import InputDialog, local_paths
from tests.widgets.hosting import Host, screen_lines, until

WORDS = ["alpha", "alphabet", "beta"]


def starts(typed: str) -> list[str]:
    return [word for word in WORDS if word.startswith(typed)] if typed else []


async def opened(app, pilot, dialog):
    answers: list[str | None] = []
    app.push_screen(dialog, answers.append)
    await pilot.pause()
    return answers


async def test_enter_answers_and_escape_does_not():
    app = Host()
    async with app.run_test(size=(80, 24)) as pilot:
        answers = await opened(app, pilot, InputDialog("Name", value="ab"))
        await pilot.press("end", "c", "enter")
        assert answers == ["abc"]
        answers = await opened(app, pilot, InputDialog("Name"))
        await pilot.press("x", "q", "escape")
        assert answers == [None]
        answers = await opened(app, pilot, InputDialog("Name", value="v"))
        await pilot.click("#confirm")
        await pilot.pause()
        assert answers == ["v"]
        answers = await opened(app, pilot, InputDialog("Name", value="v"))
        await pilot.press("tab", "tab", "tab")
        assert app.focused.id == "field"
        await pilot.click("#cancel")
        await pilot.pause()
        assert answers == [None]


async def test_problems_are_told_in_place_and_go_away():
    app = Host()
    async with app.run_test(size=(60, 15)) as pilot:
        dialog = InputDialog("Port", validate=lambda text: None if text.isdigit() else "Digits only, please.")
        answers = await opened(app, pilot, dialog)
        await pilot.press("x")
        assert not any("Digits" in line for line in screen_lines(app))
        await pilot.press("enter")
        await pilot.pause()
        assert any("Digits only, please." in line for line in screen_lines(app))
        assert answers == []
        await pilot.press("backspace", "8")
        await pilot.pause()
        assert not any("Digits" in line for line in screen_lines(app))
        await pilot.press("enter")
        assert answers == ["8"]


async def test_completion_by_tab_and_from_the_list():
    app = Host()
    async with app.run_test(size=(60, 15)) as pilot:
        dialog = InputDialog("Word", completer=starts)
        answers = await opened(app, pilot, dialog)
        await pilot.press("down")
        assert app.focused is dialog.field
        await pilot.press("a")
        await until(lambda: dialog.candidates == ["alpha", "alphabet"])
        await pilot.pause()
        assert any("alphabet" in line for line in screen_lines(app))
        await pilot.press("tab")
        assert dialog.field.value == "alpha"
        await pilot.press("down", "down", "enter")
        await until(lambda: dialog.candidates == ["alphabet"])
        assert dialog.field.value == "alphabet"
        assert app.focused is dialog.field
        await pilot.press("enter")
        assert answers == ["alphabet"]


async def test_the_list_of_completions_is_clickable_and_fits():
    app = Host()
    async with app.run_test(size=(60, 15)) as pilot:
        dialog = InputDialog("Word", lines="Choose.", completer=lambda typed: [f"{typed}{i}" for i in range(300)])
        await opened(app, pilot, dialog)
        await pilot.press("x")
        await until(lambda: len(dialog.candidates) == 200)
        await pilot.pause()
        assert any("[ OK ]" in line for line in screen_lines(app))
        await pilot.click("#body", offset=(3, 1))
        await pilot.pause()
        assert dialog.field.value == "x1"


def test_local_paths(tmp_path, monkeypatch):
    for name in ("zoo", ".hidden"):
        (tmp_path / name).mkdir()
    (tmp_path / "zebra.txt").write_text("x")
    base = f"{tmp_path}/"
    assert local_paths(base) == [base + "zoo/", base + "zebra.txt"]
    assert local_paths(base + "ze") == [base + "zebra.txt"]
    assert local_paths(base + ".") == [base + ".hidden/"]
    assert local_paths(base + "none/x") == []
    monkeypatch.chdir(tmp_path)
    assert local_paths("zo") == ["zoo/"]
    monkeypatch.setenv("HOME", str(tmp_path))
    assert local_paths("~/ze") == [os.path.join("~", "zebra.txt")]
