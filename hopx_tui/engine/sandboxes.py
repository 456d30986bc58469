"""All sandboxes of this engine: creation, lookup, pages, expiry, and what a restart brings back."""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import logging
import os
import secrets
import socket
import string
import time
from collections.abc import Callable
from pathlib import Path

from hopx_tui.engine import record as records
from hopx_tui.engine.cgroups import Limits
from hopx_tui.engine.errors import ControlError, StartError, invalid, sandbox_not_found
from hopx_tui.engine.events import EventLog
from hopx_tui.engine.paths import StateDir, StateError, sweep_halves
from hopx_tui.engine.record import Record
from hopx_tui.engine.sandbox import AfterStart, OpenSession, Sandbox, open_kept_port, open_port
from hopx_tui.engine.saved import copy_tree
from hopx_tui.engine.templates import Template
from hopx_tui.engine.trash import Trash

log = logging.getLogger(__name__)
ALPHABET = string.ascii_lowercase + string.digits
LOOK_SECONDS = 30.0  # longest nap of the expiry watch; a laptop that slept wakes late, not never
# more would starve each other until none is ready in time
BOOTS_AT_ONCE = max(2, min(8, 2 * (os.cpu_count() or 1)))
PORT_SECONDS = 2.0  # processes of an engine that was killed hold their ports for a moment
KEEP_FREE_BYTES = 1 << 30
KEEP_FREE_SHARE = 0.05


