"""VTStream: bytes to tokens to calls of the screen, with the same result for every split of the bytes."""

from __future__ import annotations

import codecs
import re
from operator import length_hint
from types import MappingProxyType

from hopx_tui.vt.dispatch import MAX_ACTIONS, MAX_SEQUENCE, Dispatch
from hopx_tui.vt.screen import VTScreen
from hopx_tui.vt.sgr import number
from hopx_tui.vt.state import Action
from hopx_tui.vt.width import char_width

PIECE = 65_536
"""Characters tokenised at once."""
MAX_STRING = 1_048_576

_C0 = r"\x00-\x17\x19\x1c-\x1f"  # controls that act inside a sequence: all but ESC, CAN, SUB

_TOKENS = re.compile(
    r"\x1b\[[0-?]*+[@-~]"  # CSI
    r"|[ -~]+(?:\r\n(?:[ -~]*+\r\n)*+)?"  # printable ASCII, with the complete lines it begins
    r"|[^\x00-\x1f]+"  # any text
    r"|\x1b\[[0-?]*[ -/]+[@-~]"  # CSI with intermediates
    r"|\r\n(?:[ -~]*+\r\n)*+"  # complete lines
    r"|\x1b(?:\](?:P[0-9A-Fa-f]{7}|R|[^\x07\x18\x1a\x1b]*[\x07\x18\x1a]?)"  # OSC (and Linux palette)
    r"|[PX^_k][^\x18\x1a\x1b]*[\x18\x1a]?)"  # DCS, SOS, PM, APC, title: these end at ESC only
    r"|\x1b(?:[0-Z\\-~]|[ -/]+[0-~])"  # escape sequence
    r"|\x1b\[[ -?]*[@-~]"  # CSI with its parts out of order
    rf"|\x1b(?:\[[ -?]*|[ -/]*)[{_C0}]?"  # cut off, or with a control inside
    r"|[\x00-\x1f]"
)
_UNFINISHED = re.compile(
    r"\x1b(?:[ -/]*|\[[ -?]*|\](?:P[0-9A-Fa-f]{0,6})?|(?!\]P[0-9A-Fa-f]{7}|\]R)\][^\x07\x18\x1a\x1b]*"
    r"|[PX^_k][^\x18\x1a\x1b]*)"
)
_INNER_CONTROLS = re.compile(rf"\x1b(?:[{_C0}]*\[[{_C0} -?]*|[{_C0} -/]+)")
_SGR = re.compile(r"\x1b\[([0-9:;]*)m")
_REPEAT = re.compile(r"\x1b\[[0-9]*b")
_IGNORED = re.compile(rf"[{_C0} -?]*")
_C1 = re.compile(r"[\x80-\x9f]")
_C1_ESCAPES = MappingProxyType({code: f"\x1b{chr(code - 0x40)}" for code in range(0x80, 0xA0)})
_STRING_KINDS = "]PX^_k"
_COMMAND_END = re.compile(r"[\x07\x18\x1a\x1b]")
_STRING_END = re.compile(r"[\x18\x1a\x1b]")


