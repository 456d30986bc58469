"""Whatever a far side sends reaches the person's terminal as printable text or not at all, and the far side hears no
more than fixed answers: hostile streams through the pane, Textual and the painter, down to the bytes."""

from __future__ import annotations

import base64
import json
import random
import re
import sys
import time
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.bench.ptyrun import Run
from tests.tty.test_driver import ENV
from tests.vt import streams

APP = Path(__file__).with_name("hostile_app.py")
SEED = 7
RANDOM_STREAMS = 250
MOST_SECONDS = 30

PAYLOADS = (
    "plain", "\x1b[31mred\x1b[5;5H", "\x1b]0;inner\x07", "\x1b]52;c;QUFBQQ==\x07", "\x1b[?1049h",
    "\x1b[?1003h\x1b[?9h",
    "\x1bP$qm\x1b\\", "\x1bPtmux;\x1b\x1b]52;c;QUFB\x07\x1b\\", "\x07", "\x9b31m", "\x9d0;c1\x9c",
    "\x90q\x9c", "\x84\x85",
    "\r\nnew line\n", "\u202eright to left\u2066\u2069", "\u200b\u200d\ufeff\u00ad\u2028\u2029",
    "\U000e0041\U000e007f",
    "\ufff9x\ufffa\ufffb", "\x00\x01\x7f", "a" * 5_000, "\u0301" * 400, "%1b%5d0;x%07", "%0a%0d", "; ;",
    "?;?;?", "\ue000\uf8ff",
    "\U0010ffff\ufdd0", "&\"'<>`$(id)", "👩\u200d👧", "\x18\x1a\x1b", "\x1b\\\x1b[6n", "[link=evil]markup[/]",
    "\x1b[>4;2m",
    "\x1b[c\x1b[>c\x1b[5n\x1b[6n\x1b[?996n", "\x1b[21t\x1b[20t\x1b[11t\x1b[8;1;1t\x1b[3;9;9t", "\x1bZ\x05",
    "\x1b#8\x1b[5i",
)  # fmt: skip
TEMPLATES = (
    "{p}", "\x1b]0;{p}\x07", "\x1b]1;{p}\x1b\\", "\x1b]2;{p}\x1b\\\x1b[21t", "\x1bk{p}\x1b\\", "\x1b]l{p}\x1b\\",
    "\x1b]L{p}\x1b\\", "\x1b]8;;http://{p}\x1b\\link\x1b]8;;\x1b\\",
    "\x1b]8;id={p};https://e.org/{p}\x07link\x1b]8;;\x07",
    "\x1b]8;id=a:b={p};file:///{p}\x1b\\x", "\x1b]8;;javascript:{p}\x1b\\x\x1b]8;;\x1b\\", "\x1b]8;;mailto:{p}\x07x",
    "\x1b]8;{p}\x07x", "\x1b]8;;HTTPS://{p}\nX\x07x", "\x1b]52;c;{p}\x07", "\x1b]52;{p};QUFB\x07",
    "\x1b]52;c;{b}\x07",
    "\x1b]52;c;?\x07", "\x1b]7;file://host/{p}\x07", "\x1b]7;file://{p}/{q}\x07", "\x1b]9;{p}\x07",
    "\x1b]777;notify;{p}\x07",
    "\x1b]133;A;{p}\x07", "\x1b]133;D;{p}\x07", "\x1b]133;C;cmd={p}\x07", "\x1b]1337;File=inline=1:{b}\x07",
    "\x1bP$q{p}\x1b\\", "\x1bP+q{h}\x1b\\", "\x1bP+q{p}\x1b\\", "\x1b[?{p}$p", "\x1b[{p}$p", "\x1b]4;1;{p}\x07",
    "\x1b]4;{p};?\x07", "\x1b]10;{p}\x07", "\x1b]11;?{p}\x1b\\", "\x1b]104;{p}\x07", "\x1b_G{p}\x1b\\",
    "\x1b^{p}\x1b\\",
    "\x1bX{p}\x1b\\", "\x1bPq{p}\x1b\\", "\x1bP{p}\x1b\\", "\x1b[22t\x1b]2;{p}\x07\x1b[23t", "\x1b[{p} q",
    "\x1b[{p}m",
    "\x1b[?5h{p}\x1b[?5l", "\x1b(0{p}\x1b(B", "\x1b[2;5r{p}\x1b[r", "\x1b[8m{p}\x1b[28m", "\x1b[?2026h{p}",
    "\x1b[4:3;58:5:1m{p}",
)  # fmt: skip
# In front of each, so that what the one before it left open does not swallow it.
AGAIN = "\x18\x1b\\\x1b[?1049l\x1b[!p\x1b[?2026l\x1b]8;;\x1b\\\x1b[m\r\n"
NAMES = [payload[:300] for payload in PAYLOADS]

