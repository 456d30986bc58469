"""The templates of this machine: those whose tools exist are offered, the others listed with the reason."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from hopx_tui.engine.cgroups import Limits
from hopx_tui.engine.outfit import Outfit
from hopx_tui.engine.preparation import Preparation
from hopx_tui.engine.runtime import Runtime, is_below
from hopx_tui.engine.saved import Saved, SavedTemplates
from hopx_tui.engine.tokens import rfc3339

BUILT_IN_DATE = "2025-10-21T00:00:00Z"
ENVIRONMENT_ID = "101"
SYSTEM_PLACES = ("/usr", "/bin", "/sbin", "/opt")


@dataclass(frozen=True)
class Template:
    """One template, built in or built here."""

    id: str
    name: str
    display_name: str
    description: str
    category: str
    language: str
    features: tuple[str, ...]
    tags: tuple[str, ...]
    tools: tuple[str, ...] = ()  # programs it needs
    environment: bool = False  # needs the Python environment with packages
    memory_mb: int = 2048
    disk_gb: int = 10
    vcpu: int | None = None  # None: what this machine gives
    saved: Saved | None = None  # built here, not built in

    @property
    def base(self) -> str:
        """The built-in template it stands on, or is."""
        return self.saved.base if self.saved is not None else self.name


BUILT_IN = (
    Template(
        "1", "base", "Base", "This machine's own tools, nothing added.", "general", "bash",
        ("shell", "files", "terminal"), ("base", "linux"),
    ),
    Template(
        "2", "python", "Python", "Python with the standard library and pip.", "language", "python",
        ("code", "shell", "files", "terminal"), ("python",),
    ),
    Template(
        "3", "nodejs", "Node.js", "JavaScript with this machine's Node.js.", "language", "javascript",
        ("code", "shell", "files", "terminal"), ("javascript", "node"), tools=("node",),
    ),
    Template(
        "4", "go", "Go", "This machine's Go toolchain.", "language", "go",
        ("code", "shell", "files", "terminal"), ("go",), tools=("go",),
    ),
    Template(
        ENVIRONMENT_ID, "code-interpreter", "Code Interpreter", "Python with numpy, pandas, matplotlib and IPython.",
        "data-science", "python", ("code", "rich-output", "shell", "files", "terminal"),
        ("python", "data", "ai"), environment=True,
    ),
)  # fmt: skip


class Catalogue:
    """Looks templates up and tells which can be used here, each time anew: tools come and go."""

    def __init__(
        self,
        level: str,
        runtime: Runtime,
        saved: SavedTemplates,
        preparation: Preparation,
        which: Callable[[str], str | None] = shutil.which,
    ) -> None:
        self._level = level
        self._runtime = runtime
        self._saved = saved
        self._preparation = preparation
        self._which = which
        self._vcpu = min(2, os.cpu_count() or 1)

    def all(self) -> tuple[Template, ...]:
        """Every template, offered or not."""
        return (*BUILT_IN, *(_template(each) for each in self._saved.all()))

    def find(self, name_or_id: str) -> Template | None:
        """By name or by id."""
        found = built_in(name_or_id)
        if found is not None:
            return found
        saved = self._saved.find(name_or_id)
        return _template(saved) if saved is not None else None

    def usable(self) -> list[str]:
        """The names of those that can be used now."""
        return [each.name for each in self.all() if self.unavailable_reason(each) is None]

    def limits(self, template: Template) -> Limits:
        """What its sandboxes may use."""
        return Limits(template.vcpu or self._vcpu, template.memory_mb, template.disk_gb * 1024)

    def tool_paths(self, template: Template) -> tuple[str, ...]:
        """Where its programs really lie (links and their targets)."""
        found = [path for tool in template.tools if (path := self._which(tool)) is not None]
        return tuple(dict.fromkeys([*found, *(os.path.realpath(path) for path in found)]))

    def outfit(self, base: str, folders: Mapping[str, str]) -> Outfit:
        """What a run of a sandbox gets, by the built-in template below its own."""
        template = built_in(base)
        if template is None:
            return Outfit(folders=folders)
        given = self._preparation.outfit() if template.environment else Outfit()
        return Outfit(self.tool_paths(template), folders, given.shown, given.path)

    def unavailable_reason(self, template: Template) -> str | None:
        """A sentence, or None when sandboxes of it can be created."""
        if template.saved is not None:
            if template.saved.level != self._level:
                isolated = template.saved.level == "bwrap"
                return f"It was built {'with' if isolated else 'without'} isolation, and this engine runs otherwise."
            base = built_in(template.saved.base)
            return self.unavailable_reason(base) if base is not None else "What it stands on is gone."
        for tool in template.tools:
            path = self._which(tool)
            if path is None:
                return f"{tool} is not installed on this machine."
            if self._level == "bwrap" and not self._is_visible(os.path.realpath(path)):
                return f"{tool} lies at {path}, where sandboxes cannot see it; install it below /usr."
        return self._preparation.reason() if template.environment else None

    async def prepare(self, template: Template) -> None:
        """Return when its sandboxes can be created. Raises ControlError."""
        base = built_in(template.base)
        if base is not None and base.environment:
            await self._preparation.ensure()

    def _is_visible(self, path: str) -> bool:
        return any(is_below(path, place) for place in (*SYSTEM_PLACES, *self._runtime.prefixes))

    def describe(self, template: Template) -> dict[str, Any]:
        """The template object of the API."""
        reason = self.unavailable_reason(template)
        saved = template.saved
        limits = self.limits(template)
        resources = {"vcpu": limits.vcpu, "memory_mb": template.memory_mb, "disk_gb": template.disk_gb}
        status = "active" if reason is None else "archived"
        note = self._preparation.note() if template.environment else ""
        if template.environment and self._preparation.building:
            status = "building"
        return {
            "id": template.id,
            "object": "template",
            "name": template.name,
            "display_name": template.display_name,
            "description": f"{template.description} {note}".strip(),
            "category": template.category,
            "language": template.language,
            "icon": None,
            "docs_url": None,
            "status": status,
            "build_id": saved.build_id if saved is not None else None,
            "organization_id": "1",
            "default_resources": resources,
            "min_resources": resources,
            "max_resources": resources,
            "features": list(template.features),
            "tags": list(template.tags),
            "popularity_score": 0,
            "is_active": reason is None,
            "is_public": saved is None,
            "created_at": rfc3339(saved.created_at) if saved is not None else BUILT_IN_DATE,
            "updated_at": rfc3339(saved.updated_at) if saved is not None else BUILT_IN_DATE,
            "unavailable_reason": reason,
            "progress": self._preparation.progress() if template.environment else None,
        }


def built_in(name_or_id: str) -> Template | None:
    """A template that every engine has."""
    return next((each for each in BUILT_IN if name_or_id in (each.name, each.id)), None)


def _template(saved: Saved) -> Template:
    base = built_in(saved.base) or BUILT_IN[0]
    return Template(
        id=saved.id,
        name=saved.name,
        display_name=saved.name,
        description=f"Built here from {saved.base}.",
        category="custom",
        language=base.language,
        features=base.features,
        tags=("custom",),
        memory_mb=saved.memory_mb,
        disk_gb=saved.disk_gb,
        vcpu=saved.vcpu,
        saved=saved,
    )
