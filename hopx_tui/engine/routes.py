"""The routes of sandboxes and of the engine itself: from requests to sandboxes, and back to JSON."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

import hopx_tui
from hopx_tui.engine import requests
from hopx_tui.engine.errors import invalid, template_not_found
from hopx_tui.engine.gate import answer
from hopx_tui.engine.isolation import Isolation
from hopx_tui.engine.record import STATUSES
from hopx_tui.engine.sandbox import Sandbox
from hopx_tui.engine.sandboxes import Sandboxes
from hopx_tui.engine.saved import SavedTemplates
from hopx_tui.engine.templates import Catalogue
from hopx_tui.engine.tokens import TokenIssuer


class Routes:
    """The handlers. One object per engine; all state lives in what it is given."""

    def __init__(
        self,
        sandboxes: Sandboxes,
        catalogue: Catalogue,
        saved: SavedTemplates,
        tokens: TokenIssuer,
        isolation: Isolation,
        enforced: dict[str, str],
    ) -> None:
        self._sandboxes = sandboxes
        self._catalogue = catalogue
        self._saved = saved
        self._tokens = tokens
        self._isolation = isolation
        self._enforced = enforced

    def add_to(self, app: web.Application) -> None:
        """Register everything."""
        one = "/v1/sandboxes/{id}"
        app.router.add_get("/health", self.health)
        app.router.add_get("/v1/engine", self.engine)
        app.router.add_get("/v1/sandboxes", self.list_sandboxes)
        app.router.add_post("/v1/sandboxes", self.create)
        app.router.add_get(one, self.get)
        app.router.add_delete(one, self.kill)
        for action in ("pause", "resume", "stop", "start"):
            app.router.add_post(f"{one}/{action}", self._transition(action))
        app.router.add_put(f"{one}/timeout", self.set_timeout)
        app.router.add_post(f"{one}/token/refresh", self.refresh_token)

    async def health(self, request: web.Request) -> web.Response:
        """Open to all who reach the loopback: says nothing that is secret."""
        isolation = self._isolation
        named = "isolated with bubblewrap" if isolation.level == "bwrap" else "NOT isolated"
        return answer(
            request,
            {
                "status": "healthy",
                "engine": "hopx-tui",
                "version": hopx_tui.__version__,
                "isolation": isolation.level,
                "isolation_reason": isolation.reason,
                "network": isolation.network,
                "network_reason": isolation.network_reason,
                "message": f"Local engine; sandboxes are {named}, on this machine's kernel.",
            },
        )

    async def engine(self, request: web.Request) -> web.Response:
        """An extension: what `engine stop` and `engine status` want to know."""
        return answer(
            request,
            {
                "object": "engine",
                "version": hopx_tui.__version__,
                "sandboxes": self._sandboxes.count(),
                "isolation": self._isolation.level,
                "isolation_reason": self._isolation.reason,
                "network": self._isolation.network,
                "enforced": self._enforced,
            },
        )

    async def list_sandboxes(self, request: web.Request) -> web.Response:
        query = request.query
        status = query.get("status")
        if status is not None and status not in STATUSES:
            raise invalid(f"status must be one of {', '.join(STATUSES)}", status=status[:100])
        page, cursor = self._sandboxes.page(
            requests.limit(query.get("limit")), query.get("cursor"), status, query.get("region")
        )
        return answer(
            request,
            {
                "object": "list",
                "data": [self._describe(sandbox) for sandbox in page],
                "has_more": cursor is not None,
                "next_cursor": cursor,
                "url": "/v1/sandboxes",
            },
        )

    async def create(self, request: web.Request) -> web.Response:
        body = requests.decode(await request.read(), requests.CreateBody)
        wanted = body.template_name if body.template_name is not None else body.template_id
        if wanted is None or wanted == "":
            raise invalid("Either template_name or template_id is required")
        template = self._catalogue.find(str(wanted))
        if template is None:
            raise template_not_found(str(wanted)[:200])
        reason = self._catalogue.unavailable_reason(template)
        if reason is not None:
            raise invalid(f"Template {template.name} cannot be used here: {reason}", template=template.name)
        internet = body.internet_access is not False
        if not internet and self._isolation.level == "none":
            raise invalid(
                "internet_access=false needs isolation, which this engine does not have: "
                f"{self._isolation.reason}",
                isolation="none",
            )
        seconds, given = requests.timeout(body.timeout_seconds), requests.variables(body.env_vars)
        saved = template.saved
        await self._catalogue.prepare(template)
        sandbox = await self._sandboxes.create(
            template=template,
            limits=self._catalogue.limits(template),
            internet_access=internet,
            timeout_seconds=seconds,
            env_vars={**saved.environment, **given} if saved is not None else given,
            seed=self._saved.files(saved) if saved is not None else None,
            wanted=lambda: request.transport is not None and not request.transport.is_closing(),
        )
        issued = self._tokens.issue(sandbox.record.id)
        return answer(request, {**self._describe(sandbox), **issued}, 201)

    async def get(self, request: web.Request) -> web.Response:
        return answer(request, self._describe(self._find(request)))

    async def kill(self, request: web.Request) -> web.Response:
        sandbox_id = request.match_info["id"]
        await self._sandboxes.kill(sandbox_id)
        return answer(request, {"id": sandbox_id, "object": "sandbox", "deleted": True})

    def _transition(self, action: str) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def handle(request: web.Request) -> web.Response:
            sandbox = self._find(request)
            moves: dict[str, Callable[[], Awaitable[object]]] = {
                "pause": sandbox.pause,
                "resume": sandbox.resume,
                "stop": sandbox.stop,
                "start": lambda: self._sandboxes.start(sandbox.record.id),
            }
            await moves[action]()
            return answer(request, self._describe(sandbox))

        return handle

    async def set_timeout(self, request: web.Request) -> web.Response:
        sandbox = self._find(request)
        body = requests.decode(await request.read(), requests.TimeoutBody)
        seconds = requests.timeout(body.timeout_seconds) or 0
        await self._sandboxes.set_timeout(sandbox.record.id, seconds)
        return answer(request, self._describe(sandbox))

    async def refresh_token(self, request: web.Request) -> web.Response:
        return answer(request, {**self._tokens.issue(self._find(request).record.id)})

    def _find(self, request: web.Request) -> Sandbox:
        return self._sandboxes.get(request.match_info["id"])

    def _describe(self, sandbox: Sandbox) -> dict[str, Any]:
        return sandbox.describe(node="local", isolation=self._isolation.level, enforced=self._enforced)
