from __future__ import annotations

import pytest

from hopx_tui.vt.stream import MAX_SEQUENCE, MAX_STRING, VTStream
from tests.vt.invariants import state
from tests.vt.term import Term


@pytest.mark.parametrize(
    ("text", "row"),
    [
        ("a\x1b[3\x1b[1mb", "ab"), ("a\x1b[31\x18b", "ab"), ("a\x1b[31\x1ab", "ab"), ("a\x1b\x1b[31mb", "ab"),
        ("a\x1b[3éb", "aéb"),
        ("a\x1béb", "aéb"), ("a\x1b[3\x7f1mb", "ab"), ("a\x1b[ 1mb", "ab"), ("a\x1b[<>mb", "ab"),
        ("a\x00\x7fb", "ab"), ("a\x1b(Xb", "ab"),
        ("a\x1b([b", "ab"), ("a\x1b[1:2:3qb", "ab"), ("a\x1b[?1;2;3zb", "ab"), ("a\x1b]0;t\x18b", "ab"),
        ("a\x1bP1\x1a\x07b", "ab"),
        ("a\x1b_x\x07y\x1b\\b", "ab"), ("a\x1b]P12\x1b\\b", "ab"), ("a\x1b[4 J\x1b[?6 nb", "ab"),
        ("a\x1bZ\x1b|b", "ab"),
    ],
)  # fmt: skip
def test_odd_sequences_print_nothing_however_they_are_split(text, row):
    data = text.encode()
    for split in range(len(data)):
        assert Term().feed(data[:split], data[split:]).rows[0] == row


@pytest.mark.parametrize(
    "text",
    ["ab\x1b[3\r1mX", "ab\x1b\r[31mX", "ab\x1b[\x083\x081mX", "ab\x1b\r\n\r(0X", "ab\x1b(\r0X",
     "\x1b]0;t\x1b\n[31mX", "a\x1b\n]0;t\x07b",
     "\x1b\n]\x1b\n", "\x1b[1\n\x1b[2\nmX", "a\x1b[\nbc"],
)  # fmt: skip
def test_controls_inside_a_sequence_act_at_once(text):
    whole, single = Term().feed(text), Term()
    for char in text:
        single.feed(char)
    assert state(whole.screen) == state(single.screen)
    if "31m" in text:
        assert whole.style(whole.at[0] - 1, whole.at[1]).fg == 1


def test_utf8_may_be_cut_anywhere_and_broken_bytes_are_replaced():
    data = "aé日👩b".encode()
    for split in range(len(data)):
        assert Term().feed(data[:split], data[split:]).rows[0] == "aé日👩b"
    assert Term().feed(b"a\xff\xc3(\xe6\x97b").rows[0] == "a\ufffd\ufffd(\ufffdb"


def test_an_endless_sequence_is_dropped_and_bounded():
    for start, end in (("\x1b[", "m"), ("\x1b(", "0"), ("\x1b[", "\x18"), ("\x1b(((", "é")):
        body = {"\x1b[": "1;"}.get(start, " ") * MAX_SEQUENCE
        term = Term().feed("a", start)
        for at in range(0, len(body), 1000):
            term.feed(body[at : at + 1000])
        term.feed("\r\n" if start == "\x1b[" else "", end, "b")
        whole = Term().feed("a" + start + body + ("\r\n" if start == "\x1b[" else "") + end + "b")
        assert term.rows == whole.rows
        assert state(term.screen) == state(whole.screen)
        assert term.style(0).look == whole.screen.styles.default.look


def test_a_long_string_is_collected_and_a_too_long_one_discarded():
    term = Term().feed("\x1b]2;", "x" * 100_000, "\x07a")
    assert term.screen.title == "x" * 256
    term = Term().feed("\x1b]2;")
    for _ in range(MAX_STRING // 50_000 + 2):
        term.feed("y" * 50_000)
    assert term.feed("\x1b\\a").rows[0] == "a"
    assert term.screen.title == ""
    assert term.stream._string == []
    assert Term().feed("\x1bP" + "x" * 9000, "\x07x\x18a").rows[0] == "a"


def test_alternating_attributes_use_the_cache_and_stay_right():
    term = Term(20, 2).feed("\x1b[1ma\x1b[mb" * 9)
    assert [term.style(x).bold for x in range(18)] == [True, False] * 9
    assert term.screen.styles.default.trans


def test_caches_are_bounded(monkeypatch):
    monkeypatch.setattr("hopx_tui.vt.stream.MAX_ACTIONS", 50)
    term = Term(80, 24)
    for index in range(300):
        term.feed(f"\x1b[{index};{index}H")
        assert len(term.screen.actions) <= 50


def test_text_goes_on_where_another_stream_stopped():
    term = Term()
    VTStream(term.screen).feed_text("one ")
    assert term.feed("two").rows[0] == "one two"
