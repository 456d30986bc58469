"""What must be written so that the person's terminal shows the wanted screen: the difference, cell by cell.

Textual rewrites whole lines with a full set of attributes each; over a slow link that is what a person waits for.
"""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from hopx_tui.tty.pen import Pen
from hopx_tui.tty.wanted import Line, Wanted, is_plain
from hopx_tui.vt.style import Style, StyleTable

__all__ = ["Painter"]

_GAP = 3  # cells that are cheaper to write again than to jump over
_ERASE_FROM = 12  # blanks inside a line that are cheaper to erase and jump over
_CLEAR_FROM = 4  # blanks at a line's end that are cheaper to erase than to write
_TWO_ROUNDS_FROM = 400  # characters of a frame that are worth a second try
_TWO_ROUNDS_SHARE = 6  # of which one part in so many goes into one style
_SCROLL_ROWS = 3  # lines that must be saved for a scroll to be worth its bytes


class _Stroke(NamedTuple):
    """Neighbouring cells of one line that are written in one style."""

    y: int
    start: int
    stop: int
    style: Style
    line: Line
    blank: bool
    """Nothing but blanks: any style of their background does."""
    erases: bool = False
    """They are erased, up to the end of the line."""

    def suits(self, style: Style) -> bool:
        """Whether it can be written in that style."""
        own = self.style
        return own is style or (self.blank and own.bg == style.bg and is_plain(style) and is_plain(own))


