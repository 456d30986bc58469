"""`python -m hopx_tui.engine`: hands the arguments to the command line of the engine."""

from __future__ import annotations

import sys

from hopx_tui.engine.commands import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
