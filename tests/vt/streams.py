"""Random terminal input: bytes, recordings' fragments, hostile parameters."""

from __future__ import annotations

import random

FINALS = "@ABCDEFGHIJKLMPSTXZ`abcdefghjklmnqrstuxyz{|}~^"
TEXTS = (
    "hello", "the quick brown fox jumps over the lazy dog", " ", "x", "日本語", "a日b本c", "e\u0301", "👩\u200d👧",
    "─│┌┐", "\u200b", "\u202e", "\ufe0f", "ﾊ", "é", "\u0301", "\U0001f600" * 3, "\x7f", "0123456789" * 12,
    "\u0300" * 20,
)  # fmt: skip
CONTROLS = (
    "\r\n", "\n", "\r", "\b", "\t", "\x07", "\x0e", "\x0f", "\x00", "\x18", "\x1a", "\x0b", "\x85", "\x84",
    "\x7f",
)  # fmt: skip
LINES = ("one line\r\ntwo lines\r\n\r\n", "x\r\n" * 30, ("long " * 40 + "\r\n") * 3, "a\r\n\r\n\r\nb")
MODES = (1, 3, 4, 5, 6, 7, 20, 25, 45, 47, 66, 1000, 1002, 1006, 1047, 1048, 1049, 2004, 2026, 9999)
ESCAPES = (
    "\x1b7", "\x1b8", "\x1bD", "\x1bE", "\x1bM", "\x1bH", "\x1bc", "\x1b(0", "\x1b(B", "\x1b)0", "\x1bn",
    "\x1b#8", "\x1b=", "\x1b>", "\x1b", "\x1b[", "\x1b]", "\x1b\\", "\x1b[3", "\x1b ", "\x1b F", "\x1b([",
    "\x1b%G", "\x1b[1\n2H", "\x1b\n[2J", "\x1b[\x18", "\x9b3m", "\x1b[ 1m", "\x1b[!p", "\x1b[?1", "\x1b[3é",
    "\x1bé", "\x1b[5b", "\x1b[b", "x\x1b[3b", "\x1b(\r0", "\x1b[1;3\x08r",
)  # fmt: skip
STRINGS = (
    "\x1b]0;title\x07", "\x1b]2;t\x1b\\", "\x1b]8;;http://a/b\x1b\\", "\x1b]8;;\x07",
    "\x1b]8;;javascript:x\x07", "\x1b]52;c;aGk=\x07", "\x1b]4;1;?\x07", "\x1b]10;?;?\x1b\\", "\x1bP$qm\x1b\\",
    "\x1bP+q544e\x1b\\", "\x1b_Gi=1;AAAA\x1b\\", "\x1b_a\x07b\x1b\\", "\x1bXsos\x18", "\x1b^pm\x1b[31m",
    "\x1bktitle\x1b\\", "\x1b]P1234567", "\x1b]P12zz;\x07", "\x1b]R", "\x1b]7;file://h/p%20q\x07",
    "\x1b]133;D;1\x07", "\x1b]unended", "\x1bPunended", "\x1b]0;a\nb\x07", "\x9d2;c1\x9c", "\x1bP\x9c",
    "\x1b]\x07", "\x1b]\x1a",
)  # fmt: skip


def parameters(rng: random.Random) -> str:
    kinds = (
        "", "0", "1", "2", "3", "4:3", "5", "7", "38;5;200", "48;2;1;2;3", "38:2::9:8:7", "99", "9999",
        "99999999999999", ":", ";",
    )  # fmt: skip
    return ";".join(rng.choice(kinds) for _ in range(rng.randint(0, 4)))


def sequence(rng: random.Random) -> str:
    prefix = rng.choice(("", "", "", "", "?", ">", "=", "<"))
    between = rng.choice(("", "", "", "", "", " ", "$", "!", "'", '"'))
    if rng.random() < 0.15:
        return f"\x1b[?{rng.choice(MODES)}{rng.choice('hl')}"
    if rng.random() < 0.1:
        return f"\x1b[{rng.choice(MODES)}{rng.choice('hl')}"
    if rng.random() < 0.2:
        return f"\x1b[{rng.randint(0, 12)};{rng.randint(0, 12)}{rng.choice('Hr')}"
    if rng.random() < 0.2:
        return f"\x1b[{parameters(rng)}m"
    return f"\x1b[{prefix}{parameters(rng)}{between}{rng.choice(FINALS)}"


def stream(rng: random.Random) -> bytes:
    """One case: up to some forty pieces, some of them cut or damaged."""
    pieces: list[bytes] = []
    for _ in range(rng.randint(1, 40)):
        kind = rng.random()
        if kind < 0.3:
            piece = rng.choice(TEXTS).encode()
        elif kind < 0.42:
            piece = rng.choice(CONTROLS).encode()
        elif kind < 0.47:
            piece = rng.choice(LINES).encode()
        elif kind < 0.75:
            piece = sequence(rng).encode()
        elif kind < 0.85:
            piece = rng.choice(ESCAPES).encode()
        elif kind < 0.95:
            piece = rng.choice(STRINGS).encode()
        elif kind < 0.97:
            piece = rng.randbytes(rng.randint(1, 20))
        else:
            long = rng.choice(("\x1b]0;", "\x1bP", "\x1b[", "\x1b", "\x1b_"))
            piece = (long + rng.choice(("1", " ", "a", "1;", "1\n")) * rng.choice((2_000, 4_090, 5_000))).encode()
        if rng.random() < 0.08 and len(piece) > 1:
            piece = piece[: rng.randrange(len(piece))]
        pieces.append(piece)
    return b"".join(pieces)


def split(rng: random.Random, data: bytes) -> list[bytes]:
    """The same bytes in random pieces."""
    most = rng.choice((700, 2_500)) if len(data) > 3_000 else rng.choice((1, 3, 17, 200))
    out = []
    at = 0
    while at < len(data):
        size = rng.randint(1, most)
        out.append(data[at : at + size])
        at += size
    return out
