"""Reading a descriptor that the event loop said is readable."""

from __future__ import annotations

import os

__all__ = ["READ_BYTES", "read_now"]

READ_BYTES = 1 << 16


def read_now(descriptor: int) -> bytes | None:
    """What is there, at most 64 KiB; b"" at the end (a terminal that is gone has ended); None if it was nothing."""
    try:
        return os.read(descriptor, READ_BYTES)
    except BlockingIOError:
        return None
    except OSError:
        return b""
