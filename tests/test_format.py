"""Plain text: sizes, times, safe and short strings."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hopx_tui import format as fmt

K, M, G = 1024, 1024**2, 1024**3


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (None, "-"), (float("nan"), "-"), (0, "0B"), (512, "512B"), (1023, "1023B"), (K, "1K"), (1.2 * M, "1.2M"),
        (9.96 * M, "10M"), (212 * M, "212M"), (1023.4 * K, "1023K"), (1023.6 * K, "1M"), (1.1 * G, "1.1G"),
        (10 * G, "10G"), (3 * 1024**4, "3T"), (5000 * 1024**6, "5000E"), (-2048, "-2K"),
    ],
)  # fmt: skip
def test_size(count, text):
    assert fmt.size(count) == text


@given(st.floats(0, 1024**6 * 100))
def test_size_never_takes_more_than_five_cells(count):
    assert len(fmt.size(count)) <= 5


def test_rate():
    assert fmt.rate(1.2 * M) == "1.2M/s"
    assert fmt.rate(0) == "0B/s"
    assert fmt.rate(None) == "-"


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "-"), (float("nan"), "-"), (0, "0%"), (0.3, "<1%"), (3.4, "3%"), (99.6, "100%"), (80_000, "999%")],
)
def test_percent(value, text):
    assert fmt.percent(value) == text


def test_count():
    assert fmt.count(1, "sandbox", "sandboxes") == "1 sandbox"
    assert fmt.count(12_000, "row") == "12,000 rows"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "-"), (-5, "0:00:00"), (2530, "0:42:10"), (86_399, "23:59:59"), (86_400, "1d"), (183_600, "2d 3h")],
)
def test_countdown(seconds, text):
    assert fmt.countdown(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (None, "-"), (0, "0s"), (0.04, "40ms"), (0.9996, "1s"), (1.54, "1.5s"), (9.99, "10s"), (42, "42s"),
        (60, "1m"), (303, "5m 3s"), (11_520, "3h 12m"), (7_200, "2h"), (183_600, "2d 3h"),
    ],
)  # fmt: skip
def test_duration(seconds, text):
    assert fmt.duration(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "-"), (-3, "0s"), (12, "12s"), (320, "5m"), (10_900, "3h"), (1_728_000, "20d"), (70_000_000, "2y")],
)
def test_age(seconds, text):
    assert fmt.age(seconds) == text


def test_when_is_told_from_now():
    now = datetime(2026, 11, 23, 14, 30, tzinfo=UTC)
    assert fmt.when(None, now) == "-"
    assert fmt.when(now, now) == "today 14:30"
    assert fmt.when(now, now, short=True) == "14:30"
    assert fmt.when(now - timedelta(days=1), now) == "yesterday 14:30"
    assert fmt.when(now - timedelta(days=1), now, short=True) == "yesterday"
    assert fmt.when(datetime(2026, 3, 4, 9, 5, tzinfo=UTC), now) == "4 Mar 09:05"
    assert fmt.when(datetime(2026, 3, 4, 9, 5, tzinfo=UTC), now, short=True) == " 4 Mar"
    assert fmt.when(datetime(2024, 3, 12, tzinfo=UTC), now, short=True) == "2024-03-12"


def test_when_uses_the_zone_of_now():
    now = datetime(2026, 11, 23, 1, 0, tzinfo=timezone(timedelta(hours=2)))
    assert fmt.when(datetime(2026, 11, 21, 23, 30, tzinfo=UTC), now) == "yesterday 01:30"
    assert fmt.when(datetime(2026, 11, 22, 22, 30, tzinfo=UTC), now) == "today 00:30"


@pytest.mark.parametrize(
    ("text", "width"), [("abc", 3), ("日本", 4), ("e\u0301", 1), ("a\u200db", 2), ("", 0), ("ｆ", 2)]
)
def test_cell_width(text, width):
    assert fmt.cell_width(text) == width


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain name.txt", "plain name.txt"),
        ("two\nlines\r\tand tab", "two\\nlines\\r\\tand tab"),
        ("\x1b[31mred\x07", "\\x1b[31mred\\x07"),
        ("evil\u202egpj.exe", "evil\\u202egpj.exe"),
        ("raw\udcff", "raw\\xff"),
        ("lone\ud83d", "lone\\ud83d"),
        ("日本 한국", "日本 한국"),
        ("nbsp\u00a0\u3000", "nbsp  "),
        ("\U000e0041", "\\U000e0041"),
        ("e\u0301", "e\u0301"),
        ("\u0301e", "\\u0301e"),
        ("line\u2028sep", "line\\u2028sep"),
    ],
)
def test_printable(text, shown):
    assert fmt.printable(text) == shown


def test_printable_cuts_piles_of_marks():
    assert len(fmt.printable("a" + "\u0301" * 500)) <= 5


@given(st.text())
def test_printable_is_one_safe_line(text):
    shown = fmt.printable(text)
    assert shown.isprintable()
    shown.encode("utf-8")
    assert fmt.printable(text, ascii_only=True).isascii()


def test_to_ascii_keeps_the_width_of_drawings():
    drawn = "…·●○■‖▸▾▌│─━┃↑↓→←▲▼✓×"
    assert len(fmt.to_ascii(drawn)) == len(drawn)
    assert fmt.to_ascii("日x") == "??x"
    assert fmt.to_ascii("abc") == "abc"


@pytest.mark.parametrize(
    ("text", "width", "where", "shown"),
    [
        ("abcdef", 6, "end", "abcdef"), ("abcdef", 4, "end", "abc…"), ("abcdef", 4, "start", "…def"),
        ("abcdef", 5, "middle", "ab…ef"), ("abcdef", 4, "middle", "ab…f"), ("abcdef", 1, "end", "…"),
        ("abcdef", 0, "end", ""), ("日本語", 5, "end", "日本…"), ("日本語", 4, "end", "日…"),
        ("日本語", 4, "start", "…語"),
        ("日本語", 5, "start", "…本語"), ("xe\u0301y", 2, "start", "…y"),
    ],
)  # fmt: skip
def test_truncate(text, width, where, shown):
    assert fmt.truncate(text, width, where=where) == shown


def test_truncate_drops_an_ellipsis_that_does_not_fit():
    assert fmt.truncate("abcdef", 2, ellipsis="...") == "ab"


@given(st.text(), st.integers(0, 12), st.sampled_from(["start", "middle", "end"]))
def test_truncate_never_exceeds_the_width(text, width, where):
    shown = fmt.printable(text)
    assert fmt.cell_width(fmt.truncate(shown, width, where=where)) <= width


HOSTILE = [10**400, -(10**400), 1e308, -1e308, 5e-324, float("inf"), float("-inf"), float("nan"), -1, 2**63]


@pytest.mark.parametrize("number", HOSTILE)
def test_no_number_raises_or_is_long(number):
    for words in (fmt.size, fmt.rate, fmt.percent, fmt.countdown, fmt.duration, fmt.age):
        assert 0 < len(words(number)) <= 10, words
    assert len(fmt.count(number, "file")) < 40


@pytest.mark.parametrize("moment", [datetime(9999, 12, 31, 23, 59), datetime(1, 1, 1)])  # noqa: DTZ001
@pytest.mark.parametrize("hours", [-12, 0, 12])
def test_the_ends_of_time(moment, hours):
    zone = timezone(timedelta(hours=hours))
    for now in (datetime(2026, 1, 1, tzinfo=zone), datetime(1, 1, 1, tzinfo=zone)):
        for short in (True, False):
            assert fmt.when(moment.replace(tzinfo=UTC), now, short=short)
            assert fmt.when(moment, now.replace(tzinfo=None), short=short)


@pytest.mark.parametrize("where", ["start", "middle", "end"])
def test_megabytes_are_not_measured_to_show_a_line(where):
    measured = []

    def measure(text):
        measured.append(len(text))
        return len(text)

    line = fmt.truncate("é" * 10_000_000, 20, where=where, measure=measure)
    assert len(line) == 20
    assert max(measured) < 10_000
