"""Rows, sorted and filtered, without a widget."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from hopx_tui.widgets.columns import Column
from hopx_tui.widgets.table_model import SLICE, TableModel


class Row(NamedTuple):
    id: int
    name: str
    cpu: float | None = None


def model(haystack=None):
    return TableModel(
        [Column("name", "NAME", sort=lambda row: row.name), Column("cpu", "CPU", sort=lambda row: row.cpu),
         Column("id", "ID")],
        lambda row: row.id,
        haystack,
    )  # fmt: skip


def shown(table):
    return [row.id for row in table.shown()]


def filtered(table, text, *, refine=True):
    for _ in table.filter_steps(table.parse(text), refine=refine):
        pass
    return shown(table)


def test_rows_keep_their_order_until_sorted():
    table = model()
    table.set_rows([Row(1, "b"), Row(2, "a")])
    assert shown(table) == [1, 2]
    assert len(table) == 2
    table.sort_by("name")
    assert shown(table) == [2, 1]
    table.sort_by("name", True)
    assert shown(table) == [1, 2]
    table.sort_by(None)
    assert shown(table) == [1, 2]


def test_missing_values_sort_last_both_ways():
    table = model()
    table.set_rows([Row(1, "a", None), Row(2, "b", 5.0), Row(3, "c", 9.0)])
    table.sort_by("cpu")
    assert shown(table) == [2, 3, 1]
    table.sort_by("cpu", True)
    assert shown(table) == [3, 2, 1]


def test_a_column_without_sort_is_refused():
    with pytest.raises(ValueError, match="id"):
        model().sort_by("id")


def test_find_looks_near_first():
    table = model()
    table.set_rows([Row(i, "x") for i in range(5)])
    assert table.find(3, near=3) == 3
    assert table.find(3) == 3
    assert table.find(9) == -1
    assert table.key_at(2) == 2
    assert table.row(2).id == 2


def test_filter_and_refine():
    table = model()
    table.set_rows([Row(1, "alpha"), Row(2, "beta"), Row(3, "alphabet")])
    assert filtered(table, "alpha") == [1, 3]
    assert filtered(table, "alphab") == [3]
    assert filtered(table, "a") == [1, 2, 3]
    assert filtered(table, "name:beta") == [2]
    assert filtered(table, "") == [1, 2, 3]


def test_a_refined_query_only_looks_at_the_last_result():
    seen = []
    table = model(lambda row: seen.append(row.id) or row.name)
    table.set_rows([Row(1, "alpha"), Row(2, "beta")])
    assert filtered(table, "al") == [1]
    table._hay = [None, None]
    seen.clear()
    assert filtered(table, "alp") == [1]
    assert seen == [1]


def test_numbers_compare_by_the_sort_value():
    table = model()
    table.set_rows([Row(1, "a", 10.0), Row(2, "b", 60.0), Row(3, "c")])
    assert filtered(table, "cpu:>50") == [2]
    assert filtered(table, "cpu:<50") == [1]
    assert filtered(table, "id:>0") == []


def test_filter_keeps_the_sort():
    table = model()
    table.set_rows([Row(1, "b"), Row(2, "a"), Row(3, "c")])
    table.sort_by("name", True)
    assert filtered(table, "!c") == [1, 2]


def test_unchanged_row_objects_keep_their_text():
    seen = []
    table = model(lambda row: seen.append(row.id) or row.name)
    same = Row(1, "alpha")
    table.set_rows([same, Row(2, "beta")])
    filtered(table, "a")
    seen.clear()
    table.set_rows([same, Row(2, "gamma")])
    assert filtered(table, "a", refine=False) == [1, 2]
    assert seen == [2]


def test_update_tells_whether_the_order_may_have_changed():
    table = model()
    table.set_rows([Row(1, "a", 1.0), Row(2, "b", 2.0)])
    assert not table.update_rows([Row(1, "z", 1.0), Row(99, "unknown")])
    table.sort_by("cpu")
    assert not table.update_rows([Row(2, "renamed", 2.0)])
    assert table.update_rows([Row(2, "b", 0.5)])
    assert shown(table) == [2, 1]
    filtered(table, "b")
    assert table.update_rows([Row(1, "b2", 1.0)])
    assert filtered(table, "b", refine=False) == [2, 1]


def test_long_filters_run_in_slices_and_show_what_they_have():
    table = model(lambda row: row.name)
    table.set_rows([Row(i, f"row {i}") for i in range(3 * SLICE)])
    steps = table.filter_steps(table.parse("row"))
    next(steps)
    assert len(table) == SLICE
    assert sum(1 for _ in steps) == 2
    assert len(table) == 3 * SLICE
