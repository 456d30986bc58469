"""Opens the file of a recording, or says in a sentence why it cannot be played."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from hopx_tui.vt.cast import CastError
from hopx_tui.vt.recording import Recording

__all__ = ["PlayError", "open_recording"]


class PlayError(Exception):
    """It cannot be played; the message is a sentence for the person."""


def open_recording(path: Path) -> Recording:
    """The recording in a file, its header read. The file stays open until `Recording.close`. Raises PlayError."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except OSError as error:
        raise PlayError(f"{path} cannot be played: {error.strerror or error}.") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise PlayError(f"{path} cannot be played: it is not a regular file.")
    file = open(descriptor, "rb")  # noqa: SIM115  (the recording closes it)
    try:
        return Recording(file)
    except (CastError, OSError) as error:
        file.close()
        raise PlayError(f"{path} cannot be played: {error}.") from None
