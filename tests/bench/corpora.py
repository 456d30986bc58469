"""What the terminal's benchmarks and comparisons feed: made-up logs, listings, sessions; the same on every machine."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path

SIZE = (120, 40)
WORDS = (
    "request", "worker", "session", "timeout", "accepted", "connection", "closed", "retry", "queue", "sandbox",
    "agent", "token", "user", "path", "value", "handler", "module", "import", "return", "self", "config", "default",
    "update", "status", "running", "paused", "stopped", "error", "warning",
)  # fmt: skip
_AS_NEW = b"\x1b[?1049l\x1bc"  # RIS leaves tmux in the alternate screen
RECORDINGS = (
    "tmux_htop", "vim_simple_edit", "vim_large_window_scroll", "vim_24bitcolors_bce", "tmux_git_log", "fish_cc",
)  # fmt: skip


def sentence(rng: random.Random, least: int, most: int) -> str:
    text = ""
    size = rng.randint(least, most)
    while len(text) < size:
        text += rng.choice(WORDS) + " "
    return text[:size]


def plain_log(rng: random.Random) -> str:
    when = f"2026-01-01T12:30:{second(rng)}.{rng.randint(100, 999)}Z"
    return f"{when} INFO worker[{rng.randint(1, 999)}]: {sentence(rng, 30, 70)}\r\n"


def long_line(rng: random.Random) -> str:
    return sentence(rng, 130, 600) + "\r\n"


def yes(_: random.Random) -> str:
    return "y\r\n" * 100


def ls_line(rng: random.Random) -> str:
    name = sentence(rng, 5, 20).replace(" ", "_")
    colour = rng.choice(("01;34", "01;32", "01;36", "01;31")) if rng.random() < 0.2 else ""
    shown = f"\x1b[0m\x1b[{colour}m{name}\x1b[0m" if colour else name
    size, day = rng.randint(100, 999_999), rng.randint(10, 28)
    return f"-rw-r--r--  1 root root {size:8d} Jan {day} 12:{second(rng)} {shown}\r\n"


def second(rng: random.Random) -> int:
    return rng.randint(10, 59)


def git_line(rng: random.Random) -> str:
    kind = rng.random()
    text = sentence(rng, 5, 70)
    if kind < 0.4:
        return f"     {text}\r\n"
    if kind < 0.65:
        return f"\x1b[32m+\x1b[m\x1b[32m    {text}\x1b[m\r\n"
    if kind < 0.85:
        return f"\x1b[31m-    {text}\x1b[m\r\n"
    if kind < 0.95:
        return f"\x1b[36m@@ -{rng.randint(1, 900)},7 +{rng.randint(1, 900)},9 @@\x1b[m def {rng.choice(WORDS)}():\r\n"
    return f"\x1b[1mdiff --git a/{rng.choice(WORDS)}.py b/{rng.choice(WORDS)}.py\x1b[m\r\n"


def unicode_line(rng: random.Random) -> str:
    kinds = (
        "日本語のテキストです。漢字と仮名。",
        "한국어 텍스트 ",
        "🚀✨🎉😀 ",
        "─│┌┐└┘├┤ ═║ ",
        "Ωμέγα приве́т ",
        "naïve café ",
        "plain ",
    )
    return "".join(rng.choice(kinds) for _ in range(rng.randint(3, 8))) + "\r\n"


def full_screen(rng: random.Random) -> str:
    """One refresh of a process list, as htop sends it: rows partly rewritten, colours, cursor addressing."""
    out = ["\x1b[?25l"]
    for row in range(1, SIZE[1]):
        out.append(f"\x1b[{row};1H\x1b[39;49m{rng.randint(1, 99999):6d} \x1b[32mroot \x1b[m{rng.randint(0, 99):3d}")
        if rng.random() < 0.6:
            out.append(f"\x1b[{row};30H\x1b[1m\x1b[36m{rng.random() * 100:5.1f}\x1b[m \x1b[K{sentence(rng, 8, 20)}")
        if rng.random() < 0.3:
            out.append(f"\x1b[{row};70H\x1b[7m{sentence(rng, 5, 30)}\x1b[27m\x1b[5C|")
    return "".join(out) + "\x1b[?25h"


def vim_session(rng: random.Random) -> str:
    """Scrolling and editing highlighted text: a scroll region, short coloured words, cursor moves."""
    out = [f"\x1b[1;{SIZE[1] - 2}r\x1b[{SIZE[1] - 2};1H\n\x1b[1;{SIZE[1]}r\x1b[{SIZE[1] - 2};1H"]
    for _ in range(rng.randint(3, 9)):
        colour = rng.choice((1, 33, 34, 35, 36, 130, 224))
        out.append(f"\x1b[38;5;{colour}m{rng.choice(WORDS)}\x1b[m {rng.choice(WORDS)[:4]}(")
    out.append(f"\x1b[K\x1b[{SIZE[1]};{rng.randint(90, 110)}H{rng.randint(1, 999)},{rng.randint(1, 80)}")
    out.append(f"\x1b[{rng.randint(1, 38)};{rng.randint(1, 99)}H")
    return "".join(out)


def cursor_motion(rng: random.Random) -> str:
    return "".join(f"\x1b[{rng.randint(1, SIZE[1])};{rng.randint(1, SIZE[0])}H{rng.choice('abc')}" for _ in range(50))


def region_scroll(_: random.Random) -> str:
    return "\x1b[5;30r\x1b[30;1H" + "scrolled line\r\n" * 200 + "\x1b[r"


def sgr_cells(rng: random.Random) -> str:
    cells = (f"\x1b[38;5;{16 + index * 5 % 200};48;5;{index % 200};1mA" for index in range(SIZE[0]))
    return "".join(cells) + f"\x1b[{rng.randint(1, SIZE[1])};1H"


def build(make: Callable[[random.Random], str], size: int) -> bytes:
    rng = random.Random(1)
    out: list[str] = []
    total = 0
    while total < size:
        piece = make(rng)
        out.append(piece)
        total += len(piece)
    return "".join(out).encode()


def recordings(size: int) -> bytes:
    """Real recordings if the shared fixtures are there, else the made-up process list."""
    root = Path(os.environ.get("HOPX_TUI_SHARED", Path(__file__).parents[3] / "shared")) / "vt" / "alacritty"
    found = [root / name / "alacritty.recording" for name in RECORDINGS]
    data = _AS_NEW.join(path.read_bytes() for path in found if path.exists())
    if not data:
        return build(full_screen, size)
    return (data + _AS_NEW) * (1 + size // len(data))


def corpora(size: int | None = None) -> dict[str, bytes]:
    """By name; of `size` characters each, else as large as a fast parser needs to be measured well."""
    return {
        "plain log": build(plain_log, size or 8_000_000),
        "long lines": build(long_line, size or 4_000_000),
        "yes": build(yes, size or 4_000_000),
        "ls --color": build(ls_line, size or 4_000_000),
        "git --color": build(git_line, size or 2_000_000),
        "unicode": build(unicode_line, size or 400_000),
        "recordings": recordings(size or 1_000_000),
        "process list": build(full_screen, size or 1_000_000),
        "vim session": build(vim_session, size or 1_000_000),
        "cursor motion": build(cursor_motion, size or 1_000_000),
        "region scroll": build(region_scroll, size or 2_000_000),
        "SGR per cell": build(sgr_cells, size or 2_000_000),
    }
