"""What can be played, and a sentence for what cannot."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hopx_tui.widgets.player_file import PlayError, open_recording


def test_a_recording_is_opened(tmp_path: Path):
    (tmp_path / "a.cast").write_text('{"version": 2, "width": 80, "height": 24}\n[1, "o", "x"]\n')
    recording = open_recording(tmp_path / "a.cast")
    assert recording.header.columns == 80
    recording.close()


def test_what_cannot_be_played(tmp_path: Path):
    with pytest.raises(PlayError, match=r"absent\.cast cannot be played: No such file"):
        open_recording(tmp_path / "absent.cast")
    with pytest.raises(PlayError, match="not a regular file"):
        open_recording(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(PlayError, match="not a regular file"):
        open_recording(tmp_path / "pipe")
    (tmp_path / "text").write_text("hello\n")
    with pytest.raises(PlayError, match="line 1: this is no recording"):
        open_recording(tmp_path / "text")
