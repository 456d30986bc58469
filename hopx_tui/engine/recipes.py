"""What a template is to be built from: the body of a build request, checked as a whole before anything runs."""

from __future__ import annotations

import posixpath
import re
from typing import Any

import msgspec

from hopx_tui.engine.errors import invalid
from hopx_tui.engine.requests import variables

MOST_STEPS = 200
STEP_BYTES = 64 * 1024
READY_TYPES = ("port", "url", "file", "process", "command")
KEPT = ("/workspace", "/root", "/opt", "/usr/local", "/etc")
PASSING = ("/tmp", "/var/tmp", "/run", "/dev/shm")
LIBRARIES = ("lib", "lib32", "lib64", "libx32")
SYSTEM = frozenset(
    name
    for names in (("bin", "boot", "dev", "etc", "proc", "run", "sbin", "sys", "tmp", "usr", "var", "nix"), LIBRARIES)
    for name in names
)
_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]{0,62}")
_FOLDER = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]{0,62}")
_HASH = re.compile(r"[A-Za-z0-9_-]{8,128}")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class Step(msgspec.Struct, rename={"files_hash": "filesHash", "skip_cache": "skipCache"}):
    """One step as clients send it. `skipCache` changes nothing: every build runs every step."""

    type: str
    args: list[str] = []
    files_hash: str | None = None
    skip_cache: bool | None = None


class Ready(msgspec.Struct, rename={"process_name": "processName"}):
    """When a started command counts as ready. Times in milliseconds."""

    type: str
    timeout: int = 30_000
    interval: int = 2_000
    port: int | None = None
    url: str | None = None
    path: str | None = None
    process_name: str | None = None
    command: str | None = None


class BuildBody(
    msgspec.Struct,
    rename={
        "disk_gb": "diskGB", "start_cmd": "startCmd", "ready_cmd": "readyCmd", "skip_cache": "skipCache",
    },
):  # fmt: skip
    """POST /v1/templates/build. Registry credentials are accepted and never used: there is no registry here."""

    name: str
    from_image: str
    cpu: int
    memory: int  # MB
    disk_gb: int
    steps: list[Step] | None = None
    start_cmd: str | None = None
    ready_cmd: Ready | None = None
    skip_cache: bool | None = None
    update: bool | None = None


class UploadBody(msgspec.Struct):
    """POST /v1/templates/files/upload-link."""

    files_hash: str
    content_length: int


def check_hash(files_hash: str) -> str:
    """Raises ControlError 400."""
    if not _HASH.fullmatch(files_hash):
        raise invalid("files_hash must be 8 to 128 letters, digits, '-' or '_'")
    return files_hash


def check_build(body: BuildBody, *, isolated: bool) -> None:
    """Raises ControlError 400 with a sentence for the first thing that cannot be built here."""
    if not _NAME.fullmatch(body.name) or body.name.isdigit():
        raise invalid(
            "name must be 1 to 63 letters, digits, '.', '_' or '-', begin with a letter or digit and not be a number"
        )
    for label, value, most in (("cpu", body.cpu, 64), ("memory", body.memory, 1 << 20), ("diskGB", body.disk_gb, 4096)):
        if not 1 <= value <= most:
            raise invalid(f"{label} must be between 1 and {most}")
    steps = body.steps or []
    if len(steps) > MOST_STEPS:
        raise invalid(f"A template can have at most {MOST_STEPS} steps")
    for number, step in enumerate(steps, 1):
        _check_step(f"Step {number} ({step.type[:20]})", step, isolated=isolated)
    _check_text("startCmd", body.start_cmd or "")
    if body.ready_cmd is not None:
        _check_ready(body.ready_cmd)


