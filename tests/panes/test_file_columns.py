"""How files are listed."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from hopx_tui.api.models import FileInfo
from hopx_tui.panes.file_columns import file_columns, in_order


def entry(name: str, **fields: Any) -> FileInfo:
    return FileInfo(**{"name": name, "path": f"/w/{name}", **fields})


def cell(column: str, of: FileInfo) -> Any:
    return next(each for each in file_columns() if each.key == column).cell(of)


def test_folders_first_then_names_without_case() -> None:
    entries = [entry("b"), entry("A"), entry("z", is_directory=True), entry("a")]
    assert [each.name for each in in_order(entries)] == ["z", "A", "a", "b"]


def test_cells() -> None:
    assert cell("name", entry("x", is_directory=True)) == (("x", "primary"), ("/", "faint"))
    assert cell("name", entry("x", permissions="-rwxr-xr-x"))[0] == ("x", "good")
    assert cell("name", entry("x", is_symlink=True)) == (("x", ""), ("@", "faint"))
    assert cell("size", entry("x", is_directory=True, size=4096)) == ("", "muted")
    assert cell("size", entry("x", size=2048)) == ("2K", "muted")
    assert cell("modified", entry("x")) == ("", "muted")
    assert cell("modified", entry("x", modified=datetime(2020, 3, 1, 12, tzinfo=UTC)))[0] == "2020-03-01"
    assert cell("permissions", entry("x", permissions="drwx")) == ("drwx", "faint")


def test_times_sort_and_absent_ones_too() -> None:
    column = next(each for each in file_columns() if each.key == "modified")
    assert column.sort is not None
    assert column.sort(entry("x")) is None
    assert column.sort(entry("x", modified=datetime(1970, 1, 1, tzinfo=UTC))) == 0.0
