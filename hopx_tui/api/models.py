"""What the servers answer, as frozen values; unknown fields are ignored and absent ones have defaults.

`ALIASES` names the other spellings of a JSON key (contract section 4); `wire.py` applies them.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, ClassVar

import msgspec

__all__ = [
    "AgentInfo",
    "CommandResult",
    "Cpu",
    "EngineHealth",
    "FileInfo",
    "FileText",
    "Health",
    "Metrics",
    "Moment",
    "Network",
    "Process",
    "RemotePath",
    "Resources",
    "Sandbox",
    "SandboxPage",
    "System",
    "Template",
    "TemplateResources",
    "Token",
    "Usage",
]

Moment = Annotated[datetime, msgspec.Meta(tz=True)]
"""A point in time, always with a zone."""

RemotePath = str | bytes
"""An absolute path inside a sandbox; bytes when the name is not UTF-8."""


class Model(msgspec.Struct, frozen=True, gc=False):
    """Base of all answers. gc=False: JSON values cannot form cycles, and 100,000 rows need not be scanned."""

    ALIASES: ClassVar[Mapping[str, tuple[str, ...]]] = {}


# -- control plane -------------------------------------------------------------------------------------------


class Resources(Model, frozen=True, gc=False):
    """What a sandbox was given."""

    vcpu: int = 0
    memory_mb: int = 0
    disk_mb: int = 0


class Sandbox(Model, frozen=True, gc=False):
    """One row of the fleet. `status` is the server's word, also an unknown one."""

    ALIASES: ClassVar[Mapping[str, tuple[str, ...]]] = {"id": ("sandbox_id",), "public_host": ("direct_url",)}

    id: str
    status: str
    template_id: str = ""
    template_name: str = ""
    region: str = ""
    public_host: str = ""
    preview_url: str | None = None
    resources: Resources | None = None
    internet_access: bool = True
    timeout_seconds: int | None = None
    expires_at: Moment | None = None
    created_at: Moment | None = None
    status_reason: str | None = None
    isolation: str | None = None
    enforced: dict[str, Any] | None = None


class SandboxPage(Model, frozen=True, gc=False):
    """One page of the list, newest cursor included."""

    data: list[Sandbox]
    next_cursor: str | None = None
    has_more: bool = False


class TemplateResources(Model, frozen=True, gc=False):
    """What a sandbox of this template gets (gigabytes of disk here, megabytes on sandboxes)."""

    vcpu: int = 0
    memory_mb: int = 0
    disk_gb: int = 0


class Template(Model, frozen=True, gc=False):
    """Something sandboxes are made from. `unavailable_reason` says why it cannot be used here, or is None."""

    id: str
    name: str
    display_name: str = ""
    description: str = ""
    category: str = ""
    language: str = ""
    status: str = ""
    is_active: bool = True
    is_public: bool = False
    default_resources: TemplateResources | None = None
    features: list[str] = []
    unavailable_reason: str | None = None


class TemplateList(Model, frozen=True, gc=False):
    """The answer of GET /v1/templates."""

    data: list[Template]


class Token(Model, frozen=True, gc=False):
    """The credential of one sandbox. Its value never appears in a repr, so that no log can hold it."""

    value: str = msgspec.field(name="auth_token")
    expires_at: Moment | None = msgspec.field(name="token_expires_at", default=None)

    def __repr__(self) -> str:
        return f"Token(value=..., expires_at={self.expires_at!r})"

    def __rich_repr__(self) -> list[tuple[str, object]]:
        return [("expires_at", self.expires_at)]


class EngineHealth(Model, frozen=True, gc=False):
    """GET /health of a control plane; `engine` is set only by the local one."""

    status: str
    version: str = ""
    engine: str | None = None
    isolation: str | None = None
    isolation_reason: str | None = None
    network: str | None = None
    message: str = ""

    @property
    def ok(self) -> bool:
        return self.status in ("healthy", "ok")


# -- agent ---------------------------------------------------------------------------------------------------


class Health(Model, frozen=True, gc=False):
    """GET /health of an agent."""

    status: str
    version: str = ""
    agent: str = ""
    uptime_seconds: float | None = None
    active_streams: int = 0

    @property
    def ok(self) -> bool:
        return self.status in ("healthy", "ok")


