"""Uploads and downloads, one after the other, with progress in one line and a way to cancel."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from hopx_tui.api.errors import ApiError
from hopx_tui.panes.base import sentence
from hopx_tui.widgets.progress_line import ProgressLine

Progress = Callable[[int, int | None], None]
_REPAINT = 0.1
"""Seconds between two repaints of the progress."""


@dataclass(frozen=True)
class _Transfer:
    label: str
    size: int
    move: Callable[[Progress], Awaitable[None]]
    done: str


class Transfers(ProgressLine):
    """The queue and its line; hidden while nothing moves. A cancelled transfer leaves nothing half-written."""

    DEFAULT_CSS = "Transfers { display: none; padding: 0 1; background: $panel; }"

    def __init__(self) -> None:
        super().__init__(hint="ctrl+x cancels")
        self._waiting: deque[_Transfer] = deque()
        self._moving: asyncio.Task[None] | None = None
        self._working = False

    def add(self, label: str, size: int, move: Callable[[Progress], Awaitable[None]], done: str) -> None:
        """Queue one: `move(progress)` does it and raises ApiError, `done` is what is said at its end."""
        self._waiting.append(_Transfer(label, size, move, done))
        if not self._working:
            self._working = True
            self.run_worker(self._work(), name="transfers")

    def cancel(self) -> None:
        """End the one under way; the next begins."""
        if self._moving is not None:
            self._moving.cancel()

    @property
    def busy(self) -> bool:
        """Something moves or waits."""
        return self._working

    async def _work(self) -> None:
        self.display = True
        try:
            while self._waiting:
                transfer = self._waiting.popleft()
                self._moving = asyncio.ensure_future(self._one(transfer))
                try:
                    await asyncio.wait([self._moving])
                finally:
                    self._moving.cancel()
                    self._moving = None
        finally:
            self._working = False
            self.display = False

    async def _one(self, transfer: _Transfer) -> None:
        began = painted = time.monotonic()
        self._paint(transfer, 0, transfer.size, 0.0)

        def progress(done: int, total: int | None) -> None:
            nonlocal painted
            now = time.monotonic()
            if now - painted >= _REPAINT:
                painted = now
                self._paint(transfer, done, total or transfer.size, done / max(now - began, 0.001))

        try:
            await transfer.move(progress)
        except ApiError as error:
            self.app.notify(f"{transfer.label}: {sentence(error)}", severity="error", markup=False, timeout=10)
        except OSError as error:
            where = f"{error.filename}: " if error.filename else ""
            text = f"{transfer.label}: {where}{error.strerror or error}"
            self.app.notify(text, severity="error", markup=False, timeout=10)
        except asyncio.CancelledError:
            self.app.notify(f"{transfer.label}: cancelled, nothing was left behind.", markup=False)
            raise
        else:
            self.app.notify(transfer.done, markup=False)

    def _paint(self, transfer: _Transfer, done: int, total: int, per_second: float) -> None:
        self.set_label(transfer.label + (f" (+{len(self._waiting)})" if self._waiting else ""))
        self.set_progress(done, total, per_second or None)
