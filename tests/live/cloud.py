"""A control plane and its agents that live in the test."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, cast

import msgspec

from hopx_tui.api.errors import ApiError, NotFound
from hopx_tui.api.models import Cpu, Network, Sandbox, System, Usage

if TYPE_CHECKING:
    from hopx_tui.api.control import ControlPlane


def sandbox(sandbox_id: str, status: str = "running", *, created: float = 0.0, **fields: Any) -> Sandbox:
    return Sandbox(
        id=sandbox_id,
        status=status,
        public_host=f"http://{sandbox_id}",
        created_at=datetime.fromtimestamp(created, UTC),
        **fields,
    )


def system(cpu: float = 1.0, *, network: Network | None = None) -> System:
    return System(cpu=Cpu(cpu), memory=Usage(100, 40), disk=Usage(1000, 300), network=network)


class FakeAgent:
    def __init__(self) -> None:
        self.calls = 0
        self.answer: System | ApiError = system()
        self.hangs = False

    async def system(self) -> System:
        self.calls += 1
        if self.hangs:
            await asyncio.get_running_loop().create_future()
        if isinstance(self.answer, ApiError):
            raise self.answer
        return self.answer


class FakeCloud:
    """Answers as a control plane does; `errors` maps a method's name to what it raises next (once each)."""

    def __init__(self, *sandboxes: Sandbox, page_size: int = 100) -> None:
        self.sandboxes = {sandbox.id: sandbox for sandbox in sandboxes}
        self.agents: dict[str, FakeAgent] = {}
        self.page_size = page_size
        self.errors: dict[str, list[ApiError]] = {}
        self.calls: list[tuple[Any, ...]] = []
        self.forgotten: list[str] = []
        self.page_gate: asyncio.Event | None = None
        self.action_gate: asyncio.Event | None = None
        self.lists = 0

    @property
    def control(self) -> ControlPlane:
        return cast("ControlPlane", self)

    def fail(self, method: str, *errors: ApiError) -> None:
        self.errors.setdefault(method, []).extend(errors)

    def set(self, sandbox_id: str, **fields: Any) -> None:
        self.sandboxes[sandbox_id] = msgspec.structs.replace(self.sandboxes[sandbox_id], **fields)

    async def iter_pages(self, **_: Any) -> AsyncIterator[list[Sandbox]]:
        self.lists += 1
        self._trip("list")
        rows = [*self.sandboxes.values()]
        for start in range(0, max(1, len(rows)), self.page_size):
            if start:
                if self.page_gate is not None:
                    await self.page_gate.wait()
                self._trip("page")
            # decoded anew each time, as over the wire: equal, not identical
            yield [msgspec.structs.replace(row) for row in rows[start : start + self.page_size]]

    async def get(self, sandbox_id: str) -> Sandbox:
        self._trip("get")
        return msgspec.structs.replace(self._find(sandbox_id))

    async def create(self, template: str, **options: Any) -> Sandbox:
        await self._called("create", template, options)
        made = sandbox(f"made-{template}", created=9e8, template_name=template)
        self.sandboxes[made.id] = made
        return made

    async def pause(self, sandbox_id: str) -> None:
        await self._become("pause", sandbox_id, {"status": "paused"})

    async def resume(self, sandbox_id: str) -> None:
        await self._become("resume", sandbox_id, {"status": "running"})

    async def stop(self, sandbox_id: str) -> None:
        await self._become("stop", sandbox_id, {"status": "stopped", "status_reason": "stopped_by_user"})

    async def start(self, sandbox_id: str) -> None:
        await self._become("start", sandbox_id, {"status": "running", "status_reason": None})

    async def set_timeout(self, sandbox_id: str, seconds: int) -> None:
        await self._become("set_timeout", sandbox_id, {"timeout_seconds": seconds})

    async def kill(self, sandbox_id: str) -> None:
        await self._called("kill", sandbox_id)
        self._find(sandbox_id)
        del self.sandboxes[sandbox_id]

    def agent(self, box: Sandbox) -> FakeAgent:
        return self.agents.setdefault(box.id, FakeAgent())

    def forget(self, sandbox_id: str) -> None:
        self.forgotten.append(sandbox_id)

    async def _become(self, method: str, sandbox_id: str, fields: Mapping[str, Any]) -> None:
        await self._called(method, sandbox_id)
        self._find(sandbox_id)
        self.set(sandbox_id, **fields)

    async def _called(self, method: str, *arguments: Any) -> None:
        self.calls.append((method, *arguments))
        if self.action_gate is not None:
            await self.action_gate.wait()
        self._trip(method)

    def _find(self, sandbox_id: str) -> Sandbox:
        if sandbox_id not in self.sandboxes:
            raise NotFound(f"Sandbox {sandbox_id} not found", status=404)
        return self.sandboxes[sandbox_id]

    def _trip(self, method: str) -> None:
        if self.errors.get(method):
            raise self.errors[method].pop(0)
