"""The offer to restart a local engine that an older version started: what it stops is said, nothing is done unasked."""

from __future__ import annotations

from hopx_tui import format as fmt
from hopx_tui.widgets.dialogs import ConfirmDialog


def upgrade_dialog(old: str, new: str, active: int) -> ConfirmDialog:
    """`active`: sandboxes that run or are paused."""
    if active:
        what = f"A restart stops {fmt.count(active, 'sandbox', 'sandboxes')}: programs end, files are kept."
    else:
        what = "No sandbox runs, so nothing would be stopped; files are kept."
    lines: list[str | tuple[str, str]] = [
        ("it runs", fmt.printable(old)),
        ("this is", new),
        what,
        "Later is fine: everything goes on as it is, and the question comes again with the next start.",
    ]
    return ConfirmDialog(
        "Restart the local engine?", lines, "Restart", danger=active > 0, cancel="Later", focus_confirm=not active
    )
