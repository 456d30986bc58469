"""What the person likes and calls things: a small YAML file, edited by hand, by this and by other dashboards."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hopx_tui.settings import describe_yaml_error, read_small_file

LEAVE_TERMINAL = "ctrl+]"
SANDBOXES = "sandboxes"

Value = str | int | float | bool | None

_LOCK_PATIENCE = 2.0
"""Seconds to wait for another dashboard that is writing."""


class PreferencesError(Exception):
    """A preference could not be saved. The message is a sentence; the value holds until the program ends."""


@dataclass(frozen=True, slots=True)
class _Change:
    """Set the value at a path of keys; None removes it, and what it leaves empty."""

    keys: tuple[str, ...]
    value: Value


class Preferences:
    """The file `path`, read at once.

    What cannot be read is never written over: `warning` says so, and changes then hold for this run only. Saving
    re-reads the file under a lock first, so that two dashboards and an editor do not undo each other's changes; keys
    of others and their order stay, comments only at the top. Saving blocks for some milliseconds: do it in a
    thread, reading is for any.
    """

    def __init__(
        self,
        path: Path,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.path = path
        self.warning: str | None = None
        self._clock = clock
        self._sleep = sleep
        self._tree: Mapping[str, Any] = {}
        self._unsaved: tuple[_Change, ...] = ()
        self._saving = threading.Lock()
        self._seen: tuple[int, int, int] | None = None
        self.reload()

    # -- reading

    @property
    def theme(self) -> str | None:
        return self._text("theme")

    @property
    def rate(self) -> float | None:
        """Seconds between two refreshes; None = as the program does."""
        value = self._tree.get("rate")
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        return float(value) if 0.1 <= value <= 3600 else None

    @property
    def last_template(self) -> str | None:
        """What the newest sandbox was made from."""
        return self._text("last_template")

    @property
    def leave_terminal(self) -> str:
        """The one chord that is caught while a terminal has focus."""
        return self._text("leave_terminal") or LEAVE_TERMINAL

    @property
    def downloads(self) -> Path | None:
        """Where downloads go; None = ~/Downloads."""
        text = self._text("downloads")
        return Path(text).expanduser() if text else None

    def get(self, key: str) -> object:
        """The value of any other key of the top level; None if absent."""
        return self._tree.get(key)

    def name(self, sandbox_id: str) -> str | None:
        """The person's own name for a sandbox."""
        return self._of(sandbox_id, "name")

    def note(self, sandbox_id: str) -> str | None:
        return self._of(sandbox_id, "note")

    def group(self, sandbox_id: str) -> str | None:
        return self._of(sandbox_id, "group")

    def reload(self) -> bool:
        """Read the file anew if it changed; tells whether it did."""
        seen = _signature(self.path)
        if seen is not None and seen == self._seen:
            return False
        if not self._saving.acquire(blocking=False):
            return False  # saving reads the file anyway, and whoever asks shall not wait for it
        try:
            before, self._seen = self._tree, seen
            tree, _ = self._read()
        except PreferencesError as error:
            self.warning = str(error)
            return False
        else:
            self.warning = None
            self._tree = self._with_unsaved(tree)
            return self._tree != before
        finally:
            self._saving.release()

    # -- writing

    def set(self, key: str, value: Value) -> None:
        """Save a value of the top level (theme, rate, ...); None removes it. Raises PreferencesError."""
        self._save(_Change((key,), value))

    def set_name(self, sandbox_id: str, name: str | None) -> None:
        self._save(_Change((SANDBOXES, sandbox_id, "name"), name or None))

    def set_note(self, sandbox_id: str, note: str | None) -> None:
        self._save(_Change((SANDBOXES, sandbox_id, "note"), note or None))

    def set_group(self, sandbox_id: str, group: str | None) -> None:
        self._save(_Change((SANDBOXES, sandbox_id, "group"), group or None))

    def forget(self, sandbox_id: str) -> None:
        """Drop all that is kept about a sandbox that was killed."""
        if self._entry(sandbox_id):
            self._save(_Change((SANDBOXES, sandbox_id), None))

    def _save(self, change: _Change) -> None:
        with self._saving:
            self._unsaved = (*self._unsaved, change)
            self._tree = self._with_unsaved(self._tree)
            try:
                self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                with self._locked():
                    tree, comment = self._read()
                    tree = self._with_unsaved(tree)
                    _replace(Path(os.path.realpath(self.path)), comment + _dump(tree))
            except OSError as error:
                raise PreferencesError(f"{self.path} cannot be saved: {_reason(error)}.") from error
            self._tree, self._unsaved, self.warning = tree, (), None
            self._seen = _signature(self.path)

    @contextlib.contextmanager
    def _locked(self) -> Iterator[None]:
        """One writer at a time. The lock is a file of its own: the preferences file is replaced, not rewritten."""
        with open(f"{self.path}.lock", "a", opener=_private) as lock:
            deadline = self._clock() + _LOCK_PATIENCE
            while True:
                try:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if self._clock() >= deadline:
                        raise PreferencesError(f"{self.path} is being written by somebody else.") from None
                self._sleep(0.02)
            yield

    def _read(self) -> tuple[dict[str, Any], bytes]:
        """The file's tree and the comment it begins with. Raises PreferencesError for what must not be replaced."""
        try:
            text, _ = read_small_file(self.path)
        except FileNotFoundError:
            return {}, b""
        except OSError as error:
            raise PreferencesError(describe_yaml_error(self.path, error)) from error
        import yaml

        try:
            tree = yaml.safe_load(text)
        except (yaml.YAMLError, ValueError, RecursionError) as error:
            sentence = describe_yaml_error(self.path, error)
            raise PreferencesError(f"{sentence} It is left alone; nothing is saved until it is repaired.") from error
        if tree is None:
            tree = {}
        if not isinstance(tree, dict) or not isinstance(tree.get(SANDBOXES, {}) or {}, dict):
            raise PreferencesError(f"{self.path}: these are not settings (name: value). The file is left alone.")
        return tree, _leading_comment(text)

    def _with_unsaved(self, tree: Mapping[str, Any]) -> dict[str, Any]:
        for change in self._unsaved:
            tree = _changed(tree, change.keys, change.value)
        return dict(tree)

    def _text(self, key: str) -> str | None:
        value = self._tree.get(key)
        return value if isinstance(value, str) and value else None

    def _entry(self, sandbox_id: str) -> Mapping[str, Any]:
        entries = self._tree.get(SANDBOXES) or {}
        entry = entries.get(_key_like(entries, sandbox_id))
        return entry if isinstance(entry, dict) else {}

    def _of(self, sandbox_id: str, key: str) -> str | None:
        value = self._entry(sandbox_id).get(key)
        return None if value is None or value == "" else str(value)