class Painter:
    """Holds the screen that is wanted and the one that is shown.

    Args:
        columns, lines: the terminal's size in cells.
        links: whether the terminal may be sent OSC 8.
        erases_in_colour: whether the terminal erases with the current background (`bce`); GNU screen does not.

    `wanted` takes what is to be seen; `frame` gives what brings the real terminal there, and takes it as shown from
    then on.
    """

    def __init__(self, columns: int, lines: int, *, erases_in_colour: bool = True, links: bool = True) -> None:
        self._styles = StyleTable()
        self._pen = Pen(links=links)
        self._erases_in_colour = erases_in_colour
        self.synchronised = False
        """Whether the terminal knows mode 2026, which shows a frame's changes all at once."""
        self.wanted = Wanted(columns, lines, self._styles)
        self.resize(columns, lines)

    def resize(self, columns: int, lines: int) -> None:
        """The terminal has another size: nothing of what it shows is known any more."""
        before, self.wanted = self.wanted, Wanted(columns, lines, self._styles)
        self.wanted.take_cursor(before)  # whoever shows one says so once
        self._columns, self._lines = self.wanted.size
        self.forget()

    def forget(self) -> None:
        """Take nothing of what the terminal shows as known; the next frame writes all of it."""
        self._shown: list[Line | None] = [None] * self._lines
        self._place: tuple[int, int] | None = None
        self._visible: bool | None = None
        self._shape: int | None = None
        self._pen.forget()

    @property
    def size(self) -> tuple[int, int]:
        """Columns and lines."""
        return self._columns, self._lines

    def frame(self) -> str:
        """The bytes that are missing, as text; empty if nothing is."""
        changed = self._changed()
        out: list[str] = []
        if len(changed) > _SCROLL_ROWS:
            self._scroll(changed, out)
        strokes = [stroke for y, line in changed.items() for stroke in self._strokes(y, line)]
        if strokes:
            self._hide(out)
            self._write(strokes, out)
        self._cursor(out)
        text = "".join(out)
        if strokes and strokes[0].y != strokes[-1].y and self.synchronised:
            return f"\x1b[?2026h{text}\x1b[?2026l"
        return text

    # -- what changed

    def _changed(self) -> dict[int, Line]:
        """Lines that differ from what is shown, by their number."""
        changed = {}
        for y, shown in enumerate(self._shown):
            line = self.wanted.line(y)
            if line is not shown:
                if shown is not None and line.shows(shown):
                    self._shown[y] = line
                else:
                    changed[y] = line
        return changed

    def _scroll(self, changed: dict[int, Line], out: list[str]) -> None:
        """Move lines that only went up or down, instead of writing them again."""
        top, bottom = min(changed), max(changed)
        old: list[object] = []
        for line in self._shown[top : bottom + 1]:
            if line is None:
                return
            old.append(line.key)
        new = [changed[y].key if y in changed else old[y - top] for y in range(top, bottom + 1)]
        where: dict[object, list[int]] = {}
        for at, key in enumerate(old):
            if key is not None:
                where.setdefault(key, []).append(at)
        votes = Counter(
            at - y for y, key in enumerate(new) if key is not None and len(where.get(key, ())) == 1 for at in where[key]
        )
        stays = votes.pop(0, 0)
        if not votes:
            return
        shift, count = votes.most_common(1)[0]
        if count < _SCROLL_ROWS or count <= stays:
            return
        self._hide(out)
        # Lines that come in are blank in the current background, if the terminal does that.
        pen = self._pen.style
        if pen is None or not (self._erases_in_colour and is_plain(pen)):
            pen = self._styles.default
            out.append(self._pen.to(pen))
        height = bottom - top + 1
        blank = Line([" "] * self._columns, [pen.erase] * self._columns)
        shown = self._shown[top : bottom + 1]
        if shift > 0:
            out.append(f"\x1b[{top + 1};{bottom + 1}r\x1b[{bottom + 1};1H" + "\n" * shift + "\x1b[r")
            shown = [*shown[shift:], *[blank] * min(shift, height)]
        else:
            out.append(f"\x1b[{top + 1};{bottom + 1}r\x1b[{top + 1};1H" + "\x1bM" * -shift + "\x1b[r")
            shown = [*[blank] * min(-shift, height), *shown[:shift]]
        self._shown[top : bottom + 1] = shown[:height]
        for y in range(top, bottom + 1):
            changed.setdefault(y, self.wanted.line(y))  # a line that stayed was moved away
        self._place = None  # setting a region moves the cursor home

    # -- writing

    def _strokes(self, y: int, wanted: Line) -> list[_Stroke]:
        """What is to be written of one line: the cells that differ, cut where their style changes."""
        shown = self._shown[y]
        self._shown[y] = wanted
        spans = [(0, self._columns)] if shown is None else _spans(shown, wanted)
        if not spans:
            return []
        cells, styles = wanted.cells, wanted.styles
        end = self._blank_from(wanted)
        strokes: list[_Stroke] = []
        for start, stop in spans:
            erased = stop
            if stop == self._columns and stop - max(start, end) >= _CLEAR_FROM:
                stop = max(start, end)
            at = start
            while at < stop:
                begin, style = at, styles[at]
                blank = cells[at] == " "
                if blank:
                    # Blanks may take the style of the text behind them, if it has their background.
                    while at < stop and cells[at] == " " and styles[at] is style:
                        at += 1
                    if at < stop and is_plain(style) and styles[at].erase is style and is_plain(styles[at]):
                        style, blank = styles[at], False
                plain = style.erase if is_plain(style) else style
                while at < stop and (styles[at] is style or (styles[at] is plain and cells[at] == " ")):
                    blank = blank and cells[at] == " "
                    at += 1
                strokes.append(_Stroke(y, begin, at, style, wanted, blank=blank))
            if erased > stop:
                strokes.append(_Stroke(y, stop, erased, styles[-1], wanted, blank=True, erases=True))
        return strokes

    def _write(self, strokes: list[_Stroke], out: list[str]) -> None:
        """Line after line; or in two rounds, first all of one style that is changed back to again and again (in true
        colour that is long to spell), where this is shorter.
        """
        before = self._pen.style, self._place
        text, spent = self._written(strokes)
        if spent and len(text) > _TWO_ROUNDS_FROM:
            style, count = spent.most_common(1)[0]
            if count * _TWO_ROUNDS_SHARE > len(text):
                after = self._pen.style, self._place
                self._pen.style, self._place = before
                two, _ = self._written(sorted(strokes, key=lambda stroke: not stroke.suits(style)))
                if len(two) < len(text):
                    text = two
                else:
                    self._pen.style, self._place = after
        out.append(text)

    def _written(self, strokes: list[_Stroke]) -> tuple[str, Counter[Style]]:
        """The strokes in this order, and the bytes that went into changing to each style."""
        out: list[str] = []
        spent: Counter[Style] = Counter()
        for y, start, stop, style, line, blank, erases in strokes:
            self._move(start, y, out)
            if blank:
                style = self._for_blank(style)
            turn = self._pen.to(style)
            if turn:
                out.append(turn)
                spent[style] += len(turn)
            if erases:
                out.append("\x1b[K")
                continue
            self._text(line.cells, start, stop, y, style, out)
            if stop >= self._columns:
                self._place = None  # past the last column terminals differ
        return "".join(out), spent

    def _blank_from(self, line: Line) -> int:
        """The column from which the line can be erased to its end."""
        cells, styles = line.cells, line.styles
        style, end = styles[-1], len(cells)
        if not self._erasable(style):
            return end
        while end and cells[end - 1] == " " and styles[end - 1] is style:
            end -= 1
        return end

    def _for_blank(self, style: Style) -> Style:
        """The nearest to the current pen with which blanks look as in this style: their background says it all."""
        pen = self._pen.style
        if pen is None or not is_plain(pen) or not is_plain(style):
            return style
        return pen if pen.bg == style.bg else self._styles.intern(pen.look._replace(bg=style.bg))

    def _text(self, cells: list[str], at: int, end: int, y: int, style: Style, out: list[str]) -> None:
        """Cells of one style."""
        while at < end:
            self._move(at, y, out)
            stop = at
            while stop < end and cells[stop].isascii() and cells[stop]:
                stop += 1
            if stop > at:
                self._plain("".join(cells[at:stop]), stop, y, style, out)
            else:
                stop = self._other(cells, at, end, y, out)
            at = stop

    def _plain(self, text: str, end: int, y: int, style: Style, out: list[str]) -> None:
        """ASCII; many blanks at its end are erased, and a later motion goes past them."""
        blanks = len(text) - len(text.rstrip(" "))
        if blanks >= _ERASE_FROM and self._erasable(style):
            out.append(f"{text[:-blanks]}\x1b[{blanks}X")
            self._place = (end - blanks, y)
        else:
            out.append(text)
            self._place = (end, y)

    def _other(self, cells: list[str], at: int, end: int, y: int, out: list[str]) -> int:
        """Up to and with a character whose width terminals do not agree on: an absolute motion follows it."""
        stop, sure = at, True
        while stop < end and sure and not (cells[stop].isascii() and cells[stop]):
            sure = _is_sure(cells[stop])
            stop += 1
            while stop < end and cells[stop] == "":
                stop += 1
        out.append("".join(cells[at:stop]))
        self._place = (stop, y) if sure else None
        return stop

    def _erasable(self, style: Style) -> bool:
        """Whether erased cells look like blanks of this style."""
        return is_plain(style) and (style.bg is None or self._erases_in_colour)

    def _move(self, x: int, y: int, out: list[str]) -> None:
        """The shortest motion to a cell."""
        place = self._place
        if place == (x, y):
            return
        self._place = (x, y)
        if place is not None:
            if place[1] == y and x > place[0]:
                step = x - place[0]
                out.append("\x1b[C" if step == 1 else f"\x1b[{step}C")
                return
            if x == 0 and y - place[1] in (0, 1):
                out.append("\r" if y == place[1] else "\r\n")
                return
        if x == 0:
            out.append(f"\x1b[{y + 1}H" if y else "\x1b[H")
        else:
            out.append(f"\x1b[{y + 1};{x + 1}H")

    # -- the cursor

    def _hide(self, out: list[str]) -> None:
        """A visible cursor must not be seen running about; mode 2026 sees to that by itself."""
        if self._visible is not False and not (self.synchronised and self._visible):
            out.append("\x1b[?25l")
            self._visible = False

    def _cursor(self, out: list[str]) -> None:
        screen = self.wanted.screen
        if screen.cursor_shape != self._shape:
            self._shape = screen.cursor_shape
            out.append(f"\x1b[{screen.cursor_shape} q")
        if screen.cursor_visible:
            self._move(min(screen.cursor.x, screen.columns - 1), screen.cursor.y, out)
        if screen.cursor_visible is not self._visible:
            self._visible = screen.cursor_visible
            out.append("\x1b[?25h" if self._visible else "\x1b[?25l")

    def leave(self) -> str:
        """What gives the terminal back: plain attributes, the person's own cursor shape."""
        return "\x1b[0m" + ("\x1b[0 q" if self._shape else "")


