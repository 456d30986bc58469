"""From the wish for a sandbox to the sandbox: what must be known, what must be asked, the form, the call."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from textual.app import App

from hopx_tui.api.errors import ApiError
from hopx_tui.live.session import Session
from hopx_tui.screens.actions import SandboxActions
from hopx_tui.screens.create import CreateDialog

_PATIENCE = 0.4
"""Seconds that the form may wait for templates that were built since."""


@dataclass(frozen=True)
class Created:
    """A new sandbox, and what the person called it ("" for nothing)."""

    sandbox_id: str
    name: str


class Creation:
    """Asks and creates; remembers the template that was used last and the yes to code that runs as the person."""

    def __init__(
        self,
        app: App[Any],
        session: Session,
        actions: SandboxActions,
        *,
        template: str | None,
        timeout_seconds: int | None,
        unisolated_allowed: bool,
        allow_unisolated: Callable[[], Awaitable[None]],
    ) -> None:
        self._app = app
        self._session = session
        self._actions = actions
        self._template = template
        self._timeout = timeout_seconds
        self._unisolated_allowed = unisolated_allowed
        self._allow_unisolated = allow_unisolated

    async def ask_and_create(self) -> Created | None:
        """None when the person changed their mind or it failed; the failure was told then."""
        try:
            templates = await self._session.templates(patience=_PATIENCE)
        except ApiError as error:
            self._actions.fail(error)
            return None
        if self._session.health is None:
            await self._session.learn_health()  # whether code would run as the person must not be guessed
        if not self._session.isolated and not await self._may_be_unisolated():
            return None
        form = CreateDialog(
            templates,
            template=self._template,
            timeout_seconds=self._timeout,
            internet=True if self._session.isolated else None,
            notes=self._notes(),
        )
        answer = await self._app.push_screen_wait(form)
        if answer is None:
            return None
        self._template = answer.spec.template
        sandbox_id = await self._actions.create(answer.spec)
        return Created(sandbox_id, answer.name) if sandbox_id is not None else None

    async def _may_be_unisolated(self) -> bool:
        """Asked once on each machine; the answer is kept."""
        if not self._unisolated_allowed and await self._actions.allow_unisolated():
            self._unisolated_allowed = True
            await self._allow_unisolated()
        return self._unisolated_allowed

    def _notes(self) -> list[str]:
        if not self._session.isolated:
            return ["Not isolated here: the sandbox shares your network and files."]
        health = self._session.health
        if health is not None and health.network == "host":
            return ["Internet means this machine's own network: it could not be kept apart here."]
        return []
