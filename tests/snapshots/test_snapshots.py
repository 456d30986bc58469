"""The screens look as they did when somebody last looked at them."""

from __future__ import annotations

import pytest

from hopx_tui.format import cell_width
from tests.snapshots.scenes import FOLDER, SCENES, SIZES, draw, file_of, normal


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("name", SCENES)
async def test_looks_as_before(name: str, size: tuple[int, int]) -> None:
    expected = file_of(name, size).read_text()
    text = await draw(name, size, expected)
    assert text == expected, "look at it, then run: python -m tests.snapshots"
    assert max(cell_width(line) for line in text.splitlines()) <= size[0]
    assert len(text.splitlines()) <= size[1]


def test_no_snapshot_is_left_over() -> None:
    assert {path.name for path in FOLDER.glob("*.txt")} == {
        file_of(name, size).name for name in SCENES for size in SIZES
    }


def test_what_differs_is_taken_out() -> None:
    assert normal("x 127.0.0.1:4567 y") == "x 000.0.0.0:0000 y"
    assert normal("left 9:59:58 now  14:02\n") == "left 0:00:00 now  00:00\n"
    assert normal("created   today 14:02 |") == "created               |"
