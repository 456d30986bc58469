"""What the servers answer, as frozen values; unknown fields are ignored and absent ones have defaults.

`ALIASES` names the other spellings of a JSON key (contract section 4), `WHOLE` the texts that are worth nothing once
cut short; `wire.py` applies them. The bounds are far above anything real: they keep absurd answers off the screen.
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

Count = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]
"""Bytes, megabytes, cores, threads: never negative."""

Number = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
"""Any other whole number."""

Pid = Annotated[int, msgspec.Meta(ge=1, le=2**31 - 1)]
"""A process: 0 would be a whole group of them to whoever sends signals."""

Seconds = Annotated[float, msgspec.Meta(ge=0, le=1e11)]
"""A length of time: 3000 years at most, so that it can be added to a date."""

Limit = Annotated[int, msgspec.Meta(ge=0, le=100_000_000_000)]
"""As `Seconds`, whole."""

Percent = Annotated[float, msgspec.Meta(ge=0, le=1e6)]
"""A share; above 100 where several cores are counted together."""

Duration = Annotated[float, msgspec.Meta(ge=0, le=1e15)]
"""Milliseconds."""

Name = Annotated[str, msgspec.Meta(max_length=512)]
"""Ids, names, statuses, hosts."""

Prose = Annotated[str, msgspec.Meta(max_length=4096)]
"""Sentences, URLs, command lines."""

LongPath = Annotated[str, msgspec.Meta(max_length=32_768)]
"""4096 bytes, the most the kernel takes, as they look with every one of them escaped."""

Secret = Annotated[str, msgspec.Meta(max_length=16_384)]
"""What fits into the head of a request."""

RemotePath = str | bytes
"""An absolute path inside a sandbox; bytes when the name is not UTF-8."""


class Model(msgspec.Struct, frozen=True, gc=False):
    """Base of all answers. gc=False: JSON values cannot form cycles, and 100,000 rows need not be scanned."""

    ALIASES: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    WHOLE: ClassVar[frozenset[str]] = frozenset()


# -- control plane -------------------------------------------------------------------------------------------


class Resources(Model, frozen=True, gc=False):
    """What a sandbox was given."""

    vcpu: Count = 0
    memory_mb: Count = 0
    disk_mb: Count = 0


class Sandbox(Model, frozen=True, gc=False):
    """One row of the fleet. `status` is the server's word, also an unknown one."""

    ALIASES: ClassVar[Mapping[str, tuple[str, ...]]] = {"id": ("sandbox_id",), "public_host": ("direct_url",)}
    WHOLE: ClassVar[frozenset[str]] = frozenset({"id", "public_host", "preview_url"})

    id: Name
    status: Name
    template_id: Name = ""
    template_name: Name = ""
    region: Name = ""
    public_host: Name = ""
    preview_url: Prose | None = None
    resources: Resources | None = None
    internet_access: bool = True
    timeout_seconds: Limit | None = None
    expires_at: Moment | None = None
    created_at: Moment | None = None
    status_reason: Name | None = None
    isolation: Name | None = None
    enforced: dict[str, Any] | None = None


class SandboxPage(Model, frozen=True, gc=False):
    """One page of the list, newest cursor included."""

    WHOLE: ClassVar[frozenset[str]] = frozenset({"next_cursor"})

    data: list[Sandbox]
    next_cursor: Secret | None = None
    has_more: bool = False


class TemplateResources(Model, frozen=True, gc=False):
    """What a sandbox of this template gets (gigabytes of disk here, megabytes on sandboxes)."""

    vcpu: Count = 0
    memory_mb: Count = 0
    disk_gb: Count = 0


class Template(Model, frozen=True, gc=False):
    """Something sandboxes are made from. `unavailable_reason` says why it cannot be used here, or is None.

    `progress`: how far the engine is with preparing it, None when that is no matter (the local engine tells it).
    """

    WHOLE: ClassVar[frozenset[str]] = frozenset({"id", "name"})

    id: Name
    name: Name
    display_name: Name = ""
    description: Prose = ""
    category: Name = ""
    language: Name = ""
    status: Name = ""
    is_active: bool = True
    is_public: bool = False
    default_resources: TemplateResources | None = None
    features: list[Name] = []
    unavailable_reason: Prose | None = None
    progress: Prose | None = None


class TemplateList(Model, frozen=True, gc=False):
    """The answer of GET /v1/templates."""

    data: list[Template]


