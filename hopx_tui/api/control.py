"""The control plane: sandboxes, templates, tokens."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote, urlsplit

import msgspec

from hopx_tui.api.agent import Agent
from hopx_tui.api.errors import ApiError, AuthError, BadResponse, Conflict, InvalidRequest, TimedOut
from hopx_tui.api.models import EngineHealth, Sandbox, SandboxPage, Template, TemplateList, Token
from hopx_tui.api.tokens import TokenKeeper
from hopx_tui.api.transport import Http, is_loopback, origin_of
from hopx_tui.api.wire import decode, decode_any

if TYPE_CHECKING:
    import httpx

__all__ = ["ControlPlane"]

MOST_ROWS = 200_000
MOST_PAGES = 4_000
"""Of one list of sandboxes: beyond that the server has lost count, and memory would run out."""

_CREATE_SECONDS = 300.0
_EMPTY_PAGES = 3
_SECRET_KEYS = ("auth_token",)


class ControlPlane:
    """One account on one server. Every method raises ApiError only (and what cancels it)."""

    def __init__(
        self,
        base_url: str,
        api_key: str,
        *,
        timeout: float = 60.0,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self.base_url = origin_of(base_url) + urlsplit(base_url.strip()).path.rstrip("/")
        key = api_key.strip()
        if not key.isascii() or not key.isprintable():
            raise AuthError("The API key holds characters that cannot be sent.", hint="Check the API key.")
        self._headers = {"X-API-Key": key, "Accept": "application/json"}
        self._http = Http(timeout=timeout, transport=transport)
        self._tokens: dict[str, TokenKeeper] = {}
        self._agents: dict[str, Agent] = {}

    @property
    def is_local(self) -> bool:
        """Whether the server is on this machine."""
        return is_loopback(self.base_url)

    async def health(self) -> EngineHealth:
        body = await self._call("GET", "/health", "the health check", timeout=min(10.0, self._http.timeout))
        return decode(body, EngineHealth, what="the health check")

    # -- sandboxes -------------------------------------------------------------------------------------------

    async def list_page(
        self, limit: int = 100, cursor: str | None = None, status: str | None = None, region: str | None = None
    ) -> SandboxPage:
        """One page of at most `limit` (1..100) sandboxes."""
        params = {"limit": str(limit)}
        for name, value in (("cursor", cursor), ("status", status), ("region", region)):
            if value:
                params[name] = value
        body = await self._call("GET", "/v1/sandboxes", "the list of sandboxes", params=params)
        return decode(body, SandboxPage, what="the list of sandboxes")

    async def iter_pages(
        self, limit: int = 100, *, status: str | None = None, region: str | None = None
    ) -> AsyncIterator[list[Sandbox]]:
        """All pages, until the server says the end, or sends no cursor, a known one, or nothing but air.

        BadResponse after the last of `MOST_ROWS` rows or `MOST_PAGES` pages: what came before is good.
        """
        seen: set[str] = set()
        cursor: str | None = None
        empty = 0
        room = MOST_ROWS
        for _ in range(MOST_PAGES):
            page = await self.list_page(limit, cursor, status, region)
            yield page.data[:room]
            room -= len(page.data)
            cursor = page.next_cursor
            empty = 0 if page.data else empty + 1
            ended = not page.has_more or not cursor or cursor in seen or empty >= _EMPTY_PAGES
            if room < 0 or (room == 0 and not ended):
                break
            if ended or cursor is None:
                return
            seen.add(cursor)
        raise BadResponse(
            f"The list of sandboxes does not end: only the first {MOST_ROWS - max(0, room):,} are shown.",
            hint="Is this the right server?",
            code="LIST_TOO_LONG",
        )

    async def get(self, sandbox_id: str) -> Sandbox:
        body = await self._call("GET", _path(sandbox_id), f"sandbox {sandbox_id}")
        return decode(body, Sandbox, what=f"sandbox {sandbox_id}")

    async def raw(self, sandbox_id: str) -> bytes:
        """The server's own JSON of one sandbox, indented; credentials are masked."""
        body = await self._call("GET", _path(sandbox_id), f"sandbox {sandbox_id}")
        value = decode_any(body, what=f"sandbox {sandbox_id}")
        if isinstance(value, dict):
            value = {name: "***" if name in _SECRET_KEYS else entry for name, entry in value.items()}
        return msgspec.json.format(msgspec.json.encode(value), indent=2)

    async def create(
        self,
        template: str,
        *,
        region: str | None = None,
        timeout_seconds: int | None = None,
        internet_access: bool = True,
        env_vars: Mapping[str, str] | None = None,
    ) -> Sandbox:
        """A new running sandbox from a template's name (or its id, when `template` is a number)."""
        request: dict[str, Any] = {"template_id" if template.isdecimal() else "template_name": template}
        request["internet_access"] = internet_access
        if region:
            request["region"] = region
        if timeout_seconds:
            request["timeout_seconds"] = timeout_seconds
        if env_vars:
            request["env_vars"] = dict(env_vars)
        seconds = max(_CREATE_SECONDS, self._http.timeout)
        try:
            body = await self._call("POST", "/v1/sandboxes", "create", json=request, timeout=seconds)
        except TimedOut as error:
            error.hint = "The sandbox may exist all the same; look at the list before trying again."
            raise
        sandbox = decode(body, Sandbox, what="create")
        try:
            token = decode(body, Token, what="create")
        except BadResponse:
            token = None  # then it is asked for when it is needed
        self._tokens[sandbox.id] = self._keeper(sandbox.id, token)
        if env_vars and not self.is_local:
            await self._apply_variables(sandbox, env_vars)
        return sandbox

    async def _apply_variables(self, sandbox: Sandbox, env_vars: Mapping[str, str]) -> None:
        """The cloud's control plane is known to lose `env_vars`, so its own clients set them once more."""
        try:
            await self.agent(sandbox).update_env(env_vars)
        except ApiError as error:
            error.message = f"Sandbox {sandbox.id} was created, but its variables may be missing. {error.message}"
            raise

    async def kill(self, sandbox_id: str) -> None:
        await self._call("DELETE", _path(sandbox_id), f"kill {sandbox_id}")
        self.forget(sandbox_id)

    async def pause(self, sandbox_id: str) -> None:
        await self._act(sandbox_id, "pause")

    async def resume(self, sandbox_id: str) -> None:
        await self._act(sandbox_id, "resume")

    async def stop(self, sandbox_id: str) -> None:
        await self._act(sandbox_id, "stop")

    async def start(self, sandbox_id: str) -> None:
        await self._act(sandbox_id, "start")

    async def set_timeout(self, sandbox_id: str, seconds: int) -> None:
        """Kill the sandbox `seconds` from now; 0 takes the limit away."""
        if seconds < 0:
            raise InvalidRequest("A time limit cannot be negative.", hint="0 takes the limit away.")
        await self._call(
            "PUT",
            f"{_path(sandbox_id)}/timeout",
            f"set the time limit of {sandbox_id}",
            json={"timeout_seconds": seconds},
        )

    async def refresh_token(self, sandbox_id: str) -> Token:
        what = f"the token of {sandbox_id}"
        body = await self._call("POST", f"{_path(sandbox_id)}/token/refresh", what)
        return decode(body, Token, what=what)

    async def _act(self, sandbox_id: str, action: str) -> None:
        await self._call("POST", f"{_path(sandbox_id)}/{action}", f"{action} {sandbox_id}")

    # -- templates -------------------------------------------------------------------------------------------

    async def list_templates(self) -> list[Template]:
        body = await self._call("GET", "/v1/templates", "the list of templates")
        return decode(body, TemplateList, what="the list of templates").data

    async def get_template(self, name: str) -> Template:
        body = await self._call("GET", f"/v1/templates/{quote(name, safe='')}", f"template {name}")
        return decode(body, Template, what=f"template {name}")

    # -- agents ----------------------------------------------------------------------------------------------

    def agent(self, sandbox: Sandbox) -> Agent:
        """The client of one sandbox's agent: one object per sandbox, moved when its address changes.

        Never raises: without an address that can be used, the agent's calls raise the ApiError that says so.
        """
        agent = self._agents.get(sandbox.id)
        if agent is None:
            keeper = self._tokens.setdefault(sandbox.id, self._keeper(sandbox.id, None))
            agent = self._agents[sandbox.id] = Agent("", keeper, self._http)
        try:
            agent.move(_agent_origin(sandbox))
        except ApiError as error:
            agent.refuse(error)
        return agent

    def forget(self, sandbox_id: str) -> None:
        """Drop the client and the token of a sandbox that is gone."""
        self._agents.pop(sandbox_id, None)
        self._tokens.pop(sandbox_id, None)

    def _keeper(self, sandbox_id: str, token: Token | None) -> TokenKeeper:
        return TokenKeeper(lambda: self.refresh_token(sandbox_id), token=token)

    # -- life ------------------------------------------------------------------------------------------------

    async def aclose(self) -> None:
        self._agents.clear()
        self._tokens.clear()
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def _call(
        self,
        method: str,
        path: str,
        what: str,
        *,
        params: Mapping[str, str] | None = None,
        json: object = None,
        timeout: float | None = None,
    ) -> bytes:
        return await self._http.fetch(
            method,
            self.base_url + path,
            what=what,
            headers=self._headers,
            params=params,
            json=json,
            timeout=timeout,
        )


def _path(sandbox_id: str) -> str:
    return f"/v1/sandboxes/{quote(sandbox_id, safe='')}"


def _agent_origin(sandbox: Sandbox) -> str:
    """Where the agent answers. Conflict while it is nowhere, BadResponse when the server's word is no address."""
    if not sandbox.public_host:
        raise Conflict(f"Sandbox {sandbox.id} has no address ({sandbox.status}).", hint="Wait until the sandbox runs.")
    try:
        return origin_of(sandbox.public_host)
    except InvalidRequest as error:
        reason = f"The address the server tells for sandbox {sandbox.id} cannot be used. {error.message}"
        raise BadResponse(reason) from error
