"""Who may import whom, and what no file may do. The table is architecture.md's."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import hopx_tui

PACKAGE = Path(hopx_tui.__file__).parent
ROOT = "hopx_tui"


@dataclass(frozen=True)
class Layer:
    """What a layer may import beside itself, the standard library and the package's own `__version__`."""

    libraries: frozenset[str] = frozenset()
    layers: frozenset[str] = frozenset()


def layer(libraries: str = "", layers: str = "") -> Layer:
    return Layer(frozenset(libraries.split()), frozenset(layers.split()))


# A library or layer that is named with a dot stands for that part of it only.
TABLE = {
    "": layer(),
    "format": layer("yaml"),
    "settings": layer("yaml"),
    "engine_process": layer(),
    "accepting": layer(),
    "theme": layer("textual.theme", "format"),
    "api": layer("httpx websockets msgspec"),
    "live": layer("", "api"),
    "vt": layer("pyte wcwidth"),
    "tty": layer("textual", "vt"),
    "widgets": layer("textual rich", "vt format theme"),
    "panes": layer("textual rich", "widgets live api.models api.errors format theme"),
    "screens": layer("textual rich", "panes widgets live api theme format"),
    "app": layer("textual rich.terminal_theme", "screens live api settings theme tty format"),
    "attach": layer("", "api tty"),
    "cli": layer("*", "settings format engine_process theme api live vt tty widgets panes screens app attach"),
    "__main__": layer("", "cli"),
    "engine": layer("aiohttp msgspec", "accepting"),
    "agent": layer("aiohttp msgspec", "accepting"),
}
SAME_LAYER = {"preferences": "settings", "play": "app", "front": "app"}
OPEN_PANE_MODULES = {"base"}
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "manager", "managers", "misc"}


@dataclass(frozen=True)
class Import:
    importer: str
    target: str
    line: int

    def __str__(self) -> str:
        return f"{self.importer}:{self.line} imports {self.target}"


class Tree:
    """The modules below one package directory, parsed."""

    def __init__(self, package: Path) -> None:
        self.files = {self._name(package, path): path for path in sorted(package.rglob("*.py"))}
        self.packages = {name for name, path in self.files.items() if path.name == "__init__.py"}
        self.modules = {name: ast.parse(path.read_bytes(), path) for name, path in self.files.items()}

    @staticmethod
    def _name(package: Path, path: Path) -> str:
        parts = path.relative_to(package).with_suffix("").parts
        return ".".join((ROOT, *(parts[:-1] if parts[-1] == "__init__" else parts)))

    def imports(self) -> Iterator[Import]:
        """Every import of every file: in functions, for typing only and relative ones included."""
        for name, module in self.modules.items():
            for node in ast.walk(module):
                if isinstance(node, ast.Import):
                    for alias in node.names:
                        yield Import(name, alias.name, node.lineno)
                elif isinstance(node, ast.ImportFrom):
                    origin = self._origin(name, node)
                    for alias in node.names:
                        whole = f"{origin}.{alias.name}"
                        yield Import(name, whole if self._part(origin, whole) else origin, node.lineno)
                elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("__import__", "importlib.import_module"):
                    first = node.args[0] if node.args else None
                    if isinstance(first, ast.Constant):
                        yield Import(name, str(first.value), node.lineno)

    def _origin(self, name: str, node: ast.ImportFrom) -> str:
        if not node.level:
            return node.module or ""
        parts = name.split(".")
        base = parts[: len(parts) - node.level + (name in self.packages)]
        return ".".join([*base, node.module] if node.module else base)

    def _part(self, origin: str, whole: str) -> bool:
        """`from origin import x` names a module of ours, or perhaps one of a library."""
        return whole in self.files or not ours(origin)


def ours(module: str) -> bool:
    return module.split(".")[0] == ROOT


def layer_of(module: str) -> str:
    parts = module.split(".")
    name = parts[1] if len(parts) > 1 else ""
    return SAME_LAYER.get(name, name)


def within(module: str, allowed: frozenset[str]) -> bool:
    return "*" in allowed or any(module == name or module.startswith(f"{name}.") for name in allowed)


def table_violations(tree: Tree) -> list[str]:
    found = [f"{name} has no layer" for name in tree.files if layer_of(name) not in TABLE]
    for each in tree.imports():
        rules = TABLE.get(layer_of(each.importer), Layer())
        if not ours(each.target):
            standard = each.target.split(".")[0] in sys.stdlib_module_names
            if not standard and not within(each.target, rules.libraries):
                found.append(str(each))
        elif each.target != ROOT and layer_of(each.target) != layer_of(each.importer):
            inner = each.target.removeprefix(f"{ROOT}.")
            if not within(SAME_LAYER.get(inner, inner), rules.layers):
                found.append(str(each))
    return found


