"""The agents of the fake cloud: enough of the contract for clients, on a real scratch directory."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import shutil
import stat
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from aiohttp import BodyPartReader, WSMsgType, web

if TYPE_CHECKING:
    from tests.fake_cloud import FakeCloud

_FEATURES = {"process_signal": True, "path_b64": True, "read_limit": True, "terminal_access": True}


@dataclass
class FakeSandbox:
    """The state of one sandbox, shared by both planes."""

    id: str
    template: str = "base"
    region: str = "eu-1"
    status: str = "running"
    port: int = 0
    internet_access: bool = True
    timeout_seconds: int | None = None
    created_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    env: dict[str, str] = field(default_factory=dict)
    signals: list[tuple[int, str]] = field(default_factory=list)
    sizes: list[tuple[int, int]] = field(default_factory=list)  # what terminals were resized to
    sockets: set[web.WebSocketResponse] = field(default_factory=set)
    expires_at: datetime | None = None

    def __post_init__(self) -> None:
        if self.timeout_seconds:
            self.set_timeout(self.timeout_seconds)

    def set_timeout(self, seconds: int) -> None:
        self.timeout_seconds = seconds or None
        self.expires_at = datetime.now(UTC) + timedelta(seconds=seconds) if seconds else None

    async def hang_up(self, code: int = 1001) -> None:
        """Close the terminals."""
        for link in list(self.sockets):
            await link.close(code=code, message=b"sandbox ended")


class _Refusal(web.HTTPException):
    """An agent's error; aiohttp answers raised ones as they are."""

    status_code = 400


def agent_error(status: int, code: str, message: str, **details: object) -> web.HTTPException:
    body = {
        "error": message,
        "message": message,
        "code": code,
        "details": details,
        "request_id": "req_body",
        "timestamp": datetime.now(UTC).isoformat(),
    }
    refusal = _Refusal(text=json.dumps(body), content_type="application/json")
    refusal.set_status(status)
    return refusal


Handler = Callable[[web.Request, FakeSandbox], Awaitable[web.StreamResponse]]


