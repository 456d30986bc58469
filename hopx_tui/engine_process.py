"""The local engine as seen from outside: a command that starts it and answers one line of JSON."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

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


def engine_argv(*arguments: str) -> list[str]:
    """The command line of the engine program."""
    return [sys.executable, "-m", "hopx_tui.engine", *arguments]


class EngineStart:
    """Start the engine, or attach to the one that runs. Begins at construction."""

    def __init__(self, state_dir: Path | None, isolation: str | None, env: Mapping[str, str]) -> None:
        arguments = ["start", "--json"]
        if state_dir is not None:
            arguments += ["--state-dir", str(state_dir)]
        if isolation is not None:
            arguments += ["--isolation", isolation]
        self._arguments = arguments
        self._env = dict(env)
        self._child: subprocess.Popen[str] | None = self._spawn()

    def _spawn(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            engine_argv(*self._arguments),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=self._env,
        )

    async def address(self) -> EngineAddress:
        """Wait for the answer; a second call starts anew. Raises EngineFailed."""
        child, self._child = self._child or self._spawn(), None
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
        try:
            answer = json.loads(out)
            return EngineAddress(url=str(answer["url"]), api_key=str(answer["api_key"]))
        except (ValueError, KeyError, TypeError):
            raise EngineFailed("The local engine answered something else than its address.") from None


def _last_words(text: str) -> str:
    """What the engine said last on its error stream; its sentences are written for people."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:500] if lines else ""
