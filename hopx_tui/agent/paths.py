"""From the path of a request to a real one, and back: spelling, confinement, what is never touched."""

from __future__ import annotations

import base64
import binascii
import os
import posixpath
from typing import NamedTuple

from hopx_tui.agent.config import Config
from hopx_tui.agent.errors import AgentError, invalid_path, missing_parameter, path_not_allowed

WORKSPACE = b"/workspace"
HOME = b"/root"
SECRET_FILES = frozenset(
    b"/etc/" + name for name in (b"shadow", b"shadow-", b"gshadow", b"gshadow-", b"sudoers", b"master.passwd")
)
SECRET_TREES = (b"/etc/ssh", b"/etc/sudoers.d")
LONGEST_REQUEST = 16 << 10
"""Characters; the kernel takes 4096 bytes, and `..` or base64 may make that longer."""
KERNEL_TREES = (b"/proc", b"/sys", b"/dev")


class Location(NamedTuple):
    """`spelled` is what the client calls it, `real` what the kernel is asked for; both absolute bytes."""

    spelled: bytes
    real: bytes

    @property
    def text(self) -> str:
        """For messages and JSON."""
        return display(self.spelled)


def display(path: bytes) -> str:
    """UTF-8, with `\\xNN` for bytes that are none."""
    return path.decode("utf-8", "backslashreplace")


def encoded(path: bytes) -> str | None:
    """Base64 of a path that its display does not address, else None."""
    try:
        path.decode()
    except UnicodeDecodeError:
        return base64.b64encode(path).decode("ascii")
    return None


def requested(path: str | None, path_b64: str | None, default: bytes | None = None) -> bytes:
    """The raw path of a request; `path_b64` wins. Raises AgentError MISSING_PARAMETER or INVALID_PATH."""
    if len(path_b64 or path or "") > LONGEST_REQUEST:
        raise invalid_path("The path is too long", (path_b64 or path or "")[:200])
    if path_b64:
        try:
            return base64.b64decode(path_b64.translate(_URL_SAFE), validate=True)
        except (binascii.Error, ValueError) as error:
            raise invalid_path("path_b64 is not base64", path_b64) from error
    if not path:
        if default is not None:
            return default
        raise missing_parameter("path")
    try:
        return path.encode()
    except UnicodeEncodeError as error:
        raise invalid_path("The path is not valid Unicode", repr(path)) from error


_URL_SAFE = str.maketrans("-_", "+/")


def within(path: bytes, tree: bytes) -> bool:
    """True for the tree's own root as well."""
    return path == tree or path.startswith(tree.rstrip(b"/") + b"/")


