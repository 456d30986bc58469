"""Keeps secret values out of text that comes in pieces."""

from __future__ import annotations

import itertools
import re
from bisect import bisect_right
from collections.abc import Iterable, Mapping

MASK = "****"
SHORTEST = 4
"""Characters; shorter values occur everywhere."""
PATIENCE = 600.0
"""Seconds for which text that may be the beginning of a secret is held back: who types it by hand takes a while. Pieces
keep the time at which they came, so waiting changes nothing in a recording."""

_SECRET_NAME = re.compile(r"KEY|SECRET|PASSWORD|TOKEN", re.IGNORECASE)

Piece = tuple[float, str]
"""When a text came, and the text."""


def secret_values(variables: Mapping[str, str], given: Iterable[str] = ()) -> frozenset[str]:
    """The values that are kept secret: of variables named like secrets, and all that are `given`.

    Of a value of several lines also the form in which a terminal prints it.
    """
    values = {value for name, value in variables.items() if _SECRET_NAME.search(name)} | set(given)
    values = {value.strip("\r\n") for value in values}
    values |= {value.replace("\r\n", "\n").replace("\n", "\r\n") for value in values}
    return frozenset(value for value in values if len(value.strip()) >= SHORTEST)


class Mask:
    """Replaces the secrets in a stream of text by `****`, wherever the stream is cut.

    What may be the beginning of a secret is held back: less than the longest secret is long, until the next text
    decides it or `expire` gives it up. Pieces keep the time at which they came; a masked secret has that of its
    beginning.
    """

    def __init__(self, secrets: Iterable[str], *, patience: float = PATIENCE) -> None:
        self._secrets = sorted({secret for secret in secrets if secret}, key=len, reverse=True)
        self._longest = len(self._secrets[0]) if self._secrets else 0
        self._find = re.compile("|".join(map(re.escape, self._secrets)))
        self._begins = re.compile("|".join(map(re.escape, sorted({secret[0] for secret in self._secrets}))))
        self._patience = patience
        self._held: list[Piece] = []

    @property
    def deadline(self) -> float | None:
        """When what is held back is to be given up (`expire`); None while nothing is."""
        return self._held[-1][0] + self._patience if self._held else None

    @property
    def held(self) -> int:
        """Characters that are held back."""
        return sum(len(text) for _, text in self._held)

    def feed(self, text: str, at: float) -> list[Piece]:
        """Take what came; returns what may be written now."""
        if not text:
            return []
        if not self._secrets:
            return [(at, text)]
        before = self.expire(at)
        self._held.append((at, text))
        return before + self._release(final=False)

    def expire(self, now: float) -> list[Piece]:
        """Give up what was held back for too long."""
        deadline = self.deadline
        return self.flush() if deadline is not None and now >= deadline else []

    def flush(self) -> list[Piece]:
        """Give up all that is held back: nothing comes that could go on with it."""
        return self._release(final=True) if self._held else []

    def _release(self, *, final: bool) -> list[Piece]:
        """Take from what is held what is decided: found secrets masked, the rest as it is."""
        text = "".join(piece for _, piece in self._held)
        ends = list(itertools.accumulate(len(piece) for _, piece in self._held))
        told: list[list[str]] = [[] for _ in ends]

        def tell(begin: int, end: int) -> None:
            while begin < end:
                piece = bisect_right(ends, begin)
                cut = min(end, ends[piece])
                told[piece].append(text[begin:cut])
                begin = cut

        at = 0
        while True:
            undecided = len(text) if final else self._undecided(text, at)
            found = self._find.search(text, at)
            if found is None or found.start() >= undecided:
                break
            tell(at, found.start())
            told[bisect_right(ends, found.start())].append(MASK)
            at = found.end()
        tell(at, undecided)
        out = [(time, "".join(parts)) for (time, _), parts in zip(self._held, told, strict=True) if parts]
        self._held = [
            (time, text[max(undecided, end - len(piece)) : end])
            for (time, piece), end in zip(self._held, ends, strict=True)
            if end > undecided
        ]
        return out

    def _undecided(self, text: str, start: int) -> int:
        """Where the text begins to be what a secret begins with; its length if nowhere."""
        for found in self._begins.finditer(text, max(start, len(text) - self._longest + 1)):
            tail = text[found.start() :]
            if any(len(tail) < len(secret) and secret.startswith(tail) for secret in self._secrets):
                return found.start()
        return len(text)
