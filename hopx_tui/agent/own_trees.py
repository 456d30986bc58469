"""Which trees are the sandbox's own, so that they outlive a stop: what `/changes` is about."""

from __future__ import annotations

import os
import re

from hopx_tui.agent.manifest import Root
from hopx_tui.agent.paths import HOME, WORKSPACE, PathMap, within

MOUNTS = "/proc/self/mountinfo"
_OCTAL = re.compile(rb"\\([0-7]{3})")
_NEVER = (b"/dev", b"/proc", b"/sys", b"/etc", b"/run", b"/tmp", b"/var/tmp")


def bound_trees(mountinfo: bytes) -> list[bytes]:
    """Where a directory of another file system is bound writable: /opt, /usr/local, and what a template gave besides.

    A file system that was mounted as a whole (a tmpfs) shows its root there, and is gone with the sandbox's run; so
    is the tmpfs that `/` itself lies on.
    """
    found = []
    for line in mountinfo.splitlines():
        fields = line.split(b" ")
        if len(fields) < 6 or fields[3] == b"/" or b"rw" not in fields[5].split(b","):
            continue
        path = _OCTAL.sub(lambda match: bytes([int(match[1], 8)]), fields[4])
        if path != b"/" and not any(within(path, tree) for tree in _NEVER):
            found.append(path)
    return found


def own_roots(paths: PathMap, *, isolated: bool, mounts: str = MOUNTS) -> tuple[Root, ...]:
    """/workspace and /root first; without isolation there are no others."""
    roots = [Root(WORKSPACE, os.path.realpath(paths.workspace)), Root(HOME, os.path.realpath(paths.home))]
    if isolated:
        known = {root.real for root in roots}
        try:
            with open(mounts, "rb") as file:
                trees = bound_trees(file.read())
        except OSError:
            trees = []
        roots += [Root(tree, tree) for tree in sorted({*trees} - known) if os.path.isdir(tree)]
    return tuple(roots)
