"""Leaving a listening socket without losing whoever has just come."""

from __future__ import annotations

import asyncio


def stop_accepting(server: asyncio.Server) -> None:
    """Close the server's sockets; connections that it has accepted are served, newer ones wait in the backlog.

    `Server.close` alone loses those that it accepted in this turn of the loop: they are attached to the server in the
    next one, which fails once it is closed (CPython 3.11, `Server._attach`), and their clients wait for ever.
    """
    loop = asyncio.get_running_loop()
    for listener in server.sockets:
        loop.remove_reader(listener.fileno())
    loop.call_soon(server.close)
