"""The first line of the control channel: what this sandbox is."""

from __future__ import annotations

import msgspec


class Limits(msgspec.Struct, frozen=True):
    """0 = no limit is known."""

    memory_mb: int = 0
    disk_mb: int = 0
    vcpu: float = 0


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """Paths are real ones as this process sees them; `token_key` is hexadecimal and signs tokens of this
    sandbox only."""

    sandbox_id: str
    token_key: str
    isolation: str
    workspace: str
    home: str
    state: str
    allowed_hosts: list[str]
    env: dict[str, str] = {}
    template: str = ""
    network: str = "none"
    limits: Limits = Limits()
    enforced: dict[str, str] = {}
    languages: list[str] | None = None
    workdir: str = ""  # of the template: where programs start, as the sandbox spells it

    @property
    def isolated(self) -> bool:
        """True where a mount and pid namespace of its own surrounds the agent."""
        return self.isolation == "bwrap"


def decode_config(line: bytes) -> Config:
    """Raises msgspec.DecodeError (ValidationError included)."""
    return msgspec.json.decode(line, type=Config)
