"""One line for a transfer: what, how much of it, how fast, how long still, and how to stop it."""

from __future__ import annotations

from rich.cells import cell_len
from rich.segment import Segment
from textual.strip import Strip
from textual.widget import Widget

from hopx_tui.format import duration, percent, printable, rate, size, truncate
from hopx_tui.widgets.palette import Palette, ascii_only


class ProgressLine(Widget):
    """`upload report.csv  ━━━━────  45%  12M/27M  1.2M/s  12s left  esc cancels`; drops parts when narrow."""

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    ProgressLine { width: 1fr; height: 1; }
    """

    def __init__(
        self,
        label: str = "",
        *,
        hint: str = "esc cancels",
        id: str | None = None,
        classes: str | None = None,
    ) -> None:
        """`hint` tells how to cancel."""
        super().__init__(id=id, classes=classes)
        self._label = printable(label)
        self._hint = hint
        self._done = 0
        self._total: int | None = None
        self._speed: float | None = None
        self._palette: Palette | None = None

    def set_label(self, label: str) -> None:
        """What is being transferred."""
        self._label = printable(label)
        self.refresh()

    def set_progress(self, done: int, total: int | None, speed: float | None = None) -> None:
        """`done` and `total` in bytes (None: nobody knows), `speed` in bytes per second."""
        if (done, total, speed) != (self._done, self._total, self._speed):
            self._done, self._total, self._speed = done, total, speed
            self.refresh()

    def notify_style_update(self) -> None:
        """The theme changed."""
        super().notify_style_update()
        self._palette = None

    @property
    def _share(self) -> float | None:
        if self._total is None:
            return None
        return min(1.0, self._done / self._total) if self._total > 0 else 1.0

    def _facts(self) -> list[str]:
        """The texts after the bar, the most useful first."""
        share = self._share
        facts = [] if share is None else [percent(int(share * 100)).rjust(4)]
        facts.append(size(self._done) if self._total is None else f"{size(self._done)}/{size(self._total)}")
        if self._speed is not None:
            facts.append(rate(self._speed))
            if self._total is not None and self._speed > 0 and self._done < self._total:
                facts.append(f"{duration(max(1, (self._total - self._done) / self._speed))} left")
        return facts

    def parts(self, width: int) -> tuple[str, int, str, str]:
        """Label, cells of the bar, facts and hint as they fit into `width`."""
        facts = self._facts()
        hint = self._hint
        bar = min(30, max(6, width // 4)) if self._share is not None else 0
        while True:
            tail = "  ".join(facts)
            used = bar + (2 if bar else 0) + cell_len(tail) + (2 if tail else 0) + (cell_len(hint) + 2 if hint else 0)
            least = min(cell_len(self._label), 12)
            if used + least <= width or not (hint or len(facts) > 1 or bar):
                break
            if len(facts) > 2:
                facts.pop()
            elif hint and width < 40:
                hint = ""
            elif bar > 6:
                bar = 6
            elif len(facts) > 1:
                facts.pop()
            elif bar:
                bar = 0
            else:
                hint = ""
        ellipsis = "~" if ascii_only(self.app) else "…"
        label = truncate(self._label, max(0, width - used), where="middle", ellipsis=ellipsis, measure=cell_len)
        return label, bar, tail, hint

    def render_line(self, y: int) -> Strip:
        """The line."""
        width = self.size.width
        base = self.rich_style
        if y:
            return Strip.blank(width, base)
        palette = self._palette = self._palette or Palette.of(self.app)
        label, bar, tail, hint = self.parts(width)
        segments = [Segment(label, base)]
        if bar:
            full, empty = ("#", "-") if ascii_only(self.app) else ("━", "─")
            filled = round((self._share or 0) * bar)
            segments.append(Segment("  " + full * filled, base + palette.style("primary")))
            segments.append(Segment(empty * (bar - filled), base + palette.style("faint")))
        if tail:
            segments.append(Segment(f"  {tail}", base))
        if hint:
            segments.append(Segment(f"  {hint}", base + palette.style("muted")))
        return Strip([s for s in segments if s.text]).adjust_cell_length(width, base)
