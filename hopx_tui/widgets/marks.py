"""Which rows are marked: a set of keys, and a range that grows with the cursor."""

from __future__ import annotations

from collections.abc import Hashable, Iterable


class Marks:
    """Marked keys. While `anchor` is set, all between it and the cursor is marked on top of the rest."""

    def __init__(self) -> None:
        self.keys: set[Hashable] = set()
        self.anchor: Hashable | None = None
        self._fixed: set[Hashable] = set()

    def toggle(self, key: Hashable) -> None:
        """Mark or unmark one; a range in progress is ended."""
        self.anchor = None
        self.keys = self.keys ^ {key}

    def toggle_range(self, key: Hashable) -> None:
        """Start a range at `key`, or end the one in progress (its marks stay)."""
        if self.anchor is not None:
            self.anchor = None
            return
        self.anchor = key
        self._fixed = set(self.keys)
        self.keys = self.keys | {key}

    def stretch(self, between: Iterable[Hashable]) -> bool:
        """The range now covers `between`. True when a mark changed."""
        if self.anchor is None:
            return False
        keys = self._fixed.union(between)
        changed = keys != self.keys
        self.keys = keys
        return changed

    def invert(self, shown: Iterable[Hashable]) -> None:
        """Invert the marks of all `shown` keys."""
        self.anchor = None
        self.keys = self.keys.symmetric_difference(shown)

    def replace(self, keys: Iterable[Hashable]) -> None:
        """Mark exactly `keys`."""
        self.anchor = None
        self.keys = set(keys)

    def keep(self, present: set[Hashable]) -> bool:
        """Forget the keys that are gone. True when a mark was lost."""
        if self.anchor is not None and self.anchor not in present:
            self.anchor = None
        self._fixed &= present
        lost = not self.keys <= present
        if lost:
            self.keys = self.keys & present
        return lost
