"""The process table's readers."""

from __future__ import annotations

import os
import subprocess

from hopx_tui.agent.proctable import StatReader, descendants, parse_ps, parse_stat, read_environment, read_stat, scan

LINE = (
    b"42 (a) b (c) S 1 42 40 0 -1 4194304 100 200 0 0 7 8 9 10 20 5 3 0 1234 1000000 25 18446744073709551615 "
    b"0 0 0 0 0 0 0 0 0 0 0 0 17 1 0 0 0 0 0\n"
)
PS = """\
    1     0     1 Ss     0  12000   0:10.50 Mon Nov 23 10:00:00 2026 /sbin/launchd
  501     1   501 R+    -5   3000 1-02:03:04.00 Mon Nov 23 11:00:00 2026 /bin/my program
broken line
  x 1 1 S 0 0 0:0 Mon Nov 23 11:00:00 2026 bad
"""


def test_names_may_hold_brackets_and_blanks():
    stat = parse_stat(LINE)
    assert (stat.pid, stat.name, stat.state, stat.ppid, stat.session) == (42, "a) b (c", "S", 1, 40)
    assert (stat.user_ticks, stat.system_ticks, stat.reaped_ticks) == (7, 8, 19)
    assert (stat.nice, stat.threads, stat.start_ticks) == (5, 3, 1234)
    assert stat.rss_bytes == 25 * os.sysconf("SC_PAGE_SIZE")


def test_the_bsd_listing():
    table = parse_ps(PS)
    assert set(table) == {1, 501}
    row = table[501]
    assert (row.name, row.ppid, row.nice, row.rss_bytes) == ("my program", 1, -5, 3000 * 1024)
    assert row.user_ticks == int((26 * 3600 + 3 * 60 + 4) * os.sysconf("SC_CLK_TCK"))


def test_scan_finds_this_process_and_its_children():
    child = subprocess.Popen(["sleep", "60"])
    try:
        table = scan()
        assert table[child.pid].ppid == os.getpid()
        assert child.pid in descendants(table, os.getpid())
        assert os.getpid() not in descendants(table, os.getpid())
        assert read_stat(child.pid).start_ticks == table[child.pid].start_ticks
        assert b"PATH" in read_environment(child.pid)
    finally:
        child.kill()
        child.wait()
    assert read_stat(child.pid) is None
    assert read_environment(child.pid) == b""


def test_kept_descriptors_follow_the_living():
    reader = StatReader(keep=4)
    child = subprocess.Popen(["sleep", "60"])
    try:
        assert child.pid in reader.scan()
        assert child.pid in reader.scan()
    finally:
        child.kill()
        child.wait()
    assert child.pid not in reader.scan()
    reader.close()
    assert os.getpid() in reader.scan()
    reader.close()
