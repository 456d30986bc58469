"""The terminal core beside its peers, in one run: `python -m tests.bench.terminal`.

Parse rates on corpora made here, of stock pyte, of our core and of tmux (a detached pane in which `cat` runs to its
end): medians of `--runs`, turn by turn, so that all three meet the same machine. `--full` adds the public suites
(where their fixtures are: HOPX_TUI_SHARED) and 100,000 random streams. Exits 1 when a gate is missed.
"""

from __future__ import annotations

import argparse
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import pyte

from hopx_tui.vt.screen import VTScreen
from hopx_tui.vt.stream import VTStream
from tests.bench.corpora import SIZE, corpora
from tests.vt.test_conformance import SHARED, Tally, alacritty, xtermjs
from tests.vt.test_fuzz import run_case

CHUNK = 65_536
STOCK_SAMPLE = 100_000
GATES = {  # corpus: least rate as a multiple of (stock pyte, tmux detached)
    "plain log": (100, 3.0),
    "ls --color": (0, 1.0),
    "git --color": (10, 0.4),
    "recordings": (8, 0.6),
    "cursor motion": (5, 0.4),
    "unicode": (2.5, 0.4),
    "vim session": (0, 0.3),
}
FUZZ_CASES = 100_000
