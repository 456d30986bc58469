"""What processes print: the last of it kept, the file bounded, a flood held back, no path of the host told."""

import asyncio
import os
import threading

import pytest

from hopx_tui.engine.output import FILE_BYTES, TAIL_BYTES, Output, without_paths


async def test_the_file_is_bounded_and_the_last_words_are_there(tmp_path):
    file = tmp_path / "agent.log"
    output = Output(file)
    writing = output.open()

    def flood():
        for _ in range(24):
            os.write(writing, b"x" * 65_536)
        os.write(writing, b"\nthe last words\n")
        os.close(writing)

    thread = threading.Thread(target=flood)
    thread.start()
    async with asyncio.timeout(20):
        while output.last_line() != "the last words":
            await asyncio.sleep(0.01)
    thread.join()
    output.close()
    output.close()
    assert output.last_line() == "the last words"
    assert 0 < file.stat().st_size <= FILE_BYTES
    assert file.stat().st_mode & 0o777 == 0o600


async def test_a_link_or_fifo_for_a_log_is_not_followed(tmp_path):
    target = tmp_path / "target"
    target.write_text("kept")
    os.symlink(target, tmp_path / "link")
    os.mkfifo(tmp_path / "fifo")
    for name in ("link", "fifo"):
        output = Output(tmp_path / name)
        writing = output.open()
        os.write(writing, b"said\n")
        os.close(writing)
        assert output.last_line() == "said"
        output.close()
    assert target.read_text() == "kept"
    assert TAIL_BYTES < FILE_BYTES


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("bwrap: Can't mkdir /newroot/home/me/x: Read-only", "bwrap: Can't mkdir …/x: Read-only"),
        ("[Errno 17] File exists: '/state/s/workspace'", "[Errno 17] File exists: '…/workspace'"),
        ("and/or 1/2", "and/or 1/2"),
        ("no paths", "no paths"),
    ],
)
def test_no_path_of_the_host(text, told):
    assert without_paths(text) == told
