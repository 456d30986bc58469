"""Putting text on the screen: wrapping, wide and zero-width characters, insert mode, blocks of lines."""

from __future__ import annotations

from hopx_tui.vt.history import Entry
from hopx_tui.vt.row import Row
from hopx_tui.vt.state import ScreenState
from hopx_tui.vt.width import CONTROLS, NARROW, RUNS, char_width, joins


class Writing(ScreenState):
    """The part of the screen that draws text."""

    def draw(self, data: str) -> None:
        """Write text at the cursor; control characters in it are dropped."""
        self.write(CONTROLS.sub("", data))

    def write(self, text: str) -> None:
        """Write text that holds no control characters."""
        if self.charmap is not None:
            text = text.translate(self.charmap)
        if not text:
            return
        if text.isascii() or NARROW.fullmatch(text):
            self._write_narrow(text)
            return
        for narrow, wide, other in RUNS.findall(text):
            if narrow:
                self._write_narrow(narrow)
            elif wide:
                self._write_wide(wide)
            else:
                self._write_other(other)

    def repeat(self, char: str, count: int = 1) -> None:
        """REP: write `char` again, at most a screen full of times."""
        self.write(char * min(count, self.columns * self.lines))

    def write_lines(self, block: str) -> None:
        """Write complete lines of printable ASCII, each ended by CR LF."""
        lines = block.split("\r\n")
        del lines[-1]
        cursor = self.cursor
        for at, line in enumerate(lines):
            if line:
                self.write(line)
            cursor.x = 0
            if cursor.y == self.bottom:
                if self.plain and self.modes.autowrap:
                    self._scroll_in(lines[at + 1 :])
                    break
                self.scroll_up()
            elif cursor.y < self.lines - 1:
                cursor.y += 1

    def _scroll_in(self, lines: list[str]) -> None:
        """Scroll whole lines in below the bottom margin, and a blank row for the cursor after them."""
        columns, rows, top, bottom = self.columns, self.rows, self.top, self.bottom
        style = self.cursor.style
        fill = style.erase
        entries: list[Entry] = []
        if lines and max(map(len, lines)) > columns:
            entries = self._folded(lines)
        else:
            entries += lines
        leave = len(entries) + 1
        height = bottom - top + 1
        gone = max(0, leave - height)  # entries that scroll through at once
        if top == 0 and not self.modes.alt_screen:
            off = rows[: leave if leave < height else height]
            for row in off:
                if row.cells is not None:
                    row.pack()
            self.history.extend(off)
            if gone:
                old = entries[:gone]
                if style is not self.styles.default:
                    old = [self._as_row(entry) for entry in old]
                self.history.extend(old)
        new = [
            Row(columns, fill, [(entry, style)] if entry else [], len(entry))
            if isinstance(entry, str)
            else entry
            for entry in (entries[gone:] if gone else entries)
        ]
        new.append(Row(columns, fill))
        del rows[top : top + leave if leave < height else bottom + 1]
        at = bottom + 1 - len(new)
        rows[at:at] = new

    def _folded(self, lines: list[str]) -> list[Entry]:
        columns = self.columns
        entries: list[Entry] = []
        for line in lines:
            while len(line) > columns:
                row = self._as_row(line[:columns])
                row.wrapped = True
                entries.append(row)
                line = line[columns:]
            entries.append(line)
        return entries

    def _as_row(self, entry: Entry) -> Row:
        if isinstance(entry, Row):
            return entry
        style = self.cursor.style
        return Row.of(entry, style, self.columns, style.erase)

    def _wrap(self) -> None:
        cursor = self.cursor
        self.rows[cursor.y].wrapped = True
        cursor.x = 0
        self.next_row()

    def _write_narrow(self, text: str) -> None:
        cursor, columns = self.cursor, self.columns
        insert = self.modes.insert
        if not self.modes.autowrap:
            x = min(cursor.x, columns - 1)
            if len(text) > columns - x:
                text = text[: columns - x - 1] + text[-1]
            cursor.x = x
        at, size = 0, len(text)
        while at < size:
            x = cursor.x
            if x >= columns:
                self._wrap()
                x = 0
            piece = text[at : at + columns - x] if at or size > columns - x else text
            row = self.rows[cursor.y]
            if insert:
                row.insert(x, len(piece), cursor.style.erase)
            row.put(x, piece, cursor.style)
            at += len(piece)
            cursor.x = x + len(piece)

    def _write_wide(self, text: str) -> None:
        cursor, columns = self.cursor, self.columns
        if columns < 2:
            return
        at, size = 0, len(text)
        while at < size:
            x = cursor.x
            if x + 2 > columns:
                if not self.modes.autowrap:
                    return
                if x < columns:
                    self.rows[cursor.y].put(x, " ", cursor.style)
                    self.rows[cursor.y].padded = True
                self._wrap()
                x = 0
            count = min((columns - x) // 2, size - at)
            row = self.rows[cursor.y]
            if self.modes.insert:
                row.insert(x, 2 * count, cursor.style.erase)
            row.put_wide(x, text[at : at + count], cursor.style)
            at += count
            cursor.x = x + 2 * count

    def _write_other(self, char: str) -> None:
        if "\ud800" <= char <= "\udfff":
            char = "\ufffd"
        width = char_width(char)
        if width == 0:
            x = self.cursor.x
            if x and joins(char):
                self.rows[self.cursor.y].mark(x - 1, char)
            return
        if width < 0:
            return
        if width == 1:
            self._write_narrow(char)
        else:
            self._write_wide(char)

