"""Recordings as lines of JSON: what is written, what is read, and what is said about bad ones."""

from __future__ import annotations

import io
import json

import pytest

from hopx_tui.vt.cast import MAX_LINE, CastError, CastWriter, Event, Header, parse_event, read_header


def written(version: int = 3) -> bytes:
    file = io.BytesIO()
    writer = CastWriter(file, Header(80, 24, version, term="xterm-256color", timestamp=1_700_000_000, title="a 日本"))
    writer.output("hello ä\x1b[1m\r\n", 0.1)
    writer.output("日".encode()[:2], 0.2)
    writer.output("日".encode()[2:] + "本".encode()[:1], 0.3)
    writer.resize(100, 30, 1.0000004)
    writer.marker("here", 1.5)
    writer.input("ls\r", 1.5)
    writer.output("", 1.6)
    writer.output("back in time", 1.0)
    writer.exit(3, 2.25)
    writer.finish(2.5)
    return file.getvalue()


def test_version_3_as_it_is_written():
    lines = written().decode().splitlines()
    assert json.loads(lines[0]) == {
        "version": 3, "term": {"cols": 80, "rows": 24, "type": "xterm-256color"},
        "timestamp": 1_700_000_000, "title": "a 日本",
    }  # fmt: skip
    assert lines[1:] == [
        '[0.100000, "o", "hello ä\\u001b[1m\\r\\n"]',
        '[0.200000, "o", "日"]',
        '[0.700000, "r", "100x30"]',
        '[0.500000, "m", "here"]',
        '[0.000000, "i", "ls\\r"]',
        '[0.000000, "o", "back in time"]',
        '[0.750000, "x", "3"]',
        '[0.250000, "o", "\ufffd"]',
    ]


def test_version_2_has_absolute_times_and_no_exit():
    lines = written(2).decode().splitlines()
    head = json.loads(lines[0])
    assert (head["version"], head["width"], head["height"]) == (2, 80, 24)
    assert head["env"] == {"TERM": "xterm-256color"}
    assert [json.loads(line)[:2] for line in lines[1:]] == [
        [0.1, "o"], [0.3, "o"], [1.0, "r"], [1.5, "m"], [1.5, "i"], [1.5, "o"], [2.5, "o"],
    ]  # fmt: skip
    with pytest.raises(ValueError, match="version"):
        CastWriter(io.BytesIO(), Header(80, 24, 1))


@pytest.mark.parametrize("version", [2, 3])
def test_what_is_written_is_read_again(version):
    file = io.BytesIO(written(version))
    header, number = read_header(file)
    assert (header.columns, header.rows, header.version, header.term) == (80, 24, version, "xterm-256color")
    assert (header.title, header.timestamp, number) == ("a 日本", 1_700_000_000, 1)
    at, events = 0, []
    for raw in file:
        number += 1
        event = parse_event(raw, number, at, version)
        at = event.at
        events.append(event)
    assert events[:3] == [
        Event(100_000, "o", "hello ä\x1b[1m\r\n"), Event(300_000, "o", "日"), Event(1_000_000, "r", "100x30"),
    ]  # fmt: skip
    assert events[2].size == (100, 30)
    assert events[0].seconds == 0.1


def test_lone_surrogates_do_not_break_the_file():
    file = io.BytesIO()
    CastWriter(file, Header(80, 24)).output("a\ud800b", 0)
    assert json.loads(file.getvalue().splitlines()[1]) == [0.0, "o", "a?b"]


def test_comments_may_stand_anywhere():
    file = io.BytesIO(b'# first\n\n{"version": 3, "term": {"cols": 9, "rows": 5}, "idle_time_limit": 1.5}\n')
    header, number = read_header(file)
    assert (header.columns, header.rows, header.idle_limit, number) == (9, 5, 1.5, 3)
    assert parse_event(b"  # a remark\n", 4, 0, 3) is None
    assert parse_event(b"\n", 5, 0, 3) is None


def test_an_unknown_code_counts_for_the_time():
    assert parse_event(b'[2.5, "z", {"a": 1}, 7]\n', 2, 10, 3) == Event(2_500_010, "z", "")


def test_sizes_are_bounded():
    assert Event(0, "r", "999999999x1").size == (2000, 1)
    header, _ = read_header(io.BytesIO(b'{"version":2,"width":123456,"height":3,"env":{"A":1},"timestamp":true}'))
    assert (header.columns, header.env, header.timestamp) == (2000, {}, None)


def test_a_size_that_was_not_known():
    header, _ = read_header(io.BytesIO(b'{"version":2,"width":0,"height":0}'))
    assert (header.columns, header.rows) == (80, 24)


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        (b"", 1, "ends before a header"),
        (b"# only\n# remarks\n", 3, "ends before a header"),
        (b"\x7fELF\x00\x01", 1, "begins with a line of JSON"),
        (b"[1]\n", 1, "begins with a line of JSON"),
        (b'{"version" 3}\n', 1, "no valid JSON"),
        (b'{"version": 3', 1, "cut off"),
        (b'{"version": 1, "width": 3, "height": 4, "stdout": []}', 1, "version 1"),
        (b'{"version": 4}\n', 1, "version 2 or 3"),
        (b'{"version": true}\n', 1, "version 2 or 3"),
        (b'{"version": 3}\n', 1, "size of the terminal"),
        (b'{"version": 3, "term": {"cols": "80", "rows": 24}}\n', 1, "size of the terminal"),
        (b'{"version": 2, "width": -1, "height": 24}\n', 1, "size of the terminal"),
        (b'{"version": 2, "width": NaN, "height": 24}\n', 1, "NaN is no number"),
        (b'{"a\xff": 2}\n', 1, "no UTF-8"),
        (b'{"a": ' + b"[" * 100_000 + b"\n", 1, "nested too deeply"),
        (b'{"a": "' + b"x" * MAX_LINE + b'"}', 1, "longer than 16 MB"),
    ],
)
def test_what_is_no_header(text, line, words):
    with pytest.raises(CastError, match=words) as caught:
        read_header(io.BytesIO(text))
    assert caught.value.line == line
    assert str(caught.value).startswith(f"line {line}: ")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b'[0.1, "o", "abc', "cut off"),
        (b'[0.1, "o", "abc\n', "cut off"),
        (b'[0.1, "o" "abc"]\n', "no valid JSON"),
        (b'{"a": 1}\n', "no event"),
        (b'[0.1, "o"]\n', "no event"),
        (b'["0.1", "o", "a"]\n', "number of seconds"),
        (b'[1e400, "o", "a"]\n', "number of seconds"),
        (b"[1" + b"0" * 400 + b', "o", "a"]\n', "number of seconds"),
        (b"[1" + b"0" * 5000 + b', "o", "a"]\n', "no valid JSON"),
        (b'[true, "o", "a"]\n', "number of seconds"),
        (b'[-1, "o", "a"]\n', "negative"),
        (b'[1, 2, "a"]\n', "code"),
        (b'[1, "o", null]\n', "must be text"),
        (b'[1, "r", "80"]\n', "no size like 80x24"),
        (b'[1, "o", "\xc3"]\n', "no UTF-8"),
        (b'[1, "o", "' + b"x" * MAX_LINE + b'"]\n', "longer than 16 MB"),
    ],
)
def test_what_is_no_event(text, words):
    with pytest.raises(CastError, match=words) as caught:
        parse_event(text, 7, 0, 3)
    assert caught.value.line == 7


def test_version_2_never_goes_back():
    assert parse_event(b'[1.0, "o", "a"]\n', 3, 2_000_000, 2) == Event(2_000_000, "o", "a")
