"""Copies text to the person's own clipboard, wherever they sit, and tells which way it went."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from hopx_tui.tty.capabilities import Capabilities, detect

__all__ = ["Clipboard", "CopyResult"]

OSC52_BASE64_BYTES = 74_994
"""The longest payload that terminals agree on: xterm's limit; some cut or drop longer ones in silence."""
TOOL_SECONDS = 3.0
_SCREEN_PIECE = 240  # GNU screen drops longer strings

_TOOLS: Sequence[tuple[str, tuple[str, ...], str | None]] = (
    ("pbcopy", (), None),
    ("wl-copy", (), "WAYLAND_DISPLAY"),
    ("xclip", ("-selection", "clipboard"), "DISPLAY"),
    ("xsel", ("--clipboard", "--input"), "DISPLAY"),
)


@dataclass(frozen=True)
class CopyResult:
    """How a copy went. ``how`` is a phrase for the toast; ``too_large``: offer to save a file instead."""

    ok: bool
    how: str
    too_large: bool = False


class Clipboard:
    """The ways to the person's clipboard, tried in the order of certainty.

    Inside tmux ``tmux load-buffer -w -``, which reaches the outer terminal with tmux's default settings where
    a bare or a wrapped OSC 52 is dropped. Else OSC 52. Else the desktop's own tool.

    Args:
        write: hands bytes to the person's terminal in order with the frames.
        environ: environment of the process.
    """

    def __init__(
        self,
        write: Callable[[str], None],
        environ: Mapping[str, str],
        *,
        found: Capabilities | None = None,
        which: Callable[[str], str | None] = shutil.which,
        osc52_limit: int = OSC52_BASE64_BYTES,
    ) -> None:
        self._write = write
        self._environ = dict(environ)
        self._found = detect(environ) if found is None else found
        self._which = which
        self._limit = osc52_limit

    async def copy(self, text: str) -> CopyResult:
        """Copy a text; never raises, never blocks the loop, takes at most a few seconds."""
        if not text:
            return CopyResult(False, "nothing to copy")
        data = text.encode("utf-8", "replace")
        if self._found.multiplexer == "tmux":
            result = await self._by_tmux(data)
            if result is not None:
                return result
        encoded = base64.b64encode(data).decode("ascii")
        fits = len(encoded) <= self._limit
        if self._found.osc52 and fits:
            self._write(self._osc52(encoded))
            return CopyResult(True, "sent to your terminal's clipboard (OSC 52)")
        result = await self._by_tool(data)
        if result is not None:
            return result
        if self._found.osc52:
            how = f"too large for your terminal: {len(data):,} of {self._limit * 3 // 4:,} bytes"
            return CopyResult(False, how, too_large=True)
        return CopyResult(False, "this terminal has no clipboard and no clipboard tool was found")

    async def _by_tmux(self, data: bytes) -> CopyResult | None:
        tmux = self._which("tmux")
        if tmux is None:
            return None
        if await self._feed((tmux, "load-buffer", "-w", "-"), data):
            return CopyResult(True, "copied through tmux to your clipboard (also: prefix ])")
        if await self._feed((tmux, "load-buffer", "-"), data):  # before tmux 3.2 there is no -w
            return CopyResult(True, "copied to tmux's buffer (paste with prefix ])")
        return None

    async def _by_tool(self, data: bytes) -> CopyResult | None:
        if not self._found.display:
            return None
        for name, arguments, variable in _TOOLS:
            path = self._which(name)
            if path is None or (variable is not None and not self._environ.get(variable)):
                continue
            if await self._feed((path, *arguments), data):
                return CopyResult(True, f"copied by {name}")
        return None

    async def _feed(self, command: Sequence[str], data: bytes) -> bool:
        """Whether the command took the data in time."""
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.DEVNULL,  # xclip leaves a child behind that would keep a pipe open
                stderr=asyncio.subprocess.DEVNULL,
                env=self._environ,
            )
        except OSError:
            return False
        try:
            await asyncio.wait_for(process.communicate(data), TOOL_SECONDS)
        except (TimeoutError, BrokenPipeError, ConnectionResetError):
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        return await process.wait() == 0

    def _osc52(self, encoded: str) -> str:
        sequence = f"\x1b]52;c;{encoded}\x1b\\"
        if self._found.multiplexer != "screen":
            return sequence
        sequence = f"\x1b]52;c;{encoded}\x07"  # an ESC \ inside would end screen's own wrapper
        pieces = range(0, len(sequence), _SCREEN_PIECE)
        return "".join(f"\x1bP{sequence[at : at + _SCREEN_PIECE]}\x1b\\" for at in pieces)
