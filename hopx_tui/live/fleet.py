"""The sandboxes of one source and what one can do to them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from hopx_tui.api.errors import ApiError, NotFound
from hopx_tui.api.models import Sandbox
from hopx_tui.live.listing import CLOUD_EVERY, LOCAL_EVERY, Listing
from hopx_tui.live.rows import Change, FleetState, Row, seconds_left

__all__ = ["CLOUD_EVERY", "LOCAL_EVERY", "Change", "CreateSpec", "Fleet", "FleetState", "Row", "seconds_left"]

DOING: Final[Mapping[str, str]] = {
    "pause": "pausing",
    "resume": "resuming",
    "stop": "stopping",
    "start": "starting",
    "kill": "killing",
    "extend": "extending",
}


@dataclass(frozen=True, slots=True)
class CreateSpec:
    """What to create. `timeout_seconds` None = lives until killed."""

    template: str
    region: str | None = None
    timeout_seconds: int | None = None
    internet_access: bool = True
    env_vars: Mapping[str, str] = field(default_factory=dict, repr=False)


class Fleet(Listing):
    """A listing one can act on.

    Each action logs its steps, refreshes the one sandbox before it returns and the list soon after. Nothing
    is assumed to have worked: rows show what the server answered. All raise `ApiError` when it refused.
    """

    def values_given(self, sandbox_id: str) -> Sequence[str]:
        """The values of the variables that this dashboard gave the sandbox when it made it."""
        return self._given.get(sandbox_id, ())

    async def create(self, spec: CreateSpec) -> Sandbox:
        """Create and list it at once."""
        started = self._clock()
        text = f"create from {spec.template}"
        self._log("create", None, text, outcome="started")
        try:
            sandbox = await self._control.create(
                spec.template,
                region=spec.region,
                timeout_seconds=spec.timeout_seconds,
                internet_access=spec.internet_access,
                env_vars=dict(spec.env_vars) or None,
            )
        except ApiError as error:
            self._log("create", None, f"{text}: {error.message}", "failed", started, error)
            raise
        except asyncio.CancelledError:
            self._log("create", None, f"{text} was cancelled", "cancelled", started)
            raise
        finally:
            self.refresh_list()  # a creation that was cut off may have happened all the same
        self._log("create", sandbox.id, f"created {sandbox.id} from {spec.template}", "done", started)
        if spec.env_vars:
            self._given[sandbox.id] = tuple(spec.env_vars.values())
        self._learn(sandbox)
        self._publish()
        return sandbox

    async def pause(self, sandbox_id: str) -> None:
        await self._act("pause", sandbox_id, self._control.pause(sandbox_id))

    async def resume(self, sandbox_id: str) -> None:
        await self._act("resume", sandbox_id, self._control.resume(sandbox_id))

    async def stop(self, sandbox_id: str) -> None:
        await self._act("stop", sandbox_id, self._control.stop(sandbox_id))

    async def start(self, sandbox_id: str) -> None:
        """Start a stopped sandbox."""
        await self._act("start", sandbox_id, self._control.start(sandbox_id))

    async def extend(self, sandbox_id: str, seconds: int) -> None:
        """Let it live for `seconds` from now (0: without limit, where the server allows that)."""
        await self._act("extend", sandbox_id, self._control.set_timeout(sandbox_id, seconds))

    async def kill(self, sandbox_id: str) -> None:
        """Kill; one that is gone already counts as killed."""
        await self._act("kill", sandbox_id, self._control.kill(sandbox_id))

    async def _act(self, kind: str, sandbox_id: str, call: Awaitable[None]) -> None:
        row = self._roster.get(sandbox_id)
        text = f"{kind} {row.label if row is not None else sandbox_id}"
        started = self._clock()
        self._log(kind, sandbox_id, text, outcome="started")
        self._set_busy(sandbox_id, DOING[kind])
        try:
            try:
                await call
            except asyncio.CancelledError:
                self._log(kind, sandbox_id, f"{text} was cancelled", "cancelled", started)
                raise
            except ApiError as error:
                if kind != "kill" or not isinstance(error, NotFound):
                    self._log(kind, sandbox_id, f"{text}: {error.message}", "failed", started, error)
                    await self.reload(sandbox_id)
                    raise
            self._log(kind, sandbox_id, text, "done", started)
            if kind == "kill":
                self._forget(sandbox_id)
                self._given.pop(sandbox_id, None)
            else:
                await self.reload(sandbox_id)
        finally:
            self._set_busy(sandbox_id, None)
            self.refresh_list()
