"""Line numbers, scrolling, selection and search over history and screen."""

from __future__ import annotations

import pytest

from hopx_tui.vt.screen import VTScreen
from hopx_tui.vt.stream import VTStream
from hopx_tui.widgets.terminal_scroll import ScrollMode, ScrollOutcome
from hopx_tui.widgets.terminal_search import Search
from hopx_tui.widgets.terminal_selection import Grain, Point, Selection, columns_of, link_at
from hopx_tui.widgets.terminal_view import Match, Viewport


class Bench:
    def __init__(self, text: str = "", columns: int = 20, lines: int = 4, history_rows: int = 100) -> None:
        self.screen = VTScreen(columns, lines, history_rows=history_rows)
        self.stream = VTStream(self.screen)
        self.view = Viewport(self.screen)
        self.picked = Selection(self.view)
        self.say(text)

    def say(self, text: str) -> None:
        self.stream.feed_text(text)

    def lines(self, count: int, start: int = 0) -> Bench:
        self.say("".join(f"line {n}\r\n" for n in range(start, start + count)))
        return self

    def top_text(self) -> str:
        return self.view.text(self.view.top)

    def scroll_mode(self) -> ScrollMode:
        at = Point(self.view.live_top + self.screen.cursor.y, 0)
        return ScrollMode(
            self.view, self.picked, at, height=lambda: self.screen.lines, width=lambda: self.screen.columns
        )


def press(mode: ScrollMode, *keys: str) -> ScrollOutcome:
    outcome = ScrollOutcome.STAY
    for key in keys:
        outcome = mode.key(key, key if len(key) == 1 else None)
    return outcome


def test_the_view_stands_still_while_output_comes():
    bench = Bench().lines(20)
    assert bench.view.behind == 0
    assert bench.view.scroll(-5)
    assert (bench.view.behind, bench.top_text()) == (5, "line 12")
    bench.lines(10, 20)
    assert (bench.view.behind, bench.top_text()) == (15, "line 12")
    assert bench.view.follow()
    assert not bench.view.follow()
    assert bench.top_text() == "line 27"


def test_lines_given_up_push_the_view():
    bench = Bench(history_rows=10).lines(12)
    bench.view.show_at(bench.view.first)
    assert bench.top_text() == "line 0"
    bench.lines(20, 12)
    assert bench.top_text() == "line 19"
    assert bench.view.line(3) is None
    assert bench.view.text(3) == ""
    assert not bench.view.scroll(-3)


def test_the_alternate_screen_has_no_history():
    bench = Bench().lines(20)
    bench.say("\x1b[?1049h")
    assert not bench.view.scroll(-5)
    assert bench.view.behind == 0


def test_reveal_scrolls_as_little_as_needed():
    bench = Bench().lines(20)
    bench.view.reveal(3)
    assert bench.view.top == 3
    bench.view.reveal(6)
    assert bench.view.top == 3
    bench.view.reveal(8)
    assert bench.view.top == 5


def test_columns_count_wide_characters_and_marks():
    assert columns_of("a日e\u0301b") == [0, 1, 3, 4, 4, 5]


def test_selected_text_joins_wrapped_lines_and_drops_blanks():
    bench = Bench("0123456789ABCDEFGHIJKLMNO\r\nshort   \r\nend")
    bench.picked.start(Point(0, 18))
    bench.picked.extend(Point(3, 1))
    assert bench.picked.text() == "IJKLMNO\nshort\nen"
    assert bench.picked.span(0, 20) == (18, 20)
    assert bench.picked.span(2, 20) == (0, 20)
    assert bench.picked.span(3, 20) == (0, 2)
    assert bench.picked.span(4, 20) is None
    bench.picked.extend(Point(0, 10))  # backwards
    assert bench.picked.text() == "ABCDEFGHI"
    assert bench.picked.clear()
    assert bench.picked.text() == ""
    assert bench.picked.span(0, 20) is None


def test_wide_characters_are_taken_whole():
    bench = Bench("a日本e\u0301b")
    bench.picked.start(Point(0, 2))  # the right half of the first
    bench.picked.extend(Point(0, 5))
    assert bench.picked.text() == "日本e\u0301"


