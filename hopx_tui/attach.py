"""`hopx-tui attach ID`: the person's own terminal on a sandbox's shell, without the dashboard."""

from __future__ import annotations

import asyncio
import secrets
import signal
import sys
from collections.abc import Awaitable, Callable

from hopx_tui.api.agent import Agent
from hopx_tui.api.control import ControlPlane
from hopx_tui.api.errors import ApiError
from hopx_tui.api.sockets import PtyExit, PtyLink, PtyRole
from hopx_tui.api.words import plain
from hopx_tui.tty.attach import Attached, Follower, drawn, plain_again, window_size

__all__ = ["attach"]

CHORD = ("ctrl+]", "\x1d")
MOST_UNSENT = 4 * 1024 * 1024
"""Characters that may wait for the far side, as in the dashboard's pane."""
_MOST_LISTED = 12
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
            if session is not None and (missing := await _not_kept(found, sandbox, session)):
                say(missing)
                return FAILED
            name = session or f"attach.{secrets.token_hex(3)}"
            columns, lines = window_size(sys.stdout.fileno())
            mode = "take" if session else "write"
            link = found.terminal(columns, lines, session=name if kept else None, mode=mode)
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


async def _not_kept(agent: Agent, sandbox: str, session: str) -> str | None:
    """A sentence if there is no such session: it would be a new shell, and the one that is sought has ended."""
    kept = await agent.terminal_sessions()
    if any(each.name == session for each in kept):
        return None
    known = "\n".join(f"  {each.name}  {plain(each.title, 60)}".rstrip() for each in kept[:_MOST_LISTED])
    return f"No shell {session!r} is kept in {sandbox}. " + (f"There are:\n{known}" if known else "There are none.")


class Typed:
    """What was typed and not sent yet.

    Args:
        from_terminal: a person types: they must be able to leave a far side that does not read, so what does not fit is
            counted as lost; what a program pipes in waits in the pipe.
        listen: tells whether more may be read from the pipe.
    """

    def __init__(self, link: PtyLink, *, from_terminal: bool, listen: Callable[[bool], None]) -> None:
        self._link = link
        self._from_terminal = from_terminal
        self._listen = listen
        self._items: asyncio.Queue[str | tuple[int, int]] = asyncio.Queue()
        self._waiting = 0
        self.lost = 0

    def send(self, text: str) -> None:
        """Queue text."""
        if self._from_terminal and self._waiting + len(text) > MOST_UNSENT:
            self.lost += len(text)
            return
        self._waiting += len(text)
        self._items.put_nowait(text)
        if not self._from_terminal and self._waiting >= MOST_UNSENT:
            self._listen(False)

    def resize(self, columns: int, lines: int) -> None:
        """Queue a new size."""
        self._items.put_nowait((columns, lines))

    async def run(self) -> None:
        """Send, one after the other. Raises ApiError."""
        while True:
            item = await self._items.get()
            if isinstance(item, tuple):
                await self._link.resize(*item)
                continue
            await self._link.write(item)
            was_full, self._waiting = self._waiting >= MOST_UNSENT, self._waiting - len(item)
            if was_full and self._waiting < MOST_UNSENT and not self._from_terminal:
                self._listen(True)


async def _run(link: PtyLink, say: Callable[[str], None], way_back: str | None) -> int:
    """From the first output to the end; the exit status."""
    typed = Typed(link, from_terminal=sys.stdin.isatty(), listen=lambda on: attached.listen(on))
    attached = Attached(
        sys.stdin.fileno(),
        sys.stdout.fileno(),
        chord=CHORD,
        send=typed.send,
        resize=typed.resize,
    )
    follower = Follower(*attached.size)
    with attached:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            loop.add_signal_handler(number, attached.leave)
        tasks = {
            asyncio.create_task(_show(link, attached, follower)),
            asyncio.create_task(typed.run()),
            asyncio.create_task(attached.left.wait()),
        }
        done, rest = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in rest:
            task.cancel()
        ends = await asyncio.gather(*done, return_exceptions=True)
        await asyncio.gather(*rest, return_exceptions=True)
        await link.close()
        attached.show(plain_again(follower.screen) + ("\r\n" if attached.detached else ""))
    if typed.lost:
        say(f"{typed.lost:,} characters were not sent: the far side did not read.")
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


async def _show(link: PtyLink, attached: Attached, follower: Follower) -> PtyExit:
    """Show what comes. Of a replay the picture: the terminal would answer what programs asked it then, and the answers
    be typed at whatever listens now.
    """
    replayed = 0
    while True:
        await attached.room()
        told = await link.read()
        if isinstance(told, PtyExit):
            return told
        if isinstance(told, PtyRole):
            replayed = max(0, told.characters) if told.position >= 0 else replayed
            continue
        follower.feed(told)
        if replayed <= 0:
            attached.show(told)
            continue
        replayed -= len(told)
        if replayed <= 0:
            attached.show("\x1b[2J" + drawn(follower.screen))
