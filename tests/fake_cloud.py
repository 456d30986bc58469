"""A fake HOPX cloud built from the contract, with knobs to misbehave: control plane and agents on own ports.

In process: `async with FakeCloud(sandboxes=5) as cloud:` then `cloud.url`, `cloud.api_key`, `cloud.knobs`.
As a program: `python -m tests.fake_cloud --port 0 --sandboxes 100000` prints {"url", "api_key", "pid"} and
serves until it is terminated or its stdin closes (with --until-eof).
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from aiohttp import web

from hopx_tui.accepting import stop_accepting
from tests.fake_agent import AgentRoutes, FakeSandbox, agent_error

API_KEY = "hopx_test_key.secret"
TEMPLATES = ("base", "code-interpreter", "desktop")
_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
_PAGE = 100
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Knobs:
    """What goes wrong. Paths are prefixes of the request path, on either plane."""

    status: dict[str, int] = field(default_factory=dict)  # path -> status answered instead
    times: dict[str, int] = field(default_factory=dict)  # path -> how often `status`/`html`/`drop` apply
    html: set[str] = field(default_factory=set)  # 200 with a page of HTML
    empty: set[str] = field(default_factory=set)  # 200 without a body
    body: dict[str, bytes] = field(default_factory=dict)  # 200 with these bytes as JSON
    hang: set[str] = field(default_factory=set)  # never answer
    drop: set[str] = field(default_factory=set)  # close the connection instead of answering
    drop_mid_body: set[str] = field(default_factory=set)  # promise more than is sent
    slow: dict[str, float] = field(default_factory=dict)  # path -> seconds before answering
    error_code: str | None = None
    error_html: bool = False  # errors come as a proxy's HTML page
    retry_after: float | None = None
    token_seconds: float = 86_400.0  # life of new tokens
    refused_tokens: set[str] = field(default_factory=set)
    null_data: bool = False
    endless: str | None = None  # "same" cursor, "none" at all, or "new" ones without rows
    old_names: bool = False  # is_dir, modified, start_time ... instead of the spec's
    strings: bool = False  # numbers as strings, ids as numbers
    no_stop_start: bool = False
    no_network: bool = False
    no_extensions: bool = False  # no feature announced: no read_limit, no process_signal
    page_rate: float | None = None  # seconds per page of the list


class FakeCloud:
    """The control plane; `row(i)` builds the i-th of the initial sandboxes only when somebody looks."""

    def __init__(self, *, sandboxes: int = 0, api_key: str = API_KEY, port: int = 0, own_ports: int = 4) -> None:
        self.api_key = api_key
        self.knobs = Knobs()
        self.requests: list[tuple[str, str]] = []  # (method, path) of everything that came
        self.headers: list[dict[str, str]] = []
        self.url = ""
        self._initial = sandboxes
        self._own_ports = min(own_ports, sandboxes)
        self._port = port
        self._made = 0
        self._known: dict[str, FakeSandbox] = {}  # touched or created ones
        self._killed: set[str] = set()
        self._tokens: dict[str, tuple[str, datetime]] = {}
        self._hosts: dict[int, str] = {}  # port -> sandbox id
        self._shared_port = 0
        self._runners: list[web.AppRunner] = []
        self._agents: web.AppRunner | None = None
        self._directory: str | None = None
        self._release = asyncio.Event()

    # -- life ------------------------------------------------------------------------------------------------

    async def __aenter__(self) -> FakeCloud:
        agent = web.Application(middlewares=[self._misbehave], client_max_size=1 << 40)
        AgentRoutes(self).add_to(agent)
        self._agents = await self._runner(agent)
        self._shared_port = await self._listen(self._agents, 0)
        for index in range(self._own_ports):
            await self._give_port(self.sandbox(self.id_of(index)))
        control = web.Application(middlewares=[self._misbehave])
        self._add_routes(control)
        port = await self._listen(await self._runner(control), self._port)
        self.url = f"http://127.0.0.1:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._release.set()
        for sandbox in self._known.values():
            await sandbox.hang_up()
        for runner in self._runners:
            for site in runner.sites:
                stop_accepting(site._server)
            await asyncio.sleep(0.01)  # a connection that was accepted with the end has its handler now
            await runner.cleanup()
        if self._directory:
            shutil.rmtree(self._directory, ignore_errors=True)

    async def _runner(self, app: web.Application) -> web.AppRunner:
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        self._runners.append(runner)
        return runner

    async def _listen(self, runner: web.AppRunner, port: int) -> int:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        await web.SockSite(runner, listener).start()
        return int(listener.getsockname()[1])

    async def _give_port(self, sandbox: FakeSandbox) -> None:
        assert self._agents is not None
        sandbox.port = await self._listen(self._agents, 0)
        self._hosts[sandbox.port] = sandbox.id

    # -- sandboxes -------------------------------------------------------------------------------------------

    def id_of(self, index: int) -> str:
        return f"17000{index:06d}abc"

    def sandbox(self, sandbox_id: str) -> FakeSandbox:
        """The state of a sandbox, KeyError when there is none."""
        if sandbox_id in self._killed:
            raise KeyError(sandbox_id)
        if sandbox_id not in self._known:
            index = int(sandbox_id[5:11]) if sandbox_id[:5] == "17000" and sandbox_id[5:11].isdecimal() else -1
            if not 0 <= index < self._initial or self.id_of(index) != sandbox_id:
                raise KeyError(sandbox_id)
            self._known[sandbox_id] = self._initial_sandbox(index)
        return self._known[sandbox_id]

    def _initial_sandbox(self, index: int) -> FakeSandbox:
        status = "running" if index < self._own_ports or index % 5 < 3 else ("paused", "stopped")[index % 2]
        return FakeSandbox(
            id=self.id_of(index),
            template=TEMPLATES[index % len(TEMPLATES)],
            region=("eu-1", "us-1")[index % 2],
            status=status,
            created_at=_EPOCH + timedelta(seconds=index),
            timeout_seconds=None if index % 3 else 3600,
        )

    def row(self, sandbox: FakeSandbox) -> dict[str, Any]:
        """The JSON object of one sandbox."""
        host = f"http://127.0.0.1:{sandbox.port or self._shared_port}"
        expires = sandbox.expires_at
        row: dict[str, Any] = {
            "id": sandbox.id,
            "object": "sandbox",
            "template_id": str(TEMPLATES.index(sandbox.template) + 100),
            "template_name": sandbox.template,
            "organization_id": 1,
            "node_id": "node-1",
            "region": sandbox.region,
            "status": sandbox.status,
            "public_host": host,
            "direct_url": host,
            "preview_url": None,
            "resources": {"vcpu": 2, "memory_mb": 1024, "disk_mb": 4096},
            "internet_access": sandbox.internet_access,
            "live_mode": True,
            "timeout_seconds": sandbox.timeout_seconds,
            "expires_at": None if expires is None else _stamp(expires),
            "created_at": _stamp(sandbox.created_at),
            "surprise": {"unknown": ["field"]},
        }
        if self.knobs.strings:
            row |= {"template_id": int(row["template_id"]), "timeout_seconds": str(sandbox.timeout_seconds or 0)}
        return row

    def set_status(self, sandbox_id: str, status: str) -> None:
        """Let a sandbox be in any state, also an unknown one."""
        self.sandbox(sandbox_id).status = status

    def kill(self, sandbox_id: str) -> None:
        self.sandbox(sandbox_id)
        self._killed.add(sandbox_id)

    def workspace(self, sandbox: FakeSandbox) -> bytes:
        """The real directory behind /workspace of a sandbox."""
        if self._directory is None:
            self._directory = tempfile.mkdtemp(prefix="fake-cloud-")
        path = os.path.join(self._directory, sandbox.id)
        os.makedirs(path, exist_ok=True)
        return os.fsencode(path)

    def issue_token(self, sandbox_id: str) -> dict[str, str]:
        value = f"fake.{sandbox_id}.{secrets.token_hex(8)}"
        ends = datetime.now(UTC) + timedelta(seconds=self.knobs.token_seconds)
        self._tokens[value] = (sandbox_id, ends)
        return {"auth_token": value, "token_expires_at": _stamp(ends)}

    def sandbox_of(self, request: web.Request) -> FakeSandbox:
        """The sandbox an agent request is for; raises the HTTP refusal."""
        value = request.headers.get("Authorization", "").removeprefix("Bearer ")
        sandbox_id, ends = self._tokens.get(value, ("", _EPOCH))
        port = request.transport.get_extra_info("sockname")[1] if request.transport else 0
        refused = value in self.knobs.refused_tokens or self._hosts.get(port, sandbox_id) != sandbox_id
        if not sandbox_id or refused:
            raise agent_error(401, "TOKEN_INVALID", "The token is not valid here")
        if ends <= datetime.now(UTC):
            raise agent_error(401, "TOKEN_EXPIRED", "The token has expired")
        try:
            sandbox = self.sandbox(sandbox_id)
        except KeyError:
            raise agent_error(404, "SANDBOX_NOT_FOUND", f"Sandbox {sandbox_id} not found") from None
        if sandbox.status != "running":
            raise agent_error(409, f"SANDBOX_{sandbox.status.upper()}", f"Sandbox is {sandbox.status}")
        return sandbox

    # -- misbehaviour ----------------------------------------------------------------------------------------

    @property
    def _misbehave(self) -> Any:
        @web.middleware
        async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
            self.requests.append((request.method, request.path))
            self.headers.append(dict(request.headers))
            answer = await self._misbehaviour(request)
            response = await handler(request) if answer is None else answer
            if not response.prepared:
                response.headers.setdefault("X-Request-ID", f"req_{len(self.requests)}")
            return response

        return middleware

    async def _misbehaviour(self, request: web.Request) -> web.StreamResponse | None:
        knobs, path = self.knobs, request.path
        if (seconds := _of(knobs.slow, path)) is not None:
            await asyncio.sleep(knobs.slow[seconds])
        if _of(knobs.hang, path) is not None:
            await self._release.wait()
        if (key := _of(knobs.drop, path)) is not None and self._applies(key):
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        if (key := _of(knobs.drop_mid_body, path)) is not None:
            response = web.StreamResponse(headers={"Content-Length": "1000000"})
            await response.prepare(request)
            await response.write(b"x" * 70_000)
            assert request.transport is not None
            request.transport.close()
            return response
        if (key := _of(knobs.html, path)) is not None and self._applies(key):
            page = "<!DOCTYPE html><html><head><title>Sign in</title></head><body>Hotel wifi</body></html>"
            return web.Response(text=page, content_type="text/html")
        if _of(knobs.empty, path) is not None:
            return web.Response()
        if (key := _of(knobs.body, path)) is not None:
            return web.Response(body=knobs.body[key], content_type="application/json")
        if (key := _of(knobs.status, path)) is not None and self._applies(key):
            return self._refusal(request, knobs.status[key])
        return None

    def _applies(self, key: str) -> bool:
        left = self.knobs.times.get(key)
        if left is None:
            return True
        self.knobs.times[key] = left - 1
        return left > 0

    def _refusal(self, request: web.Request, status: int) -> web.Response:
        knobs = self.knobs
        headers = {} if knobs.retry_after is None else {"Retry-After": str(knobs.retry_after)}
        if 300 <= status < 400:
            headers["Location"] = "https://elsewhere.example/"
        if knobs.error_html:
            page = f"<html><head><title>{status} Bad gateway</title></head><body>proxy</body></html>"
            return web.Response(status=status, text=page, content_type="text/html", headers=headers)
        code = knobs.error_code or f"CODE_{status}"
        if request.path.startswith("/v1"):
            details = {} if knobs.retry_after is None else {"retry_after_seconds": knobs.retry_after}
            return control_error(status, code, f"refused with {status}", headers, **details)
        refusal = agent_error(status, code, f"refused with {status}")
        refusal.headers.update(headers)
        raise refusal

    # -- control plane ---------------------------------------------------------------------------------------

    def _add_routes(self, app: web.Application) -> None:
        one = "/v1/sandboxes/{id}"
        app.router.add_get("/health", self._health)
        for method, path, handler in (
            ("GET", "/v1/sandboxes", self._list),
            ("POST", "/v1/sandboxes", self._create),
            ("GET", one, self._get),
            ("DELETE", one, self._kill),
            ("POST", one + "/{action:pause|resume|stop|start}", self._act),
            ("PUT", one + "/timeout", self._timeout),
            ("POST", one + "/token/refresh", self._refresh),
            ("GET", "/v1/templates", self._templates),
            ("GET", "/v1/templates/{name}", self._template),
        ):
            app.router.add_route(method, path, self._authorised(handler))
        app.router.add_route("*", "/{rest:.*}", self._no_route)

    def _authorised(self, handler: Handler) -> Handler:
        async def checked(request: web.Request) -> web.StreamResponse:
            bearer = request.headers.get("Authorization", "").removeprefix("Bearer ")
            if self.api_key not in (request.headers.get("X-API-Key"), bearer):
                return control_error(401, "UNAUTHORIZED", "Invalid API key")
            return await handler(request)

        return checked

    async def _no_route(self, request: web.Request) -> web.Response:
        return control_error(404, "NOT_FOUND", f"No route {request.path}")

    async def _health(self, request: web.Request) -> web.Response:
        return web.json_response({"status": "healthy", "version": "fake", "message": "all is well"})

    async def _list(self, request: web.Request) -> web.Response:
        if self.knobs.page_rate:
            await asyncio.sleep(self.knobs.page_rate)
        limit = int(request.query.get("limit", _PAGE))
        if not 1 <= limit <= _PAGE:
            return control_error(400, "VALIDATION_ERROR", "limit must be 1..100")
        cursor = request.query.get("cursor", "0")
        if not cursor.isdecimal():
            return control_error(400, "VALIDATION_ERROR", "unknown cursor")
        rows, position = self._rows(int(cursor), limit, request.query.get("status"), request.query.get("region"))
        following: str | None = None if position is None else str(position)
        more = following is not None
        if self.knobs.endless is not None:
            more = True
            rows = [] if self.knobs.endless == "new" else rows
            following = {"same": "7", "new": str(int(cursor) + 1)}.get(self.knobs.endless)
        data: Any = rows or (None if self.knobs.null_data else [])
        if self.knobs.null_data and rows:
            data = [None, *rows, None]
        return web.json_response(
            {"object": "list", "data": data, "has_more": more, "next_cursor": following, "url": "/v1/sandboxes"}
        )

    def _rows(
        self, start: int, limit: int, status: str | None, region: str | None
    ) -> tuple[list[dict[str, Any]], int | None]:
        """The rows from position `start` on, and the position after them (None at the end)."""
        rows: list[dict[str, Any]] = []
        total = self._initial + self._made
        position = start
        while position < total and len(rows) < limit:
            name = self.id_of(position) if position < self._initial else f"made{position - self._initial}"
            position += 1
            if name in self._killed:
                continue
            sandbox = self._known.get(name) or self._initial_sandbox(position - 1)
            if (status and sandbox.status != status) or (region and sandbox.region != region):
                continue
            rows.append(self.row(sandbox))
        return rows, position if position < total else None

    async def _create(self, request: web.Request) -> web.Response:
        asked = await request.json()
        template = asked.get("template_name")
        if template is None and str(asked.get("template_id", "")).isdecimal():
            index = int(asked["template_id"]) - 100
            template = TEMPLATES[index] if 0 <= index < len(TEMPLATES) else "unknown"
        if template is None:
            return control_error(400, "VALIDATION_ERROR", "template_name or template_id is required")
        if template not in TEMPLATES:
            return control_error(404, "TEMPLATE_NOT_FOUND", f"Template {template} not found")
        sandbox = FakeSandbox(
            id=f"made{self._made}",
            template=template,
            region=asked.get("region") or "eu-1",
            internet_access=asked.get("internet_access", True),
            timeout_seconds=asked.get("timeout_seconds"),
            env=dict(asked.get("env_vars") or {}),
        )
        self._made += 1
        self._known[sandbox.id] = sandbox
        await self._give_port(sandbox)
        return web.json_response(self.row(sandbox) | self.issue_token(sandbox.id), status=201)

    def _found(self, request: web.Request) -> FakeSandbox | web.Response:
        try:
            return self.sandbox(request.match_info["id"])
        except KeyError:
            return control_error(404, "NOT_FOUND", f"Sandbox {request.match_info['id']} not found")

    async def _get(self, request: web.Request) -> web.Response:
        sandbox = self._found(request)
        return sandbox if isinstance(sandbox, web.Response) else web.json_response(self.row(sandbox))

    async def _kill(self, request: web.Request) -> web.Response:
        sandbox = self._found(request)
        if isinstance(sandbox, web.Response):
            return sandbox
        self._killed.add(sandbox.id)
        await sandbox.hang_up()
        return web.json_response({"id": sandbox.id, "deleted": True})

    async def _act(self, request: web.Request) -> web.Response:
        action = request.match_info["action"]
        if self.knobs.no_stop_start and action in ("stop", "start"):
            return control_error(404, "NOT_FOUND", f"No route {request.path}")
        sandbox = self._found(request)
        if isinstance(sandbox, web.Response):
            return sandbox
        status = _TRANSITIONS.get((sandbox.status, action))
        if status is None:
            return control_error(409, "CONFLICT", f"Sandbox {sandbox.id} is {sandbox.status}: cannot {action}")
        sandbox.status = status
        if status == "stopped":
            await sandbox.hang_up()
        return web.json_response({"id": sandbox.id, "status": status})

    async def _timeout(self, request: web.Request) -> web.Response:
        sandbox = self._found(request)
        if isinstance(sandbox, web.Response):
            return sandbox
        seconds = (await request.json()).get("timeout_seconds")
        if not isinstance(seconds, int) or seconds < 0:
            return control_error(400, "VALIDATION_ERROR", "timeout_seconds must be >= 0")
        sandbox.set_timeout(seconds)
        return web.json_response(self.row(sandbox))

    async def _refresh(self, request: web.Request) -> web.Response:
        sandbox = self._found(request)
        if isinstance(sandbox, web.Response):
            return sandbox
        return web.json_response(self.issue_token(sandbox.id))

    async def _templates(self, request: web.Request) -> web.Response:
        data = None if self.knobs.null_data else [template_row(name) for name in TEMPLATES]
        return web.json_response({"object": "list", "data": data, "has_more": False, "url": "/v1/templates"})

    async def _template(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        for row in map(template_row, TEMPLATES):
            if name in (row["name"], row["id"]):
                return web.json_response(row)
        return control_error(404, "TEMPLATE_NOT_FOUND", f"Template {name} not found")


_TRANSITIONS = {
    ("running", "pause"): "paused",
    ("running", "resume"): "running",
    ("running", "stop"): "stopped",
    ("running", "start"): "running",
    ("paused", "pause"): "paused",
    ("paused", "resume"): "running",
    ("paused", "stop"): "stopped",
    ("stopped", "stop"): "stopped",
    ("stopped", "start"): "running",
}


def control_error(
    status: int, code: str, message: str, headers: dict[str, str] | None = None, **details: object
) -> web.Response:
    error = {"code": code, "message": message, "request_id": "req_body", "details": details}
    return web.json_response({"error": error}, status=status, headers=headers)


def template_row(name: str) -> dict[str, Any]:
    resources = {"vcpu": 2, "memory_mb": 1024, "disk_gb": 4}
    return {
        "id": str(TEMPLATES.index(name) + 100),
        "object": "template",
        "name": name,
        "display_name": name.replace("-", " ").title(),
        "description": f"The {name} template",
        "category": "development",
        "language": "python",
        "status": "active",
        "is_active": True,
        "is_public": True,
        "default_resources": resources,
        "min_resources": resources,
        "max_resources": resources,
        "features": ["python", "bash"],
        "tags": [],
        "popularity_score": 1,
        "organization_id": "1",
        "created_at": _stamp(_EPOCH),
        "updated_at": _stamp(_EPOCH),
    }


def _stamp(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


def _of(paths: Any, path: str) -> str | None:
    """The prefix among `paths` that fits `path`."""
    return next((prefix for prefix in paths if path.startswith(prefix)), None)


async def _serve(arguments: argparse.Namespace) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    if arguments.until_eof:

        def wait_for_eof() -> None:
            sys.stdin.read()
            with contextlib.suppress(RuntimeError):  # the loop may be closed by then
                loop.call_soon_threadsafe(stop.set)

        threading.Thread(target=wait_for_eof, daemon=True).start()
    async with FakeCloud(sandboxes=arguments.sandboxes, port=arguments.port, own_ports=arguments.own_ports) as cloud:
        print(json.dumps({"url": cloud.url, "api_key": cloud.api_key, "pid": os.getpid()}), flush=True)
        await stop.wait()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fake_cloud", description="A fake HOPX cloud.")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--sandboxes", type=int, default=0)
    parser.add_argument("--own-ports", type=int, default=4, help="how many of them get a port of their own")
    parser.add_argument("--until-eof", action="store_true", help="end when stdin closes")
    asyncio.run(_serve(parser.parse_args()))


if __name__ == "__main__":
    main()
