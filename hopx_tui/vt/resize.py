"""Changing the size: the main screen and its history are wrapped anew, the alternate one is cut or padded."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from hopx_tui.vt.history import Entry
from hopx_tui.vt.moves import default_stops
from hopx_tui.vt.row import Row
from hopx_tui.vt.state import ScreenState
from hopx_tui.vt.style import Style

MAX_SIZE = 10_000
"""Columns and lines are clamped to 1..MAX_SIZE."""


class Resizing(ScreenState):
    """The part of the screen that changes its size."""

    def resize(self, lines: int | None = None, columns: int | None = None) -> None:
        """Take a new size: margins go, wrapped lines of the main screen flow, the cursor keeps its text."""
        lines = min(max(lines or self.lines, 1), MAX_SIZE)
        columns = min(max(columns or self.columns, 1), MAX_SIZE)
        if (lines, columns) == (self.lines, self.columns):
            return
        alt = self.modes.alt_screen
        saved = self.saved_main
        if not alt:
            x, y = self.cursor.x, self.cursor.y
        elif saved is not None:
            x, y = saved.x, saved.y
        else:
            x, y = 0, self.lines - 1
        self._resize_alternate(lines, columns, self.cursor.y if alt else 0)
        x, y = self._resize_main(lines, columns, x, y)
        if not alt:
            self.cursor.x, self.cursor.y = x, y
        elif saved is not None:
            saved.x, saved.y = x, y
        self._adopt(lines, columns)

    def _adopt(self, lines: int, columns: int) -> None:
        if columns > self.columns:
            self.stops += default_stops(columns)[self.columns :]
        else:
            del self.stops[columns:]
        self.lines, self.columns = lines, columns
        self.top, self.bottom = 0, lines - 1
        self.rows = self.alt_rows if self.modes.alt_screen else self.main_rows
        for place in (self.cursor, self.saved_main, self.saved_alt):
            if place is not None:
                place.x = min(place.x, columns if place is self.cursor else columns - 1)
                place.y = min(place.y, lines - 1)
        self.actions.clear()

    def _resize_alternate(self, lines: int, columns: int, y: int) -> None:
        rows = self.alt_rows
        default = self.styles.default
        if y >= lines and self.modes.alt_screen:  # the cursor's row stays visible
            del rows[: y - lines + 1]
            self.cursor.y = lines - 1
        del rows[lines:]
        for row in rows:
            row.set_columns(columns, default)
        rows += [Row(columns, default) for _ in range(lines - len(rows))]

    def _resize_main(self, lines: int, columns: int, x: int, y: int) -> tuple[int, int]:
        """Returns where the position (x, y) of the main screen went."""
        rows = self.main_rows
        default = self.styles.default
        while len(rows) > y + 1 and len(rows) > 1 and not rows[-1].used() and rows[-1].fill is default:
            rows.pop()  # blank rows below the cursor hold nothing to flow
        if columns != self.columns:
            flow = Reflow(columns, default)
            out = flow.run([*self.history, *rows], len(self.history) + y, x)
            x, number = flow.x, flow.number
            start = max(0, min(len(out) - lines, number), number - lines + 1)
            visible = out[start : start + lines]
            self.history.replace([packed(entry) for entry in out[:start]])
            rows = [self._row(entry, columns) for entry in visible]
            y = number - start
        elif len(rows) > lines:
            gone = min(len(rows) - lines, y)
            for row in rows[:gone]:
                self.history.append(row)
            rows = rows[gone : gone + lines]
            y -= gone
        while len(rows) < lines:
            entry = self.history.pop()
            if entry is None:
                break
            rows.insert(0, self._row(entry, columns))
            y += 1
        rows += [Row(columns, default) for _ in range(lines - len(rows))]
        self.main_rows = rows
        return x, y

    def _row(self, entry: Entry, columns: int) -> Row:
        default = self.styles.default
        if isinstance(entry, str):
            return Row.of(entry, default, columns, default)
        entry.set_columns(columns, default)
        return entry


def packed(entry: Entry) -> Entry:
    """A history entry in its smallest form."""
    if isinstance(entry, Row):
        entry.pack()
    return entry


class Reflow:
    """Wraps rows anew at another width and follows one position through it."""

    def __init__(self, columns: int, default: Style) -> None:
        self.columns = columns
        self.default = default
        self.x = 0
        self.number = 0

    def run(self, rows: Iterable[Entry], number: int, x: int) -> list[Entry]:
        """Wrap `rows`; the position (row `number`, column `x`) ends up in `self.number`, `self.x`."""
        out: list[Entry] = []
        line: list[Row] = []
        follow = -1  # the offset in cells of the position in `line`, if it is there
        for at, entry in enumerate(rows):
            if isinstance(entry, str):
                wrapped, fits = False, len(entry) <= self.columns
            else:
                wrapped = entry.wrapped
                fits = entry.columns == self.columns or (not entry.wide and entry.used() <= self.columns)
            if at == number:
                follow = sum(row.columns for row in line) + x
            if not line and not wrapped and fits and at != number:
                if isinstance(entry, Row):
                    entry.set_columns(self.columns, self.default)
                out.append(entry)
                continue
            if isinstance(entry, str):
                entry = Row.of(entry, self.default, max(self.columns, len(entry)), self.default)
            line.append(entry)
            if not wrapped:
                self._wrap(line, follow, out)
                line, follow = [], -1
        if line:
            self._wrap(line, follow, out)
        return out

    def _wrap(self, line: list[Row], follow: int, out: list[Entry]) -> None:
        """Wrap one logical line; `follow` is the offset of the cursor's cell, -1 if it is elsewhere."""
        cells: list[str] = []
        styles: list[Style] = []
        padded = False
        for row in line:
            more_cells, more_styles = row.grid()
            if padded and cells[-1] == " " and more_cells[1:2] == [""]:
                if follow >= len(cells):
                    follow -= 1
                del cells[-1], styles[-1]
            padded = row.padded
            if row is line[-1]:
                used = row.used()
                del more_cells[used:], more_styles[used:]
            cells += more_cells
            styles += more_styles
        columns = self.columns
        placed = False
        start = 0
        fill = line[-1].fill
        for start, end in _cuts(cells, columns):
            row = Row(columns, fill)
            row.cells = cells[start:end] + [" "] * (columns - end + start)
            row.styles = styles[start:end] + [fill] * (columns - end + start)
            row.wide = any(len(cell) != 1 for cell in row.cells)
            row.wrapped = end < len(cells)
            row.padded = row.wrapped and end - start < columns
            row.prompt = line[0].prompt and not start
            if 0 <= follow < end and not placed:
                self.x, self.number = follow - start, len(out)
                placed = True
            row.pack()
            out.append(row)
        if follow >= 0 and not placed:
            # Right of all text: it stays on the last row.
            self.x, self.number = min(follow - start, columns), len(out) - 1


def _cuts(cells: list[str], columns: int) -> Iterator[tuple[int, int]]:
    """(start, end) of each row of a line of cells; no cut splits a wide character."""
    start, size = 0, len(cells)
    if not size:
        yield 0, 0
    while start < size:
        end = min(start + columns, size)
        if end < size and cells[end] == "" and end - 1 > start:
            end -= 1
        elif end < size and cells[end] == "":  # one column: the character cannot show
            cells[start] = cells[start + 1] = " "
        yield start, end
        start = end
