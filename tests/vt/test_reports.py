from __future__ import annotations

import pytest

from hopx_tui.vt.reports import MAX_EVENTS, MAX_REPLIES, Bell, Colours, Title, one_line, xterm_colour
from tests.vt.term import Term


@pytest.mark.parametrize(
    ("ask", "answer"),
    [
        ("\x1b[c", "\x1b[?62;22c"), ("\x1b[0c", "\x1b[?62;22c"), ("\x1b[1c", ""), ("\x1b[>c", "\x1b[>1;10;0c"),
        ("\x1b[>1c", ""),
        ("\x1b[=c", "\x1bP!|00000000\x1b\\"), ("\x1b[=1c", ""), ("\x1b[5n", "\x1b[0n"), ("\x1b[6n", "\x1b[2;3R"),
        ("\x1b[?6n", "\x1b[?2;3R"),
        ("\x1b[7n", ""), ("\x1b[?15n", "\x1b[?13n"), ("\x1b[?25n", "\x1b[?21n"), ("\x1b[?26n", "\x1b[?27;1;0;0n"),
        ("\x1b[?99n", ""),
        ("\x1b[18t", "\x1b[8;4;10t"), ("\x1b[19t", "\x1b[9;4;10t"), ("\x1b[14t", ""), ("\x1b[21t", ""),
        ("\x1b[>q", "\x1bP>|hopx-tui\x1b\\"),
        ("\x1b[>1q", ""), ("\x1b[?2026$p", "\x1b[?2026;2$y"), ("\x1b[?u", "\x1b[?0u"),
        ("\x1bP$qm\x1b\\", "\x1bP1$r0;1;31m\x1b\\"),
        ("\x1bP$qr\x1b\\", "\x1bP1$r1;4r\x1b\\"), ("\x1bP$q q\x1b\\", "\x1bP1$r0 q\x1b\\"),
        ('\x1bP$q"p\x1b\\', '\x1bP1$r62;1"p\x1b\\'),
        ("\x1bP$qzz\x1b\\", "\x1bP0$r\x1b\\"), ("\x1bP+q544e\x1b\\", "\x1bP0+r\x1b\\"), ("\x05", ""),
    ],
)  # fmt: skip
def test_replies(ask, answer):
    assert Term().feed("\x1b[1;31m\x1b[2;3H", ask).replies() == answer


def test_a_pending_wrap_reports_the_last_column():
    assert Term(5, 2).feed("abcde\x1b[6n").replies() == "\x1b[1;5R"


def test_replies_are_bounded():
    term = Term().feed("\x1b[>q" * 20_000)
    assert 0 < len(term.replies()) <= MAX_REPLIES
    assert term.feed("\x1b[5n").replies() == "\x1b[0n"
    term.screen.write_process_input("x")
    assert term.replies() == "x"


def test_events_are_bounded_and_bells_are_one():
    term = Term().feed("\x07\x07\x07\x1b]2;t\x07\x07")
    assert term.screen.take_events() == [Bell(), Title("t"), Bell()]
    assert term.screen.take_events() == []
    term.feed("".join(f"\x1b]2;{index}\x07" for index in range(500)))
    events = term.screen.take_events()
    assert len(events) == MAX_EVENTS
    assert events[-1] == Title("499")


def test_titles_are_one_printable_line():
    term = Term().feed("\x1b]0;a\nb\tc\u202ed\x07")
    assert (term.screen.title, term.screen.icon_name) == ("abcd", "abcd")
    assert one_line("x" * 999) == "x" * 256
    assert one_line("a\x9b\x1b\x7fb") == "ab"


def test_the_title_stack():
    term = Term().feed("\x1b]2;one\x07\x1b[22;0t\x1b]2;two\x07")
    assert term.screen.title == "two"
    assert term.feed("\x1b[23;0t\x1b[23t").screen.title == "one"
    term.feed("\x1b[22t" * 99, "\x1b[22;1t")
    assert len(term.screen.titles) == 16


def test_colours():
    assert [xterm_colour(index) for index in (1, 15, 16, 208, 231, 232, 255)] == [
        (205, 0, 0), (255, 255, 255), (0, 0, 0), (255, 135, 0), (255, 255, 255), (8, 8, 8), (238, 238, 238),
    ]  # fmt: skip
    assert Colours(palette={1: (9, 9, 9)}).indexed(1) == (9, 9, 9)
