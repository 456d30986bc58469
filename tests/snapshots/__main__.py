"""Draws all snapshots anew: `python -m tests.snapshots`. Look at the difference before committing it."""

from __future__ import annotations

import asyncio

from tests.snapshots.scenes import FOLDER, SCENES, SIZES, draw, file_of


async def main() -> None:
    """Rewrite them; those of scenes that are no more are removed."""
    for old in FOLDER.glob("*.txt"):
        old.unlink()
    for size in SIZES:
        for name in SCENES:
            file_of(name, size).write_text(await draw(name, size))


if __name__ == "__main__":
    asyncio.run(main())
