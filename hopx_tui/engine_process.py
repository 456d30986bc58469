"""The local engine as seen from outside: commands that start it and answer one line of JSON, and its upgrade."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hopx_tui import __version__

_PATIENCE = 20.0
"""Seconds that a first start may take on a slow, busy machine."""
_POLL = 0.005
"""Seconds between two looks at the child; its answer is one line, which its pipe holds."""


class EngineFailed(Exception):  # noqa: N818 -- said to people
    """The engine could not be started; the message says why, in words for the person."""


@dataclass(frozen=True, slots=True)
class EngineAddress:
    """Where the engine answers and with which key."""

    url: str
    api_key: str = field(repr=False)
    version: str = ""


@dataclass(frozen=True, slots=True)
class UpgradeOffer:
    """An older engine runs. `active`: sandboxes that a restart would stop (their files are kept)."""

    old: str
    new: str
    active: int


def engine_argv(*arguments: str) -> list[str]:
    """The command line of the engine program.

    `-P`: a file in the directory that somebody happens to be in must not stand in for a module of ours.
    """
    return [sys.executable, "-P", "-m", "hopx_tui.engine", *arguments]


class EngineStart:
    """Start the engine, or attach to the one that runs. Begins at construction."""

    def __init__(self, state_dir: Path | None, isolation: str | None, env: Mapping[str, str]) -> None:
        self._place = ["--state-dir", str(state_dir)] if state_dir is not None else []
        arguments = ["start", "--json", *self._place]
        if isolation is not None:
            arguments += ["--isolation", isolation]
        self._arguments = arguments
        self._env = dict(env)
        self.last: EngineAddress | None = None
        self._child: subprocess.Popen[str] | None = self._spawn()

    def _spawn(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            engine_argv(*(arguments or self._arguments)),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self._env,
        )

    async def address(self) -> EngineAddress:
        """Wait for the answer; a second call starts anew. Raises EngineFailed."""
        child, self._child = self._child or self._spawn(), None
        out = await self._answer(child)
        try:
            answer = json.loads(out)
            self.last = EngineAddress(str(answer["url"]), str(answer["api_key"]), str(answer.get("version") or ""))
        except (ValueError, KeyError, TypeError, AttributeError):
            raise EngineFailed("The local engine answered something else than its address.") from None
        return self.last

    async def offer(self) -> UpgradeOffer | None:
        """What a restart would bring and cost; None unless the engine that answered is older than this program."""
        if self.last is None or not is_older(self.last.version, __version__):
            return None
        try:
            told = json.loads(await self._answer(self._spawn("status", "--json", *self._place)))
            counts = told["sandboxes"]
            active = sum(int(counts.get(status, 0)) for status in ("creating", "running", "paused"))
        except (EngineFailed, ValueError, KeyError, TypeError, AttributeError):
            return None  # it went away, or says not what would be lost: then nobody is asked
        return UpgradeOffer(self.last.version, __version__, active)

    async def restart(self) -> EngineAddress:
        """End the engine with all that runs in it, and start this version. Raises EngineFailed."""
        await self._answer(self._spawn("stop", "--force", *self._place))
        return await self.address()

    async def _answer(self, child: subprocess.Popen[str]) -> str:
        """What a command of the engine prints. Raises EngineFailed when it fails or is silent."""
        end = time.monotonic() + _PATIENCE
        while child.poll() is None and time.monotonic() < end:
            await asyncio.sleep(_POLL)  # not a thread: the program could not end before it
        try:
            out, err = child.communicate(timeout=0.5)
        except subprocess.TimeoutExpired:
            child.kill()
            child.communicate()
            raise EngineFailed(
                f"The local engine did not answer within {_PATIENCE:.0f} seconds. "
                "`hopx-tui engine run` in another terminal shows what it does."
            ) from None
        if child.returncode != 0:
            raise EngineFailed(_last_words(err) or f"The local engine ended with status {child.returncode}.")
        return out


def is_older(version: str, than: str) -> bool:
    """Whether a version such as 0.9.1 comes before another; what cannot be read is not older."""
    try:
        return _numbers(version) < _numbers(than)
    except ValueError:
        return False


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("+")[0].split("."))


def _last_words(text: str) -> str:
    """What the engine said last on its error stream; its sentences are written for people."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:500] if lines else ""