def _spans(shown: Line, wanted: Line) -> list[tuple[int, int]]:
    """Where two lines differ, as half-open ranges of columns; near ones are joined, wide cells never cut."""
    if wanted.shows(shown):
        return []
    old_cells, old_styles = shown.cells, shown.styles
    cells, styles = wanted.cells, wanted.styles
    columns = len(cells)
    spans: list[tuple[int, int]] = []
    start = stop = -1
    for x in range(columns):
        if cells[x] != old_cells[x] or styles[x] is not old_styles[x]:
            if start < 0:
                start = x
            elif x - stop > _GAP or not _one_style(cells, styles, stop, x):
                spans.append((start, stop))
                start = x
            stop = x + 1
    if start >= 0:
        spans.append((start, stop))
    return [_whole(span, cells) for span in spans]


def _one_style(cells: list[str], styles: list[Style], start: int, stop: int) -> bool:
    """Whether columns start..stop can be written as the one before them is."""
    style = styles[start - 1]
    return all(
        styles[x] is style or (cells[x] == " " and styles[x] is style.erase) for x in range(start, stop)
    )


def _whole(span: tuple[int, int], cells: list[str]) -> tuple[int, int]:
    start, stop = span
    while start and cells[start] == "":
        start -= 1
    while stop < len(cells) and cells[stop] == "":
        stop += 1
    return start, stop


def _is_sure(cell: str) -> bool:
    """Whether every terminal gives this cell the width that we do."""
    if len(cell) != 1:
        return False
    code = ord(cell)
    return code < 0x300 or 0x2010 <= code <= 0x2027 or 0x2190 <= code <= 0x21FF or 0x2500 <= code <= 0x28FF
