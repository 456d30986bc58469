"""A recording entered anywhere: its length, its markers, its damage, and the search of its output."""

from __future__ import annotations

import io
import json
import random

import pytest

from hopx_tui.vt import recording as module
from hopx_tui.vt.cast import CastError, CastWriter, Header, parse_event
from hopx_tui.vt.recording import Marker, Recording

HEAD = b'{"version": 3, "term": {"cols": 20, "rows": 5}}\n'


def scanned(text: bytes) -> Recording:
    recording = Recording(io.BytesIO(text))
    shares = list(recording.scan())
    assert shares == sorted(shares)
    return recording


def found(recording: Recording, needle: str) -> list[float]:
    return [at / 1e6 for hits in recording.search(needle) for at in hits]


def test_length_markers_and_events():
    recording = scanned(
        HEAD + b'[0.5, "o", "a"]\n# remark\n[1, "m", "one"]\n\n[0.25,"m",""]\n [2.0, "q", 5]\n[0, "x", "0"]'
    )
    assert recording.duration == 3_750_000
    assert recording.markers == [Marker(1_500_000, "one"), Marker(1_750_000, "")]
    assert [(event.seconds, event.code) for event in recording.events()] == [
        (0.5, "o"), (1.5, "m"), (1.75, "m"), (3.75, "q"), (3.75, "x"),
    ]  # fmt: skip
    assert recording.damage is None


def test_an_empty_one():
    recording = scanned(HEAD)
    assert (recording.duration, list(recording.events())) == (0, [])
    assert found(recording, "a") == []


@pytest.mark.parametrize("version", [2, 3])
def test_the_quick_look_and_the_reader_agree(version, monkeypatch):
    """Small chunks, and lines of all kinds in them: the times at all places are those of the events."""
    monkeypatch.setattr(module, "CHUNK", 300)
    for seed in range(30):
        chance = random.Random(seed)
        file = io.BytesIO()
        writer = CastWriter(file, Header(80, 24, version))
        now, markers = 0.0, 0
        for _ in range(200):
            now += chance.choice([0, 0.000001, 0.3337777, 2])
            kind = chance.random()
            if kind < 0.9:
                writer.output(chance.choice(['a"b', "ä\\", '", "m", "x', "line\r\n", "\u2028\x85", "y" * 700]), now)
            elif kind < 0.93:
                writer.marker("m", now)
                markers += 1
            elif kind < 0.96:
                file.write(b"# x\n")
            else:
                writer.resize(9, 9, now)
        recording = scanned(file.getvalue())
        events = list(recording.events())
        at, want = 0, []
        for number, raw in enumerate(file.getvalue().split(b"\n")[1:], 2):
            event = parse_event(raw + b"\n", number, at, version)
            if event is not None:
                want.append(event)
                at = event.at
        assert events == want
        assert recording.duration == at
        assert len(recording.markers) == markers
        for mark in recording._marks:
            rest, _ = recording.batch(mark)
            assert not rest or rest[0] in want
            assert mark.at == max((event.at for event in want[: len(want) - _left(recording, mark)]), default=0)
        for share in (0, 0.3, 0.9):
            assert recording.place(round(at * share)).at <= at * share


def _left(recording: Recording, mark: module.Mark) -> int:
    count = 0
    while (got := recording.batch(mark))[0]:
        count += len(got[0])
        mark = got[1]
    return count


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        (b'[0.1, "o", "cut\n', "cut off"),
        (b"\x00\x01\x02\n", "no UTF-8|no valid JSON"),
        (b'[1.0.0, "o", "x"]\n', "no valid JSON"),
        (b'[-1, "o", "x"]\n', "negative"),
        (b'[1, "r", "wide"]\n', "no size"),
        (b'[0.1, "o", "bad \\q escape"]\n', "no valid JSON"),  # the quick look lets this pass
        (b'[0.1, "o", "a"b"]\n', "no valid JSON"),
        (b'[0.1, "o", "\xff"]\n', "no UTF-8"),
    ],
)
def test_what_comes_before_the_damage_can_be_played(bad, words):
    recording = scanned(HEAD + b'[1, "o", "good"]\n# fine\n' + bad + b'[1, "o", "lost"]\n')
    with pytest.raises(CastError, match=words) as caught:
        list(recording.events())
    assert caught.value.line == 4
    assert recording.damage is not None
    events, mark = recording.batch(recording.start)
    assert [event.data for event in events] == ["good"]
    assert recording.batch(mark)[0] == []
    assert recording.duration == 1_000_000
    assert found(recording, "good") == [1.0]


def test_a_line_of_two_values_does_not_shift_the_others():
    recording = scanned(HEAD + b'[1, "o", "a"],[1, "o", "b"]\n[1, "o",\n"c"]\n')
    with pytest.raises(CastError):
        list(recording.events())
    assert recording.damage.line == 2


def test_a_huge_line_is_refused(monkeypatch):
    monkeypatch.setattr(module, "MAX_LINE", 4000)
    monkeypatch.setattr("hopx_tui.vt.cast.MAX_LINE", 4000)
    monkeypatch.setattr(module, "CHUNK", 500)
    good = b'[1, "o", "' + b"a" * 3000 + b'"]\n'
    recording = scanned(HEAD + good + b'[1, "o", "' + b"b" * 5000 + b'"]\n' + good)
    assert recording.damage.line == 3
    assert "longer" in recording.damage.problem
    assert recording.duration == 1_000_000


def test_search():
    events = [
        [0, "o", "$ l"], [1, "o", "s -l\r\n"], [1, "o", "\x1b[1;3"], [1, "o", "1mRe\x1b[0mport.txt\x1b]0;ti"],
        [1, "o", "tle\x07 Ärger"], [1, "i", "hidden"], [1, "o", "report ls"], [1, "o", "\r\nreport"],
    ]  # fmt: skip
    recording = scanned(HEAD + b"".join(json.dumps(event).encode() + b"\n" for event in events))
    assert found(recording, "ls") == [1, 6]
    assert found(recording, "report") == [3, 6, 7]
    assert found(recording, "Report") == [3]
    assert found(recording, "ärger") == [4]
    assert found(recording, "title") == []
    assert found(recording, "hidden") == []
    assert found(recording, "-l\n") == [1]
    assert found(recording, "") == []


def test_search_over_chunks_and_its_bound(monkeypatch):
    monkeypatch.setattr(module, "CHUNK", 100)
    text = "".join(f"word{number}end" for number in range(300))
    events = [[0.001, "o", letter] for letter in text]
    recording = scanned(HEAD + b"".join(json.dumps(event).encode() + b"\n" for event in events))
    assert found(recording, "word217end") == [pytest.approx((text.index("word217end") + 10) / 1000)]
    assert len(found(recording, "end")) == 300
    monkeypatch.setattr(module, "MAX_HITS", 10)
    assert 10 <= len(found(recording, "end")) < 30
