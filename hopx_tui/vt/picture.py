"""A screen as the text that draws it: for whoever comes to a program that runs already."""

from __future__ import annotations

from hopx_tui.vt.screen import VTScreen

_SWITCHES = (("app_cursor", 1), ("reverse_screen", 5), ("bracketed_paste", 2004))


def picture(screen: VTScreen) -> str:
    """Output that turns a fresh terminal of the same size into this one: text, styles, cursor and margins.

    Titles, links and what scrolled off are left out; mouse and keyboard modes concern only who types.
    """
    out = ["\x1b[?1049h" if screen.modes.alt_screen else "", "\x1b[H\x1b[2J"]
    for y, row in enumerate(screen.rows):
        used = row.used()
        if not used and row.fill is screen.styles.default:
            continue
        out.append(f"\x1b[{y + 1}H")
        for text, style in row.segments():
            out.append(f"\x1b[{style.sgr}m{text}")
    out.append("\x1b[m")
    out += [f"\x1b[?{number}h" for name, number in _SWITCHES if getattr(screen.modes, name)]
    if (screen.top, screen.bottom) != (0, screen.lines - 1):
        out.append(f"\x1b[{screen.top + 1};{screen.bottom + 1}r")
    cursor = screen.cursor
    out.append(f"\x1b[{cursor.y + 1};{min(cursor.x, screen.columns - 1) + 1}H\x1b[{cursor.style.sgr}m")
    if screen.cursor_shape:
        out.append(f"\x1b[{screen.cursor_shape} q")
    if not screen.cursor_visible:
        out.append("\x1b[?25l")
    if screen.modes.origin:
        out.append("\x1b7\x1b[?6h\x1b8")
    return "".join(out)