class AgentRoutes:
    """The handlers; which sandbox a request is for follows from port and token."""

    def __init__(self, cloud: FakeCloud) -> None:
        self._cloud = cloud

    def add_to(self, app: web.Application) -> None:
        app.router.add_get("/health", self._health)
        for method, path, handler in (
            ("GET", "/info", self._info),
            ("GET", "/system", self._system),
            ("GET", "/metrics/snapshot", self._metrics),
            ("GET", "/processes", self._processes),
            ("POST", "/processes/{pid}/signal", self._signal),
            ("GET", "/files/list", self._list),
            ("GET", "/files/read", self._read),
            ("GET", "/files/download", self._download),
            ("GET", "/files/exists", self._exists),
            ("POST", "/files/write", self._write),
            ("POST", "/files/upload", self._upload),
            ("POST", "/files/mkdir", self._mkdir),
            ("DELETE", "/files/remove", self._remove),
            ("POST", "/commands/run", self._run),
            ("GET", "/env", self._env),
            ("PATCH", "/env", self._env),
            ("GET", "/terminal", self._terminal),
        ):
            app.router.add_route(method, path, self._authorised(handler))

    def _authorised(self, handler: Handler) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def checked(request: web.Request) -> web.StreamResponse:
            return await handler(request, self._cloud.sandbox_of(request))

        return checked

    # -- figures ---------------------------------------------------------------------------------------------

    async def _health(self, request: web.Request) -> web.Response:
        return web.json_response({"status": "healthy", "agent": "fake", "version": "1", "uptime_seconds": 5.0})

    async def _info(self, request: web.Request, sandbox: FakeSandbox) -> web.Response:
        features = {} if self._cloud.knobs.no_extensions else _FEATURES
        return web.json_response(
            {
                "agent": "fake",
                "version": "3.2.8",
                "agent_version": "3.2.8",
                "os": "linux",
                "platform": "linux",
                "arch": "amd64",
                "ip": "127.0.0.1",
                "port": "7777",
                "start_time": sandbox.created_at.isoformat(),
                "features": features,
            }
        )

    async def _system(self, request: web.Request, sandbox: FakeSandbox) -> web.Response:
        """Figures that move, and differ from one sandbox to the next."""
        phase = (sum(sandbox.id.encode()) * 37 % 97 + time.time()) % 100
        number: Callable[[float], Any] = str if self._cloud.knobs.strings else float
        figures: dict[str, Any] = {
            "cpu": {"usage_percent": number(phase), "cores": 2},
            "memory": {"total": 1 << 30, "used": int(phase * (1 << 20)), "free": 1 << 29, "usage_percent": phase},
            "disk": {"total": 4 << 30, "used": 1 << 30, "free": 3 << 30, "usage_percent": 25.0},
            "uptime": number(12.5),
        }
        if not self._cloud.knobs.no_network:
            figures["network"] = {"rx_bytes": int(phase * 1000), "tx_bytes": int(phase * 500)}
        return web.json_response(figures)

    async def _metrics(self, request: web.Request, sandbox: FakeSandbox) -> web.Response:
        answer = {"uptime_seconds": 12.5, "requests_total": 40, "error_count": 1, "process": {"count": 3}}
        return web.json_response(answer)

    async def _processes(self, request: web.Request, sandbox: FakeSandbox) -> web.Response:
        began = "start_time" if self._cloud.knobs.old_names else "started_at"
        rows = [
            {
                "pid": pid,
                "ppid": 1 if pid > 1 else 0,
                "name": name,
                "command": f"/usr/bin/{name}",
                "user": "root",
                "status": "sleeping",
                "state": "S",
                "cpu_percent": 1.5,
                "memory_percent": 0.5,
                "rss_bytes": 4096 * pid,
                "nice": 0,
                "threads": 1,
                "start_ticks": 1000 + pid,
                began: sandbox.created_at.isoformat(),
            }
            for pid, name in ((1, "init"), (17, "bash"), (23, "sleep"))
            if pid not in {victim for victim, _ in sandbox.signals}
        ]
        return web.json_response({"processes": rows, "count": len(rows), "timestamp": datetime.now(UTC).isoformat()})

    async def _signal(self, request: web.Request, sandbox: FakeSandbox) -> web.Response:
        pid = int(request.match_info["pid"])
        asked = await request.json()
        if pid not in (1, 17, 23) or asked.get("start_ticks", 1000 + pid) != 1000 + pid:
            raise agent_error(404, "PROCESS_NOT_FOUND", f"No process {pid}")
        sandbox.signals.append((pid, asked["signal"]))
        return web.json_response({"success": True})

    # -- files -----------------------------------------------------------------------------------------------

    def _real(self, sandbox: FakeSandbox, asked: Any) -> tuple[bytes, bytes]:
        """(path as the client spells it, path on this disk)."""
        if asked.get("path_b64"):
            spelled = base64.b64decode(asked["path_b64"])
        else:
            spelled = os.fsencode(asked.get("path") or "/workspace")
        if not spelled.startswith(b"/workspace") or b".." in spelled:
            raise agent_error(403, "PATH_NOT_ALLOWED", "Path not allowed")
        return spelled, self._cloud.workspace(sandbox) + spelled[len("/workspace") :]

    def _existing(self, sandbox: FakeSandbox, asked: Any) -> tuple[bytes, bytes]:
        spelled, real = self._real(sandbox, asked)
        if not os.path.lexists(real):
            shown = spelled.decode("utf-8", "replace")
            raise agent_error(404, "FILE_NOT_FOUND", f"File not found: {shown}", path=shown)
        return spelled, real

    async def _list(self, request: web.Request, sandbox: FakeSandbox) -> web.Response:
        spelled, real = self._existing(sandbox, request.query)
        if not os.path.isdir(real):
            raise agent_error(400, "INVALID_PATH", "Not a directory")
        rows = [self._row(spelled.rstrip(b"/") + b"/" + entry.name, entry) for entry in os.scandir(real)]
        files: Any = rows
        if self._cloud.knobs.null_data:
            files = [None, *rows] if rows else None
        return web.json_response({"files": files, "path": os.fsdecode(spelled), "count": len(rows)})

    def _row(self, spelled: bytes, entry: os.DirEntry[bytes]) -> dict[str, Any]:
        status = entry.stat(follow_symlinks=False)
        when = datetime.fromtimestamp(status.st_mtime, UTC).isoformat().replace("+00:00", "Z")
        row: dict[str, Any] = {
            "name": spelled.rpartition(b"/")[2].decode("utf-8", "replace"),
            "path": spelled.decode("utf-8", "replace"),
            "size": str(status.st_size) if self._cloud.knobs.strings else status.st_size,
            "permissions": stat.filemode(status.st_mode),
            "is_symlink": entry.is_symlink(),
        }
        if self._cloud.knobs.old_names:
            row |= {"is_dir": entry.is_dir(), "modified": when}
        else:
            row |= {"is_directory": entry.is_dir(), "modified_time": when}
        try:
            spelled.decode()
        except UnicodeDecodeError:
            row["path_b64"] = base64.b64encode(spelled).decode()
        return row

    async def _read(self, request: web.Request, sandbox: FakeSandbox) -> web.Response:
        spelled, real = self._existing(sandbox, request.query)
        if os.path.isdir(real):
            raise agent_error(400, "INVALID_PATH", "Is a directory")
        size = os.path.getsize(real)
        limit = int(request.query.get("limit", size))
        with open(real, "rb") as file:
            data = file.read(limit)
        answer = {"content": data.decode("utf-8", "replace"), "path": os.fsdecode(spelled), "size": size}
        if not self._cloud.knobs.no_extensions:
            answer |= {"truncated": size > limit, "binary": b"\0" in data}
        return web.json_response(answer)

    async def _download(self, request: web.Request, sandbox: FakeSandbox) -> web.StreamResponse:
        _, real = self._existing(sandbox, request.query)
        return web.FileResponse(os.fsdecode(real), headers={"Content-Type": "application/octet-stream"})

    async def _exists(self, request: web.Request, sandbox: FakeSandbox) -> web.Response:
        spelled, real = self._real(sandbox, request.query)
        return web.json_response({"exists": os.path.lexists(real), "path": os.fsdecode(spelled)})

    async def _write(self, request: web.Request, sandbox: FakeSandbox) -> web.Response:
        asked = await request.json()
        _, real = self._real(sandbox, asked)
        if asked.get("overwrite") is False and os.path.lexists(real):
            raise agent_error(409, "FILE_ALREADY_EXISTS", "File already exists")
        data = asked["content"].encode()
        if asked.get("encoding") == "base64":
            data = base64.b64decode(data)
        os.makedirs(os.path.dirname(real), exist_ok=True)
        with open(real, "wb") as file:
            file.write(data)
        os.chmod(real, int(asked.get("mode", "0644"), 8))
        return web.json_response({"success": True, "size": len(data)})

    async def _upload(self, request: web.Request, sandbox: FakeSandbox) -> web.Response:
        asked: dict[str, str] = {}
        spool = self._cloud.workspace(sandbox) + b".upload"
        size = 0
        async for part in await request.multipart():
            assert isinstance(part, BodyPartReader)
            if part.name != "file":
                asked[part.name or ""] = await part.text()
                continue
            with open(spool, "wb") as file:
                while piece := await part.read_chunk(1 << 18):
                    size += len(piece)
                    if piece.count(0) == len(piece):  # keeps a sparse file sparse: tests send big ones
                        file.seek(len(piece), os.SEEK_CUR)
                    else:
                        file.write(piece)
                file.truncate()
        _, real = self._real(sandbox, asked)
        if asked.get("overwrite") == "false" and os.path.lexists(real):
            os.unlink(spool)
            raise agent_error(409, "FILE_ALREADY_EXISTS", "File already exists")
        os.makedirs(os.path.dirname(real), exist_ok=True)
        os.replace(spool, real)
        return web.json_response({"success": True, "size": size})

    async def _mkdir(self, request: web.Request, sandbox: FakeSandbox) -> web.Response:
        _, real = self._real(sandbox, await request.json())
        os.makedirs(real, exist_ok=True)
        return web.json_response({"success": True})

    async def _remove(self, request: web.Request, sandbox: FakeSandbox) -> web.Response:
        _, real = self._existing(sandbox, request.query)
        if os.path.isdir(real) and not os.path.islink(real):
            shutil.rmtree(real)
        else:
            os.unlink(real)
        return web.json_response({"success": True})

    # -- commands --------------------------------------------------------------------------------------------

    async def _env(self, request: web.Request, sandbox: FakeSandbox) -> web.Response:
        if request.method == "PATCH":
            sandbox.env.update((await request.json())["env_vars"])
        return web.json_response({"env_vars": sandbox.env, "count": len(sandbox.env)})

    async def _run(self, request: web.Request, sandbox: FakeSandbox) -> web.Response:
        asked = await request.json()
        began = time.monotonic()
        arguments = [asked["command"], *asked["args"]] if asked.get("args") else ["bash", "-c", asked["command"]]
        result = await self._execute(sandbox, arguments, asked.get("timeout") or 30, asked.get("env") or {})
        return web.json_response({**result, "execution_time": time.monotonic() - began, "command": asked["command"]})

    async def _execute(
        self, sandbox: FakeSandbox, arguments: list[str], timeout: float, env: dict[str, str]
    ) -> dict[str, Any]:
        process = await asyncio.create_subprocess_exec(
            *arguments,
            cwd=os.fsdecode(self._cloud.workspace(sandbox)),
            env={**os.environ, **sandbox.env, **env},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            out, err = await asyncio.wait_for(process.communicate(), timeout)
            code = process.returncode or 0
        except TimeoutError:
            out, err, code = b"", b"timed out", 124
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        return {
            "stdout": out.decode("utf-8", "replace"),
            "stderr": err.decode("utf-8", "replace"),
            "exit_code": code,
            "pid": process.pid,
            "success": code == 0,
        }

    # -- terminal --------------------------------------------------------------------------------------------

    async def _terminal(self, request: web.Request, sandbox: FakeSandbox) -> web.WebSocketResponse:
        link = web.WebSocketResponse(max_msg_size=1 << 24)
        await link.prepare(request)
        sandbox.sockets.add(link)
        try:
            await _Shell(self, sandbox, link, request).run()
        except (ConnectionError, RuntimeError):
            pass  # the client went away while something was sent
        finally:
            sandbox.sockets.discard(link)
        return link


class _Shell:
    """A toy shell: echoes what is typed and runs each line with bash; some words misbehave on purpose."""

    def __init__(
        self, routes: AgentRoutes, sandbox: FakeSandbox, link: web.WebSocketResponse, request: web.Request
    ) -> None:
        self._routes = routes
        self._sandbox = sandbox
        self._link = link
        self._size = (int(request.query.get("cols", 80)), int(request.query.get("rows", 24)))
        self._line = ""

    async def run(self) -> None:
        await self._output("$ ")
        async for message in self._link:
            if message.type is not WSMsgType.TEXT:
                continue
            asked = json.loads(message.data)
            if asked["type"] == "resize":
                self._size = (asked["cols"], asked["rows"])
                self._sandbox.sizes.append(self._size)
            elif asked["type"] == "input" and await self._typed(asked["data"]):
                return

    async def _typed(self, data: str) -> bool:
        """Take some keystrokes; True when the shell has ended."""
        for piece in data.replace("\r", "\n").splitlines(keepends=True):
            await self._output(piece.replace("\n", "\r\n"))
            self._line += piece.rstrip("\n")
            if piece.endswith("\n"):
                line, self._line = self._line.strip(), ""
                if await self._entered(line):
                    return True
                await self._output("$ ")
        return False

    async def _entered(self, line: str) -> bool:
        word, _, rest = line.partition(" ")
        if word == "exit":
            await self._link.send_str(json.dumps({"type": "exit", "code": int(rest or 0)}))
            await self._link.close()
            return True
        if word == "drop":
            assert self._link._req is not None
            assert self._link._req.transport is not None
            self._link._req.transport.abort()
            return True
        if word == "closewith":
            await self._link.close(code=int(rest), message=b"as asked")
            return True
        if word == "junk":
            for frame in ("", "no json", "[1]", '{"type":"new","x":1}', '{"type":"output","data":null}'):
                await self._link.send_str(frame)
            await self._link.send_bytes(b"\xff\x00")
            await self._link.send_str('{"type":"output","data":"half \\ud83d pair"}')
        elif word == "flood":
            for _ in range(int(rest)):
                await self._output("0123456789abcdef" * 1024)
        elif line == "stty size":
            await self._output(f"{self._size[1]} {self._size[0]}\r\n")
        elif line:
            result = await self._routes._execute(self._sandbox, ["bash", "-c", line], 30, {})
            await self._output((result["stdout"] + result["stderr"]).replace("\n", "\r\n"))
        return False

    async def _output(self, text: str) -> None:
        await self._link.send_str(json.dumps({"type": "output", "data": text}))
