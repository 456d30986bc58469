"""One sandbox: its states, and the only code that moves it from one to the next."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from hopx_tui.engine import ports
from hopx_tui.engine.doorman import Doorman
from hopx_tui.engine.errors import ControlError, StartError, conflict, sandbox_not_found
from hopx_tui.engine.events import EventLog
from hopx_tui.engine.record import Record
from hopx_tui.engine.session import Session
from hopx_tui.engine.tokens import rfc3339
from hopx_tui.engine.trash import Trash

log = logging.getLogger(__name__)
OpenSession = Callable[
    [Record, Path, socket.socket, Callable[[], None], Callable[[dict[str, Any]], None]], Session
]
AfterStart = Callable[[Record], Awaitable[None]]
"""Runs what a template wants at each start; never raises."""


class Sandbox:
    """Owns the port, the directory and the processes of one sandbox. One transition at a time."""

    def __init__(
        self,
        record: Record,
        directory: Path,
        listener: socket.socket,
        *,
        open_session: OpenSession,
        events: EventLog,
        trash: Trash,
        after_start: AfterStart | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.record = record
        self.directory = directory
        self.gone = False
        self._listener = listener
        self._doorman = Doorman(listener)
        self._open_session = open_session
        self._events = events
        self._trash = trash
        self._after_start = after_start
        self.memory_kills = 0  # of the present run
        self._clock = clock
        self._lock = asyncio.Lock()
        self._session: Session | None = None
        self._network_lost = False  # of the present run
        self._moving = False  # a transition of ours is under way: an end of the processes is no surprise
        self._upkeep: set[asyncio.Task[None]] = set()

    @property
    def status(self) -> str:
        """creating | running | paused | stopped"""
        return self.record.status

    @property
    def session(self) -> Session | None:
        """The present run."""
        return self._session

    def lost_to_memory(self, kills: int, **details: Any) -> None:
        """So many processes of the present run have been killed for want of memory; the sandbox goes on."""
        self.memory_kills = kills
        self._events.record("oom_killed", self.record.id, kills=kills, memory_mb=self.record.memory_mb, **details)

    async def boot(self) -> None:
        """Bring a new sandbox up. Raises StartError, ControlError when it was killed meanwhile."""
        async with self._transition():
            await self._run(required=True)

    async def pause(self) -> None:
        """running -> paused; on a paused one nothing happens."""
        async with self._transition():
            if self.status == "paused":
                return
            session = self._expect("running", "paused")
            await session.quiesce()
            await self._doorman.open("SANDBOX_PAUSED")
            session.freeze()
            if not session.alive:
                raise conflict(f"Sandbox {self.record.id} ended while it was being paused")
            await self._become("paused", "paused_by_user")

    async def resume(self) -> None:
        """paused -> running; when it returns the agent answers. On a running one nothing happens."""
        async with self._transition():
            if self.status == "running":
                return
            session = self._expect("paused", "resumed")
            session.thaw()
            self._doorman.close()
            try:
                await session.accept()
            except StartError as error:
                await session.end()
                await self._fell(session)
                raise conflict(f"Sandbox {self.record.id} did not resume: {error}") from error
            await self._become("running", None)

    async def stop(self) -> None:
        """running or paused -> stopped: processes end, the disk and the port stay."""
        async with self._transition():
            if self.status == "stopped":
                return
            session = self._expect(("running", "paused"), "stopped")
            self._doorman.close()
            if self.status == "running":
                await session.stop()
            else:
                await session.end()
            self._session = None
            await self._doorman.open("SANDBOX_STOPPED")
            await self._become("stopped", "stopped_by_user")

    async def start(self) -> None:
        """stopped -> running on the same disk and port. On a running one nothing happens."""
        async with self._transition():
            if self.status == "running":
                return
            if self.status != "stopped":
                raise self._refusal("started")
            self._doorman.close()
            self.record.status = "creating"
            try:
                await self._run(required=False)
            except StartError as error:
                await self._doorman.open("SANDBOX_STOPPED")
                await self._become("stopped", "start_failed")
                raise conflict(f"Sandbox {self.record.id} did not start: {error}") from error

    async def kill(self, reason: str = "killed") -> None:
        """End everything and delete the directory. A second killer gets 404."""
        if self.gone:
            raise sandbox_not_found(self.record.id)
        self.gone = True
        if self._session is not None:
            await self._session.end()  # also cuts a transition short that waits for the agent
        async with self._lock:
            self._moving = True
            if self._session is not None:
                await self._session.end()
                self._session = None
            self._doorman.close()
            self._listener.close()
            self._trash.throw(self.directory)
            self._events.record(reason, self.record.id)

    async def set_timeout(self, seconds: int) -> None:
        """Expire so many seconds from now; 0 means never."""
        if self.gone:
            raise sandbox_not_found(self.record.id)
        self.record.timeout_seconds = seconds or None
        self.record.expires_at = self._clock() + seconds if seconds else None
        await self._save()

    async def rest(self, reason: str) -> None:
        """At the start of the engine: stopped, with the port answering."""
        if self.record.status != "stopped":
            self.record.status = "stopped"
            self.record.status_reason = reason
            await self._save()
        await self._doorman.open("SANDBOX_STOPPED")

    async def shut_down(self) -> None:
        """At the end of the engine: processes die, the disk stays."""
        async with self._lock:
            self._moving = True
            if self._session is not None:
                await (self._session.end() if self.status == "paused" else self._session.stop())
                self._session = None
            if not self.gone and self.status in ("running", "paused"):
                await self._become("stopped", "engine_restart")
            self._doorman.close()
            self._listener.close()

    def describe(self, *, node: str, isolation: str, enforced: dict[str, str]) -> dict[str, Any]:
        """The sandbox object of the API, without tokens."""
        record = self.record
        url = f"http://127.0.0.1:{record.port}"
        return {
            "id": record.id,
            "object": "sandbox",
            "template_id": record.template_id,
            "template_name": record.template_name,
            "organization_id": 1,
            "node_id": node,
            "region": "local",
            "status": record.status,
            "status_reason": self._reason(),
            "public_host": url,
            "direct_url": url,
            "preview_url": None,
            "resources": {
                "vcpu": record.vcpu,
                "memory_mb": record.memory_mb,
                "disk_mb": record.disk_mb,
            },
            "internet_access": record.internet_access,
            "live_mode": True,
            "timeout_seconds": record.timeout_seconds,
            "expires_at": rfc3339(record.expires_at) if record.expires_at is not None else None,
            "created_at": rfc3339(record.created_at),
            "isolation": isolation,
            "enforced": enforced,
            "memory_kills": self.memory_kills,
        }

    def _reason(self) -> str | None:
        if self._network_lost and self.record.status == "running":
            return "network_lost"
        return self.record.status_reason

    # transitions

    @contextlib.asynccontextmanager
    async def _transition(self) -> Any:
        async with self._lock:
            if self.gone:
                raise sandbox_not_found(self.record.id)
            self._moving = True
            try:
                yield
            finally:
                self._moving = False
                if self._session is not None and not self._session.alive and not self.gone:
                    await self._fell(self._session)

    def _expect(self, status: str | tuple[str, ...], done: str) -> Session:
        if self.status not in (status if isinstance(status, tuple) else (status,)) or self._session is None:
            raise self._refusal(done)
        return self._session

    def _refusal(self, done: str) -> ControlError:
        return conflict(
            f"Sandbox {self.record.id} is {self.status} and cannot be {done}",
            sandbox_id=self.record.id,
            status=self.status,
        )

    async def _run(self, *, required: bool, again: bool = True) -> None:
        session = self._open_session(self.record, self.directory, self._listener, self._ended, self._on_event)
        self._session = session
        self._network_lost = False
        self.memory_kills = 0
        try:
            await session.start()
        except StartError as error:
            self._session = None
            if self.gone:
                raise sandbox_not_found(self.record.id) from None
            # pasta and bubblewrap set the same network up at once, and at times bubblewrap stumbles over that
            if again and "loopback: Failed" in str(error):
                await self._run(required=required, again=False)
                return
            raise
        if self.gone:
            raise sandbox_not_found(self.record.id)
        if self._after_start is not None:
            await self._after_start(self.record)
        await self._become("running", None, required=required)

    async def _become(self, status: str, reason: str | None, *, required: bool = False) -> None:
        self.record.status = status
        self.record.status_reason = reason
        await self._save(required=required)
        self._events.record(status, self.record.id, reason=reason)

    async def _save(self, *, required: bool = False) -> None:
        if self.gone:
            return
        try:
            await asyncio.to_thread(self.record.save, self.directory / "meta.json")
        except OSError as error:
            if required:
                raise StartError(f"its state cannot be written: {error.strerror}") from error
            # what runs keeps running on a full disk; the next save has another chance
            log.error("state of sandbox %s cannot be written: %s", self.record.id, error)

    def _ended(self) -> None:
        """The processes are all dead. If no transition of ours wanted that, the sandbox fell."""
        session = self._session
        if session is None or self._moving or self.gone:
            return
        self._keep(self._fall_later(session))

    async def _fall_later(self, session: Session) -> None:
        async with self._lock:
            if self._session is session and not self.gone:
                await self._fell(session)

    async def _fell(self, session: Session) -> None:
        self._session = None
        await session.end()  # dead already: waits until its groups have gone
        await self._doorman.open("SANDBOX_STOPPED")
        await self._become("stopped", "oom_killed" if session.memory_kills else "agent_died")

    def _keep(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._upkeep.add(task)
        task.add_done_callback(self._upkeep.discard)

    def _on_event(self, message: dict[str, Any]) -> None:
        if message.get("op") == "notice":  # from the session, not from the agent
            self._on_notice(str(message["event"]))
            return
        details = {
            key: value for key, value in message.items() if key not in ("op", "event", "sandbox_id", "at")
        }
        self._events.record(f"agent:{str(message.get('event'))[:60]}", self.record.id, **details)

    def _on_notice(self, event: str) -> None:
        self._events.record(event, self.record.id)
        self._network_lost = event == "network_lost"


def open_port(preferred: int | None) -> socket.socket:
    """The listening socket of a sandbox. Raises StartError."""
    try:
        return ports.listen_anywhere(preferred)
    except OSError as error:
        raise StartError(f"no port is free: {error.strerror}") from error


async def open_kept_port(port: int, deadline: float) -> socket.socket:
    """The port a sandbox had; another one when it is still taken at `deadline` (monotonic). Raises StartError."""
    while True:
        try:
            return ports.listen(port)
        except OSError:
            if time.monotonic() >= deadline:
                return open_port(None)
        await asyncio.sleep(0.02)
