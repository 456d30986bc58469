"""How this engine runs things: sandboxes and the builds of templates, at the isolation level that it has."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from hopx_tui.engine.bare import BareSession
from hopx_tui.engine.bubblewrap import BubblewrapSession
from hopx_tui.engine.cgroups import Controllers, Group, Limits
from hopx_tui.engine.errors import StartError
from hopx_tui.engine.isolation import Isolation
from hopx_tui.engine.outfit import Outfit
from hopx_tui.engine.record import Record
from hopx_tui.engine.runtime import Runtime
from hopx_tui.engine.session import Launch, Run, Session
from hopx_tui.engine.templates import Catalogue, built_in
from hopx_tui.engine.tokens import TokenIssuer

BUILDER = "hopx_tui.engine.builder"
OnEnd = Callable[[], None]
OnEvent = Callable[[dict[str, Any]], None]


class Sessions:
    """Makes sessions, which the caller starts and ends."""

    def __init__(
        self,
        level: Isolation,
        runtime: Runtime,
        controllers: Controllers,
        enforced: dict[str, str],
        catalogue: Catalogue,
        tokens: TokenIssuer,
    ) -> None:
        self._level = level
        self._runtime = runtime
        self._controllers = controllers
        self._enforced = enforced
        self._catalogue = catalogue
        self._tokens = tokens

    def of_sandbox(
        self, record: Record, directory: Path, listener: socket.socket, on_end: OnEnd, on_event: OnEvent
    ) -> Session:
        """One run of a sandbox. Raises StartError when what its template gives is not there."""
        base = record.base or record.template_name
        outfit = self._catalogue.outfit(base, record.folders)
        template = built_in(base)
        if template is not None and template.environment and not outfit.path:
            raise StartError("its Python environment is not built (hopx-tui engine build code-interpreter)")
        launch = Launch(
            sandbox_id=record.id,
            directory=directory,
            listener=listener,
            network=self._level.network if record.internet_access else "none",
            limits=Limits(record.vcpu, record.memory_mb, record.disk_mb),
            enforced=self._enforced,
            environment=record.env_vars,
            template=record.template_name,
            token_key=self._tokens.sandbox_key(record.id),
            outfit=outfit,
            extra={"workdir": record.workdir} if record.workdir else {},
        )
        return self._open(launch, on_end, on_event)

    def of_build(
        self,
        build_id: str,
        directory: Path,
        listener: socket.socket,
        limits: Limits,
        outfit: Outfit,
        work: Mapping[str, Any],
        on_end: OnEnd,
        on_event: OnEvent,
    ) -> Session:
        """The one run in which a template is built; `work` is the builder's."""
        launch = Launch(
            sandbox_id=build_id.replace("_", "-"),
            directory=directory,
            listener=listener,
            network=self._level.network,
            limits=limits,
            enforced=self._enforced,
            environment={},
            template="",
            token_key=b"",
            outfit=outfit,
            program=BUILDER,
            extra={"build": work},
        )
        return self._open(launch, on_end, on_event)

    def _open(self, launch: Launch, on_end: OnEnd, on_event: OnEvent) -> Session:
        run = Run(launch, Group(self._controllers, launch.sandbox_id), on_end, on_event)
        if self._level.bubblewrap is not None:
            return BubblewrapSession(run, self._level.bubblewrap)
        return BareSession(run, self._runtime)
