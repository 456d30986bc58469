"""What the table costs against Textual's DataTable: `python -m tests.bench.table` (bounded below a minute).

Painted: from the call with all rows until the screen was drawn. One cell: from the change of one visible value
until it was drawn. Times are medians in milliseconds; what counts is the ratio within one run.
"""

from __future__ import annotations

import asyncio
import gc
import random
import sys
import time
from collections.abc import Callable
from statistics import median
from typing import NamedTuple

from textual.app import App
from textual.pilot import Pilot
from textual.widgets import DataTable

from hopx_tui import format as fmt
from hopx_tui.theme import THEMES
from hopx_tui.widgets.plot import sparkline
from hopx_tui.widgets.virtual_table import Column, VirtualTable

COUNTS = (1_000, 10_000, 100_000)
BUDGET = 55.0
"""Seconds after which what is left is skipped."""


class Box(NamedTuple):
    """A made-up sandbox."""

    id: int
    name: str
    cpu: float
    memory: int
    history: tuple[float, ...]


def boxes(count: int) -> list[Box]:
    """The same rows on every run."""
    chance = random.Random(7)
    return [
        Box(i, f"sandbox-{i}", chance.random() * 100, chance.randrange(1 << 31), (3.0, 40.0, 80.0, 20.0))
        for i in range(count)
    ]


COLUMNS: list[Column[Box]] = [
    Column("id", "ID", 8, cell=lambda box: str(box.id), sort=lambda box: box.id),
    Column("name", "NAME", None, cell=lambda box: box.name, sort=lambda box: box.name),
    Column("template", "TEMPLATE", 9, cell=lambda box: ("python", "muted")),
    Column("state", "STATE", 9, cell=lambda box: ("● running", "running")),
    Column("cpu", "CPU", 6, align="right", sort=lambda box: box.cpu, cell=lambda box: fmt.percent(box.cpu)),
    Column("history", "", 6, cell=lambda box: (sparkline(box.history, 6, 100), "spark")),
    Column("memory", "MEM", 5, align="right", sort=lambda box: box.memory, cell=lambda box: fmt.size(box.memory)),
    Column("region", "REGION", 8, cell=lambda box: "local"),
    Column("left", "LEFT", 8, align="right", cell=lambda box: fmt.countdown(box.id)),
    Column("age", "AGE", 4, align="right", cell=lambda box: fmt.age(box.id)),
]


class VirtualApp(App[None]):
    """Ours."""

    def compose(self):
        yield VirtualTable(COLUMNS, lambda box: box.id, haystack=lambda box: box.name)

    def on_mount(self) -> None:
        for theme in THEMES:
            self.register_theme(theme)
        self.theme = "hopx-night"


class DataApp(App[None]):
    """Textual's."""

    def compose(self):
        yield DataTable[str]()


class Cost(NamedTuple):
    """Milliseconds."""

    painted: float
    one_cell: float
    page: float
    sort: float
    filter: float


async def settled(pilot: Pilot[None]) -> None:
    """Until everything asked for is drawn."""
    await pilot.pause()


async def timed(pilot: Pilot[None], action: Callable[[], object]) -> float:
    """Milliseconds until what `action` changed is drawn."""
    start = time.perf_counter()
    action()
    await settled(pilot)
    return (time.perf_counter() - start) * 1000


async def floor(pilot: Pilot[None]) -> float:
    """What waiting costs when nothing changes: taken off every number."""
    return median([await timed(pilot, lambda: None) for _ in range(9)])


async def measure_virtual(rows: list[Box]) -> Cost:
    app = VirtualApp()
    async with app.run_test(size=(120, 40)) as pilot:
        table = app.query_one(VirtualTable)
        table.focus()
        await settled(pilot)
        idle = await floor(pilot)
        painted = await timed(pilot, lambda: table.set_rows(rows))
        cell = [
            await timed(pilot, lambda value=value: table.update_rows([rows[5]._replace(cpu=float(value))]))
            for value in range(15)
        ]
        page = [await timed(pilot, table.action_page_down) for _ in range(7)]
        sort = await timed(pilot, lambda: table.sort_by("cpu", True))
        table.sort_by(None)
        await settled(pilot)

        async def filtered(text: str) -> float:
            start = time.perf_counter()
            table.filter_text = text
            while table.filter_running:
                await asyncio.sleep(0)
            await settled(pilot)
            return (time.perf_counter() - start) * 1000

        find = await filtered("77")
        await filtered("777")
        return Cost(*[max(0.01, x - idle) for x in (painted, median(cell), median(page), sort, find)])


async def measure_data(rows: list[Box]) -> Cost:
    app = DataApp()
    async with app.run_test(size=(120, 40)) as pilot:
        table = app.query_one(DataTable)
        table.focus()
        for column in COLUMNS:
            table.add_column(column.title or column.key, key=column.key)
        await settled(pilot)
        idle = await floor(pilot)

        def load() -> None:
            for box in rows:
                table.add_row(*[column.text(box) for column in COLUMNS], key=str(box.id))

        painted = await timed(pilot, load)
        cell = [
            await timed(pilot, lambda value=value: table.update_cell("5", "cpu", f"{value}%")) for value in range(9)
        ]
        page = [await timed(pilot, table.action_page_down) for _ in range(5)]
        sort = await timed(pilot, lambda: table.sort("cpu", reverse=True))
        return Cost(*[max(0.01, x - idle) for x in (painted, median(cell), median(page), sort)], float("nan"))


def report(count: int, ours: Cost, theirs: Cost | None) -> None:
    """One block of the table."""
    for name in Cost._fields:
        mine = getattr(ours, name)
        other = getattr(theirs, name) if theirs is not None else float("nan")
        compared = f"{other:10.1f} {other / mine:9.1f}x" if other == other else f"{'-':>10} {'-':>10}"
        print(f"{count:>8,}  {name:<9} {mine:10.2f} {compared}")


async def main() -> int:
    """Print the table; 1 when the promise of the design is broken."""
    begin = time.perf_counter()
    print(f"{'rows':>8}  {'ms':<9} {'ours':>10} {'DataTable':>10} {'ratio':>10}")
    painted: dict[int, float] = {}
    await measure_virtual(boxes(100))  # imports and tables that are loaded on first use
    for count in COUNTS:
        rows = boxes(count)
        gc.collect()
        ours = await measure_virtual(rows)
        painted[count] = ours.painted
        theirs = None
        # DataTable needs about 0.15 ms a row, on a slow machine three times that.
        if time.perf_counter() - begin + count * 0.0004 < BUDGET:
            theirs = await measure_data(rows)
        report(count, ours, theirs)
    print(f"seconds in all: {time.perf_counter() - begin:.1f}")
    return 0 if painted[COUNTS[-1]] < 50 else 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
