"""The few Linux process attributes that the standard library cannot set. Elsewhere than on Linux each is a
no-op."""

from __future__ import annotations

import ctypes
import sys

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_NAME = 15
PR_SET_CHILD_SUBREAPER = 36
M_ARENA_MAX = -8


def _prctl(option: int, value: int | bytes) -> bool:
    if sys.platform != "linux":
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    argument = ctypes.c_char_p(value) if isinstance(value, bytes) else ctypes.c_ulong(value)
    return bool(libc.prctl(ctypes.c_int(option), argument, 0, 0, 0) == 0)


def hide_memory() -> bool:
    """Refuse ptrace and /proc/PID/{mem,environ,fd} to other programs of the same user."""
    return _prctl(PR_SET_DUMPABLE, 0)


def gather_orphans() -> bool:
    """Become the parent of every double-forked descendant."""
    return _prctl(PR_SET_CHILD_SUBREAPER, 1)


def signal_on_parent_death(number: int) -> bool:
    """Have the kernel send `number` to this process when its parent dies."""
    return _prctl(PR_SET_PDEATHSIG, number)


def set_name(name: str) -> bool:
    """The name in `ps` and `top` (the kernel keeps 15 bytes)."""
    return _prctl(PR_SET_NAME, name.encode()[:15])


def trim_memory() -> None:
    """Give memory that start-up used back, and keep threads from making heaps of their own (glibc only)."""
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        if hasattr(libc, "malloc_trim") and hasattr(libc, "mallopt"):
            libc.mallopt(M_ARENA_MAX, 1)
            libc.malloc_trim(0)
