"""What an agent needs to run: the interpreter, the libraries and this package, wherever they lie."""

from __future__ import annotations

import importlib.util
import os
import sys
from dataclasses import dataclass
from pathlib import Path

import hopx_tui

LIBRARIES = ("aiohttp", "msgspec", "psutil")
AGENT = "hopx_tui.agent"


@dataclass(frozen=True)
class Runtime:
    """One Python installation as seen from outside a sandbox. All paths absolute."""

    interpreter: str
    prefixes: tuple[
        str, ...
    ]  # installation prefixes: sys.prefix, sys.base_prefix and what links lead through
    libraries: tuple[str, ...]  # directories to import from that lie outside the prefixes
    package: str  # the directory of hopx_tui
    script: str | None = None  # a file to run in place of the agent (tests)
    paths: tuple[str, ...] = ()  # where a program of ours imports from, besides the standard library

    @property
    def visible(self) -> tuple[str, ...]:
        """Everything that must be readable inside."""
        own = (os.path.dirname(self.script),) if self.script else ()
        return (*self.prefixes, *self.libraries, self.package, *own)

    def command(self, *arguments: str, program: str = AGENT) -> list[str]:
        """The argv of a module of ours. Isolated mode: neither the environment nor a user's site can bend it.

        The agent goes without `site`, whose path files take a sixth of its start: it is told where its imports lie.
        """
        if self.script and program == AGENT:
            return [self.interpreter, "-I", self.script, *arguments]
        if self.paths and program == AGENT:
            start = f"import sys; sys.path[1:1] = {list(self.paths)!r}; from {AGENT}.__main__ import main; "
            return [self.interpreter, "-I", "-S", "-c", start + "sys.exit(main(sys.argv[1:]))", *arguments]
        extra = [*self.libraries, *(() if _importable(self.package) else (os.path.dirname(self.package),))]
        if not extra:
            return [self.interpreter, "-I", "-m", program, *arguments]
        start = (
            f"import runpy, sys; sys.path[:0] = {extra!r}; "
            f"runpy.run_module({program!r}, run_name='__main__', alter_sys=True)"
        )
        return [self.interpreter, "-I", "-c", start, *arguments]


def _importable(package: str) -> bool:
    """Whether a bare interpreter of this installation finds the package: site-packages or editable finders."""
    parent = os.path.dirname(package)
    here = os.getcwd()
    sites = {entry for entry in sys.path if "-packages" in entry}
    if parent in sites:
        return True
    for finder in sys.meta_path:
        if "__editable__" in str(getattr(finder, "__module__", "")):
            spec = finder.find_spec("hopx_tui", None)
            if spec is not None and spec.submodule_search_locations:
                return package in {os.path.realpath(place) for place in spec.submodule_search_locations}
    return parent != here and any(_lists(site, parent) for site in sites)


def _lists(site: str, folder: str) -> bool:
    """Whether a path file in a site directory names the folder."""
    try:
        names = [name for name in os.listdir(site) if name.endswith(".pth")]
        return any(folder in Path(site, name).read_text(errors="replace").splitlines() for name in names)
    except OSError:
        return False


def _links(path: str) -> list[str]:
    """A path and every path its symbolic links lead through."""
    hops = [path]
    while os.path.islink(hops[-1]) and len(hops) < 16:
        target = os.path.join(os.path.dirname(hops[-1]), os.readlink(hops[-1]))
        hops.append(os.path.normpath(target))
    return hops


def is_below(path: str, folder: str) -> bool:
    """Whether `path` is `folder` or lies in it, by spelling."""
    return path == folder or path.startswith(folder.rstrip("/") + "/")


def this_runtime(script: str | None = None) -> Runtime:
    """The installation this very process runs from."""
    prefixes = [sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix]
    prefixes += [os.path.dirname(os.path.dirname(hop)) for hop in _links(sys.executable)]
    prefixes += [os.path.realpath(prefix) for prefix in prefixes]
    kept = tuple(dict.fromkeys(os.path.normpath(prefix) for prefix in prefixes))
    libraries = []
    for name in LIBRARIES:
        spec = importlib.util.find_spec(name)
        if spec is not None and spec.origin is not None:
            folder = os.path.dirname(os.path.dirname(spec.origin))
            if not any(is_below(folder, prefix) for prefix in kept):
                libraries.append(folder)
    package = os.path.realpath(os.path.dirname(hopx_tui.__file__))
    libraries = list(dict.fromkeys(libraries))
    # what the libraries themselves need may lie in another site directory than they do
    sites = [entry for entry in sys.path if "-packages" in entry and any(is_below(entry, prefix) for prefix in kept)]
    paths = tuple(dict.fromkeys((os.path.dirname(package), *libraries, *sites)))
    return Runtime(sys.executable, kept, tuple(libraries), package, script, paths)