class VTStream:
    """Feeds one screen. Holds the unfinished end of what came so far: nothing else depends on the split."""

    def __init__(self, screen: VTScreen) -> None:
        self.screen = screen
        self._dispatch = Dispatch(screen)
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode
        self._tail = ""
        self._string_kind = ""  # set while a long control string is being collected
        self._string: list[str] = []
        self._string_size = 0
        self._last = ""  # the character right before what comes next, or ""
        self._ignored = ""  # what ends the endless sequence that is being skipped: its first final character
        self._controls = {
            "\x07": screen.bell,
            "\x08": screen.backspace,
            "\x09": screen.tab,
            "\x0a": screen.linefeed,
            "\x0b": screen.linefeed,
            "\x0c": screen.linefeed,
            "\x0d": screen.carriage_return,
            "\x0e": screen.shift_out,
            "\x0f": screen.shift_in,
        }

    def feed(self, data: bytes) -> None:
        """Take bytes as they come from the program; characters may be split anywhere."""
        self.feed_text(self._decode(data))

    def feed_text(self, data: str) -> None:
        """Take decoded text."""
        for start in range(0, len(data), PIECE):
            piece = data[start : start + PIECE]
            if "\x7f" in piece:
                piece = piece.replace("\x7f", "")
            if not piece.isascii() and _C1.search(piece):
                piece = piece.translate(_C1_ESCAPES)
            self._feed(piece)

    def _feed(self, data: str) -> None:
        if self._string_kind:
            data = self._collect(data)
        elif self._ignored:
            data = self._skip(data)
        data = self._tail + data
        while True:
            tail = ""
            escape = data.rfind("\x1b")
            if escape >= 0 and _UNFINISHED.fullmatch(data, escape):
                tail = data[escape:]
                data = data[:escape]
            rest = self._run(_TOKENS.findall(data))
            if rest is None:
                break
            data = rest + tail
        self._hold(tail)

    def _hold(self, tail: str) -> None:
        """Keep an unfinished sequence until more comes; a long one is collected or skipped instead."""
        self._tail = ""
        if len(tail) <= MAX_SEQUENCE:
            self._tail = tail
            return
        self._last = ""
        if tail[1] in _STRING_KINDS:
            self._string_kind = tail[1]
            self._string = [tail[2:]]
            self._string_size = len(tail) - 2
        else:
            self._ignored = "@" if tail[1] == "[" else "0"

    def _collect(self, data: str) -> str:
        """Add to the long control string; returns what follows its end."""
        end = (_COMMAND_END if self._string_kind == "]" else _STRING_END).search(data)
        body = data if end is None else data[: end.start()]
        self._string_size += len(body)
        if self._string_size <= MAX_STRING:
            self._string.append(body)
        else:
            self._string.clear()
        if end is None:
            return ""
        kind, self._string_kind = self._string_kind, ""
        payload = "".join(self._string)
        self._string = []
        if self._string_size <= MAX_STRING and end.group() not in "\x18\x1a":
            self.screen.control_string(kind, payload)
        return data[end.start() :] if end.group() == "\x1b" else data[end.end() :]

    def _skip(self, data: str) -> str:
        """Drop the rest of an endless sequence, acting on the controls in it; returns what follows."""
        match = _IGNORED.match(data)
        end = match.end() if match else 0
        if self._ignored == "0":  # an escape sequence: digits and the like end it
            end = next((at for at, char in enumerate(data[:end]) if char >= "0"), end)
        controls = "".join([char for char in data[:end] if char < " "])
        self._run(_TOKENS.findall(controls))
        if end == len(data):
            return ""
        final = self._ignored <= data[end] <= "~"
        self._ignored = ""
        return data[end + 1 :] if final else data[end:]

    def _run(self, tokens: list[str]) -> str | None:  # noqa: C901  one loop: calls would cost more than the work
        """Act on tokens; returns text to be tokenised anew if a sequence had controls inside it."""
        screen = self.screen
        cursor = screen.cursor
        columns = screen.columns
        rows = screen.rows  # these two change under a handler only
        plain = screen.plain
        get_action = screen.actions.get
        following = iter(tokens)
        for token in following:
            first = token[0]
            if first > "\x1f":
                ends_line = token[-1] == "\n"
                if ends_line:
                    if token.count("\n") > 1:
                        screen.write_lines(token)
                        continue
                    token = token[:-2]
                x = cursor.x
                end = x + len(token)
                if end <= columns and plain and token.isascii():
                    row = rows[cursor.y]
                    cells = row.cells
                    if cells is None:
                        if row.n == x:
                            style = cursor.style
                            runs = row.runs
                            if runs and runs[-1][1] is style:
                                runs[-1] = (runs[-1][0] + token, style)
                            else:
                                runs.append((token, style))
                            row.n = end
                            row.paint = None
                        else:
                            row.put(x, token, cursor.style)
                    elif row.wide:
                        row.put(x, token, cursor.style)
                    elif end - x == 1:
                        cells[x] = token
                        row.styles[x] = cursor.style
                        row.paint = None
                    else:
                        cells[x:end] = token
                        row.styles[x:end] = [cursor.style] * (end - x)
                        row.paint = None
                    cursor.x = end
                else:
                    screen.write(token)
                if ends_line:
                    cursor.x = 0
                    if cursor.y == screen.bottom:
                        screen.scroll_up()
                    elif cursor.y < screen.lines - 1:
                        cursor.y += 1
            elif first == "\x1b":
                known = cursor.style.trans.get(token)
                if known is not None:
                    cursor.style = known
                    continue
                action = get_action(token)
                if action is None:
                    action = self._resolve(token)
                    if action is None:
                        at = len(tokens) - length_hint(following) - 1
                        if token[-1] == "b" and _REPEAT.fullmatch(token):
                            screen.repeat(self._before(tokens, at), number(token[2:-1]) or 1)
                        elif token[-1] < " " and token[1:2] not in _STRING_KINDS:
                            self._last = self._before(tokens, at)
                            return _INNER_CONTROLS.sub(_controls_first, token + "".join(following))
                        continue
                handler, arguments, column = action
                if handler is None:
                    cursor.y = arguments
                    cursor.x = column
                else:
                    handler(*arguments)
                    rows = screen.rows
                    plain = screen.plain
            elif first == "\r":
                cursor.x = 0
                if token == "\r\n":
                    if cursor.y == screen.bottom:
                        screen.scroll_up()
                    elif cursor.y < screen.lines - 1:
                        cursor.y += 1
                elif token != "\r":
                    screen.write_lines(token)
            else:
                act = self._controls.get(token)
                if act is not None:
                    act()
                    plain = screen.plain
        self._last = self._before(tokens, len(tokens))
        return None

    def _before(self, tokens: list[str], at: int) -> str:
        """The character that REP repeats at token `at`: "" if what comes before is no text."""
        while at:
            at -= 1
            token = tokens[at]
            if token[0] > "\x1f" and token[-1] != "\n":
                for char in reversed(token):
                    if char.isascii() or char_width(char) > 0:
                        return char
            elif not _REPEAT.fullmatch(token):
                return ""
        return self._last

    def _resolve(self, token: str) -> Action | None:
        """The action of a token seen for the first time; None: it has been acted on, or is cut off."""
        screen = self.screen
        kind = token[1:2]
        if kind and kind in _STRING_KINDS:
            if token[-1] not in "\x18\x1a":
                payload = token[2:-1] if kind == "]" and token[-1] == "\x07" else token[2:]
                screen.control_string(kind, payload)
            return None
        if _REPEAT.fullmatch(token):
            return None
        if len(token) < 2 or token[-1] < "0" or (token[-1] < "@" and kind == "["):
            return None
        sgr = _SGR.fullmatch(token) if len(token) <= MAX_SEQUENCE else None
        if sgr:
            style = screen.cursor.style
            screen.styles.remember(style, token, screen.change_style(sgr.group(1)))
            return None
        if len(screen.actions) >= MAX_ACTIONS:
            screen.actions.clear()
        action = self._dispatch.action(token)
        screen.actions[token] = action
        return action


def _controls_first(match: re.Match[str]) -> str:
    """Move the controls in front of the sequence that surrounds them: they act at once.

    The string terminator before them does nothing, save for ending a string as the sequence would have.
    """
    text = match.group()
    controls = "".join([char for char in text[1:] if char < " "])
    if not controls:
        return text
    return "\x1b\\" + controls + "\x1b" + "".join([char for char in text[1:] if char >= " "])
