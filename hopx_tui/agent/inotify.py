"""Linux's inotify through ctypes: watches by directory, raw events."""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from typing import NamedTuple

IN_MODIFY = 0x2
IN_ATTRIB = 0x4
IN_CLOSE_WRITE = 0x8
IN_MOVED_FROM = 0x40
IN_MOVED_TO = 0x80
IN_CREATE = 0x100
IN_DELETE = 0x200
IN_DELETE_SELF = 0x400
IN_MOVE_SELF = 0x800
IN_UNMOUNT = 0x2000
IN_Q_OVERFLOW = 0x4000
IN_IGNORED = 0x8000
IN_ONLYDIR = 0x1000000
IN_DONT_FOLLOW = 0x2000000
IN_EXCL_UNLINK = 0x4000000
IN_ISDIR = 0x40000000

CHANGES = IN_MODIFY | IN_ATTRIB | IN_CLOSE_WRITE | IN_MOVED_FROM | IN_MOVED_TO | IN_CREATE | IN_DELETE
DIRECTORY = CHANGES | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR | IN_DONT_FOLLOW | IN_EXCL_UNLINK
READ_BYTES = 64 << 10
_HEAD = struct.Struct("iIII")


class InotifyEvent(NamedTuple):
    """`watch` is -1 for an overflow; `name` is relative to the watched directory."""

    watch: int
    mask: int
    cookie: int
    name: bytes


class Inotify:
    """One instance. Raises OSError where there is none: another system, or the user's limit of instances."""

    def __init__(self) -> None:
        if not sys.platform.startswith("linux"):
            raise OSError("inotify is Linux's")
        self._libc = ctypes.CDLL(None, use_errno=True)
        self.descriptor = self._check(self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))

    def _check(self, result: int) -> int:
        if result < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
        return result

    def add(self, directory: bytes, mask: int = DIRECTORY) -> int:
        """Watch a directory; its watch descriptor. Raises OSError, ENOSPC at the user's limit of watches."""
        path = ctypes.c_char_p(directory)
        return self._check(self._libc.inotify_add_watch(self.descriptor, path, ctypes.c_uint32(mask)))

    def remove(self, watch: int) -> None:
        """Forget a watch; fine if the kernel did already."""
        self._libc.inotify_rm_watch(self.descriptor, ctypes.c_int(watch))

    def read(self) -> list[InotifyEvent]:
        """Some of what has come; [] for nothing. Raises OSError."""
        try:
            data = os.read(self.descriptor, READ_BYTES)
        except BlockingIOError:
            return []
        events = []
        at = 0
        while at < len(data):
            watch, mask, cookie, length = _HEAD.unpack_from(data, at)
            at += _HEAD.size
            events.append(InotifyEvent(watch, mask, cookie, data[at : at + length].rstrip(b"\0")))
            at += length
        return events

    def close(self) -> None:
        """Idempotent."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1
