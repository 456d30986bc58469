"""The process of a persistent Python: its start, the socket to it, its end. guest/kernel_host.py is the other side."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from typing import Any

import msgspec

from hopx_tui.agent.children import Child, Children
from hopx_tui.agent.execution import MARK, end_tree, exits_within
from hopx_tui.agent.guest import guest_command
from hopx_tui.agent.http import new_id
from hopx_tui.agent.languages import PYTHON, find_program
from hopx_tui.agent.pipes import Capture

START_SECONDS = 30.0
LEAVE_SECONDS = 1.0
MESSAGE_LIMIT = 1 << 16


class KernelError(Exception):
    """The kernel did not start, is gone, or answers nonsense; the message says it in plain words."""


class _Answer(msgspec.Struct):
    id: int = 0
    exit_code: int = 0
    count: int = 0
    ready: str = ""
    version: str = ""


class Host:
    """One kernel process: its socket, and the variables that it knows of."""

    def __init__(self, child: Child, connection: socket.socket, mark: bytes, variables: dict[str, str]) -> None:
        connection.setblocking(False)
        self.child = child
        self.mark = mark
        self.variables = variables
        self.implementation = self.version = ""
        self.count = 0
        self._connection = connection
        self._loop = asyncio.get_running_loop()

    @property
    def alive(self) -> bool:
        """False once its end was noticed."""
        return not self.child.exited.done()

    async def send(self, message: dict[str, Any], descriptors: list[int]) -> None:
        """Raises OSError where it is gone."""
        data = msgspec.json.encode(message)
        # The socket is empty between calls: it takes these four bytes.
        socket.send_fds(self._connection, [len(data).to_bytes(4, "big")], descriptors)
        await self._loop.sock_sendall(self._connection, data)

    async def receive(self) -> _Answer:
        """Raises KernelError for anything but an answer, OSError."""
        size = int.from_bytes(await self._exactly(4), "big")
        if size > MESSAGE_LIMIT:
            raise KernelError("the kernel's answer is none")
        try:
            return msgspec.json.decode(await self._exactly(size), type=_Answer)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise KernelError("the kernel's answer is none") from error

    async def _exactly(self, size: int) -> bytes:
        data = bytearray()
        while len(data) < size:
            piece = await self._loop.sock_recv(self._connection, size - len(data))
            if not piece:
                raise KernelError("the kernel hung up")
            data += piece
        return bytes(data)

    def interrupt(self) -> None:
        """As Ctrl-C does: SIGINT to it and to what it runs in the foreground."""
        if self.alive:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.child.pid, signal.SIGINT)

    async def dismiss(self) -> None:
        """Hang up, upon which an idle one leaves; end it if it does not."""
        self._connection.close()
        if not await exits_within(self.child, LEAVE_SECONDS):
            await self.end()

    async def end(self) -> None:
        """Kill it with everything it started. Idempotent."""
        if self.alive:
            await end_tree(self.child, self.mark)
        self._connection.close()


async def start_host(children: Children, variables: dict[str, str], *, workspace: bytes, scratch: str) -> Host:
    """Start one with these variables. Raises KernelError."""
    program = find_program(PYTHON, variables.get("PATH")) or ""
    ours, theirs = socket.socketpair()
    value = new_id("exec")
    argv = guest_command(program, "kernel_host.py", [str(theirs.fileno()), os.path.join(scratch, "ipython")])
    read, write = os.pipe()
    try:
        child = children.spawn(
            argv, cwd=workspace, env={**variables, MARK: value}, stderr=write, pass_fds=(theirs.fileno(),)
        )
    except (OSError, ValueError) as error:
        ours.close()
        os.close(read)
        raise KernelError(f"{program}: the kernel could not be started ({error})") from error
    finally:
        theirs.close()
        os.close(write)
    said = Capture(read, 4096)
    host = Host(child, ours, f"{MARK}={value}".encode(), variables)
    try:
        async with asyncio.timeout(START_SECONDS):
            ready = await host.receive()
    except (KernelError, OSError) as error:
        await host.end()
        said.drain()
        raise KernelError(f"the kernel did not start\n{said.text()}".rstrip()) from error
    finally:
        said.close()
    host.implementation, host.version = ready.ready, ready.version
    return host
