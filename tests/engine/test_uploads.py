"""Uploads: signed links, exact lengths, safe archives only."""

import tarfile
import time
from urllib.parse import urlsplit

import httpx
import pytest

from hopx_tui.engine import uploads as module
from hopx_tui.engine.errors import ControlError
from hopx_tui.engine.uploads import Uploads
from tests.engine.archive import entry, packed

HASH = "ab" * 32


@pytest.fixture(scope="module")
def level():
    """The level makes no difference here."""
    return "none"


def link(engine, length, files_hash=HASH):
    body = {"files_hash": files_hash, "content_length": length}
    return engine.api.post("/v1/templates/files/upload-link", json=body)


def put(url, data):
    """As builder clients do it: without any key."""
    headers = {"Content-Type": "application/gzip"}
    return httpx.put(url, content=data, headers=headers, timeout=30, trust_env=False)


def left(engine):
    return sorted(each.name for each in (engine.state / "uploads").iterdir())


def test_once_up_it_is_present(engine):
    data = packed(("a", b"1"))
    answer = link(engine, len(data)).json()
    assert set(answer) == {"present", "upload_url", "expires_at", "files_hash", "request_id"}
    assert answer["present"] is False
    done = put(answer["upload_url"], data)
    assert done.status_code == 200, done.text
    assert done.headers["X-Request-ID"]
    again = link(engine, len(data)).json()
    assert set(again) == {"present", "files_hash", "request_id"}
    assert again["present"] is True
    assert left(engine) == [f"{HASH}.tar.gz"]


def test_a_link_is_for_one_archive_of_one_length(engine):
    data = packed(("a", b"1" * 50))
    url = link(engine, len(data), "c" * 64).json()["upload_url"]
    path = urlsplit(url).path
    for wrong in (
        url.replace("c" * 64, "d" * 64),
        url.replace(f"length={len(data)}", "length=999999"),
        url.replace("expires=", "expires=9"),
        url[:-1] + ("0" if url[-1] != "0" else "1"),
        url.replace("signature=", "signature=%C3%A9"),
        engine.url + path,
        engine.url + path + "?expires=x&length=y&signature=z",
    ):
        assert put(wrong, data).status_code == 401, wrong
    assert put(url, data + b"more").status_code == 413
    short = put(url, data[:-10])
    assert (short.status_code, short.json()["error"]["code"]) == (400, "VALIDATION_ERROR")
    streamed = put(url, iter([data, b"more"]))
    assert streamed.status_code == 413
    for bad in (packed(("../x", b"1")), b"x" * 40):
        refused = put(link(engine, len(bad), "e" * 64).json()["upload_url"], bad)
        assert refused.status_code == 400
        assert "refused" in refused.json()["error"]["message"]
    assert all("partial" not in name and name.startswith(HASH[:2]) for name in left(engine))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"\x1f\x8b\x08", "cannot be read"),
        (b"\x1f\x8b\x08\x04" + bytes(6), "cannot be read"),
        (packed(("a", b"x" * 5000))[:40], "cannot be read"),
        (packed(("a/" * 1499 + "a", b"1")), "deeper than 100 levels"),
        (packed(entry("f", tarfile.XHDTYPE, size=2 << 20)), "larger than 1024 KiB"),
    ],
    ids=["three", "extra", "cut", "deep", "header"],
)
def test_what_is_no_usable_archive_is_refused_in_words(engine, data, words):
    answer = put(link(engine, len(data), "0" * 64).json()["upload_url"], data)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "VALIDATION_ERROR")
    assert words in answer.json()["error"]["message"]
    assert "0" * 64 + ".tar.gz" not in left(engine)


def test_nonsense_is_refused(engine):
    for body in ({"files_hash": "../../x", "content_length": 5}, {"files_hash": "short", "content_length": 5}):
        assert engine.api.post("/v1/templates/files/upload-link", json=body).status_code == 400
    for length in (0, -1, 1 << 40):
        assert link(engine, length, "f" * 64).status_code == 400
    assert link(engine, "many").status_code == 400


async def test_old_archives_go_and_expired_links_too(tmp_path, monkeypatch):
    now = [time.time()]
    kept = Uploads(tmp_path, b"key", lambda: now[0])
    data = packed(("a", b"1"))

    async def chunks():
        yield data

    monkeypatch.setattr(module, "KEPT_BYTES", len(data))
    for name in ("first-one", "second-one"):
        assert await kept.take(name, len(data), chunks()) == len(data)
    assert not kept.has("first-one")
    assert kept.has("second-one")
    url = kept.link("http://x", "third-one", 10)["upload_url"]
    query = dict(part.split("=") for part in urlsplit(url).query.split("&"))
    assert kept.check("third-one", **query) == 10
    now[0] += module.LINK_SECONDS + 1
    with pytest.raises(ControlError, match="not valid"):
        kept.check("third-one", **query)
    (tmp_path / ".x.partial").write_text("")
    kept.sweep()
    assert sorted(each.name for each in tmp_path.iterdir()) == ["second-one.tar.gz"]