def _check_step(label: str, step: Step, *, isolated: bool) -> None:
    for text in step.args:
        _check_text(label, text)
    wanted = {"RUN": 1, "CMD": 1, "USER": 1, "WORKDIR": 1, "ENV": 2, "COPY": 2}.get(step.type)
    if wanted is None:
        raise invalid(f"{label}: known types are RUN, COPY, ENV, WORKDIR, USER and CMD")
    if len(step.args) < wanted or not step.args[0].strip():
        raise invalid(f"{label} needs {wanted} argument{'s' if wanted > 1 else ''}")
    if step.type == "ENV":
        if not _VARIABLE.fullmatch(step.args[0]):
            raise invalid(f"{label}: {step.args[0][:60]!r} is no name of a variable")
        variables({step.args[0]: step.args[1]})
    if step.type in ("WORKDIR", "COPY"):
        _check_place(label, step.args[0 if step.type == "WORKDIR" else 1], isolated=isolated)
    if step.type == "COPY":
        if step.files_hash is None:
            raise invalid(f"{label} names no uploaded files (filesHash)")
        check_hash(step.files_hash)


def _check_text(label: str, text: str) -> None:
    if "\0" in text or any("\ud800" <= letter <= "\udfff" for letter in text):
        raise invalid(f"{label}: NUL and lone surrogates are not text")
    if len(text.encode()) > STEP_BYTES:
        raise invalid(f"{label} is longer than {STEP_BYTES} bytes")


def _check_place(label: str, path: str, *, isolated: bool) -> None:
    if not path.startswith("/"):
        return  # below the working directory, which was checked itself
    clean = posixpath.normpath(path)
    if any(_is_below(clean, place) for place in ("/workspace", "/root")):
        return
    if not isolated:
        raise invalid(
            f"{label}: {path[:100]} lies outside /workspace and /root, and without isolation there is nothing else"
        )
    first = clean.lstrip("/").split("/")[0]
    if first and first not in SYSTEM and _FOLDER.fullmatch(first):
        return
    if not any(_is_below(clean, place) for place in (*KEPT, *PASSING)):
        kept = ", ".join(KEPT)
        raise invalid(f"{label}: {path[:100]} is read-only in a local sandbox (kept are {kept} and new folders)")


def _check_ready(ready: Ready) -> None:
    if ready.type not in READY_TYPES:
        raise invalid(f"readyCmd: known types are {', '.join(READY_TYPES)}")
    given = {"port": ready.port, "url": ready.url, "file": ready.path, "process": ready.process_name}
    if not given.get(ready.type, ready.command):
        raise invalid(f"readyCmd of type {ready.type} says not what to wait for")
    if not 0 < ready.timeout <= 3_600_000 or not 0 < ready.interval <= 600_000:
        raise invalid("readyCmd: timeout and interval are milliseconds above 0, an hour and ten minutes at most")
    if ready.port is not None and not 0 < ready.port < 65536:
        raise invalid("readyCmd: a port is a number from 1 to 65535")
    for text in (ready.url, ready.path, ready.process_name, ready.command):
        _check_text("readyCmd", text or "")


def own_folders(body: BuildBody) -> dict[str, str]:
    """Top-level folders that COPY and WORKDIR name besides those every sandbox has: path inside -> directory name."""
    found: dict[str, str] = {}
    for step in body.steps or []:
        place = {"WORKDIR": step.args[:1], "COPY": step.args[1:2]}.get(step.type, [])
        for path in place:
            first = posixpath.normpath(path).lstrip("/").split("/")[0]
            known = first in SYSTEM or f"/{first}" in KEPT or not first
            if path.startswith("/") and not known:
                found[f"/{first}"] = f"own-{first}"
    return found


def start_command(body: BuildBody) -> str | None:
    """startCmd, or else the last CMD."""
    commands = [" ".join(step.args) for step in body.steps or [] if step.type == "CMD"]
    return body.start_cmd or (commands[-1] if commands else None) or None


def steps_of(body: BuildBody) -> list[dict[str, Any]]:
    """The steps for the builder inside."""
    return [
        {"type": step.type, "args": step.args, "files": step.files_hash}
        for step in body.steps or []
        if step.type != "CMD"
    ]


def _is_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder + "/")
