"""One open source: its client, the scheduler that times every fetch, and the fleet on them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

from hopx_tui.api.control import ControlPlane
from hopx_tui.api.errors import ApiError
from hopx_tui.api.models import EngineHealth, Template
from hopx_tui.live.events import EventLog
from hopx_tui.live.fleet import CLOUD_EVERY, LOCAL_EVERY, Fleet
from hopx_tui.live.poll import Scheduler


class Session:
    """Everything the panes need from one control plane; `run` serves it until cancelled, `close` ends it."""

    def __init__(
        self, control: ControlPlane, *, local: bool, name_of: Callable[[str], str | None], log: EventLog
    ) -> None:
        self.control = control
        self.local = local
        self.scheduler = Scheduler()
        self.fleet = Fleet(
            control,
            self.scheduler,
            source="local" if local else "cloud",
            every=LOCAL_EVERY if local else CLOUD_EVERY,
            name_of=name_of,
            log=log,
        )
        self.health: EngineHealth | None = None
        self._templates: list[Template] | None = None

    @property
    def isolated(self) -> bool:
        """False only when the engine says that its sandboxes run as the person."""
        return self.health is None or self.health.isolation != "none"

    async def learn_health(self) -> None:
        """Ask the source what it is. A failure is left to the list, which meets it too."""
        try:
            self.health = await self.control.health()
        except ApiError:
            self.health = None

    async def templates(self, *, patience: float | None = None) -> list[Template]:
        """What sandboxes can be made from. Raises ApiError.

        `patience`: ask again, and give what is known if there is no answer within so many seconds; None: ask only once.
        """
        if self._templates is None:
            self._templates = await self.control.list_templates()
        elif patience is not None:
            with suppress(ApiError, TimeoutError):
                async with asyncio.timeout(patience):
                    self._templates = await self.control.list_templates()
        return self._templates

    async def _prepare(self) -> None:
        """What the first key needs is asked for ahead of it; failures are met again by whoever needs the answer."""
        await self.learn_health()
        try:
            await self.templates()
        except ApiError:
            self._templates = None

    async def run(self) -> None:
        """Keep the fleet up to date until cancelled. Raises what is a bug of ours."""
        self.fleet.open()
        try:
            await asyncio.gather(self.scheduler.run(), self._prepare())
        finally:
            self.fleet.close()

    async def close(self) -> None:
        """Close all connections."""
        await self.control.aclose()
