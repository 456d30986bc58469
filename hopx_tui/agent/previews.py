"""Previews: ports inside a sandbox with a network of its own, reachable on the host's 127.0.0.1.

The engine allots a listening socket in the host's network and passes it; the agent accepts on it and joins each
connection to 127.0.0.1:PORT (or [::1]:PORT) inside, whether the sandbox has internet or not. Who can reach a preview:
any process of any user on this machine, as with every server on loopback; there is no token. During a pause
connections are cut and new ones refused; after it the same port answers again.
"""

from __future__ import annotations

import asyncio
import errno
import os
import socket
from collections.abc import Awaitable, Callable

from hopx_tui.agent.control import AskError, Grant
from hopx_tui.agent.splice import splice

MOST_CONNECTIONS = 256
"""Of all previews together."""
CONNECT_SECONDS = 5.0
SHORTAGE_SECONDS = 0.2
TARGETS = ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))

_SHORTAGE = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)

Ask = Callable[..., Awaitable[tuple[Grant, int | None]]]


async def no_engine(_name: str, **_fields: object) -> tuple[Grant, int | None]:
    """Where nobody could be asked."""
    raise AskError("there is no engine to ask")


class Preview:
    """One listening socket and its connections."""

    def __init__(self, port: int, listener: socket.socket, limit: asyncio.Semaphore) -> None:
        self.port = port
        self.host_port: int = listener.getsockname()[1]
        listener.setblocking(False)
        self._listener = listener
        self._limit = limit
        self._connections: set[asyncio.Task[None]] = set()
        self._accepting: asyncio.Task[None] | None = None
        self.resume()

    @property
    def url(self) -> str:
        """What a browser on the host is given."""
        return f"http://127.0.0.1:{self.host_port}"

    def resume(self) -> None:
        """Accept. Idempotent."""
        if self._accepting is None or self._accepting.done():
            self._accepting = asyncio.create_task(self._accept())

    def pause(self) -> None:
        """Accept nothing and cut what is open; the engine refuses newcomers meanwhile. Idempotent."""
        if self._accepting is not None:
            self._accepting.cancel()
            self._accepting = None
        for task in self._connections:
            task.cancel()

    async def close(self) -> None:
        """Idempotent."""
        self.pause()
        await asyncio.gather(*self._connections, return_exceptions=True)
        self._listener.close()

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            async with self._limit:
                pass  # below the limit: who comes later waits in the kernel's queue
            try:
                client, _ = await loop.sock_accept(self._listener)
            except ConnectionAbortedError:
                continue
            except OSError as error:
                if error.errno not in _SHORTAGE:
                    return  # silenced by the engine
                await asyncio.sleep(SHORTAGE_SECONDS)
                continue
            client.setblocking(False)
            task = asyncio.create_task(self._serve(client))
            self._connections.add(task)
            task.add_done_callback(self._connections.discard)

    async def _serve(self, client: socket.socket) -> None:
        async with self._limit:
            with client:
                inside = await connect(self.port)
                if inside is None:
                    return  # nobody listens: the connection is closed
                with inside:
                    for each in (client, inside):
                        each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    await splice(client, inside)


async def connect(port: int) -> socket.socket | None:
    """A connection to whoever listens on `port` here; None where nobody does."""
    loop = asyncio.get_running_loop()
    for family, host in TARGETS:
        try:
            inside = socket.socket(family, socket.SOCK_STREAM)
        except OSError:
            continue
        inside.setblocking(False)
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await loop.sock_connect(inside, (host, port))
        except (OSError, TimeoutError):
            inside.close()
            continue
        except asyncio.CancelledError:
            inside.close()
            raise
        return inside
    return None


class Previews:
    """The open ones by their port inside."""

    def __init__(self, ask: Ask = no_engine) -> None:
        self._ask = ask
        self._open: dict[int, Preview] = {}
        self._limit = asyncio.Semaphore(MOST_CONNECTIONS)
        self._changing = asyncio.Lock()

    def url(self, port: int) -> str | None:
        """None until it is opened."""
        preview = self._open.get(port)
        return None if preview is None else preview.url

    async def open(self, port: int) -> str:
        """Its URL; the same one while it is open. Raises AskError."""
        async with self._changing:
            if port not in self._open:
                _, descriptor = await self._ask("preview", port=port)
                if descriptor is None:
                    raise AskError("the engine sent no socket")
                os.set_inheritable(descriptor, False)
                self._open[port] = Preview(port, socket.socket(fileno=descriptor), self._limit)
            return self._open[port].url

    async def close(self, port: int) -> bool:
        """Whether it was open. Raises AskError."""
        async with self._changing:
            preview = self._open.pop(port, None)
            if preview is None:
                return False
            await preview.close()
            await self._ask("preview_close", port=port)
            return True

    def pause(self) -> None:
        """For the door."""
        for preview in self._open.values():
            preview.pause()

    def resume(self) -> None:
        """For the door."""
        for preview in self._open.values():
            preview.resume()

    async def close_all(self) -> None:
        """Without asking anybody: the engine closes its copies with the sandbox."""
        while self._open:
            await self._open.popitem()[1].close()