def pane_violations(tree: Tree) -> list[str]:
    """A pane never imports another pane, nor the register of panes."""
    prefix = f"{ROOT}.panes"
    panes = {
        name
        for name, module in tree.modules.items()
        if name.startswith(f"{prefix}.") and name.removeprefix(f"{prefix}.") not in OPEN_PANE_MODULES
        if any(isinstance(node, ast.ClassDef) and node.name.endswith("Pane") for node in module.body)
    }
    return [
        str(each)
        for each in tree.imports()
        if each.importer.startswith(f"{prefix}.")
        if each.target != each.importer and (each.target in panes or each.target == prefix)
    ]


def cycles(tree: Tree) -> list[str]:
    graph: dict[str, set[str]] = {name: set() for name in tree.files}
    for each in tree.imports():
        if each.target in graph and each.target != ROOT:
            graph[each.importer].add(each.target)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return [" -> ".join(reversed(error.args[1]))]
    return []


def name_violations(tree: Tree) -> list[str]:
    return [name for name in tree.files if set(name.split(".")) & FORBIDDEN_NAMES]


def swallowed(tree: Tree) -> list[str]:
    """Handlers that catch everything: `except Exception`, a bare one, or BaseException that is not raised again."""
    found = []
    for name, module in tree.modules.items():
        for node in ast.walk(module):
            if isinstance(node, ast.ExceptHandler):
                caught = {"BaseException"} if node.type is None else _names(node.type)
                if (
                    node.type is None
                    or "Exception" in caught
                    or ("BaseException" in caught and not _raises_again(node))
                ):
                    found.append(f"{name}:{node.lineno}")
            elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("suppress", "contextlib.suppress"):
                caught = {each for argument in node.args for each in _names(argument)}
                if caught & {"Exception", "BaseException"}:
                    found.append(f"{name}:{node.lineno}")
    return found


def _names(node: ast.expr) -> set[str]:
    return {each.id for each in ast.walk(node) if isinstance(each, ast.Name)}


def _raises_again(handler: ast.ExceptHandler) -> bool:
    last = handler.body[-1]
    return isinstance(last, ast.Raise) and (
        last.exc is None or (isinstance(last.exc, ast.Name) and last.exc.id == handler.name)
    )


@pytest.fixture(scope="module")
def tree() -> Tree:
    return Tree(PACKAGE)


def test_every_import_follows_the_table(tree: Tree) -> None:
    assert table_violations(tree) == []


def test_a_pane_imports_no_other_pane(tree: Tree) -> None:
    assert pane_violations(tree) == []


def test_no_import_goes_in_a_circle(tree: Tree) -> None:
    assert cycles(tree) == []


def test_no_file_has_a_name_that_says_nothing(tree: Tree) -> None:
    assert name_violations(tree) == []


def test_nothing_swallows_every_exception(tree: Tree) -> None:
    assert swallowed(tree) == []


@pytest.mark.parametrize(
    ("code", "allowed"),
    [
        ("import hopx_tui", set()),
        ("from hopx_tui.cli import main; main(['--version'])", {"hopx_tui.cli"}),
    ],
)
def test_telling_the_version_loads_nothing_heavy(code: str, allowed: set[str]) -> None:
    program = f"import json, sys; {code}; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = json.loads(done.stdout.splitlines()[-1])
    heavy = {"textual", "rich", "httpx", "websockets", "msgspec", "aiohttp", "yaml", "pyte", "asyncio", "argparse"}
    assert heavy.isdisjoint(loaded)
    assert {name for name in loaded if name.startswith(f"{ROOT}.")} == allowed