class Token(Model, frozen=True, gc=False):
    """The credential of one sandbox. Its value never appears in a repr, so that no log can hold it."""

    WHOLE: ClassVar[frozenset[str]] = frozenset({"auth_token"})

    value: Secret = msgspec.field(name="auth_token")
    expires_at: Moment | None = msgspec.field(name="token_expires_at", default=None)

    def __repr__(self) -> str:
        return f"Token(value=..., expires_at={self.expires_at!r})"

    def __rich_repr__(self) -> list[tuple[str, object]]:
        return [("expires_at", self.expires_at)]


class EngineHealth(Model, frozen=True, gc=False):
    """GET /health of a control plane; `engine` is set only by the local one."""

    status: Name
    version: Name = ""
    engine: Name | None = None
    isolation: Name | None = None
    isolation_reason: Prose | None = None
    network: Name | None = None
    message: Prose = ""

    @property
    def ok(self) -> bool:
        return self.status in ("healthy", "ok")


# -- agent ---------------------------------------------------------------------------------------------------


class Health(Model, frozen=True, gc=False):
    """GET /health of an agent."""

    status: Name
    version: Name = ""
    agent: Name = ""
    uptime_seconds: Seconds | None = None
    active_streams: Count = 0

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

    agent_version: Name = ""
    os: Name = ""
    arch: Name = ""
    platform: Name = ""
    start_time: Moment | None = None
    features: dict[str, Any] = {}
    ip: Name = ""
    port: Name = ""
    vm_id: Name = ""
    uptime_seconds: Seconds | None = None
    endpoints: dict[str, Any] = {}

    def has(self, feature: str) -> bool:
        """Whether the agent announces the extension `feature`."""
        return bool(self.features.get(feature))


class Cpu(Model, frozen=True, gc=False):
    """`usage_percent` counts one busy core as 100."""

    usage_percent: Percent
    cores: Count = 1


class Usage(Model, frozen=True, gc=False):
    """Bytes of memory or disk."""

    total: Count
    used: Count
    free: Count = 0
    usage_percent: Percent = 0.0


class Network(Model, frozen=True, gc=False):
    """Bytes since the sandbox began."""

    rx_bytes: Count
    tx_bytes: Count


class System(Model, frozen=True, gc=False):
    """GET /system: what the sandbox uses now; `uptime` in seconds."""

    cpu: Cpu
    memory: Usage
    disk: Usage
    uptime: Seconds = 0.0
    network: Network | None = None


class Metrics(Model, frozen=True, gc=False):
    """GET /metrics/snapshot; everything is optional, durations in milliseconds."""

    ALIASES: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "total_requests": ("requests_total",),
        "total_errors": ("error_count",),
    }

    uptime_seconds: Seconds | None = None
    total_requests: Count | None = None
    total_errors: Count | None = None
    active_executions: Count | None = None
    total_executions: Count | None = None
    avg_duration_ms: Duration | None = None
    p95_duration_ms: Duration | None = None
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

    pid: Pid
    ppid: Count | None = None
    name: Name = ""
    command: Prose = ""
    user: Name = ""
    status: Name = ""
    cpu_percent: Percent = 0.0
    memory_percent: Percent = 0.0
    rss_bytes: Count | None = None
    nice: Number | None = None
    threads: Count | None = None
    start_ticks: Count | None = None
    started_at: Moment | None = None
    cpu_seconds: Seconds | None = None
    process_id: Name | None = None


class ProcessList(Model, frozen=True, gc=False):
    """The answer of GET /processes."""

    processes: list[Process]


class TerminalSession(Model, frozen=True, gc=False):
    """A terminal that is kept after its clients left (`terminal_sessions`)."""

    name: Name = ""
    title: Name = ""
    clients: int = 0
    writer_attached: bool = False
    idle_seconds: Seconds = 0.0
    cols: int = 0
    rows: int = 0


class TerminalSessions(Model, frozen=True, gc=False):
    """GET /terminal/sessions."""

    sessions: list[TerminalSession] = msgspec.field(default_factory=list)


class FileInfo(Model, frozen=True, gc=False):
    """One entry of a directory. `path_b64` carries the raw path when it is not UTF-8."""

    ALIASES: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "is_directory": ("is_dir",),
        "modified_time": ("modified", "modified_at"),
        "permissions": ("mode",),
    }

    WHOLE: ClassVar[frozenset[str]] = frozenset({"path", "path_b64"})

    name: LongPath
    path: LongPath
    size: Count = 0
    is_directory: bool = False
    modified: Moment | None = msgspec.field(name="modified_time", default=None)
    permissions: Name = ""
    path_b64: LongPath | None = None
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
    path: LongPath = ""
    size: Number = -1
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
    exit_code: Number = -1
    execution_time: Seconds = 0.0
    pid: Number | None = None
