"""Records one terminal into a file of the person's: secrets masked, written aside, never over another file."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import io
import os
import re
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from hopx_tui.vt.cast import CastWriter, Header
from hopx_tui.vt.masking import Mask, secret_values
from hopx_tui.vt.picture import picture
from hopx_tui.vt.screen import VTScreen

__all__ = ["Recorder", "RecorderError", "Summary", "start_recording"]

WRITE_SECONDS = 0.25
"""How long output may wait for the disk."""
MOST_WAITING = 1024 * 1024
"""Bytes that wait for the disk at most; more are written at once, whatever that takes."""
_NAMES = 1_000


class RecorderError(Exception):
    """Nothing can be recorded (any more); the message is a sentence for the person."""


@dataclass(frozen=True)
class Summary:
    """What a recording has become."""

    path: Path
    seconds: float
    size: int


class Recorder:
    """A running recording.

    Output goes through the mask into memory and from there, in a thread, into the file; when the disk refuses,
    the file is cut back to its last whole line and `on_failure` is told once.
    """

    def __init__(
        self,
        file: int,
        path: Path,
        screen: VTScreen,
        secrets: Iterable[str],
        *,
        on_failure: Callable[[str], None],
        title: str = "",
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        """`file` is an open descriptor, which this closes; needs a running event loop."""
        self.path = path
        self._file = file
        self._clock = clock
        self._began = clock()
        self._on_failure = on_failure
        self._mask = Mask(secrets)
        self._waiting = io.BytesIO()
        self._lined_up: deque[bytes] = deque()
        self._writing = threading.Lock()
        self._good = 0
        self._ended: Summary | None = None
        self._error: OSError | None = None
        header = Header(
            screen.columns, screen.lines, term="xterm-256color", timestamp=int(wall()), title=title or None
        )
        self._writer = CastWriter(self._waiting, header)
        self.output(picture(screen))
        self._tell(self._mask.flush())
        self._task = asyncio.create_task(self._write_behind(), name="recording")

    @property
    def seconds(self) -> float:
        """How long it has run."""
        return self._clock() - self._began

    # -- what the terminal tells

    def output(self, text: str) -> None:
        """The program printed this."""
        if self._ended is None:
            self._tell(self._mask.feed(text, self.seconds))
            if self._waiting.tell() > MOST_WAITING:
                self._write_now()

    def resize(self, columns: int, rows: int) -> None:
        """The terminal has another size now."""
        if self._ended is None:
            self._tell(self._mask.flush())
            self._writer.resize(columns, rows, self.seconds)

    def finish(self, exit_code: int | None = None) -> Summary:
        """Write the rest and close the file; `exit_code` if the shell has ended. Raises RecorderError.

        May be called again, and after a failure: then it answers as before.
        """
        if self._ended is None:
            seconds = self.seconds
            self._task.cancel()
            self._tell(self._mask.flush())
            if exit_code is not None:
                self._writer.exit(exit_code, seconds)
            self._write_now()
            self._end(seconds)
        if self._error is not None:
            raise RecorderError(_sentence(self._error, self.path))
        assert self._ended is not None
        return self._ended

    # -- inside

    def _tell(self, pieces: Iterable[tuple[float, str]]) -> None:
        for at, text in pieces:
            self._writer.output(text, at)

    async def _write_behind(self) -> None:
        while self._error is None:
            await asyncio.sleep(WRITE_SECONDS)
            self._tell(self._mask.expire(self.seconds))
            if self._queue():
                await asyncio.to_thread(self._write)
        self._end(self.seconds)
        self._on_failure(_sentence(self._error, self.path))

    def _queue(self) -> bool:
        """Line up what has been recorded for the disk; tells whether there is something."""
        if data := self._waiting.getvalue():
            self._waiting.seek(0)
            self._waiting.truncate()
            self._lined_up.append(data)
        return bool(self._lined_up)

    def _write_now(self) -> None:
        if self._queue():
            self._write()

    def _write(self) -> None:
        """All that is lined up, in order, whichever thread comes first; each part wholly or not at all."""
        with self._writing:
            while self._lined_up:
                left = memoryview(self._lined_up.popleft())
                if self._error is not None:
                    continue
                size = len(left)
                try:
                    while left:
                        left = left[os.write(self._file, left) :]
                except OSError as error:
                    self._error = error
                    with contextlib.suppress(OSError):  # what can be neither written nor cut ends with half a line
                        os.ftruncate(self._file, self._good)
                else:
                    self._good += size

    def _end(self, seconds: float) -> None:
        if self._ended is None:
            self._ended = Summary(self.path, seconds, self._good)
            os.close(self._file)


def start_recording(
    screen: VTScreen,
    folder: Path,
    name: str,
    variables: Mapping[str, str],
    given: Iterable[str],
    *,
    on_failure: Callable[[str], None],
) -> Recorder:
    """Begin a recording of the screen in a new file `NAME-20260101-123000.cast`, for the person alone.

    The secret ones of the sandbox's `variables`, and all `given` values, are masked. Raises RecorderError.
    """
    stamp = time.strftime("%Y%m%d-%H%M%S")
    safe = re.sub(r"[^\w.-]+", "_", name).strip("._-")[:60] or "terminal"
    path = folder / f"{safe}-{stamp}.cast"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file, path = _create(path)
    except OSError as error:
        raise RecorderError(_sentence(error, path)) from None
    secrets = secret_values(variables, given)
    return Recorder(file, path, screen, secrets, on_failure=on_failure, title=name)


def _create(path: Path) -> tuple[int, Path]:
    """A new file of that name, or of the next one that is free."""
    for number in range(1, _NAMES):
        free = path if number == 1 else path.with_name(f"{path.stem}-{number}{path.suffix}")
        try:
            flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW
            return os.open(free, flags, 0o600), free
        except FileExistsError:
            continue
    raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))


def _sentence(error: OSError | None, path: Path) -> str:
    if error is None:
        return f"The recording {path} has ended."
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"Not recording any more: the disk is full. {path} has what was recorded until then."
    return f"Not recording: {path} cannot be written ({error.strerror or error})."
