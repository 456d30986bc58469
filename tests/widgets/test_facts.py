"""Labelled facts."""

from __future__ import annotations

from hopx_tui.widgets.facts import Fact, Facts
from tests.widgets.hosting import Host, screen_lines

FACTS: list[Fact] = [
    ("status", (("● running", "good"), (" (why)", "muted"))),
    ("id", (("abc", ""),)),
    ("template", (("python", ""),)),
]


async def test_one_column() -> None:
    app = Host(facts := Facts())
    async with app.run_test(size=(40, 10)) as pilot:
        facts.set_facts(FACTS)
        await pilot.pause()
        assert [line.rstrip() for line in screen_lines(app, facts)] == [
            "status    ● running (why)",
            "id        abc",
            "template  python",
        ]


async def test_two_columns_when_wide() -> None:
    app = Host(facts := Facts())
    async with app.run_test(size=(84, 10)) as pilot:
        facts.set_facts(FACTS)
        await pilot.pause()
        lines = [line.rstrip() for line in screen_lines(app, facts)]
        assert lines == [f"{'status    ● running (why)':<42}id        abc", "template  python"]
        facts.set_facts([])
        await pilot.pause()
        assert [line.strip() for line in screen_lines(app, facts)] == [""]


async def test_ascii_and_too_long() -> None:
    app = Host(facts := Facts(), ascii_only=True)
    async with app.run_test(size=(20, 10)) as pilot:
        facts.set_facts([("status", (("● running for ever", ""),))])
        await pilot.pause()
        assert screen_lines(app, facts)[0].rstrip() == "status  * running ~"


async def test_only_changed_lines_are_painted() -> None:
    app = Host(facts := Facts())
    async with app.run_test(size=(40, 10)) as pilot:
        facts.set_facts(FACTS)
        await pilot.pause()
        painted: list[int] = []
        draw = facts.render_line

        def render(y: int) -> object:
            painted.append(y)
            return draw(y)

        facts.render_line = render  # type: ignore[method-assign, assignment]
        facts.set_facts([*FACTS[:2], ("template", (("go", ""),))])
        await pilot.pause()
        assert painted == [2]
        assert "go" in screen_lines(app, facts)[2]
        painted.clear()
        facts.set_facts([*FACTS[:2], ("template", (("go", ""),))])
        await pilot.pause()
        assert painted == []
        app.theme = "hopx-paper"
        await pilot.pause()
        assert set(painted) == {0, 1, 2}
