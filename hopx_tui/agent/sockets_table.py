"""Who listens on TCP: the kernel's table, and the processes that hold the sockets."""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import Iterable, Mapping
from typing import NamedTuple

LISTENING = "0A"
TABLES = (("/proc/net/tcp", socket.AF_INET), ("/proc/net/tcp6", socket.AF_INET6))
TABLE_LIMIT = 8 << 20
DESCRIPTOR_LIMIT = 200_000
"""Looked at in one search for owners: a program may hold a million open to slow us down."""


class Listener(NamedTuple):
    """One listening socket. `address` as people write it; `pid` is None where nobody we can see holds it."""

    port: int
    address: str
    inode: int
    pid: int | None = None


def available() -> bool:
    """Whether the system tells."""
    return os.path.exists(TABLES[0][0])


def parse_address(text: str, family: int) -> str:
    """`0100007F` and its longer brother: 32 bit words in the machine's order. Raises ValueError, struct.error."""
    raw = bytes.fromhex(text)
    words = struct.unpack(f">{len(raw) // 4}I", raw)
    return socket.inet_ntop(family, struct.pack(f"={len(words)}I", *words))


def parse_table(text: str, family: int) -> list[Listener]:
    """The listening rows of /proc/net/tcp or tcp6; rows that make no sense are left out."""
    found = []
    for line in text.splitlines()[1:]:
        fields = line.split()
        if len(fields) < 10 or fields[3] != LISTENING:
            continue
        address, _, port = fields[1].partition(":")
        try:
            found.append(Listener(int(port, 16), parse_address(address, family), int(fields[9])))
        except (ValueError, OSError, struct.error):
            continue
    return found


def listeners() -> list[Listener]:
    """Of this network namespace. For a thread."""
    found: list[Listener] = []
    for path, family in TABLES:
        try:
            with open(path, encoding="ascii", errors="replace") as file:
                found += parse_table(file.read(TABLE_LIMIT), family)
        except OSError:
            continue
    return found


def owners(pids: Iterable[int], inodes: set[int]) -> Mapping[int, int]:
    """Which of the processes holds each socket: the one with the lowest pid. For a thread."""
    found: dict[int, int] = {}
    looked_at = 0
    for pid in sorted(pids):
        if len(found) == len(inodes) or looked_at >= DESCRIPTOR_LIMIT:
            break
        directory = f"/proc/{pid}/fd"
        try:
            names = os.listdir(directory)
        except OSError:
            continue
        looked_at += len(names)
        for name in names[:DESCRIPTOR_LIMIT]:
            try:
                target = os.readlink(f"{directory}/{name}")
            except OSError:
                continue
            if target.startswith("socket:["):
                inode = int(target[8:-1])
                if inode in inodes:
                    found.setdefault(inode, pid)
    return found
