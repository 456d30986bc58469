"""The templates of this machine: those whose tools exist are offered, the others listed with the reason."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hopx_tui.engine.cgroups import Limits
from hopx_tui.engine.runtime import Runtime, is_below

BUILT_IN_DATE = "2025-10-21T00:00:00Z"
SYSTEM_PLACES = ("/usr", "/bin", "/sbin", "/opt")


@dataclass(frozen=True)
class Template:
    """One built-in template."""

    id: str
    name: str
    display_name: str
    description: str
    category: str
    language: str
    features: tuple[str, ...]
    tags: tuple[str, ...]
    tools: tuple[str, ...] = ()  # programs it needs
    modules: tuple[str, ...] = ()  # Python modules it needs
    memory_mb: int = 2048
    disk_gb: int = 10


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
        "101", "code-interpreter", "Code Interpreter", "Python with numpy, pandas and matplotlib.",
        "data-science", "python", ("code", "rich-output", "shell", "files", "terminal"),
        ("python", "data", "ai"), modules=("numpy", "pandas", "matplotlib"),
    ),
)  # fmt: skip


class Catalogue:
    """Looks templates up and tells which can be used here, each time anew: tools come and go."""

    def __init__(
        self, level: str, runtime: Runtime, which: Callable[[str], str | None] = shutil.which
    ) -> None:
        self._level = level
        self._runtime = runtime
        self._which = which
        self._vcpu = min(2, os.cpu_count() or 1)

    def all(self) -> tuple[Template, ...]:
        """Every template, offered or not."""
        return BUILT_IN

    def find(self, name_or_id: str) -> Template | None:
        """By name or by id."""
        return next((each for each in BUILT_IN if name_or_id in (each.name, each.id)), None)

    def limits(self, template: Template) -> Limits:
        """What its sandboxes may use."""
        return Limits(self._vcpu, template.memory_mb, template.disk_gb * 1024)

    def tool_paths(self, template: Template) -> tuple[str, ...]:
        """Where its programs really lie (links and their targets)."""
        found = [path for tool in template.tools if (path := self._which(tool)) is not None]
        return tuple(dict.fromkeys([*found, *(os.path.realpath(path) for path in found)]))

    def unavailable_reason(self, template: Template) -> str | None:
        """A sentence, or None when sandboxes of it can be created."""
        for tool in template.tools:
            path = self._which(tool)
            if path is None:
                return f"{tool} is not installed on this machine."
            if self._level == "bwrap" and not self._is_visible(os.path.realpath(path)):
                return f"{tool} lies at {path}, where sandboxes cannot see it; install it below /usr."
        missing = [name for name in template.modules if importlib.util.find_spec(name) is None]
        if missing:
            return f"The engine's Python lacks {', '.join(missing)} (pip install {' '.join(missing)})."
        return None

    def _is_visible(self, path: str) -> bool:
        return any(is_below(path, place) for place in (*SYSTEM_PLACES, *self._runtime.prefixes))

    def describe(self, template: Template) -> dict[str, Any]:
        """The template object of the API."""
        reason = self.unavailable_reason(template)
        resources = {"vcpu": self._vcpu, "memory_mb": template.memory_mb, "disk_gb": template.disk_gb}
        return {
            "id": template.id,
            "object": "template",
            "name": template.name,
            "display_name": template.display_name,
            "description": template.description,
            "category": template.category,
            "language": template.language,
            "icon": None,
            "docs_url": None,
            "status": "active" if reason is None else "archived",
            "build_id": None,
            "organization_id": "1",
            "default_resources": resources,
            "min_resources": resources,
            "max_resources": resources,
            "features": list(template.features),
            "tags": list(template.tags),
            "popularity_score": 0,
            "is_active": reason is None,
            "is_public": True,
            "created_at": BUILT_IN_DATE,
            "updated_at": BUILT_IN_DATE,
            "unavailable_reason": reason,
        }
