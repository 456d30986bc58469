"""`python -m hopx_tui` is the command `hopx-tui`."""

from hopx_tui.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
