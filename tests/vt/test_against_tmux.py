"""Streams fed to our core and to tmux: both show the same text, attributes, cursor and modes.

`python -m tests.vt.test_against_tmux 10000 [seed]` compares as many random streams as wanted.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.bench.corpora import corpora
from tests.conftest import PROMISED
from tests.vt.agreed import Maker
from tests.vt.invariants import check
from tests.vt.recorded import PROGRAMS, record
from tests.vt.tmux_pane import Cell, Picture, TmuxPane, comparable, drawn
from tests.vt_core import Core, make

SIZE = (80, 24)
SIZES = ((20, 6), (40, 10), (10, 4), (80, 24))
STREAMS = 1_200
RESIZED = 200
PARTS = 4
SAMPLE = 150_000
RECORDINGS = Path(os.environ.get("HOPX_TUI_SHARED", Path(__file__).parents[3] / "shared")) / "vt" / "alacritty"
# Recordings that tmux 3.3 shows in another way than alacritty and we do.
KNOWN = {
    "decaln_reset": "DECALN moves the cursor home in tmux (and in xterm)",
    "saved_cursor": "DECRC brings the character sets back in xterm, not in tmux",
    "vttest_origin_mode_1": "DECSTBM goes to the region's first cell in origin mode, in tmux to the screen's",
    "wrapline_alt_toggle": "1049 keeps a pending wrap for the way back",
}


@pytest.fixture(scope="module")
def pane(needs, tmp_path_factory) -> Iterator[TmuxPane]:
    needs("tmux")
    reference = TmuxPane(tmp_path_factory.mktemp("tmux"), SIZE)
    yield reference
    reference.close()


def picture(core: Core) -> Picture:
    """What our core shows, in tmux's terms."""
    screen = core.screen
    modes = screen.modes
    rows = []
    for row in screen.rows:
        cells = [(cell, drawn(style)) for cell, style in zip(*row.grid(), strict=True) if cell]
        rows.append(comparable(cells, screen.columns))
    told = {
        "cursor_flag": modes.cursor_visible,
        "insert_flag": modes.insert,
        "keypad_cursor_flag": modes.app_cursor,
        "keypad_flag": modes.app_keypad,
        "origin_flag": modes.origin,
        "wrap_flag": modes.autowrap,
        "alternate_on": modes.alt_screen,
    }
    return Picture(rows, core.cursor(), told, (screen.top, screen.bottom))


def assert_same(core: Core, reference: TmuxPane) -> None:
    check(core.screen, core.stream)
    ours, theirs = picture(core), reference.picture()
    assert ours.text == theirs.text
    for y, (row, other) in enumerate(zip(ours.rows, theirs.rows, strict=True)):
        assert row == other, f"row {y}"
    assert ours == theirs


def compare(reference: TmuxPane, size: tuple[int, int], data: bytes) -> None:
    core = make(size)
    core.feed(data)
    reference.begin(size)
    reference.feed(data)
    assert_same(core, reference)


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs(name, pane, needs, tmp_path):
    program = PROGRAMS[name]
    for tool in program.tools:
        if tool in PROMISED:
            needs(tool)
        elif shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    data = record(program, SIZE, tmp_path)
    assert len(data) > 300
    compare(pane, SIZE, data)


@pytest.mark.parametrize("name", [name for name in corpora(1) if name != "recordings"])
def test_what_the_benchmarks_feed(name, pane):
    data = corpora(SAMPLE)[name]
    compare(pane, (120, 40), data[: max(data.rfind(b"\x1b"), data.rfind(b"\n"))])


@pytest.mark.skipif(not RECORDINGS.is_dir(), reason="no shared fixtures here (HOPX_TUI_SHARED)")
def test_recordings(pane):
    wrong, count = set(), 0
    for file in sorted(RECORDINGS.glob("*/size.json")):
        size = json.loads(file.read_text())
        try:
            compare(pane, (size["columns"], size["screen_lines"]), (file.parent / "alacritty.recording").read_bytes())
        except AssertionError:
            wrong.add(file.parent.name)
        count += 1
    assert count >= 43
    assert wrong <= KNOWN.keys()