class AgentInfo(Model, frozen=True, gc=False):
    """GET /info of an agent. `features` maps a name to what the agent says about it."""

    ALIASES: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "agent_version": ("version",),
        "os": ("platform",),
        "platform": ("os",),
        "start_time": ("started_at",),
        "ip": ("vm_ip",),
        "port": ("vm_port",),
        "uptime_seconds": ("uptime",),
    }

    agent_version: str = ""
    os: str = ""
    arch: str = ""
    platform: str = ""
    start_time: Moment | None = None
    features: dict[str, Any] = {}
    ip: str = ""
    port: str = ""
    vm_id: str = ""
    uptime_seconds: float | None = None
    endpoints: dict[str, Any] = {}

    def has(self, feature: str) -> bool:
        """Whether the agent announces the extension `feature`."""
        return bool(self.features.get(feature))


class Cpu(Model, frozen=True, gc=False):
    """`usage_percent` counts one busy core as 100."""

    usage_percent: float
    cores: int = 1


class Usage(Model, frozen=True, gc=False):
    """Bytes of memory or disk."""

    total: int
    used: int
    free: int = 0
    usage_percent: float = 0.0


class Network(Model, frozen=True, gc=False):
    """Bytes since the sandbox began."""

    rx_bytes: int
    tx_bytes: int


class System(Model, frozen=True, gc=False):
    """GET /system: what the sandbox uses now; `uptime` in seconds."""

    cpu: Cpu
    memory: Usage
    disk: Usage
    uptime: float = 0.0
    network: Network | None = None


class Metrics(Model, frozen=True, gc=False):
    """GET /metrics/snapshot; everything is optional, durations in milliseconds."""

    ALIASES: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "total_requests": ("requests_total",),
        "total_errors": ("error_count",),
    }

    uptime_seconds: float | None = None
    total_requests: int | None = None
    total_errors: int | None = None
    active_executions: int | None = None
    total_executions: int | None = None
    avg_duration_ms: float | None = None
    p95_duration_ms: float | None = None
    system: System | None = None
    process: dict[str, Any] = {}
    cache: dict[str, Any] = {}


class Process(Model, frozen=True, gc=False):
    """One process; (`pid`, `start_ticks`) is its identity, `process_id` the agent's own name for a job."""

    ALIASES: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "started_at": ("start_time",),
        "status": ("state",),
        "command": ("cmdline",),
        "rss_bytes": ("rss",),
    }

    pid: int
    ppid: int | None = None
    name: str = ""
    command: str = ""
    user: str = ""
    status: str = ""
    cpu_percent: float = 0.0
    memory_percent: float = 0.0
    rss_bytes: int | None = None
    nice: int | None = None
    threads: int | None = None
    start_ticks: int | None = None
    started_at: Moment | None = None
    cpu_seconds: float | None = None
    process_id: str | None = None


class ProcessList(Model, frozen=True, gc=False):
    """The answer of GET /processes."""

    processes: list[Process]


class FileInfo(Model, frozen=True, gc=False):
    """One entry of a directory. `path_b64` carries the raw path when it is not UTF-8."""

    ALIASES: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "is_directory": ("is_dir",),
        "modified_time": ("modified", "modified_at"),
        "permissions": ("mode",),
    }

    name: str
    path: str
    size: int = 0
    is_directory: bool = False
    modified: Moment | None = msgspec.field(name="modified_time", default=None)
    permissions: str = ""
    path_b64: str | None = None
    is_symlink: bool = False

    @property
    def address(self) -> RemotePath:
        """What to hand to the agent's methods: the path, or the raw bytes of a name that is not UTF-8."""
        if self.path_b64:
            try:
                return base64.b64decode(self.path_b64, validate=True)
            except ValueError:
                return self.path
        return self.path


class FileList(Model, frozen=True, gc=False):
    """The answer of GET /files/list."""

    files: list[FileInfo]


class FileText(Model, frozen=True, gc=False):
    """The beginning of a file as text; `size` is of the whole file in bytes (-1 unknown)."""

    content: str
    path: str = ""
    size: int = -1
    truncated: bool = False
    binary: bool = False


class Existence(Model, frozen=True, gc=False):
    """The answer of GET /files/exists."""

    exists: bool


class Variables(Model, frozen=True, gc=False):
    """The answer of /env: the user's variables."""

    env_vars: dict[str, str] = {}


class CommandResult(Model, frozen=True, gc=False):
    """How a command ended; non-zero is no error, and -1 means that the server did not say. Seconds."""

    stdout: str = ""
    stderr: str = ""
    exit_code: int = -1
    execution_time: float = 0.0
    pid: int | None = None