class PathMap:
    """In an isolated sandbox every path is its own; at level none `/workspace` and `/root` stand for real
    directories and nothing else can be reached. Methods touch the disk (symbolic links): call them in a
    thread."""

    def __init__(self, config: Config, *, agent_pids: frozenset[int]) -> None:
        self._isolated = config.isolated
        self.workspace = os.fsencode(config.workspace)
        self.home = os.fsencode(config.home)
        self._workdir = config.workdir
        self._mapped = () if self._isolated else ((WORKSPACE, self.workspace), (HOME, self.home))
        self._trees = tuple(os.path.realpath(real) for _, real in self._mapped)
        self._own = agent_pids

    def locate(self, raw: bytes, *, follow: bool = True) -> Location:
        """Where `raw` lies; relative paths start in the workspace. Without `follow` a symbolic link at the
        end stands for itself.

        Raises AgentError INVALID_PATH or PATH_NOT_ALLOWED.
        """
        if b"\0" in raw:
            raise invalid_path("A path cannot hold a NUL byte", display(raw))
        spelled = posixpath.normpath(posixpath.join(WORKSPACE if self._mapped else self.workspace, raw))
        if spelled.startswith(b"//"):
            spelled = spelled[1:]
        spelled, real = self._translate(spelled)
        try:
            if follow:
                real = os.path.realpath(real)
            elif real != b"/":
                parent, name = posixpath.split(real)
                real = posixpath.join(os.path.realpath(parent), name)
        except RecursionError as error:  # links to links to links
            raise invalid_path(f"Too many symbolic links: {display(spelled)}", display(spelled)) from error
        except OSError as error:  # a link of /proc that tells nobody where it leads
            raise path_not_allowed(display(spelled), error.strerror or "it leads nowhere") from error
        self._check_inside(spelled, real)
        return Location(spelled, real)

    def locate_for_writing(self, raw: bytes, *, follow: bool = True) -> Location:
        """As `locate`, and refuses what the kernel serves."""
        location = self.locate(raw, follow=follow)
        for tree in KERNEL_TREES:
            if within(location.real, tree) or within(location.spelled, tree):
                raise path_not_allowed(location.text, "the kernel's own files are read only here")
        return location

    def working_directory(self, raw: str | None) -> bytes:
        """The real directory programs start in; the template's, where it still is one, or the workspace unless `raw`
        names another. Raises AgentError DIRECTORY_NOT_FOUND, INVALID_PATH or
        PATH_NOT_ALLOWED.

        At level none any real directory serves too: the command could go there by itself.
        """
        if not raw:
            return self._own_working_directory() if self._workdir else self.workspace
        path = requested(raw, None)
        if self._mapped and path.startswith(b"/"):
            real = self._translate(posixpath.normpath(path))[1]
        else:
            real = self.locate(path).real
        if b"\0" in real:
            raise invalid_path("A path cannot hold a NUL byte", display(real))
        if not os.path.isdir(real):
            raise AgentError(404, "DIRECTORY_NOT_FOUND", f"Directory not found: {raw}", path=raw)
        return real

    def _own_working_directory(self) -> bytes:
        workdir = posixpath.normpath(os.fsencode(self._workdir))
        if self._mapped and not any(within(workdir, mapped) for mapped, _ in self._mapped):
            return self.workspace  # without isolation a path of that name is the host's
        try:
            return self.working_directory(self._workdir)
        except AgentError:  # the sandbox has removed it, or put something else in its place
            return self.workspace

    def _translate(self, spelled: bytes) -> tuple[bytes, bytes]:
        for mapped, real in self._mapped:
            if within(spelled, mapped):
                return spelled, real + spelled[len(mapped) :]
        for mapped, real in self._mapped:
            # Shells show the real directories at level none; people paste those.
            if within(spelled, real):
                return mapped + spelled[len(real) :], spelled
        return spelled, spelled

    def _check_inside(self, spelled: bytes, real: bytes) -> None:
        text = display(spelled)
        if real in SECRET_FILES or spelled in SECRET_FILES or any(within(real, tree) for tree in SECRET_TREES):
            raise path_not_allowed(text, "it holds secrets")
        if self._is_own(real):
            raise path_not_allowed(text, "it belongs to the sandbox's agent")
        if self._trees and not any(within(real, tree) for tree in self._trees):
            raise path_not_allowed(text, "without isolation only /workspace and /root can be reached")

    def _is_own(self, real: bytes) -> bool:
        """Whether a path is about a process of the agent. /proc has each thread of a process under its own number as
        well, unlisted, with all that the process shows of itself to itself."""
        parts = real.split(b"/", 3)
        if parts[1:2] != [b"proc"] or len(parts) < 3 or not parts[2].isdigit() or len(parts[2]) > 10:
            return False
        number = int(parts[2])
        return number in self._own or any(os.path.isdir(f"/proc/{pid}/task/{number}") for pid in self._own)

    def roots(self) -> tuple[tuple[bytes, bytes], ...]:
        """(API directory, real directory) of what `/` lists at level none; empty where `/` is real."""
        return self._mapped

    def is_root(self, location: Location) -> bool:
        """True for directories that the sandbox cannot do without."""
        real = location.real
        return real in (b"/", self.workspace, self.home, *self._trees)
