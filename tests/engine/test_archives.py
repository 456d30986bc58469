"""Archives: what is refused, what is unpacked, and where COPY puts it."""

import contextlib
import gzip
import os
import tarfile
import tracemalloc
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


def zipped(tmp_path, *blocks):
    path = tmp_path / "raw.tar.gz"
    with gzip.open(path, "wb", compresslevel=1) as file:
        for block in blocks:
            file.write(block)
    return path


def header(kind, size, name="h"):
    info = entry(name, kind, size=size)
    return info.tobuf(tarfile.GNU_FORMAT)


def pax(kind=tarfile.XHDTYPE, **fields):
    """One extension header with its body."""
    body = b""
    for keyword, value in fields.items():
        rest = f" {keyword.replace('__', '.')}={value}\n".encode()
        length = len(rest) + 1
        while len(str(length)) + len(rest) != length:
            length += 1
        body += str(length).encode() + rest
    return header(kind, len(body)) + body + bytes(-len(body) % 512)


def refused(tmp_path, path, words):
    with pytest.raises(ArchiveError, match=words):
        archives.check(path)
    root = tmp_path / "refused"
    root.mkdir(exist_ok=True)
    with pytest.raises(ArchiveError, match=words):
        archives.unpack(str(path), str(root))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("a/" * 1499 + "a", "levels"),
        ("a/" * 100 + "a", "levels"),
        ("é" * 2100, "usable name"),
        ("a/" + "n" * 256, "usable name"),
    ],
)
def test_paths_have_bounds(tmp_path, name, words):
    refused(tmp_path, saved(tmp_path, (name, b"1")), words)
    assert archives.check(saved(tmp_path, ("a/" * 99 + "a", b"1"))) == 1
    long_link = entry("l", tarfile.SYMTYPE, "x/" * 2100 + "x")
    refused(tmp_path, saved(tmp_path, long_link), "usable target")


@pytest.mark.parametrize("data", [b"\x1f\x8b\x08", b"\x1f\x8b\x08\x04" + bytes(6), b"\x1f\x8b\x08\x00" + bytes(6)])
def test_a_gzip_that_ends_early_is_refused_in_words(tmp_path, data):
    path = tmp_path / "a.tar.gz"
    path.write_bytes(data)
    refused(tmp_path, path, "cannot be read")


def test_every_cut_of_an_archive_is_refused_or_read(tmp_path):
    data = packed(("a", os.urandom(700)), ("n" * 200, b"1"), entry("l", tarfile.SYMTYPE, "a"))
    path = tmp_path / "a.tar.gz"
    for length in range(len(data)):
        path.write_bytes(data[:length])
        with contextlib.suppress(ArchiveError):
            archives.check(path)


@pytest.mark.parametrize("kind", [b"x", b"g", b"X", b"L", b"K"])
def test_large_extension_headers_are_refused_in_little_memory(tmp_path, kind):
    """One whole body would be 64 MiB: tarfile reads it (and pax twice over)."""
    path = zipped(tmp_path, header(kind, 64 << 20), *[bytes(1 << 20)] * 64, header(b"0", 0), bytes(1024))
    tracemalloc.start()
    try:
        refused(tmp_path, path, "header of the archive")
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()


END = bytes(1024)


@pytest.mark.parametrize(
    ("blocks", "words"),
    [
        ([pax(a="1") * 400, header(b"0", 0), END], "in a row"),
        ([pax(path="9" * 500_000), header(b"0", 0), END], "digits"),
        ([pax(**{f"k{number}": "1" for number in range(5000)}), header(b"0", 0), END], "fields"),
        ([(pax(b"g", a="1") + header(b"0", 0)) * 100, END], "global"),
        ([pax(GNU__sparse__major="1", GNU__sparse__minor="0"), header(b"0", 512), b"9" * 512, END], "sparse"),
        ([header(b"S", 0), END], "sparse"),
        ([pax(size="-1024"), header(b"0", 0), END], "size"),
        ([header(b"x", -512), END], "header of the archive"),
        ([header(b"x", 512), b"12 no\n" + bytes(506), header(b"0", 0), END], "header of the archive"),
        ([header(b"0", 0, "fine"), b"nonsense" * 64, END], "broken header"),
        ([header(b"0", 0, "fine"), b"cut"], "broken header"),
        ([header(b"0", 0).replace(b"00000000000\0", b"zzzzzzzzzzz\0"), END], "broken header"),
    ],
    ids=range(12),
)
def test_headers_that_only_an_attacker_writes(tmp_path, blocks, words):
    refused(tmp_path, zipped(tmp_path, *blocks), words)


