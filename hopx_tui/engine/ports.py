"""Listening sockets on the loopback, at ports that survive a restart."""

from __future__ import annotations

import random
import socket

# below the range the kernel hands out to outgoing connections, so that a port kept on disk stays free
LOWEST, HIGHEST = 18_000, 32_000
TRIES = 30


def listen(port: int) -> socket.socket:
    """A non-blocking listening socket on 127.0.0.1. Raises OSError when the port is taken."""
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(512)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener


def listen_anywhere(preferred: int | None = None) -> socket.socket:
    """The preferred port if it is free, else one of our own range, else any. Raises OSError when none is."""
    if preferred:
        try:
            return listen(preferred)
        except OSError:
            pass
    for _ in range(TRIES):
        try:
            return listen(random.randint(LOWEST, HIGHEST))
        except OSError:
            continue
    return listen(0)
