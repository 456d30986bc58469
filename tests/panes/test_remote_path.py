"""Paths in a sandbox, also those that are no UTF-8."""

from __future__ import annotations

import pytest

from hopx_tui.api.models import RemotePath
from hopx_tui.panes import remote_path as rp


@pytest.mark.parametrize(
    ("path", "above"),
    [
        ("/a/b", "/a"), ("/a", "/"), ("/", "/"), ("/a/b/", "/a"), (b"/a\xff/b", b"/a\xff"), (b"/a/\xff", "/a"),
        ("/ü/x", "/ü"),
    ],
)  # fmt: skip
def test_parent(path: RemotePath, above: RemotePath) -> None:
    assert rp.parent(path) == above


@pytest.mark.parametrize(
    ("folder", "name", "path"),
    [
        ("/a", "b", "/a/b"), ("/", "b", "/b"), ("/a/", "b/c", "/a/b/c"), ("/a", "/b", "/b"),
        (b"/\xff", "b", b"/\xff/b"),
        ("/a", "\udcff", b"/a/\xff"), ("/a", "ü", "/a/ü"),
    ],
)  # fmt: skip
def test_join(folder: RemotePath, name: str, path: RemotePath) -> None:
    assert rp.join(folder, name) == path


def test_as_text() -> None:
    assert rp.shown(b"/a/\xff") == "/a/\\xff"
    assert rp.base_name("/a/b/") == "b"
    assert rp.base_name("/") == "/"
    assert rp.base_name(b"/\xe9x") == "\\xe9x"
    assert rp.raw("/ü") == b"/\xc3\xbc"
    assert rp.spelled(b"/\xff") == b"/\xff"