def run_case(reference: TmuxPane, seed: int) -> None:
    """One random stream; an error is told with its seed and parts."""
    rng = random.Random(seed)
    size = rng.choice(SIZES)
    maker = Maker(rng, *size, wide=seed % 2 == 1)
    data = maker.stream(rng.randint(3, 60))
    try:
        compare(reference, size, data)
    except BaseException as error:
        error.add_note(f"stream {seed}, {size[0]}x{size[1]}: {maker.made}")
        raise


@pytest.mark.parametrize("part", range(PARTS))
def test_random_streams(part, pane):
    for seed in range(part * STREAMS // PARTS, (part + 1) * STREAMS // PARTS):
        run_case(pane, seed)


def test_random_streams_around_a_resize_of_the_alternate_screen(pane):
    """One resize each: what is cut off comes back in tmux when it grows again, in xterm it is lost."""
    for seed in range(RESIZED):
        rng = random.Random(seed)
        size, other = rng.sample(SIZES, 2)
        core = make(size)
        pane.begin(size)
        first = Maker(rng, *size, wide=seed % 2 == 1, screens=False)
        data = b"\x1b[?1049h" + first.stream(rng.randint(2, 30))
        core.feed(data)
        pane.feed(data)
        core.screen.resize(other[1], other[0])
        pane.resize(other)
        # tmux has new tab stops now. A pending wrap stays pending there if the width did not change.
        second = Maker(rng, *other, wide=first.wide, inserts=first.inserts, wraps=first.wraps, screens=False)
        data = b"\x1b[3g" + second.aside().encode() + second.stream(rng.randint(2, 30))
        core.feed(data)
        pane.feed(data)
        try:
            assert_same(core, pane)
        except AssertionError as error:
            error.add_note(f"stream {seed}, {size} to {other}: {first.made} {second.made}")
            raise


@pytest.mark.parametrize("words", [("ab", "yy", "-", "x y"), ("ab", "日本", "é", "x 語")], ids=["narrow", "wide"])
def test_lines_flow_alike_when_the_width_changes(pane, words):
    """The rows from the cursor upwards: how many stay on the screen is each terminal's own choice.

    With wide characters tmux 3.3 puts the cursor into the text now and then, far from the prompt that was typed last:
    so with them there is one resize each.
    """
    wide, astray = "日本" in words, 0
    for seed in range(RESIZED):
        rng = random.Random(seed)
        size = rng.choice(SIZES)
        core = make(size)
        pane.begin(size)
        for _ in range(1 if wide else rng.randint(1, 4)):
            text = ""
            for _ in range(rng.randint(1, 8)):
                line = "".join(rng.choices(words, k=rng.choice((0, 3, 8, rng.randint(0, 60)))))
                text += f"\x1b[{rng.choice((31, 1, 4, 7, 0))}m{line}\x1b[m\r\n"
            for data in (text.encode(), b"$ ls"):
                core.feed(data)
                pane.feed(data)
            other = rng.choice(SIZES)
            core.screen.resize(other[1], other[0])
            pane.resize(other)
        check(core.screen, core.stream)
        ours, theirs = picture(core), pane.picture()
        assert ours.text[ours.cursor[0]][: ours.cursor[1]] == "$ ls"
        if theirs.text[theirs.cursor[0]] != "$ ls":
            astray += 1
            last = max(y for y, text in enumerate(theirs.text) if text == "$ ls")
            theirs.cursor = last, ours.cursor[1]
        count = min(ours.cursor[0], theirs.cursor[0]) + 1
        assert ours.cursor[1] == theirs.cursor[1]
        assert above(ours, count) == above(theirs, count), f"stream {seed}"
    assert astray <= (RESIZED // 5 if wide else 0)


def above(shown: Picture, count: int) -> list[list[Cell]]:
    """The cursor's row and those over it, `count` in all."""
    end = shown.cursor[0] + 1
    return shown.rows[end - count : end]


if __name__ == "__main__":
    number = int(sys.argv[1]) if len(sys.argv) > 1 else STREAMS
    start = int(sys.argv[2]) if len(sys.argv) > 2 else 0
    with tempfile.TemporaryDirectory() as folder:
        tmux = TmuxPane(Path(folder), SIZE)
        try:
            for case in range(start, start + number):
                run_case(tmux, case)
        finally:
            tmux.close()
    print(f"{number} streams agree")
