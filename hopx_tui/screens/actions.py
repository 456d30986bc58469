"""What one can do to sandboxes, with the questions that come first and the sentences that come after."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Iterator, Sequence
from typing import Any

from textual.app import App

from hopx_tui import format as fmt
from hopx_tui.api.errors import ApiError, Conflict
from hopx_tui.api.models import Sandbox
from hopx_tui.live.fleet import CreateSpec, Row, seconds_left
from hopx_tui.live.session import Session
from hopx_tui.screens.activity import Activity, Step
from hopx_tui.widgets.dialogs import ChoiceDialog, ConfirmDialog, InputDialog

EXTENSIONS: tuple[tuple[str, str, int], ...] = (
    ("15", "15 minutes from now", 900),
    ("60", "1 hour from now", 3_600),
    ("240", "4 hours from now", 14_400),
    ("1440", "1 day from now", 86_400),
)

_FOLLOW_SECONDS = 2.0
_KEPT_HERE = " of /workspace /root /opt /usr/local /etc"
"""What the local engine keeps; all else of a sandbox is memory."""
_LONGEST_PREPARATION = 900.0


class SandboxActions:
    """Each method acts on the rows it was given: the list may move under an open dialog, the target may not."""

    def __init__(self, app: App[Any], session: Session, activity: Activity) -> None:
        self._app = app
        self._activity = activity
        self._session = session
        self._fleet = session.fleet

    async def create(self, spec: CreateSpec) -> str | None:
        """Create; the id of the new sandbox, or None when it failed."""
        began = time.monotonic()
        with self._activity.during(f"creating from {spec.template}") as step:
            following = asyncio.create_task(self._follow(spec.template, step))
            try:
                sandbox = await self._create(spec)
            except ApiError as error:
                self.fail(error)
                return None
            finally:
                following.cancel()
                await asyncio.gather(following, return_exceptions=True)
        self._app.notify(f"Created in {fmt.duration(time.monotonic() - began)}.", markup=False, timeout=3)
        return sandbox.id

    async def _create(self, spec: CreateSpec) -> Sandbox:
        """Create, however long the template has to be prepared first. Raises ApiError."""
        until = time.monotonic() + _LONGEST_PREPARATION
        while True:
            try:
                return await self._fleet.create(spec)
            except Conflict:
                if time.monotonic() > until or await self._progress(spec.template) is None:
                    raise

    async def _follow(self, template: str, step: Step) -> None:
        """Tell how far the preparation of a template is."""
        while True:
            await asyncio.sleep(_FOLLOW_SECONDS)
            step.detail = await self._progress(template) or ""

    async def _progress(self, name: str) -> str | None:
        try:
            template = await self._session.control.get_template(name)
        except ApiError:
            return None
        return template.progress

    async def allow_unisolated(self) -> bool:
        """At level none: ask once, before the first sandbox, whether code may run as the person."""
        reason = self._session.health.isolation_reason if self._session.health is not None else None
        lines = [
            "Sandboxes are not isolated on this machine: what runs in them runs as you, with your files in reach.",
            *([fmt.printable(reason)] if reason else []),
            "`apt install bubblewrap` (or your system's package of that name) gives real isolation.",
        ]
        dialog = ConfirmDialog("Create without isolation?", lines, "Create", danger=True)
        return await self._app.push_screen_wait(dialog)

    async def pause_or_resume(self, rows: Sequence[Row]) -> None:
        """Running ones are paused, paused ones go on; the others are named."""
        for row in self._each("pausing", rows):
            if row.status == "running":
                await self._do(self._fleet.pause(row.id))
            elif row.status == "paused":
                await self._do(self._fleet.resume(row.id))
            else:
                then = ": r starts it" if row.status == "stopped" else ""
                self._app.notify(f"{row.label} is {row.status}{then}.", markup=False)

    async def start_menu(self, rows: Sequence[Row]) -> None:
        """Start, stop or restart, after a choice."""
        if not rows:
            return
        options = [
            ("start", "start", "begin again on the files that were kept"),
            ("stop", "stop", "end every process, keep the files" + (_KEPT_HERE if self._session.local else "")),
            ("restart", "restart", "stop, then start"),
        ]
        all_stopped = all(row.status == "stopped" for row in rows)
        choice = await self._app.push_screen_wait(
            ChoiceDialog(_title("What about", rows), options, selected="start" if all_stopped else "stop")
        )
        for row in self._each(f"{choice}ing" if choice != "stop" else "stopping", rows) if choice else ():
            if choice in ("stop", "restart") and row.status != "stopped":
                stopped = await self._do(self._fleet.stop(row.id))
                if not stopped:
                    continue
            if choice in ("start", "restart"):
                await self._do(self._fleet.start(row.id))

    async def extend(self, rows: Sequence[Row]) -> None:
        """Set a new time to live, counted from now."""
        if not rows:
            return
        options = [(key, label, "") for key, label, _ in EXTENSIONS]
        options += [("other", "another time", "in minutes"), ("never", "no limit", "until it is killed")]
        left = seconds_left(rows[0].sandbox, time.time())
        now = "no limit" if left is None else f"{fmt.countdown(left)} left"
        choice = await self._app.push_screen_wait(ChoiceDialog(f"{_title('Extend', rows)} ({now})", options))
        if choice is None:
            return
        seconds = 0 if choice == "never" else next((s for key, _, s in EXTENSIONS if key == choice), -1)
        if seconds < 0:
            answer = await self._app.push_screen_wait(InputDialog("Minutes from now", validate=_minutes_problem))
            if not answer:
                return
            seconds = round(float(answer) * 60)
        for row in self._each("extending", rows):
            await self._do(self._fleet.extend(row.id, seconds))

    async def kill(self, rows: Sequence[Row]) -> list[str]:
        """Ask, then kill; the ids of those that are gone."""
        if not rows:
            return []
        if len(rows) == 1:
            row = rows[0]
            created = row.sandbox.created_at
            old = fmt.duration(time.time() - created.timestamp()) if created is not None else "unknown"
            lines: list[Any] = [
                ("name", row.label), ("id", row.id), ("template", row.sandbox.template_name), ("age", old),
                ("state", row.status), "Its processes end and its files are deleted. There is no way back.",
            ]  # fmt: skip
            dialog = ConfirmDialog(f"Kill {fmt.truncate(row.label, 40)}?", lines, "Kill", danger=True)
        else:
            lines = [
                (fmt.truncate(row.label, 24), f"{row.status:<8}  {row.id if row.name else ''}") for row in rows[:8]
            ]
            lines += [f"and {len(rows) - 8} more"] if len(rows) > 8 else []
            lines.append("Their processes end and their files are deleted. There is no way back.")
            dialog = ConfirmDialog(
                f"Kill {len(rows)} sandboxes?", lines, "Kill", danger=True, type_to_confirm=str(len(rows))
            )
        if not await self._app.push_screen_wait(dialog):
            return []
        return [row.id for row in self._each("killing", rows) if await self._do(self._fleet.kill(row.id))]

    def _each(self, doing: str, rows: Sequence[Row]) -> Iterator[Row]:
        """The rows one after the other, with a word on how far it is."""
        with self._activity.during(doing) as step:
            for number, row in enumerate(rows, 1):
                step.detail = f"{row.label}, {number} of {len(rows)}"
                yield row

    async def _do(self, call: Awaitable[None]) -> bool:
        try:
            await call
        except ApiError as error:
            self.fail(error)
            return False
        return True

    def fail(self, error: ApiError) -> None:
        """Say once what went wrong and what to do; `l` lists it in full."""
        self._app.notify(str(error), title="That did not work", severity="error", markup=False, timeout=10)


def _title(verb: str, rows: Sequence[Row]) -> str:
    if len(rows) == 1:
        return f"{verb} {fmt.truncate(rows[0].label, 40)}"
    return f"{verb} {len(rows)} sandboxes"


def _minutes_problem(text: str) -> str | None:
    try:
        minutes = float(text)
    except ValueError:
        return "A number of minutes, like 90."
    return None if 0 < minutes <= 525_600 else "More than 0 minutes, and a year at most."
