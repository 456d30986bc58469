"""Which trees are the sandbox's own."""

from __future__ import annotations

from hopx_tui.agent import own_trees
from hopx_tui.agent.config import Config
from hopx_tui.agent.own_trees import bound_trees, own_roots
from hopx_tui.agent.paths import PathMap

MOUNTINFO = rb"""
700 699 0:50 /newroot / rw,nosuid - tmpfs tmpfs rw
701 700 8:1 /usr /usr ro,nosuid - ext4 /dev/sda1 rw
702 700 0:51 / /tmp rw - tmpfs tmpfs rw
703 700 8:1 /state/s/workspace /workspace rw,nosuid - ext4 /dev/sda1 rw
704 700 8:1 /state/s/opt /opt rw,nosuid - ext4 /dev/sda1 rw
705 700 8:1 /state/s/etc /etc rw,nosuid - ext4 /dev/sda1 rw
706 700 0:5 /null /dev/null rw - devtmpfs udev rw
707 703 8:1 /state/s/odd /odd\040name rw - ext4 /dev/sda1 rw
708 700 8:1 /layer /srv/layer ro - ext4 /dev/sda1 rw
broken
"""


def test_bound_and_writable():
    assert bound_trees(MOUNTINFO) == [b"/workspace", b"/opt", b"/odd name"]


def paths_of(tmp_path, isolation):
    config = Config(
        sandbox_id="s",
        token_key="",
        isolation=isolation,
        workspace=str(tmp_path / "w"),
        home=str(tmp_path),
        state="",
        allowed_hosts=[],
    )
    return PathMap(config, agent_pids=frozenset())


def test_roots(tmp_path, monkeypatch):
    mounts = tmp_path / "mountinfo"
    own, gone = tmp_path / "own", tmp_path / "gone"
    own.mkdir()
    bound = [(tmp_path, "rw"), (own, "rw"), (gone, "rw")]
    text = "\n".join(f"1 2 8:1 /some{path} {path} {mode} - ext4 x rw" for path, mode in bound)
    mounts.write_text(text)
    monkeypatch.setattr(own_trees, "_NEVER", ())  # the test's own directory lies in one of them
    paths = paths_of(tmp_path, "bwrap")
    spelled = [root.spelled for root in own_roots(paths, isolated=False, mounts=str(mounts))]
    assert spelled == [b"/workspace", b"/root"]
    assert len(own_roots(paths, isolated=True, mounts=str(tmp_path / "none"))) == 2
    found = own_roots(paths, isolated=True, mounts=str(mounts))
    assert [root.real for root in found[2:]] == [str(own).encode()]