@pytest.mark.parametrize(
    ("column", "word"),
    [(0, "ls"), (5, "--all"), (10, "https://a.b/c?d=e"), (2, " "), (30, "")],
)
def test_words(column: int, word: str):
    bench = Bench("ls --all https://a.b/c?d=e (x)", columns=40)
    bench.picked.start(Point(0, column), Grain.WORD)
    assert bench.picked.text() == word.rstrip() or bench.picked.text() == word


def test_a_line_is_taken_with_all_its_wrapped_parts():
    bench = Bench("x" * 45 + "\r\nnext")
    bench.picked.start(Point(1, 3), Grain.LINE)
    assert bench.picked.text() == "x" * 45


def test_search_is_smart_about_case():
    bench = Bench("Error error ERROR 日error")
    assert [hit[0].start for hit in Search(bench.view, "error").hits(0)] == [0, 6, 12, 0]
    bench = Bench("日Error error", columns=40)
    assert Search(bench.view, "Error").hits(0) == [(Match(0, 2, 7),)]
    assert Search(bench.view, "").hits(0) == []
    assert Search(Bench("İ x").view, "x").hits(0) == [(Match(0, 2, 3),)]


def test_search_goes_over_wrapped_lines():
    bench = Bench("0123456789abcdefghijklmnopqrstuvwxyz日本0123\r\nplain abc", columns=20, lines=6)
    search = Search(bench.view, "jklm")
    assert search.hits(0) == search.hits(1) == [(Match(0, 19, 20), Match(1, 0, 3))]
    assert search.hits(3) == []
    wide = Search(bench.view, "z日本0")
    assert wide.hits(2) == [(Match(1, 15, 20), Match(2, 0, 1))]
    hit = Search(bench.view, "abc").next(4, 0, up=True)
    assert hit == (Match(3, 6, 9),)
    assert Search(bench.view, "abc").count(hit) == (2, 2)
    mode = bench.scroll_mode()
    press(mode, "/", *"jklm", "enter")
    assert mode.at == Point(0, 19)
    assert mode.matches(1) == [Match(1, 0, 3)]
    assert "jklm: 1 of 1" in mode.note
    press(mode, "n")
    assert mode.found == (Match(0, 19, 20), Match(1, 0, 3))


def test_the_count_follows_new_output():
    bench = Bench(columns=40, lines=5).lines(40)
    search = Search(bench.view, "line")
    last = search.first(up=True)
    assert last is not None
    assert search.count(last) == (40, 40)
    bench.lines(5, start=40)
    assert search.count(last) == (40, 45)
    first = search.first(up=False)
    assert first is not None
    assert search.count(first) == (1, 45)


def test_search_goes_round():
    bench = Bench(columns=40, lines=5).lines(40)
    mode = bench.scroll_mode()
    press(mode, "g", "/", *"line 37", "enter")
    assert mode.at.line == 37
    press(mode, "n")
    assert mode.at.line == 37
    press(mode, "G", "/", *"line 1", "enter", "N")
    assert bench.view.text(mode.at.line) == "line 1"


def test_scroll_mode_moves():
    bench = Bench().lines(30)
    mode = bench.scroll_mode()
    press(mode, "k", "k")
    assert mode.at.line == 28
    press(mode, "pageup")
    assert bench.view.behind == 3
    press(mode, "g")
    assert (mode.at, bench.view.top) == (Point(0, 0), 0)
    press(mode, "j", "l", "right", "h", "$")
    assert mode.at == Point(1, 5)
    press(mode, "0", "ctrl+d", "pagedown", "end", "home")
    assert mode.at == Point(5, 0)
    press(mode, "G", "down", "ctrl+u", "left", "f1")
    assert mode.at.line == 29
    assert press(mode, "q") is ScrollOutcome.LEAVE


def test_scroll_mode_picks_and_escape_has_two_steps():
    bench = Bench().lines(10)
    mode = bench.scroll_mode()
    assert "v picks" in mode.note
    press(mode, "k", "v", "k", "$")
    assert "y copies" in mode.note
    assert bench.picked.text() == "8\nl"
    assert press(mode, "escape") is ScrollOutcome.STAY
    assert not bench.picked.active
    press(mode, "space", "space")
    assert not bench.picked.active
    press(mode, "V")
    assert press(mode, "y") is ScrollOutcome.COPY
    press(mode, "escape")
    assert press(mode, "escape") is ScrollOutcome.LEAVE


