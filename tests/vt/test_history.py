from __future__ import annotations

import pytest

from hopx_tui.vt.history import History
from hopx_tui.vt.row import Row
from hopx_tui.vt.style import StyleTable

PLAIN = StyleTable().default


def history(rows: int = 1000, size: int = 1_000_000) -> History:
    return History(rows, size, PLAIN)


def texts(kept: History) -> list[str]:
    return [kept.row(index, 1).text() for index in range(len(kept))]


def test_rows_come_back_in_order_whatever_way_they_came():
    kept = history()
    want = []
    for index in range(700):
        kept.append(Row.of(f"r{index}", PLAIN, 5, PLAIN))
        want.append(f"r{index}".ljust(5))
        if index % 100 == 0:
            kept.extend([f"line{number}" for number in range(index % 7)])
            want += [f"line{number}" for number in range(index % 7)]
    assert texts(kept) == want
    assert [entry if isinstance(entry, str) else entry.text() for entry in kept] == want
    assert kept[-1] is kept[len(kept) - 1]
    with pytest.raises(IndexError):
        kept[len(kept)]


@pytest.mark.parametrize("limit", [0, 1, 10, 255, 256, 257, 1000])
def test_rows_are_bounded_and_numbers_stay(limit):
    kept = history(limit)
    for index in range(1500):
        kept.append(Row.of(str(index), PLAIN, 4, PLAIN))
        assert len(kept) == min(index + 1, limit)
        assert kept.dropped + len(kept) == index + 1
        if limit:
            assert kept.row(0, 1).text().strip() == str(kept.dropped)
    kept.extend([str(index) for index in range(1500, 4000)])
    assert len(kept) == limit
    assert [entry.text().strip() if isinstance(entry, Row) else entry for entry in kept] == [
        str(index) for index in range(4000 - limit, 4000)
    ]


def test_bytes_are_bounded():
    kept = history(100_000, 100_000)
    for _ in range(50):
        kept.extend(["x" * 100] * 300)
        assert kept.bytes <= 100_000
    assert 0 < len(kept) < 1000
    assert kept.dropped + len(kept) == 15_000


def test_expanded_rows_are_packed_when_they_arrive():
    row = Row.of("ab", PLAIN, 5, PLAIN)
    row.expand()
    kept = history()
    kept.append(row)
    assert row.cells is None
    assert kept[0] is row


def test_pop_takes_the_newest():
    kept = history(300)
    kept.extend([str(index) for index in range(1000)])
    assert [kept.pop() for _ in range(300)] == [str(index) for index in range(999, 699, -1)]
    assert kept.pop() is None
    assert len(kept) == 0
    kept.append(Row.of("again", PLAIN, 5, PLAIN))
    assert texts(kept) == ["again"]


def test_clear_and_replace():
    kept = history(500)
    kept.extend([str(index) for index in range(400)])
    kept.replace(["a", "b"] * 200)
    assert len(kept) == 400
    assert kept.dropped == 0
    kept.clear()
    assert len(kept) == 0
    assert kept.dropped == 400
    assert list(kept) == []
    kept.extend(["x"])
    assert texts(kept) == ["x"]
