"""The list of sandboxes as values: rows, what changed, how the list as a whole is doing. No I/O."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal

from hopx_tui.api.errors import ApiError
from hopx_tui.api.models import Sandbox


@dataclass(frozen=True, eq=False, slots=True)
class Row:
    """One sandbox as listed. A new object whenever anything of it changes, the same object otherwise."""

    sandbox: Sandbox
    source: str
    """Name of the source (account or engine) it comes from."""
    name: str | None = None
    """The person's own name for it."""
    busy: str | None = None
    """What is being done to it right now: "pausing", "killing"; None = nothing of ours."""

    @property
    def id(self) -> str:
        return self.sandbox.id

    @property
    def status(self) -> str:
        return self.sandbox.status

    @property
    def running(self) -> bool:
        """Its agent can be asked: it runs and tells where."""
        return self.sandbox.status == "running" and bool(self.sandbox.public_host)

    @property
    def label(self) -> str:
        """The local name, else the id."""
        return self.name or self.sandbox.id


@dataclass(frozen=True, slots=True)
class FleetState:
    """How the list is doing.

    loading: not once listed completely (the first rows may be there already); ok; stale: the newest attempt
    failed, the rows are old; failed: it never worked; refused: the key is not accepted (the rows are old).
    """

    kind: Literal["loading", "ok", "stale", "failed", "refused"] = "loading"
    error: ApiError | None = None
    at: float = 0.0
    """Monotonic time of the last complete list; 0.0 = none."""
    wall: float = 0.0

    def age(self, now: float) -> float | None:
        """Seconds since the last complete list at monotonic `now`."""
        return max(0.0, now - self.at) if self.at else None

    def same_text(self, other: FleetState) -> bool:
        """Nothing to tell anybody: only the time differs."""
        return self.kind == other.kind and _identity(self.error) == _identity(other.error)


def _identity(error: ApiError | None) -> tuple[type[ApiError], str] | None:
    return None if error is None else (type(error), error.message)


@dataclass(frozen=True, slots=True)
class Change:
    """What one publication changed, by sandbox id, and the state of the list after it."""

    added: frozenset[str]
    removed: frozenset[str]
    changed: frozenset[str]
    state: FleetState

    @property
    def rows(self) -> bool:
        """Any row differs (and not only the state of the list)."""
        return bool(self.added or self.removed or self.changed)


def seconds_left(sandbox: Sandbox, wall: float) -> float | None:
    """Seconds until the timeout kills the sandbox, at Unix time `wall`; 0.0 if overdue, None if never."""
    if sandbox.expires_at is None:
        return None
    return max(0.0, _unix(sandbox.expires_at) - wall)


def _unix(moment: datetime) -> float:
    return (moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)).timestamp()


class Roster:
    """Rows by id and in order of creation, collecting what changed since it was last asked."""

    def __init__(self, source: str, name_of: Callable[[str], str | None]) -> None:
        self._source = source
        self._name_of = name_of
        self._by_id: dict[str, Row] = {}
        self._order: list[tuple[float, str]] = []
        self._rows: Sequence[Row] | None = None
        self._added: set[str] = set()
        self._removed: set[str] = set()
        self._changed: set[str] = set()

    def __len__(self) -> int:
        return len(self._by_id)

    def __contains__(self, sandbox_id: object) -> bool:
        return sandbox_id in self._by_id

    @property
    def rows(self) -> Sequence[Row]:
        """All rows, oldest sandbox first; the same object until something changes. Not to be altered."""
        if self._rows is None:
            self._rows = [self._by_id[sandbox_id] for _, sandbox_id in self._order]
        return self._rows

    def get(self, sandbox_id: str) -> Row | None:
        return self._by_id.get(sandbox_id)

    def put(self, sandbox: Sandbox) -> Row | None:
        """Add or update; returns the row that was there before."""
        before = self._by_id.get(sandbox.id)
        if before is None:
            insort(self._order, _place(sandbox))
            self._store(Row(sandbox, self._source, self._name_of(sandbox.id)))
            if sandbox.id in self._removed:
                self._removed.discard(sandbox.id)
                self._changed.add(sandbox.id)
            else:
                self._added.add(sandbox.id)
        elif before.sandbox is not sandbox and before.sandbox != sandbox:
            if before.sandbox.created_at != sandbox.created_at:
                self._displace(before.sandbox)
                insort(self._order, _place(sandbox))
            self._store(replace(before, sandbox=sandbox))
        return before

    def remove(self, sandbox_id: str) -> Row | None:
        """Returns the row that was there."""
        row = self._by_id.pop(sandbox_id, None)
        if row is None:
            return None
        self._displace(row.sandbox)
        self._rows = None
        self._changed.discard(sandbox_id)
        if sandbox_id in self._added:
            self._added.discard(sandbox_id)
        else:
            self._removed.add(sandbox_id)
        return row

    def set_busy(self, sandbox_id: str, busy: str | None) -> None:
        row = self._by_id.get(sandbox_id)
        if row is not None and row.busy != busy:
            self._store(replace(row, busy=busy))

    def rename(self, sandbox_id: str) -> None:
        """The name of a sandbox may have changed: ask for it again."""
        row = self._by_id.get(sandbox_id)
        if row is not None and row.name != (name := self._name_of(sandbox_id)):
            self._store(replace(row, name=name))

    def take_change(self, state: FleetState) -> Change:
        """What changed since the last call."""
        change = Change(frozenset(self._added), frozenset(self._removed), frozenset(self._changed), state)
        self._added, self._removed, self._changed = set(), set(), set()
        return change

    def _store(self, row: Row) -> None:
        if row.id in self._by_id and row.id not in self._added:
            self._changed.add(row.id)
        self._by_id[row.id] = row
        self._rows = None

    def _displace(self, sandbox: Sandbox) -> None:
        del self._order[bisect_left(self._order, _place(sandbox))]


def _place(sandbox: Sandbox) -> tuple[float, str]:
    """Sort key: unknown creation times go first, in order of id."""
    return (0.0 if sandbox.created_at is None else _unix(sandbox.created_at), sandbox.id)