def test_scroll_mode_searches_up_and_down():
    bench = Bench().lines(30)
    mode = bench.scroll_mode()
    press(mode, "n")
    press(mode, "/", "e", "backspace", "backspace")
    assert mode.typing is None
    press(mode, "/", "x", "escape")
    assert mode.needle == ""
    press(mode, "/", "2", "enter")
    assert mode.found == (Match(29, 5, 6),)
    assert "2: 13 of 13" in mode.note
    press(mode, "n", "n")
    assert mode.found == (Match(27, 5, 6),)
    press(mode, "N")
    assert mode.found == (Match(28, 5, 6),)
    assert mode.matches(22) == [Match(22, 5, 6), Match(22, 6, 7)]
    press(mode, "/")
    assert "/▏" in mode.note
    press(mode, "z", "z", "enter")
    assert "not found: zz" in mode.note
    press(mode, "k")
    assert "not found" not in mode.note


PROMPT = "\x1b]133;A\x07$ "


def test_scroll_mode_jumps_to_prompts():
    bench = Bench(columns=40, lines=6)
    for number in range(3):
        bench.say(f"{PROMPT}command {number}\r\n")
        bench.lines(7)
    bench.say(PROMPT)
    mode = bench.scroll_mode()
    press(mode, "{")
    assert bench.view.text(mode.at.line) == "$ command 2"
    press(mode, "{", "{")
    assert bench.view.text(mode.at.line) == "$ command 0"
    assert mode.at.line == bench.view.top
    press(mode, "{")
    assert "no prompt that way" in mode.note
    press(mode, "}")
    assert bench.view.text(mode.at.line) == "$ command 1"


def test_prompts_stay_marked_when_the_width_changes():
    bench = Bench(columns=40, lines=4)
    bench.say(f"{PROMPT}{'word ' * 12}\r\n")
    bench.lines(6)
    bench.screen.resize(4, 17)
    marked = [number for number in range(bench.view.first, bench.view.end) if bench.view.prompt(number)]
    assert [bench.view.text(number)[:6] for number in marked] == ["$ word"]
    bench.say("\x1b[2J\x1b[3J")
    assert not any(bench.view.prompt(number) for number in range(bench.view.first, bench.view.end))


def test_a_block_of_columns():
    bench = Bench(columns=30, lines=5)
    bench.say("one   11\r\ntwo   22\r\n日本  33\r\n\r\n")
    mode = bench.scroll_mode()
    press(mode, "g", *["l"] * 6, "v", "j", "j", "l")
    assert bench.picked.text() == "11\ntwo   22\n日本  33"
    press(mode, "ctrl+v")
    assert bench.picked.text() == "11\n22\n33"
    assert [bench.picked.span(number, 30) for number in range(4)] == [(6, 8), (6, 8), (6, 8), None]
    press(mode, "ctrl+v")
    assert bench.picked.text().startswith("11\ntwo")
    press(mode, "escape", "ctrl+v", "k")
    assert bench.picked.text() == "2\n3"


@pytest.mark.parametrize(
    ("text", "column", "link"),
    [
        ("see https://example.org/a?b=1, there", 10, "https://example.org/a?b=1"),
        ("see https://example.org/a?b=1, there", 2, None),
        ("(http://localhost:3000/)", 5, "http://localhost:3000/"),
        ("\x1b]8;;https://example.org/hidden\x1b\\click me\x1b]8;;\x1b\\ https://x.org", 3, "https://example.org/hidden"),
        ("\x1b]8;;javascript:alert(1)\x1b\\click me\x1b]8;;\x1b\\", 3, None),
        ("日本 https://example.org/w", 9, "https://example.org/w"),
        ("nothing", 90, None),
    ],
)
def test_links(text: str, column: int, link: str | None):
    bench = Bench(text, columns=60)
    assert link_at(bench.view, Point(bench.view.live_top, column)) == link


def test_a_link_over_wrapped_lines():
    bench = Bench("go to https://example.org/a/long/path/to/it now", columns=20)
    for line in (0, 1, 2):
        assert link_at(bench.view, Point(line, 1 if line else 8)) == "https://example.org/a/long/path/to/it"
