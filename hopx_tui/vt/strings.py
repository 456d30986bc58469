"""Control strings: OSC, DCS and screen's title, from their payload to an action of the screen."""

from __future__ import annotations

import base64
import binascii
from urllib.parse import unquote

from hopx_tui.vt.reports import Clipboard, Cwd, Prompt, Reports, one_line
from hopx_tui.vt.sgr import number

MAX_LINK = 1024
MAX_CLIPBOARD = 786_432
_LINK_SCHEMES = ("http://", "https://", "file://", "mailto:")
_COLOUR_NAMES = ("foreground", "background", "cursor")


class Strings(Reports):
    """The part of the screen that takes control strings; whatever it does not know is dropped."""

    def control_string(self, kind: str, payload: str) -> None:
        """Act on a complete string; `kind` is the character after ESC: ] P X ^ _ k."""
        if kind == "]":
            self._system_command(payload)
        elif kind == "P" and payload.startswith("$q"):
            self.report_setting(payload[2:])
        elif kind == "P" and payload.startswith("+q"):
            self.reply("\x1bP0+r\x1b\\")  # XTGETTCAP: no capability is told this way
        elif kind == "k":
            self.set_title(payload)

    def _system_command(self, payload: str) -> None:
        code, _, rest = payload.partition(";")
        if code in ("0", "1", "2"):
            if code != "2":
                self.set_icon_name(rest)
            if code != "1":
                self.set_title(rest)
        elif code == "4":
            self._palette(rest)
        elif code == "7":
            self._directory(rest)
        elif code == "8":
            self._link(rest)
        elif code in ("10", "11", "12"):
            self._dynamic_colours(int(code) - 10, rest)
        elif code == "52":
            self._clipboard(rest)
        elif code == "133":
            self._prompt(rest)

    def _palette(self, rest: str) -> None:
        """OSC 4: pairs of index and colour; only questions are answered."""
        parts = rest.split(";")[:512]
        for index, colour in zip(parts[::2], parts[1::2], strict=False):
            if colour == "?" and index and number(index) <= 255:
                self.report_colour(f"4;{number(index)}", self.colours.indexed(number(index)))

    def _dynamic_colours(self, first: int, rest: str) -> None:
        """OSC 10, 11, 12: each further part asks for the next colour."""
        for name, colour in zip(_COLOUR_NAMES[first:], rest.split(";"), strict=False):
            if colour == "?":
                self.report_colour(str(10 + _COLOUR_NAMES.index(name)), getattr(self.colours, name))

    def _directory(self, uri: str) -> None:
        """OSC 7: file://host/path."""
        if uri.startswith("file://"):
            host, slash, path = uri[7:].partition("/")
            path = unquote(slash + path, errors="replace")
            if slash and path == one_line(path, 4096):
                self.tell(Cwd(path, one_line(host)))

    def _link(self, rest: str) -> None:
        """OSC 8: parameters ; URI. Only schemes that are safe to open; an empty URI ends the link.

        It goes on to the person's terminal: nothing invisible may be in it.
        """
        _, _, uri = rest.partition(";")
        safe = uri.lower().startswith(_LINK_SCHEMES) and len(uri) <= MAX_LINK and uri.isprintable()
        look = self.cursor.style.look._replace(link=uri if safe else None)
        self.cursor.style = self.styles.intern(look)

    def _clipboard(self, rest: str) -> None:
        """OSC 52: a write becomes an event, a read is refused in silence."""
        target, _, data = rest.partition(";")
        if data == "?" or len(data) > MAX_CLIPBOARD:
            return
        try:
            text = base64.b64decode(data, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError, ValueError):
            return
        primary = target[:1] in ("p", "s") and "c" not in target
        self.tell(Clipboard("primary" if primary else "clipboard", text))

    def _prompt(self, rest: str) -> None:
        """OSC 133: shell integration marks."""
        kind, _, arguments = rest.partition(";")
        if kind in ("A", "B", "C"):
            if kind == "A":
                self.rows[self.cursor.y].prompt = True
            self.tell(Prompt(kind))
        elif kind == "D":
            code = arguments.partition(";")[0]
            self.tell(Prompt(kind, number(code) if code.isdigit() else None))
