"""One screen row: packed runs of narrow text while that is enough, else one cell per column."""

from __future__ import annotations

from typing import Any

from hopx_tui.vt.style import Style

MAX_MARKS = 16
"""Zero-width characters kept per cell."""


class Row:
    """A row of `columns` cells.

    Packed (`cells is None`): `runs` of (narrow text, style), `n` columns together, then blanks of style
    `fill`. Expanded: `cells` and `styles`, one per column; a wide character is followed by "".
    `wrapped`: the text goes on in the next row; `padded`: before a wide character, which did not fit in the last
    column; `prompt`: the shell marked it as the first one of a prompt. `paint` is the painter's slot: any change
    sets it to None.
    """

    __slots__ = ("cells", "columns", "fill", "n", "padded", "paint", "prompt", "runs", "styles", "wide", "wrapped")

    cells: list[str] | None
    styles: list[Style]

    def __init__(
        self, columns: int, fill: Style, runs: list[tuple[str, Style]] | None = None, n: int = 0
    ) -> None:
        self.columns = columns
        self.fill = fill
        self.runs = [] if runs is None else runs
        self.n = n
        self.cells = None
        self.wide = False
        self.wrapped = False
        self.padded = False
        self.prompt = False
        self.paint: Any = None

    @classmethod
    def of(cls, text: str, style: Style, columns: int, fill: Style) -> Row:
        """A packed row of narrow text (at most `columns` long)."""
        return cls(columns, fill, [(text, style)] if text else [], len(text))

    # -- reading ----------------------------------------------------------------------------------------

    def segments(self) -> list[tuple[str, Style]]:
        """(text, style) pieces that cover all columns; a wide character counts once."""
        cells = self.cells
        if cells is None:
            if self.n == self.columns:
                return list(self.runs)
            return [*self.runs, (" " * (self.columns - self.n), self.fill)]
        styles = self.styles
        out = []
        start = 0
        current = styles[0]
        for at, style in enumerate(styles):
            if style is not current:
                out.append(("".join(cells[start:at]), current))
                start = at
                current = style
        out.append(("".join(cells[start:]), current))
        return out

    def text(self) -> str:
        """The text of all columns, trailing blanks included."""
        if self.cells is not None:
            return "".join(self.cells)
        return "".join([run[0] for run in self.runs]) + " " * (self.columns - self.n)

    def grid(self) -> tuple[list[str], list[Style]]:
        """Cells and styles per column, as new lists; the right half of a wide character is ""."""
        if self.cells is not None:
            return self.cells[:], self.styles[:]
        cells: list[str] = []
        styles: list[Style] = []
        for text, style in self.runs:
            cells += text
            styles += [style] * len(text)
        rest = self.columns - self.n
        cells += [" "] * rest
        styles += [self.fill] * rest
        return cells, styles

    def used(self) -> int:
        """Columns up to the last one that is not a plain blank of the fill's style."""
        if self.cells is None:
            end = self.n
            for text, style in reversed(self.runs):
                if style is not self.fill or text[-1] != " ":
                    break
                stripped = len(text.rstrip(" "))
                end -= len(text) - stripped
                if stripped:
                    break
            return end
        cells, styles, end = self.cells, self.styles, self.columns
        while end and cells[end - 1] == " " and styles[end - 1] is self.fill:
            end -= 1
        return end

    def __len__(self) -> int:
        """Bytes of memory, roughly, over those of an empty text: so rows and texts add up alike."""
        if self.cells is None:
            return 96 + 130 * len(self.runs) + self.n
        return 320 + (80 if self.wide else 16) * self.columns

    def __bool__(self) -> bool:
        return True

    def __deepcopy__(self, memo: object) -> Row:
        """An unpainted copy, as small as it can be."""
        row = Row(self.columns, self.fill, self.runs[:], self.n)
        if self.cells is not None:
            row.cells, row.styles, row.wide = self.cells[:], self.styles[:], self.wide
            row.pack()
        row.wrapped, row.padded = self.wrapped, self.padded
        return row

    # -- shape ------------------------------------------------------------------------------------------

    def expand(self) -> list[str]:
        """Make it one cell per column; returns the cells."""
        if self.cells is None:
            self.cells, self.styles = self.grid()
            self.runs = []
            self.n = 0
            self.wide = False
        return self.cells

    def pack(self) -> None:
        """Make it packed again if it holds narrow text only (used when it leaves the screen)."""
        cells = self.cells
        if cells is None or self.wide:
            return
        end = self.used()
        runs = []
        start = 0
        styles = self.styles
        for at in range(1, end + 1):
            if at == end or styles[at] is not styles[start]:
                runs.append(("".join(cells[start:at]), styles[start]))
                start = at
        self.cells = None
        self.styles = []
        self.runs = runs
        self.n = end

    def clear(self, fill: Style) -> None:
        """Blank all of it; no longer wrapped."""
        self.runs = []
        self.n = 0
        self.cells = None
        self.fill = fill
        self.wide = False
        self.wrapped = False
        self.padded = False
        self.prompt = False
        self.paint = None

    def set_columns(self, columns: int, fill: Style) -> None:
        """Cut or pad to a new width, without reflow."""
        if columns == self.columns:
            return
        self.paint = None
        if self.cells is not None:
            if columns < self.columns:
                self._split(columns)
            del self.cells[columns:], self.styles[columns:]
            rest = columns - len(self.cells)
            self.cells += [" "] * rest
            self.styles += [fill] * rest
        elif columns < self.n:
            self._truncate(columns)
        elif self.fill is not fill and columns > self.columns:
            self._pad(self.columns)
            self.fill = fill
        self.columns = columns

    # -- writing (the caller keeps start and end within the row) ---------------------------------------

    def put(self, x: int, text: str, style: Style) -> None:
        """Write narrow text at column x."""
        self.paint = None
        end = x + len(text)
        cells = self.cells
        if cells is None:
            n = self.n
            if x >= n:
                if x > n:
                    self._pad(x)
                runs = self.runs
                if runs and runs[-1][1] is style:
                    runs[-1] = (runs[-1][0] + text, style)
                else:
                    runs.append((text, style))
                self.n = end
                return
            if end >= n:
                self._truncate(x)
                self.runs.append((text, style))
                self.n = end
                return
            cells = self.expand()
        elif self.wide:
            if cells[x] == "":
                self._split(x)
            if end < self.columns and cells[end] == "":
                self._split(end)
        cells[x:end] = text
        self.styles[x:end] = [style] * (end - x)

    def put_wide(self, x: int, text: str, style: Style) -> None:
        """Write wide characters, two columns each."""
        self.paint = None
        cells = self.expand()
        count = len(text)
        end = x + 2 * count
        if cells[x] == "":
            self._split(x)
        if end < self.columns and cells[end] == "":
            self._split(end)
        cells[x:end:2] = text
        cells[x + 1 : end : 2] = [""] * count
        self.styles[x:end] = [style] * (2 * count)
        self.wide = True

    def mark(self, x: int, char: str) -> None:
        """Join a zero-width character to the cell at column x (to its whole character, if wide)."""
        cells = self.expand()
        if cells[x] == "":
            x -= 1
        if len(cells[x]) <= MAX_MARKS:
            cells[x] += char
            self.wide = True
            self.paint = None

    def erase(self, start: int, end: int, fill: Style) -> None:
        """Blank columns start..end; touching the last column also ends a wrapped line."""
        if start >= end:
            return
        if end >= self.columns:
            if start <= 0:
                self.clear(fill)
                return
            self.wrapped = False
        self.paint = None
        if self.cells is None and end >= self.n:
            if end >= self.columns:
                if start < self.n:
                    self._truncate(start)
                elif self.fill is not fill:
                    self._pad(start)
                self.fill = fill
                return
            if fill is self.fill:
                if start < self.n:
                    self._truncate(start)
                return
        cells = self.expand()
        if cells[start] == "":
            self._split(start)
        if end < self.columns and cells[end] == "":
            self._split(end)
        cells[start:end] = [" "] * (end - start)
        self.styles[start:end] = [fill] * (end - start)

    def insert(self, x: int, count: int, fill: Style) -> None:
        """Shift what is right of column x by `count` blanks; the end falls off."""
        self.paint = None
        self.wrapped = False
        cells = self.expand()
        count = min(count, self.columns - x)
        if cells[x] == "":
            self._split(x)
        cut = self.columns - count
        if cells[cut] == "":
            self._split(cut)
        cells[x:] = [" "] * count + cells[x:cut]
        self.styles[x:] = [fill] * count + self.styles[x:cut]

    def delete(self, x: int, count: int, fill: Style) -> None:
        """Delete `count` columns at x; blanks come in from the right."""
        self.paint = None
        self.wrapped = False
        count = min(count, self.columns - x)
        end = x + count
        if self.cells is None and end >= self.n and fill is self.fill:
            if x < self.n:
                self._truncate(x)
            return
        cells = self.expand()
        if cells[x] == "":
            self._split(x)
        if end < self.columns and cells[end] == "":
            self._split(end)
        cells[x:] = cells[end:] + [" "] * count
        self.styles[x:] = self.styles[end:] + [fill] * count

    # -- inside ------------------------------------------------------------------------------------------

    def _pad(self, end: int) -> None:
        if end > self.n:
            self.runs.append((" " * (end - self.n), self.fill))
            self.n = end

    def _truncate(self, end: int) -> None:
        """Keep the first `end` columns of a packed row."""
        runs = self.runs
        over = self.n - end
        while over > 0:
            text, style = runs.pop()
            over -= len(text)
        if over < 0:
            runs.append((text[:-over] if over else text, style))
        self.n = end

    def _split(self, x: int) -> None:
        """Column x becomes a boundary: a wide character across it turns into blanks."""
        cells = self.cells
        if cells is not None and cells[x] == "":
            cells[x - 1] = cells[x] = " "
