"""Who answers here: `/`, `/ping`, `/health`, `/info`; and the parts of the contract that a local sandbox has
not."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from aiohttp.web_response import Response, StreamResponse

from hopx_tui.agent import AGENT_VERSION
from hopx_tui.agent.config import Config
from hopx_tui.agent.counters import Counters
from hopx_tui.agent.errors import AgentError
from hopx_tui.agent.http import Call, Route, answer, timestamp

NAME = "hopx-tui-agent"


def spoken(seconds: float) -> str:
    """2h34m12s."""
    whole = int(seconds)
    hours, minutes = whole // 3600, whole % 3600 // 60
    return (f"{hours}h" if hours else "") + (f"{minutes}m" if whole >= 60 else "") + f"{whole % 60}s"


class Service:
    """`features` are the extensions announced beside the contract's own."""

    def __init__(
        self,
        config: Config,
        counters: Counters,
        *,
        port: int,
        features: Mapping[str, bool],
        languages: Callable[[], list[str]],
        endpoints: Callable[[], dict[str, str]],
        uptime: Callable[[], float],
    ) -> None:
        self._config = config
        self._counters = counters
        self._port = port
        self._features = features
        self._languages = languages
        self._endpoints = endpoints
        self._uptime = uptime
        self._started = time.time()

    def routes(self) -> Iterable[Route]:
        """Service routes; the first three answer without a token."""
        return (
            Route("GET", "/", self._root, open=True),
            Route("GET", "/ping", self._ping, open=True),
            Route("GET", "/health", self._health, open=True),
            Route("GET", "/info", self._info),
            Route("GET", "/cache/stats", self._cache),
            Route("POST", "/cache/clear", self._clear_cache),
            Route("*", "/desktop/{rest}", self._no_desktop),
            Route("POST", "/update/upload", self._no_update),
            Route("POST", "/update/apply", self._no_update),
            Route("POST", "/update/restart", self._no_update),
            Route("GET", "/update/backups", self._no_update),
        )

    def _all_features(self) -> dict[str, Any]:
        return {
            "code_execution": True,
            "file_operations": True,
            "terminal_access": True,
            "background_jobs": True,
            "system_metrics": True,
            "websocket_streaming": True,
            "rich_output": True,
            "ipython_kernel": True,
            **self._features,
            "languages": self._config.languages or self._languages(),
        }

    async def _root(self, _request: Call) -> Response:
        return answer({"name": NAME, "version": AGENT_VERSION, "endpoints": self._endpoints()})

    async def _ping(self, _request: Call) -> Response:
        return answer({"status": "ok", "message": "pong"})

    async def _health(self, _request: Call) -> Response:
        uptime = self._uptime()
        return answer(
            {
                "status": "healthy",
                "agent": NAME,
                "version": AGENT_VERSION,
                "uptime": spoken(uptime),
                "uptime_seconds": round(uptime, 3),
                "go_version": "",
                "vm_id": self._config.sandbox_id,
                "features": self._all_features(),
                "active_streams": self._counters.streams,
            }
        )

    async def _info(self, _request: Call) -> Response:
        uptime = self._uptime()
        config = self._config
        return answer(
            {
                "agent": NAME,
                "version": AGENT_VERSION,
                "agent_version": AGENT_VERSION,
                "go_version": "",
                "python_version": sys.version.split()[0],
                "os": sys.platform,
                "arch": os.uname().machine,
                "platform": f"{sys.platform}/{os.uname().machine}",
                "hostname": os.uname().nodename,
                "ip": "127.0.0.1",
                "vm_ip": "127.0.0.1",
                "port": str(self._port),
                "vm_port": str(self._port),
                "start_time": timestamp(self._started),
                "vm_id": config.sandbox_id,
                "uptime": round(uptime, 3),
                "uptime_seconds": round(uptime, 3),
                "template": config.template,
                "isolation": config.isolation,
                "network": config.network,
                "limits": {
                    "memory_mb": config.limits.memory_mb,
                    "disk_mb": config.limits.disk_mb,
                    "vcpu": config.limits.vcpu,
                },
                "enforced": config.enforced,
                "endpoints": self._endpoints(),
                "features": self._all_features(),
            }
        )

    async def _cache(self, _request: Call) -> Response:
        nested = {"size": 0, "max_size": 0, "total_hits": 0, "ttl": 0}
        flat = {"hits": 0, "misses": 0, "size": 0, "count": 0, "hit_rate": 0.0}
        return answer({**flat, "cache": nested, "timestamp": timestamp()})

    async def _clear_cache(self, _request: Call) -> Response:
        return answer({"message": "The cache is empty", "success": True, "entries_removed": 0})

    async def _no_desktop(self, _request: Call) -> StreamResponse:
        # 503, as the specification has it, would cost every client three tries.
        raise AgentError(
            400,
            "DESKTOP_NOT_AVAILABLE",
            "This sandbox has no desktop",
            details={"missing_dependencies": ["xvfb", "x11vnc"], "install_command": ""},
        )

    async def _no_update(self, _request: Call) -> StreamResponse:
        raise AgentError(400, "INVALID_REQUEST", "A local sandbox's agent is updated with hopx-tui itself")
