"""The few Linux process attributes that the standard library cannot set. Elsewhere than on Linux each is a
no-op."""

from __future__ import annotations

import ctypes
import sys

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_NAME = 15
PR_CAPBSET_DROP = 24
PR_SET_CHILD_SUBREAPER = 36
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_LOWER = 3
CAP_SYS_PTRACE = 19
M_ARENA_MAX = -8


def _prctl(option: int, value: int | bytes, more: int = 0) -> bool:
    if sys.platform != "linux":
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    argument = ctypes.c_char_p(value) if isinstance(value, bytes) else ctypes.c_ulong(value)
    return bool(libc.prctl(ctypes.c_int(option), argument, ctypes.c_ulong(more), 0, 0) == 0)


def hide_memory() -> bool:
    """Refuse ptrace and /proc/PID/{mem,environ,fd} to other programs of the same user."""
    return _prctl(PR_SET_DUMPABLE, 0)


def forgo_tracing() -> bool:
    """Programs started from now on never gain CAP_SYS_PTRACE, which root has in a user namespace and which
    overrules `hide_memory`. Debugging one's own processes does not need it."""
    _prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_LOWER, CAP_SYS_PTRACE)
    return _prctl(PR_CAPBSET_DROP, CAP_SYS_PTRACE)


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
