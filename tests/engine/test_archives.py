"""Archives: what is refused, what is unpacked, and where COPY puts it."""

import os
import tarfile
from pathlib import Path

import pytest

from hopx_tui.engine import archives
from hopx_tui.engine.archives import ArchiveError
from tests.engine.archive import entry, packed


def saved(tmp_path, *members):
    path = tmp_path / "a.tar.gz"
    path.write_bytes(packed(*members))
    return path


@pytest.mark.parametrize(
    "member",
    [
        ("/etc/x", b"1"),
        ("../x", b"1"),
        ("a/../../x", b"1"),
        entry("l", tarfile.SYMTYPE, "/etc/passwd"),
        entry("l", tarfile.SYMTYPE, "../x"),
        entry("a/l", tarfile.SYMTYPE, "../../x"),
        entry("l", tarfile.LNKTYPE, "../x"),
        entry("l", tarfile.LNKTYPE, "/x"),
        entry("d", tarfile.CHRTYPE),
        entry("f", tarfile.FIFOTYPE),
        ("n" * 5000, b""),
    ],
    ids=range(11),
)
def test_unsafe_entries_are_refused_before_anything_is_written(tmp_path, member):
    path = saved(tmp_path, ("fine", b"1"), member)
    with pytest.raises(ArchiveError):
        archives.check(path)
    root = tmp_path / "root"
    root.mkdir()
    with pytest.raises(ArchiveError):
        archives.unpack(str(path), str(root))
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["a.tar.gz", "root"]


def test_links_are_never_written_through(tmp_path):
    path = saved(tmp_path, entry("d", tarfile.DIRTYPE), entry("l", tarfile.SYMTYPE, "d"), ("l/x", b"1"))
    assert archives.check(path) == 1
    (tmp_path / "root").mkdir()
    with pytest.raises(ArchiveError, match="behind a link"):
        archives.unpack(str(path), str(tmp_path / "root"))
    folder = saved(tmp_path, entry("d", tarfile.DIRTYPE), entry("l", tarfile.SYMTYPE, "d"), entry("l", tarfile.DIRTYPE))
    (tmp_path / "again").mkdir()
    with pytest.raises(ArchiveError, match="behind a link"):
        archives.unpack(str(folder), str(tmp_path / "again"))


@pytest.mark.parametrize(
    "data",
    [b"", b"no gzip", packed(("a", b"x" * 5000))[:-20], b"\x1f\x8b" + bytes(50)],
    ids=["empty", "other", "cut", "header"],
)
def test_what_is_no_archive(tmp_path, data):
    path = tmp_path / "a.tar.gz"
    path.write_bytes(data)
    with pytest.raises(ArchiveError):
        archives.check(path)


def test_bounds(tmp_path, monkeypatch):
    path = saved(tmp_path, ("a", b"12345"), ("b", b"6"))
    assert archives.check(path) == 6
    monkeypatch.setattr(archives, "MOST_MEMBERS", 1)
    with pytest.raises(ArchiveError, match="entries"):
        archives.check(path)
    monkeypatch.setattr(archives, "MOST_MEMBERS", 10)
    monkeypatch.setattr(archives, "MOST_BYTES", 5)
    with pytest.raises(ArchiveError, match="GiB"):
        archives.check(path)


def unpacked(tmp_path, *members):
    root = tmp_path / "root"
    root.mkdir()
    archives.unpack(str(saved(tmp_path, *members)), str(root))
    return str(root)


def test_modes_links_and_repeated_entries(tmp_path):
    root = unpacked(
        tmp_path,
        entry("d", tarfile.DIRTYPE, mode=0o500),
        ("d/x", b"1"),
        entry("l", tarfile.SYMTYPE, "d/x"),
        entry("h", tarfile.LNKTYPE, "d/x"),
        ("d/x", b"2"),
    )
    assert Path(root, "d", "x").read_text() == "2"
    assert os.readlink(f"{root}/l") == "d/x"
    assert Path(root, "h").read_text() in ("1", "2")
    assert os.stat(f"{root}/d").st_mode & 0o777 == 0o700


@pytest.mark.parametrize(
    ("sources", "destination", "expected"),
    [
        (["app"], "out", ["out/main", "out/sub/x"]),
        (["app/"], "out/", ["out/main", "out/sub/x"]),
        (["one"], "out", ["out"]),
        (["one"], "out/", ["out/one"]),
        (["one", "two"], "out", ["out/one", "out/two"]),
        (["app/*"], "out", ["out/main", "out/x"]),
        (["."], "out", ["out/app/main", "out/app/sub/x", "out/one", "out/two"]),
        (["/somewhere/else"], "out", ["out/main", "out/one", "out/sub/x", "out/two"]),
    ],
)
def test_copy_is_docker_s(tmp_path, sources, destination, expected):
    app = [entry("app", tarfile.DIRTYPE, mode=0o755), ("app/main", b"m"), ("app/sub/x", b"x")]
    root = unpacked(tmp_path, *app, ("one", b"1"), ("two", b"2"))
    place = tmp_path / "place"
    place.mkdir()
    archives.copy_into(root, sources, f"{place}/{destination}")
    files = [str(path.relative_to(place)) for path in place.rglob("*") if path.is_file()]
    assert sorted(files) == expected


def test_copy_into_a_folder_that_exists_and_over_a_file(tmp_path):
    root = unpacked(tmp_path, ("one", b"new"))
    place = tmp_path / "place"
    place.mkdir()
    archives.copy_into(root, ["one"], str(place))
    (place / "file").write_text("old")
    archives.copy_into(root, ["one"], str(place / "file"))
    assert (place / "one").read_text() == (place / "file").read_text() == "new"
    with pytest.raises(ArchiveError, match="nothing was uploaded"):
        archives.copy_into(root, ["none"], str(place))
