"""`hopx-tui attach ID`: the person's own terminal on a sandbox's shell, without the dashboard."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import sys
from collections.abc import Awaitable, Callable

from hopx_tui.api.agent import Agent
from hopx_tui.api.control import ControlPlane
from hopx_tui.api.errors import ApiError
from hopx_tui.api.sockets import PtyExit, PtyLink, PtyRole
from hopx_tui.tty.attach import Attached, Follower, plain_again

__all__ = ["attach"]

CHORD = ("ctrl+]", "\x1d")
MOST_UNSENT = 64
"""Pieces of at most 64 KiB."""
FAILED = 255
"""The exit status when there was no shell, or it was lost; any other one is the shell's."""


async def attach(
    open_source: Callable[[], Awaitable[tuple[str, str]]],
    sandbox: str,
    name_of: Callable[[str], str | None],
    *,
    session: str | None,
    say: Callable[[str], None],
) -> int:
    """Run until the shell ends or is left; the exit status.

    Args:
        open_source: gives base URL and API key.
        sandbox: an id, the beginning of one, or a name.
        name_of: the person's name for an id.
        session: a kept session to join; None: a new one where the agent keeps such, else a plain shell.
        say: tells the person a sentence.
    """
    try:
        base_url, api_key = await open_source()
        async with ControlPlane(base_url, api_key) as control:
            found = await _find(control, sandbox, name_of)
            if isinstance(found, str):
                say(found)
                return FAILED
            kept = await found.keeps_terminals()
            if session is not None and not kept:
                say("This sandbox's agent keeps no sessions.")
                return FAILED
            name = session or f"attach.{secrets.token_hex(3)}"
            link = found.terminal(*_size(), session=name if kept else None, mode="take" if session else "write")
            await link.connect()
            return await _run(link, say, f"hopx-tui attach {sandbox} --session {name}" if kept else None)
    except ApiError as error:
        say(str(error))
        return FAILED


async def _find(control: ControlPlane, wanted: str, name_of: Callable[[str], str | None]) -> Agent | str:
    """The agent of the one sandbox that is meant, or a sentence."""
    rows = [row async for page in control.iter_pages() for row in page]
    exact = [row for row in rows if wanted in (row.id, name_of(row.id))]
    meant = exact or [row for row in rows if row.id.startswith(wanted)]
    if not meant:
        known = ", ".join(name_of(row.id) or row.id for row in rows[:8])
        return f"No sandbox {wanted!r}. " + (f"There are: {known}." if known else "There are none.")
    if len(meant) > 1:
        return f"{wanted!r} may be any of {', '.join(row.id for row in meant[:8])}."
    if meant[0].status != "running":
        return f"{wanted} is {meant[0].status}; only a running sandbox has a shell."
    return control.agent(meant[0])


def _size() -> tuple[int, int]:
    try:
        return os.get_terminal_size(sys.stdout.fileno())
    except OSError:
        return 80, 24


async def _run(link: PtyLink, say: Callable[[str], None], way_back: str | None) -> int:
    """From the first output to the end; the exit status."""
    unsent: asyncio.Queue[str | tuple[int, int]] = asyncio.Queue()
    from_terminal = sys.stdin.isatty()

    def send(text: str) -> None:
        if unsent.qsize() < MOST_UNSENT:
            unsent.put_nowait(text)
        # What is piped in waits for the far side; a person must be able to leave it, so their keys are dropped.
        if unsent.qsize() >= MOST_UNSENT and not from_terminal:
            attached.listen(False)

    attached = Attached(
        sys.stdin.fileno(),
        sys.stdout.fileno(),
        chord=CHORD,
        send=send,
        resize=lambda columns, lines: unsent.put_nowait((columns, lines)),
    )
    follower = Follower(*attached.size)
    with attached:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            loop.add_signal_handler(number, attached.leave)
        tasks = {
            asyncio.create_task(_show(link, attached, follower)),
            asyncio.create_task(_type(link, unsent, attached)),
            asyncio.create_task(attached.left.wait()),
        }
        done, rest = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in rest:
            task.cancel()
        ends = await asyncio.gather(*done, return_exceptions=True)
        await asyncio.gather(*rest, return_exceptions=True)
        await link.close()
        attached.show(plain_again(follower.screen) + ("\r\n" if attached.detached else ""))
    for end in ends:
        if isinstance(end, PtyExit):
            return end.code
        if isinstance(end, ApiError):
            say(str(end) + (f"\n{way_back}" if way_back else ""))
        elif isinstance(end, BaseException):
            raise end
    if attached.detached:
        say(f"Left the shell. It goes on for ten minutes:\n{way_back}" if way_back else "Left the shell; it has ended.")
        return 0
    return FAILED


async def _type(link: PtyLink, unsent: asyncio.Queue[str | tuple[int, int]], attached: Attached) -> None:
    while True:
        item = await unsent.get()
        if unsent.empty():
            attached.listen(True)
        if isinstance(item, str):
            await link.write(item)
        else:
            await link.resize(*item)


async def _show(link: PtyLink, attached: Attached, follower: Follower) -> PtyExit:
    while True:
        await attached.room()
        told = await link.read()
        if isinstance(told, PtyExit):
            return told
        if not isinstance(told, PtyRole):
            attached.show(told)
            follower.feed(told)