def test_headers_are_bounded_together(tmp_path, monkeypatch):
    path = saved(tmp_path, ("n" * 200, b"1"), ("m" * 200, b"1"))
    assert archives.check(path) == 2
    monkeypatch.setattr(archives, "MOST_HEADER_BYTES", 600)
    refused(tmp_path, path, "header")


def test_many_long_names_are_not_kept(tmp_path):
    blocks = [pax(path=f"{number}/" + "n" * 250 + "/" + "m" * 250) + header(b"0", 0) for number in range(3000)]
    path = zipped(tmp_path, *blocks, END)
    tracemalloc.start()
    try:
        assert archives.check(path) == 0
        assert tracemalloc.get_traced_memory()[1] < 2 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_what_packers_write_is_read(tmp_path, form):
    source = tmp_path / "source"
    long = "ü" * 100 + "/" + "n" * 200
    (source / long).parent.mkdir(parents=True)
    (source / long).write_text("1")
    (source / "link").symlink_to(long)
    os.link(source / long, source / "hard")
    path = tmp_path / "p.tar.gz"
    with tarfile.open(path, "w:gz", format=form, pax_headers={"comment": "0123456789" * 4}) as archive:
        archive.add(source, ".")
    assert archives.check(path) == 1
    (tmp_path / "root").mkdir()
    archives.unpack(str(path), str(tmp_path / "root"))
    assert (tmp_path / "root" / "link").read_text() == (tmp_path / "root" / "hard").read_text() == "1"


def test_copying_again_replaces_files_and_links(tmp_path):
    app = [entry("app", tarfile.DIRTYPE, mode=0o755), ("app/x", b"new"), entry("app/l", tarfile.SYMTYPE, "x")]
    root = unpacked(tmp_path, *app, entry("app/d", tarfile.SYMTYPE, "sub"), ("app/sub/y", b"y"))
    place = tmp_path / "place"
    for _ in range(2):
        archives.copy_into(root, ["app"], f"{place}/")
    (place / "x").unlink()
    (place / "x").symlink_to("elsewhere")  # replaced, not written through
    (place / "l").unlink()
    (place / "l").write_text("a file")
    archives.copy_into(root, ["app/*", "app"], str(place))
    assert (place / "x").read_text() == "new"
    assert not (place / "x").is_symlink()
    assert not (place / "elsewhere").exists()
    assert os.readlink(place / "l") == "x"
    assert os.readlink(place / "d") == "sub"


@pytest.mark.parametrize(
    ("sources", "destination", "words"),
    [
        (["app"], "file", "file' is a file.*folder"),
        (["app"], "file/", "file' is a file.*folder"),
        (["app"], "file/below", "file.*folder"),
        (["one"], "file/", "file.*folder"),
        (["app"], "taken", "sub' is a file.*folder"),
        (["one"], "taken", "one' is a folder.*file"),
        (["."], "taken", "one' is a folder.*file"),
    ],
)
def test_what_cannot_be_replaced_is_said_in_words(tmp_path, sources, destination, words):
    app = [entry("app", tarfile.DIRTYPE, mode=0o755), ("app/sub/x", b"1")]
    root = unpacked(tmp_path, *app, ("one", b"1"))
    place = tmp_path / "place"
    (place / "taken" / "one").mkdir(parents=True)
    for name in ("file", "taken/sub"):
        (place / name).write_text("")
    with pytest.raises(ArchiveError, match=words):
        archives.copy_into(root, sources, f"{place}/{destination}")
