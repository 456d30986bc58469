"""Listening sockets on the host's loopback that stand for ports inside a sandbox with a network of its own.

The engine allots them, because only it lives in the host's network; the agent accepts on them. Whoever can open a
connection to 127.0.0.1 on this machine can reach a preview, as with every server on loopback: there is no token.
"""

from __future__ import annotations

import contextlib
import socket

from hopx_tui.engine import ports

MOST = 32
BACKLOG = 512


class PreviewError(Exception):
    """No preview can be opened; the text is a sentence for a person."""


class Previews:
    """The open previews of one run of a sandbox, by the port inside. Sockets are shared with the agent, so that the
    engine can silence them whatever the agent does."""

    def __init__(self) -> None:
        self._open: dict[int, socket.socket] = {}
        self._silent = False
        self._ended = False

    def open(self, port: int) -> socket.socket:
        """The listening socket for a port inside, the same one as before if there is one. Raises PreviewError."""
        if self._ended or self._silent:
            raise PreviewError("the sandbox does not run")
        if port in self._open:
            return self._open[port]
        if len(self._open) >= MOST:
            raise PreviewError(f"{MOST} previews are open in this sandbox; close one first")
        try:
            listener = ports.listen_anywhere()
        except OSError as error:
            raise PreviewError(f"no port is free: {error.strerror}") from error
        self._open[port] = listener
        return listener

    def close(self, port: int) -> None:
        """Refuse connections from now on. Nothing happens where none is open."""
        listener = self._open.pop(port, None)
        if listener is not None:
            _silence(listener)
            listener.close()

    def silence(self) -> None:
        """For a pause: who connects is refused, and who waits to be accepted is cut. The ports stay ours."""
        self._silent = True
        for listener in self._open.values():
            _silence(listener)

    def listen(self) -> None:
        """After a pause."""
        self._silent = False
        for port, listener in list(self._open.items()):
            try:
                before = listener.getsockname()
                listener.listen(BACKLOG)
                lost = listener.getsockname() != before  # the kernel had chosen it; nobody knows the new one
            except OSError:
                lost = True
            if lost:
                self.close(port)

    def end(self) -> None:
        """With the run. Idempotent."""
        self._ended = True
        for port in list(self._open):
            self.close(port)


def _silence(listener: socket.socket) -> None:
    with contextlib.suppress(OSError):
        listener.shutdown(socket.SHUT_RDWR)  # works on every copy of the descriptor, the agent's included