def _changed(tree: Mapping[str, Any], keys: tuple[str, ...], value: Value) -> dict[str, Any]:
    """A copy of the tree with one value set or removed; everything else keeps its place."""
    copy = dict(tree)
    key = _key_like(copy, keys[0])
    if len(keys) > 1:
        inner = copy.get(key)
        branch = _changed(inner if isinstance(inner, dict) else {}, keys[1:], value)
        if branch or value is not None:
            copy[key] = branch
        else:
            copy.pop(key, None)
    elif value is None:
        copy.pop(key, None)
    else:
        copy[key] = value
    return copy


def _key_like(tree: Mapping[Any, Any], key: str) -> Any:
    """The key that reads like this one: YAML takes an unquoted id of digits for a number."""
    return key if key in tree else next((other for other in tree if str(other) == key), key)


def _dump(tree: Mapping[str, Any]) -> bytes:
    import yaml

    text = yaml.safe_dump(dict(tree), sort_keys=False, allow_unicode=True, default_flow_style=False, width=1_000)
    return str(text).encode() if tree else b""


def _leading_comment(text: bytes) -> bytes:
    lines = []
    for line in text.splitlines(keepends=True):
        if line.strip() and not line.lstrip().startswith(b"#"):
            break
        lines.append(line)
    return b"".join(lines)


def _replace(path: Path, content: bytes) -> None:
    """Write a new file beside it and rename that over it. Mode and owner are kept; on any failure, the old file."""
    try:
        before = path.stat()
    except FileNotFoundError:
        before = None
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            if before is not None:
                os.fchmod(file.fileno(), stat.S_IMODE(before.st_mode))
                if (before.st_uid, before.st_gid) != (os.geteuid(), os.getegid()):
                    with contextlib.suppress(PermissionError):
                        os.fchown(file.fileno(), before.st_uid, before.st_gid)
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def _signature(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def _private(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_CLOEXEC | os.O_NONBLOCK, 0o600)


def _reason(error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "the disk is full; the file is as it was"
    return error.strerror or str(error)