# What the painter may write: text aside, nothing but this.
_ALLOWED = re.compile(
    r"\x1b\[(?:[0-9]+(?:;[0-9]+)?)?H"  # CUP
    r"|\x1b\[[0-9]*[CX]|\x1b\[K"  # CUF, ECH, EL
    r"|\x1b\[[0-9:;]*m"  # SGR
    r"|\x1b\[(?:[0-9]+;[0-9]+)?r"  # DECSTBM
    r"|\x1b\[\?(?:25|2026)[hl]|\x1b\[[0-6] q"
    r"|\x1b\]8;;(?P<link>[^\x00-\x1f\x7f-\x9f]*)\x1b\\"
    r"|\r|\n|\x1bM"  # a region scrolls by these
)
_LINK = re.compile(r"(?:https?|file|mailto):.*", re.IGNORECASE)
_ANSWERS = re.compile(
    r"\x1b\[\?62;22c|\x1b\[>1;10;0c|\x1bP!\|0{8}\x1b\\|\x1b\[0n|\x1b\[\??[0-9]+;[0-9]+R|\x1b\[\?(?:13|21|27;1;0;0)n"
    r"|\x1b\[\??[0-9]+;[0-4]\$y|\x1b\[\?[0-9]+u|\x1bP>\|hopx-tui\x1b\\|\x1bP[01]\$r(?:[0-9:;]*(?:m|r| q|\"p))?\x1b\\"
    r"|\x1bP0\+r\x1b\\|\x1b\](?:4;[0-9]+|1[012]);rgb:[0-9a-f]{4}/[0-9a-f]{4}/[0-9a-f]{4}\x1b\\"
    r"|\x1b\[[89];[0-9]+;[0-9]+t|\x1b\[[IO]"  # focus, where it was asked for
)


def hostile(rng: random.Random) -> Iterator[str]:
    """Every payload through every template, some together, then random damage."""
    for template in TEMPLATES:
        for payload in PAYLOADS:
            filled = template.replace("{p}", payload).replace("{q}", quote(payload))
            filled = filled.replace("{b}", base64.b64encode(payload.encode()).decode())
            yield AGAIN + filled.replace("{h}", payload.encode().hex())
    for _ in range(RANDOM_STREAMS):
        yield streams.stream(rng).decode(errors="replace")


def unprintable(text: str) -> list[str]:
    """What is neither allowed nor printable, with what surrounds it."""
    wrong = []
    rest = _ALLOWED.sub(lambda match: "" if link_is_safe(match["link"]) else "\x00", text)
    for at, char in enumerate(rest):
        if not char.isprintable() and unicodedata.category(char) != "Co":  # icons, which mean nothing to a terminal
            wrong.append(repr(rest[max(0, at - 20) : at + 30]))
    return wrong


def link_is_safe(link: str | None) -> bool:
    return not link or (link.isprintable() and len(link) <= 1024 and _LINK.fullmatch(link) is not None)


def collect(run: Run, words: str) -> bytes:
    out = b""
    end = time.monotonic() + MOST_SECONDS
    while words not in run.text():
        assert time.monotonic() < end, run.text()
        out += run.read(0.05)
    while more := run.read(0.3):
        out += more
    return out


@pytest.mark.parametrize("way", ["direct", "textual"])
def test_only_text_arrives(tmp_path: Path, way: str) -> None:
    rng = random.Random(SEED)
    said = list(hostile(rng))
    rng.shuffle(said)
    together = ["".join(said[at : at + 8]) for at in range(0, len(said), 8)]  # as many as its lines show
    source, answers = tmp_path / "in", tmp_path / "out"
    source.write_text(json.dumps([together, NAMES]))
    run = Run([sys.executable, str(APP), str(source), str(answers), way], ENV, (100, 30))
    try:
        collect(run, "READY")
        run.type("g")
        seen = collect(run, "DONE").decode()
        run.type("q")
        end = time.monotonic() + MOST_SECONDS
        while not (answers.exists() and answers.read_text().endswith("]")):
            assert time.monotonic() < end
            run.read(0.02)
        heard = "".join(json.loads(answers.read_text()))
    finally:
        run.close()
    assert unprintable(seen) == []
    assert len(seen) > 20_000
    assert "link" in seen
    assert len({match["link"] for match in _ALLOWED.finditer(seen)}) > 4
    assert _ANSWERS.sub("", heard) == ""
    assert len(heard) > 1_000