class TestTheRules:
    """That they catch what they are for."""

    @staticmethod
    def tree(tmp_path: Path, **files: str) -> Tree:
        """Keys are paths with `__` for a slash; every folder becomes a package."""
        for name, text in {"__init__": "", **files}.items():
            path = tmp_path / (name if name == "__init__" else name.replace("__", "/", 1))
            path.parent.mkdir(parents=True, exist_ok=True)
            if not (path.parent / "__init__.py").exists():
                (path.parent / "__init__.py").write_text("")
            path.with_suffix(".py").write_text(text)
        return Tree(tmp_path)

    @pytest.mark.parametrize(
        ("file", "text"),
        [
            ("live__x", "from hopx_tui import settings"),
            ("live__x", "import hopx_tui.settings"),
            ("live__x", "def f():\n    from hopx_tui.settings import Settings"),
            ("live__x", "if TYPE_CHECKING:\n    from ..settings import Settings"),
            ("live__x", "from .. import settings"),
            ("live__x", "import httpx"),
            ("live__x", "import importlib\nimportlib.import_module('textual')"),
            ("api__x", "from hopx_tui.live import y"),
            ("panes__x", "from hopx_tui.api.control import ControlPlane"),
            ("panes__x", "from hopx_tui.api import control"),
            ("panes__x", "from hopx_tui import app"),
            ("widgets__x", "import httpx"),
            ("theme", "from textual.app import App"),
            ("engine__x", "from hopx_tui.api import models"),
            ("engine__x", "import hopx_tui.agent"),
            ("agent__x", "from hopx_tui.format import age"),
            ("cli", "from hopx_tui.engine import server"),
            ("format", "import textual"),
            ("unheard_of", ""),
        ],
    )
    def test_the_table(self, tmp_path: Path, file: str, text: str) -> None:
        others = {
            "settings": "", "app": "", "live__y": "", "api__control": "", "api__models": "", "engine__server": "",
        }  # fmt: skip
        assert len(table_violations(self.tree(tmp_path, **{**others, file: text}))) == 1

    @pytest.mark.parametrize(
        ("file", "text"),
        [
            ("live__x", "import asyncio\nfrom hopx_tui.api import control\nfrom .y import z\nfrom . import y"),
            ("panes__x", "from hopx_tui.api.models import Sandbox\nfrom hopx_tui.api import errors"),
            ("theme", "from textual.theme import Theme"),
            ("theme", "from textual import theme"),
            ("preferences", "import yaml\nfrom hopx_tui.settings import x"),
            ("app", "from hopx_tui.preferences import Preferences"),
            ("cli", "import anything\nfrom hopx_tui import __version__\nfrom hopx_tui.app import HopxApp"),
            ("engine__x", "import hopx_tui\nfrom aiohttp import web"),
        ],
    )
    def test_what_is_allowed(self, tmp_path: Path, file: str, text: str) -> None:
        others = {
            "settings": "", "preferences": "", "app": "", "live__y": "", "api__control": "", "api__errors": "",
            "api__models": "",
        }  # fmt: skip
        assert table_violations(self.tree(tmp_path, **{**others, file: text})) == []

    def test_panes(self, tmp_path: Path) -> None:
        tree = self.tree(
            tmp_path,
            panes__base="class Pane: ...",
            panes__rows="def row(): ...",
            panes__files="from hopx_tui.panes.base import Pane\nclass FilesPane(Pane): ...\nfrom .rows import row",
            panes__run="from hopx_tui.panes.files import FilesPane",
            panes__env="from hopx_tui.panes import PANES",
        )
        assert [found.split(":")[0] for found in pane_violations(tree)] == ["hopx_tui.panes.env", "hopx_tui.panes.run"]

    def test_circles(self, tmp_path: Path) -> None:
        straight = self.tree(tmp_path, live__a="from . import b", live__b="")
        assert cycles(straight) == []
        circle = self.tree(tmp_path, live__b="def f():\n    from hopx_tui.live.c import d", live__c="from .a import x")
        (found,) = cycles(circle)
        assert found.count("->") == 3

    def test_names(self, tmp_path: Path) -> None:
        assert name_violations(self.tree(tmp_path, live__utils="", live__rows="")) == ["hopx_tui.live.utils"]

    @pytest.mark.parametrize(
        "text",
        [
            "try: ...\nexcept: raise",
            "try: ...\nexcept Exception: ...",
            "try: ...\nexcept (OSError, Exception) as e: raise e",
            "try: ...\nexcept BaseException: ...",
            "try: ...\nexcept BaseException as e: raise ValueError from e",
            "with contextlib.suppress(Exception): ...",
        ],
    )
    def test_swallowing(self, tmp_path: Path, text: str) -> None:
        assert len(swallowed(self.tree(tmp_path, live__x=text))) == 1

    @pytest.mark.parametrize(
        "text",
        [
            "try: ...\nexcept OSError: ...",
            "try: ...\nexcept BaseException:\n    clean()\n    raise",
            "try: ...\nexcept BaseException as e:\n    clean()\n    raise e",
            "with suppress(OSError): ...",
        ],
    )
    def test_not_swallowing(self, tmp_path: Path, text: str) -> None:
        assert swallowed(self.tree(tmp_path, live__x=text)) == []
