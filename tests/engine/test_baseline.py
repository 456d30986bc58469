"""The file of the agent's that the engine keeps."""

import os

from hopx_tui.engine.baseline import Baseline


def test_written_once_then_read(tmp_path):
    first = Baseline(tmp_path)
    first.open()
    os.write(first.descriptor, b"content")
    first.keep()
    first.keep()
    first.close()
    first.close()
    assert [path.name for path in tmp_path.iterdir()] == ["baseline"]
    assert (tmp_path / "baseline").stat().st_mode & 0o777 == 0o600
    second = Baseline(tmp_path)
    second.open()
    assert os.read(second.descriptor, 100) == b"content"
    try:
        os.write(second.descriptor, b"x")
    except OSError:
        written = False
    else:
        written = True
    assert not written
    second.keep()
    second.close()


def test_a_run_that_fails_leaves_nothing(tmp_path):
    for content in (b"half", b""):
        failed = Baseline(tmp_path)
        failed.open()
        os.write(failed.descriptor, content)
        if not content:
            failed.keep()
        failed.close()
        assert list(tmp_path.iterdir()) == []


def test_what_a_crash_left_is_replaced(tmp_path):
    (tmp_path / "baseline").touch()
    (tmp_path / "baseline.new").write_text("half")
    again = Baseline(tmp_path)
    again.open()
    os.write(again.descriptor, b"whole")
    again.keep()
    again.close()
    assert (tmp_path / "baseline").read_text() == "whole"


def test_without_it_where_it_cannot_be(tmp_path):
    (tmp_path / "baseline").symlink_to("/etc/passwd")
    linked = Baseline(tmp_path)
    linked.open()
    assert linked.descriptor == -1
    nowhere = Baseline(tmp_path / "none")
    nowhere.open()
    assert nowhere.descriptor == -1
    nowhere.keep()
    nowhere.close()