class Sandboxes:
    """The sandboxes by id. `open_session` is how this machine runs one."""

    def __init__(
        self,
        state: StateDir,
        *,
        open_session: OpenSession,
        events: EventLog,
        trash: Trash | None = None,
        after_start: AfterStart | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._state = state
        self._after_start = after_start
        self._open_session = open_session
        self._events = events
        self._clock = clock
        self._trash = trash or open_trash(state, events)
        self._all: dict[str, Sandbox] = {}
        self._sequence = 0
        self._changed = asyncio.Event()
        self._booting = asyncio.Semaphore(BOOTS_AT_ONCE)

    # what is there

    def get(self, sandbox_id: str) -> Sandbox:
        """Raises ControlError 404."""
        sandbox = self._all.get(sandbox_id)
        if sandbox is None or sandbox.gone:
            raise sandbox_not_found(sandbox_id)
        return sandbox

    def running(self) -> list[Sandbox]:
        """Those whose processes run now."""
        return [each for each in self._all.values() if each.status == "running" and not each.gone]

    def count(self) -> dict[str, int]:
        """How many there are in each status."""
        counts = dict.fromkeys(records.STATUSES, 0)
        for sandbox in self._all.values():
            counts[sandbox.status] += 1
        return counts

    def page(
        self, limit: int, cursor: str | None, status: str | None, region: str | None
    ) -> tuple[list[Sandbox], str | None]:
        """Newest first. The cursor names a place in the order of creation, so churn cannot move it."""
        before = _place(cursor) if cursor else None
        rows = sorted(self._all.values(), key=lambda each: -each.record.sequence)
        matching = [
            row
            for row in rows
            if not row.gone
            and (before is None or row.record.sequence < before)
            and (status is None or row.status == status)
            and (region is None or region == "local")
        ]
        page = matching[:limit]
        more = len(matching) > limit
        return page, _cursor(page[-1].record.sequence) if more else None

    # what changes

    async def create(
        self,
        *,
        template: Template,
        limits: Limits,
        internet_access: bool,
        timeout_seconds: int | None,
        env_vars: dict[str, str],
        seed: Path | None = None,
        wanted: Callable[[], bool] = lambda: True,
    ) -> Sandbox:
        """Return a running sandbox, or leave nothing behind. `seed`: a folder whose content it begins with.
        `wanted`: false once the client has gone. Official clients ask again after a minute, so what nobody waits for
        must not stay.

        Raises ControlError.
        """
        self._check_disk()
        now = self._clock()
        self._sequence += 1
        sandbox_id = f"{int(now)}{''.join(secrets.choice(ALPHABET) for _ in range(8))}"
        directory = self._state.sandboxes / sandbox_id
        listener: socket.socket | None = None
        try:
            directory.mkdir(mode=0o700)
            listener = open_port(None)
            record = Record(
                id=sandbox_id,
                sequence=self._sequence,
                template_id=template.id,
                template_name=template.name,
                status="creating",
                port=listener.getsockname()[1],
                vcpu=limits.vcpu,
                memory_mb=limits.memory_mb,
                disk_mb=limits.disk_mb,
                created_at=now,
                internet_access=internet_access,
                timeout_seconds=timeout_seconds,
                expires_at=now + timeout_seconds if timeout_seconds else None,
                env_vars=env_vars,
            )
            if template.saved is not None:
                record.base = template.saved.base
                record.workdir = template.saved.workdir
                record.start_command = template.saved.start_command
                record.folders = template.saved.folders
            sandbox = self._take_in(record, directory, listener)
        except (OSError, StartError) as error:
            if listener is not None:
                listener.close()
            with contextlib.suppress(OSError):
                self._trash.throw(directory)
            raise _not_created(error) from error
        try:
            async with self._booting:
                _check_wanted(wanted)
                if seed is not None:
                    await asyncio.to_thread(copy_tree, seed, directory)
                await sandbox.boot()
            _check_wanted(wanted)
        except (OSError, StartError) as error:
            self._events.record("create_failed", sandbox_id, reason=str(error))
            await self.kill(sandbox_id, "create_failed_cleanup")
            raise _not_created(error) from error
        return sandbox

    async def start(self, sandbox_id: str) -> Sandbox:
        """Start a stopped one when its turn has come. Raises ControlError."""
        sandbox = self.get(sandbox_id)
        if sandbox.status != "stopped":
            await sandbox.start()  # nothing to boot: no queue either
            return sandbox
        async with self._booting:
            await sandbox.start()
        return sandbox

    async def kill(self, sandbox_id: str, reason: str = "killed") -> None:
        """Raises ControlError 404."""
        sandbox = self.get(sandbox_id)
        await sandbox.kill(reason)
        self._all.pop(sandbox_id, None)

    async def set_timeout(self, sandbox_id: str, seconds: int) -> Sandbox:
        """Raises ControlError 404."""
        sandbox = self.get(sandbox_id)
        await sandbox.set_timeout(seconds)
        self._changed.set()
        return sandbox

    # time

    async def watch_expiry(self) -> None:
        """Kill what is due, for ever. Paused and stopped ones too."""
        while True:
            now = self._clock()
            due = [each for each in self._all.values() if (each.record.expires_at or now + 1) <= now]
            await asyncio.gather(*(self._expire(each) for each in due))
            ends = [each.record.expires_at for each in self._all.values() if each.record.expires_at]
            nap = min([LOOK_SECONDS, *(max(0.01, end - self._clock()) for end in ends)])
            self._changed.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), nap)

    async def _expire(self, sandbox: Sandbox) -> None:
        with contextlib.suppress(ControlError):  # killed by someone else meanwhile
            await self.kill(sandbox.record.id, "expired")

    async def load(self) -> None:
        """Bring back what an earlier engine left: everything stopped, what is broken set aside."""
        deadline = time.monotonic() + PORT_SECONDS
        for directory in sorted(self._state.sandboxes.iterdir()):
            meta = directory / "meta.json"
            if not meta.exists():  # an engine died while it made this one
                self._trash.throw(directory)
                continue
            sweep_halves(directory)
            try:
                record = records.load(meta)
                # not stopped on paper: its engine was killed, and its processes may be dying just now
                killed = record.status != "stopped"
                listener = await open_kept_port(record.port, deadline if killed else 0.0)
            except (StateError, StartError) as error:
                self._set_aside(directory, str(error))
                continue
            record.port = listener.getsockname()[1]
            sandbox = self._take_in(record, directory, listener)
            self._sequence = max(self._sequence, record.sequence)
            await sandbox.rest("engine_restart")

    async def close(self) -> None:
        """End all processes, keep all disks."""
        await asyncio.gather(*(each.shut_down() for each in self._all.values()))

    def _set_aside(self, directory: Path, reason: str) -> None:
        target = self._state.aside / f"{directory.name}-{int(self._clock())}-{secrets.token_hex(2)}"
        try:
            os.replace(directory, target)
        except OSError as error:
            reason = f"{reason} (and it cannot be moved away: {error.strerror})"
        log.warning("sandbox %s set aside: %s", directory.name, reason)
        self._events.record("set_aside", directory.name, reason=reason, kept_at=str(target))

    def _take_in(self, record: Record, directory: Path, listener: socket.socket) -> Sandbox:
        sandbox = Sandbox(
            record,
            directory,
            listener,
            open_session=self._open_session,
            events=self._events,
            trash=self._trash,
            after_start=self._after_start,
            clock=self._clock,
        )
        self._all[record.id] = sandbox
        self._changed.set()
        return sandbox

    def _check_disk(self) -> None:
        try:
            disk = os.statvfs(self._state.root)
        except OSError as error:
            raise _not_created(error) from error
        free = disk.f_bavail * disk.f_frsize
        keep = min(KEEP_FREE_BYTES, int(disk.f_blocks * disk.f_frsize * KEEP_FREE_SHARE))
        if free < keep:
            raise ControlError(
                403,
                "RESOURCE_LIMIT",
                "Disk limit reached: too little space is left on this machine for another sandbox",
                {"limit": keep, "current": free, "available": max(0, free - keep)},
            )


def open_trash(state: StateDir, events: EventLog) -> Trash:
    """The trash of a state directory; what cannot be deleted becomes an event."""
    return Trash(state.trash, lambda name, reason: events.record("not_deleted", None, item=name, reason=reason))


def _check_wanted(wanted: Callable[[], bool]) -> None:
    if not wanted():
        raise StartError("the client has gone")


def _not_created(error: Exception) -> ControlError:
    text = error.strerror or str(error) if isinstance(error, OSError) else str(error)
    return ControlError(400, "SANDBOX_START_FAILED", f"The sandbox could not be started: {text}")


def _cursor(sequence: int) -> str:
    return base64.urlsafe_b64encode(f"s1:{sequence}".encode()).rstrip(b"=").decode()


def _place(cursor: str) -> int:
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        kind, number = text.split(":")
        if kind == "s1" and _cursor(int(number)) == cursor:
            return int(number)
    except (binascii.Error, ValueError):
        pass
    raise invalid(f"Unknown cursor: {cursor[:100]}", cursor=cursor[:100])
